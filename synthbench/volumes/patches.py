"""Training batches cut from prepared subjects.

A batch is a pure function of (seed, step): resuming a training needs nothing but the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from synthbench.api import UsageError
from synthbench.api.recipe import Patch
from synthbench.api.tensors import Batch
from synthbench.volumes.prepared import Prepared, PreparedSubject

Sides = tuple[int, int, int]

#: Subjects whose arrays stay mapped. Each map holds a file descriptor (1024 is a usual limit, a
#: subject has some five files); mapping one anew takes a fraction of a millisecond.
_MOST_OPEN = 128


@dataclass(frozen=True)
class _Arrays:
    """A subject's arrays, mapped and not read."""

    shape: Sides
    source: tuple[npt.NDArray[np.float32], ...]
    target: npt.NDArray[np.float32] | None
    label: npt.NDArray[Any] | None
    mask: npt.NDArray[np.bool_]
    foreground: npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class _Cut:
    """Where a patch comes from, and where in the patch it goes."""

    read: tuple[slice, slice, slice]
    write: tuple[slice, slice, slice]
    view: tuple[slice, slice, slice]  # reversed along flipped axes

    def copy(self, array: npt.NDArray[Any], patch: npt.NDArray[Any]) -> None:
        patch[self.view][self.write] = array[self.read]


