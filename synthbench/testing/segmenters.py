"""Level 1: segmenters, trained as their smoke preset says on labelled volumes of a few voxels."""

from __future__ import annotations

import contextlib
import gc
import shutil
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from synthbench.api import Scan, Segmenter, SegmenterSetting
from synthbench.testing import samples
from synthbench.testing.checks import check
from synthbench.testing.guard import (
    Watch,
    demand_nothing_left,
    demand_settings_kept,
    settle,
)
from synthbench.testing.specimens import Specimen
from synthbench.testing.verdicts import Failed, demand
from synthbench.training.components import seed_everything

_CLASSES = 2
_SPACING = (1.0, 1.0, 1.5)
#: Training volumes, by the number of classes found in each: a class may be absent, or all.
_TRAINING = {"both": 2, "again": 2, "one": 1, "none": 0}
_SIDES = (24, 22, 20)
#: Volumes to segment: odd and unequal sides, longer and shorter than those of training, and slices.
_SEGMENTED = {"odd": (17, 29, 21), "small": (9, 12, 11), "thin": (22, 20, 3)}

_Classes = npt.NDArray[np.uint8]


class _Stop(Exception):  # noqa: N818 - no error, but what interrupts
    """Interrupts a training."""


@cache
def _arrays(name: str, sides: tuple[int, int, int]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Noise with a bright box and a brighter one inside it; read-only, as files of a run are."""
    random = np.random.default_rng(sum(map(ord, name)))
    label = np.zeros(sides, dtype=np.uint8)
    for number in range(1, _TRAINING.get(name, _CLASSES) + 1):
        inside = tuple(slice(number * side // 6, side - number * side // 6) for side in sides)
        label[inside] = number
    image = 0.1 + 0.35 * label + 0.03 * random.standard_normal(sides)
    arrays = image.clip(0, 1).astype(np.float32), label
    for array in arrays:
        array.setflags(write=False)
    return arrays


class _Labelled(Sequence[Scan]):
    """Training scans, loaded anew whenever they are asked for."""

    def __len__(self) -> int:
        return len(_TRAINING)

    @overload
    def __getitem__(self, index: int) -> Scan: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Scan]: ...
    def __getitem__(self, index: int | slice) -> Scan | Sequence[Scan]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        name = [*_TRAINING][index]
        image, label = _arrays(name, _SIDES)
        return Scan(name, image, _SPACING, label)


def _unlabelled() -> Iterator[Scan]:
    for name, sides in _SEGMENTED.items():
        yield Scan(name, _arrays(name, sides)[0], _SPACING)


@dataclass(frozen=True)
class _Trained:
    """What came of a training.

    Attributes:
        segmenter: What was trained.
        folder: Which it was given.
        told: What it said of its progress.
        found: Classes by scan.
        watch: What it did to the process and to the disk meanwhile.
    """

    segmenter: Segmenter
    folder: Path
    told: list[float]
    found: dict[str, _Classes]
    watch: Watch


def _build(specimen: Specimen) -> Segmenter:
    entry = specimen.component
    params = specimen.catalogue.params(entry)
    segmenter: Segmenter = entry.resolve()(SegmenterSetting(classes=_CLASSES, seed=5), **params)
    return segmenter


def _segmented(segmenter: Segmenter, folder: Path) -> dict[str, _Classes]:
    found = list(segmenter.segment(_unlabelled(), folder))
    demand(
        len(found) == len(_SEGMENTED), f"it segments {len(found)} of {len(_SEGMENTED)} scans it got"
    )
    return dict(zip(_SEGMENTED, found, strict=True))


def _once(specimen: Specimen) -> _Trained:
    settle()
    root = samples.new_folder()
    folder = root / "work"
    folder.mkdir()
    told: list[float] = []
    with Watch(root, samples.new_folder()) as watch:
        segmenter = _build(specimen)
        segmenter.fit(_Labelled(), folder, told.append)
        found = _segmented(segmenter, folder)
    return _Trained(segmenter, folder, told, found, watch)


def _again(specimen: Specimen) -> dict[str, _Classes]:
    """The same once more in another folder, interrupted as soon as it says something."""
    specimen.once(_once)
    folder = samples.new_folder() / "work"
    folder.mkdir()

    def stop(_: float) -> None:
        raise _Stop

    seed_everything(54321)  # what the process drew before must not matter
    with contextlib.suppress(_Stop):
        _build(specimen).fit(_Labelled(), folder, stop)
    try:
        segmenter = _build(specimen)
        segmenter.fit(_Labelled(), folder, lambda _: None)
        found = _segmented(segmenter, folder)
    except Exception as error:
        raise Failed(f"continued after a stop: {type(error).__name__}: {error}") from error
    shutil.rmtree(folder.parent)
    return found


@check("segmenters", level=1)
def trains_and_segments(specimen: Specimen) -> None:
    """Trained on four small scans, of which one lacks a class and one has none, it segments scans
    of odd, unequal and short sides: for each, in the order given, an array uint8 of its shape that
    holds classes from 0 to `setting.classes` and nothing else."""
    for name, classes in specimen.once(_once).found.items():
        demand(
            isinstance(classes, np.ndarray) and classes.dtype == np.uint8,
            f"{name}: it gives {getattr(classes, 'dtype', type(classes).__name__)}, not uint8",
        )
        demand(
            classes.shape == _SEGMENTED[name],
            f"{name}: it gives shape {classes.shape} for {_SEGMENTED[name]}",
        )
        most = int(classes.max())
        demand(most <= _CLASSES, f"{name}: it gives class {most} of {_CLASSES}")


@check("segmenters", level=1)
def progress(specimen: Specimen) -> None:
    """What it says of its progress lies within [0, 1] and never falls."""
    told = specimen.once(_once).told
    low, high = min(told, default=0.0), max(told, default=0.0)
    demand(low >= 0 and high <= 1, f"it says {low:g} to {high:g}, not within [0, 1]")
    demand(told == sorted(told), "it says less than it said before")


@check("segmenters", level=1)
def repeats(specimen: Specimen) -> None:
    """Segmenting the same scans again gives the same."""
    trained = specimen.once(_once)
    again = _segmented(trained.segmenter, trained.folder)
    _demand_equal(trained.found, again, "asked again")


@check("segmenters", level=1)
def one_at_a_time(specimen: Specimen) -> None:
    """It reads the scans to segment from an iterator, once, and keeps none of them."""
    trained = specimen.once(_once)
    seen: list[weakref.ref[Any]] = []

    def loaded() -> Iterator[Scan]:
        for scan in _unlabelled():
            if len(seen) > 1:
                gc.collect()
                demand(seen[-2]() is None, "it keeps scans it has already read")
            image = scan.image.copy()
            seen.append(weakref.ref(image))
            yield replace(scan, image=image)
            del image

    for _ in trained.segmenter.segment(loaded(), trained.folder):
        pass
    demand(len(seen) == len(_SEGMENTED), f"it reads {len(seen)} of {len(_SEGMENTED)} scans")


@check("segmenters", level=1)
def interrupted(specimen: Specimen) -> None:
    """Interrupted, and called again with the folder as it was left, it trains and segments."""
    specimen.once(_again)


@check("segmenters", level=1)
def same_seed(specimen: Specimen) -> None:
    """Trained twice with the same seed, it segments in the same way. (One that is random by
    design declares an expected failure.)"""
    again = specimen.once(_again)
    _demand_equal(specimen.once(_once).found, again, "trained again with the same seed")


@check("segmenters", level=1)
def keeps_to_its_folder(specimen: Specimen) -> None:
    """Training and segmenting leave no file outside the folder that it is given, but for logs
    beside that."""
    demand_nothing_left(specimen.once(_once).watch)


@check("segmenters", level=1)
def keeps_settings(specimen: Specimen) -> None:
    """Training and segmenting change neither working directory, environment, torch's threads,
    default dtype, gradient mode and deterministic flags, nor numpy's error handling or the root
    logger."""
    demand_settings_kept(specimen.once(_once).watch)


def _demand_equal(one: dict[str, _Classes], other: dict[str, _Classes], what: str) -> None:
    differing = [name for name in one if not np.array_equal(one[name], other[name])]
    demand(not differing, f"{what}, it segments {', '.join(differing)} in another way")
