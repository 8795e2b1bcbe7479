"""The arrays of one prepared subject: RAS, one grid, wanted voxel size, unit intensities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthbench.api import DataError, Intensity
from synthbench.api.dataset import Origin, Subject, Volume
from synthbench.volumes.cropping import Box, cut, foreground_box
from synthbench.volumes.foreground import foreground
from synthbench.volumes.integers import fits
from synthbench.volumes.intensity import Bounds, fit, to_unit, unit_fault
from synthbench.volumes.orientation import voxel_size
from synthbench.volumes.prepared import volume_file
from synthbench.volumes.reading import Kind, Native, name_of, read
from synthbench.volumes.resampling import resample

#: Grids are one grid when no corner is further apart than this part of the smallest voxel side.
GRID_TOLERANCE = 0.1
#: Most foreground voxels kept for centring patches.
MOST_CENTRES = 200_000


def grid_difference(one: Native, other: Native) -> str:
    """Say how two grids differ, or ``""`` where they are one grid.

    Orientation of the files does not matter, nor do differences that move no corner of the volume
    by more than a tenth of a voxel (headers are rounded).
    """
    first, second = one.volume, other.volume
    if first.array.shape != second.array.shape:
        return f"shape {second.array.shape} is not {first.array.shape}"
    far = np.array(first.array.shape) - 1
    corners = np.array([(*(far * bits), 1) for bits in np.ndindex(2, 2, 2)]).T
    apart = np.linalg.norm(((first.affine - second.affine) @ corners)[:3], axis=0).max()
    if apart > GRID_TOLERANCE * min(voxel_size(first.affine)):
        return f"the affines place its corners up to {apart:.3g} mm apart"
    return ""


@dataclass(frozen=True)
class _Reference:
    """The first source modality: every other volume must be on its grid."""

    native: Native
    name: str

    def read(self, origin: Origin, what: str, kind: Kind) -> Volume:
        found = read(origin, what=what, kind=kind)
        difference = grid_difference(self.native, found)
        if difference:
            raise DataError(
                f"{name_of(origin, what)} is not on the grid of {self.name}: {difference}",
                "register and resample the subject's volumes to one grid, or leave it out",
            )
        # One affine for all: what is left between them is rounding.
        return Volume(found.volume.array, self.native.volume.affine)


def write_arrays(
    subject: Subject,
    modalities: Mapping[str, Intensity],
    first: str,
    spacing: tuple[float, float, float] | None,
    regions: Mapping[str, Sequence[int]],
    crop: float | None,
    folder: Path,
) -> dict[str, Any]:
    """Read a subject, and write its arrays.

    Args:
        subject: The subject.
        modalities: The modalities to prepare, and their intensity models.
        first: The modality that gives the native grid and the derived mask.
        spacing: Voxel size in mm, or ``None`` for the subject's own.
        regions: Named sets of label values.
        crop: Margin in mm around the foreground's bounding box, or ``None`` for whole volumes.
        folder: Where to; there already.

    Returns:
        What ``subject.json`` says of them.

    Raises:
        DataError: If a volume is unusable, or not on the grid of the first.
    """
    what = f"{first} of subject {subject.id}"
    origin = subject.volumes[first]
    reference = _Reference(read(origin, what=what), name_of(origin, what))
    mask, warnings = _mask(subject, reference)
    box = (
        None if crop is None else foreground_box(mask, crop, f"foreground of subject {subject.id}")
    )
    bounds: dict[str, Bounds] = {}
    for name, model in modalities.items():
        what = f"{name} of subject {subject.id}"
        raw = (
            reference.native.volume
            if name == first
            else reference.read(subject.volumes[name], what, "image")
        )
        if fault := unit_fault(model, raw.array):
            raise DataError(f"{name_of(subject.volumes[name], what)} {fault[0]}", fault[1])
        # Of the whole volume on its own grid: the bounds depend on no voxel size and no crop.
        bounds[name] = fit(model, raw.array, mask.array, what=what)
        raw = _cropped(raw, box)
        unit = Volume(to_unit(raw.array, bounds[name]), raw.affine)
        _save(folder / volume_file(name), _sized(unit, spacing).array)

    table = {name: [int(v) for v in values] for name, values in regions.items()}
    if subject.label is None:
        table = {}
    else:
        raw = reference.read(subject.label, f"label of subject {subject.id}", "label")
        label = _sized(_cropped(raw, box), spacing, label=True).array
        small = fits(raw.array, np.int16)
        _save(folder / "label.npy", label.astype(np.int16) if small else label)
        # Of the file, not of the coarser grid: a region too small for it stays in the table.
        values = np.unique(raw.array[raw.array > 0])
        table = table or {f"label_{value}": [int(value)] for value in values}

    mask = _sized(_cropped(mask, box), spacing, label=True)
    if not mask.array.any():
        raise DataError(
            f"the foreground of subject {subject.id} vanishes at a voxel size of {spacing} mm",
            "choose a finer --spacing, or look at its mask",
        )
    _save(folder / "mask.npy", mask.array)
    _save(folder / "foreground.npy", _centres(mask.array))
    native = reference.native
    return {
        "id": subject.id,
        "patient": subject.patient,
        "shape": list(mask.array.shape),
        "affine": mask.affine.tolist(),
        "bounds": {name: [b.low, b.high] for name, b in bounds.items()},
        "label": subject.label is not None,
        "regions": table,
        "native": {
            "shape": list(native.native_shape),
            "affine": native.native_affine.tolist(),
        },
        **({} if box is None else {"box": [[side.start, side.stop] for side in box]}),
        "warnings": warnings,
    }


def _mask(subject: Subject, reference: _Reference) -> tuple[Volume, list[str]]:
    volume = reference.native.volume
    valid: npt.NDArray[np.bool_] | bool = True
    if subject.valid is not None:
        what = f"valid region of subject {subject.id}"
        valid = reference.read(subject.valid, what, "mask").array
    if subject.mask is not None:
        mask = reference.read(subject.mask, f"mask of subject {subject.id}", "mask").array
        return Volume(mask & valid, volume.affine), []
    mask = foreground(volume.array) & valid
    share = float(mask.mean())
    warnings = [f"no foreground mask in the dataset, derived from the source: {reference.name}"]
    if not 0.01 < share < 0.99:
        warnings.append(
            f"the derived foreground is implausible: it covers {share:.1%} of the volume"
        )
    return Volume(mask, volume.affine), warnings


def _cropped(volume: Volume, box: Box | None) -> Volume:
    return volume if box is None else cut(volume, box)


def _sized(
    volume: Volume, spacing: tuple[float, float, float] | None, *, label: bool = False
) -> Volume:
    return volume if spacing is None else resample(volume, spacing, label=label)


def _centres(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.integer[Any]]:
    flat = np.flatnonzero(mask)
    if flat.size > MOST_CENTRES:
        flat = flat[np.linspace(0, flat.size - 1, MOST_CENTRES).astype(np.int64)]
    return flat.astype(np.int32) if mask.size <= np.iinfo(np.int32).max else flat


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    # C order on disk (volumes have it, resampled labels may not): rows of a patch are contiguous.
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)