def patch_sides(size: Sides | None, shape: Sides, multiple: int | Sides) -> Sides:
    """Sides of a patch in voxels.

    Args:
        size: As in :class:`~synthbench.api.recipe.Patch`: 1 is a slice, 0 or ``None`` the whole
            side.
        shape: Shape of the volume.
        multiple: Every side but those of 1 is rounded up to a multiple of this.
    """
    multiples = (multiple,) * 3 if isinstance(multiple, int) else multiple
    wanted = [w or n for w, n in zip(size or (0, 0, 0), shape, strict=True)]
    x, y, z = (w if w == 1 else -(-w // m) * m for w, m in zip(wanted, multiples, strict=True))
    return x, y, z


class PatchSampler:
    """Draws training batches.

    Every subject is drawn once before any is drawn again. A patch is centred on a foreground
    voxel with probability ``patch.foreground``, else it lies anywhere with equal probability;
    either way it stays inside the volume where it fits. Where it does not fit, the volume lies in
    its middle and the rest is background (lowest intensity, label 0, mask false).

    Args:
        prepared: Where the subjects are.
        ids: Subjects to draw from.
        source: Source modalities, in channel order.
        target: Target modality.
        patch: Size, foreground probability and flips.
        batch: Patches a batch.
        intensity: Range into which the unit range is mapped.
        size_multiple: Sides other than 1 are rounded up to a multiple of this.
        seed: Of every draw.
        device: Where the tensors go.

    Attributes:
        warnings: What the user should know, e.g. that the patch is larger than some volumes.

    Raises:
        UsageError: If patches of one batch would differ in shape.
    """

    def __init__(
        self,
        prepared: Prepared,
        ids: Sequence[str],
        source: Sequence[str],
        target: str,
        patch: Patch,
        batch: int,
        intensity: tuple[float, float],
        size_multiple: int | Sides,
        seed: int,
        device: str | torch.device = "cpu",
    ) -> None:
        if not ids:
            raise UsageError("there is no subject to train on", "widen the selection of subjects")
        self._subjects = [prepared[subject] for subject in ids]
        self._source, self._target = tuple(source), target
        self._patch, self._count, self._intensity = patch, batch, intensity
        self._multiple, self._seed, self._device = size_multiple, seed, device
        # All or none, so that batches do not differ in what they carry.
        self._with_label = all(subject.has_label for subject in self._subjects)
        self._arrays = lru_cache(maxsize=_MOST_OPEN)(self._open)
        self._order = lru_cache(maxsize=2)(self._epoch_order)
        self._check_shapes()
        self.warnings = self._find_warnings()

    def batch(self, step: int) -> Batch:
        """Make the batch of a step.

        Args:
            step: Counted from 0.

        Returns:
            Source, target and mask, and the label where every subject has one.
        """
        random = np.random.default_rng(np.random.SeedSequence([self._seed, step]))
        first = step * self._count
        drawn = [self._arrays(self._subject_at(first + i)) for i in range(self._count)]
        sides = [self._sides(arrays.shape) for arrays in drawn]
        cuts = [self._draw(random, arrays, s) for arrays, s in zip(drawn, sides, strict=True)]
        return _gather(drawn, cuts, sides[0], self._intensity, self._with_label, self._device)

    def _draw(self, random: np.random.Generator, arrays: _Arrays, sides: Sides) -> _Cut:
        if random.random() < self._patch.foreground:
            flat = arrays.foreground[random.integers(arrays.foreground.size)]
            centre = np.unravel_index(int(flat), arrays.shape)
            start = [int(c) - side // 2 for c, side in zip(centre, sides, strict=True)]
        else:
            room = (max(n - side, 0) for n, side in zip(arrays.shape, sides, strict=True))
            start = [int(random.integers(r + 1)) for r in room]
        flips = tuple(axis for axis in self._patch.flip if random.random() < 0.5)
        return _cut(start, sides, arrays.shape, flips)

    def _subject_at(self, draw: int) -> int:
        epoch, position = divmod(draw, len(self._subjects))
        return int(self._order(epoch)[position])

    def _epoch_order(self, epoch: int) -> npt.NDArray[np.int64]:
        # The spawn key keeps these draws apart from those of the steps.
        sequence = np.random.SeedSequence(self._seed, spawn_key=(epoch,))
        return np.random.default_rng(sequence).permutation(len(self._subjects))

    def _open(self, index: int) -> _Arrays:
        return _open_arrays(self._subjects[index], self._source, self._target, self._with_label)

    def _sides(self, shape: Sides) -> Sides:
        return patch_sides(self._patch.size, shape, self._multiple)

    def _check_shapes(self) -> None:
        if self._count == 1:
            return
        first = self._subjects[0]
        for other in self._subjects[1:]:
            if self._sides(other.shape) != self._sides(first.shape):
                raise UsageError(
                    f"whole-volume patches of subjects {first.id} {first.shape} and {other.id} "
                    f"{other.shape} differ in shape and cannot share a batch of {self._count}",
                    "batch must be 1 here, or give patch.size sides that are not 0",
                )

    def _find_warnings(self) -> list[str]:
        size = self._patch.size
        if size is None:
            return []
        found = []
        sides = self._sides(self._subjects[0].shape)
        if any(w > 0 and w != s for w, s in zip(size, sides, strict=True)):
            found.append(
                f"patch.size {size} is rounded up to {sides}: the translator needs "
                f"sides that are multiples of {self._multiple}"
            )
        if any(
            wanted > n
            for subject in self._subjects
            for wanted, n in zip(size, subject.shape, strict=True)
        ):
            found.append(
                f"patch.size {size} is larger than some volumes, which are padded with background"
            )
        return found


def whole(
    subject: PreparedSubject,
    source: Sequence[str],
    target: str | None,
    intensity: tuple[float, float],
    *,
    device: str | torch.device = "cpu",
) -> Batch:
    """A subject's whole volumes, neither padded nor flipped, as a batch of one.

    Args:
        subject: The subject.
        source: Source modalities, in channel order.
        target: Target modality; ``None`` leaves it out.
        intensity: Range into which the unit range is mapped.
        device: Where the tensors go.
    """
    with_label = subject.has_label
    arrays = _open_arrays(subject, source, target, with_label)
    cut = _cut([0, 0, 0], arrays.shape, arrays.shape, ())
    return _gather([arrays], [cut], arrays.shape, intensity, with_label, device)


def _open_arrays(
    subject: PreparedSubject, source: Sequence[str], target: str | None, with_label: bool
) -> _Arrays:
    label = subject.label if with_label else None
    # Plain views: numpy's memmap class adds its own bookkeeping to every slice.
    return _Arrays(
        shape=subject.shape,
        source=tuple(subject.volume(name).view(np.ndarray) for name in source),
        target=None if target is None else subject.volume(target).view(np.ndarray),
        label=None if label is None else label.view(np.ndarray),
        mask=subject.mask.view(np.ndarray),
        foreground=subject.foreground.view(np.ndarray),
    )


def _cut(start: Sequence[int], sides: Sides, shape: Sides, flips: tuple[int, ...]) -> _Cut:
    read, write = [], []
    for begin, side, n in zip(start, sides, shape, strict=True):
        inside = min(side, n)
        first = min(max(begin, 0), n - inside)
        offset = (side - inside) // 2
        read.append(slice(first, first + inside))
        write.append(slice(offset, offset + inside))
    view = [slice(None, None, -1 if axis in flips else 1) for axis in range(3)]
    return _Cut(
        (read[0], read[1], read[2]), (write[0], write[1], write[2]), (view[0], view[1], view[2])
    )


def _gather(
    drawn: Sequence[_Arrays],
    cuts: Sequence[_Cut],
    sides: Sides,
    intensity: tuple[float, float],
    with_label: bool,
    device: str | torch.device,
) -> Batch:
    count = len(drawn)
    source = np.zeros((count, len(drawn[0].source), *sides), dtype=np.float32)
    target = np.zeros((count, 1, *sides), dtype=np.float32)
    label = np.zeros((count, 1, *sides), dtype=np.int64)
    mask = np.zeros((count, 1, *sides), dtype=np.bool_)
    for i, (arrays, cut) in enumerate(zip(drawn, cuts, strict=True)):
        for channel, array in enumerate(arrays.source):
            cut.copy(array, source[i, channel])
        if arrays.target is not None:
            cut.copy(arrays.target, target[i, 0])
        if arrays.label is not None:
            cut.copy(arrays.label, label[i, 0])
        cut.copy(arrays.mask, mask[i, 0])
    low, high = intensity
    for image in (source, target):
        if intensity != (0.0, 1.0):
            image *= np.float32(high - low)
            image += np.float32(low)

    def tensor(array: npt.NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(array).to(device)

    return Batch(
        source=tensor(source),
        target=tensor(target) if drawn[0].target is not None else None,
        label=tensor(label) if with_label else None,
        mask=tensor(mask),
    )
