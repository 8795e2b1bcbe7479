"""Volumes as NIfTI files; a prediction back in its subject's own space and raw intensities."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from synthbench.api import DataError
from synthbench.api.dataset import Volume
from synthbench.store.atomic import write_atomic
from synthbench.volumes.cropping import box_affine, box_shape, uncut, whole_box
from synthbench.volumes.integers import whole_numbers
from synthbench.volumes.intensity import Bounds, from_unit
from synthbench.volumes.orientation import from_ras, ras_grid
from synthbench.volumes.prepared import PreparedSubject
from synthbench.volumes.resampling import resample_onto

#: gzip's speed against size: above it, float volumes shrink by a few percent and take far longer.
_COMPRESSION = 4


def write_prediction(
    unit_array: npt.NDArray[np.float32],
    prepared: PreparedSubject,
    bounds: Bounds,
    path: Path,
    *,
    integer: bool,
) -> None:
    """Write a prediction as NIfTI, on the grid of the subject's first source file.

    Where preparing changed the voxel size, the prediction is resampled linearly; where it cut the
    volume to a box, what lies outside becomes background (the raw value of 0). The file appears
    complete or not at all, and its bytes depend on nothing but the arguments.

    Args:
        unit_array: Unit intensities on the prepared grid, shape (X, Y, Z); clipped to [0, 1].
        prepared: The subject.
        bounds: Raw values of 0 and 1, usually the target's.
        path: File to write, ``.nii`` or ``.nii.gz``.
        integer: Round to whole numbers (Hounsfield units, usual MR files); int16 where they fit.

    Raises:
        DataError: If the prediction is not finite or has another shape, or the folder cannot be
            written.
    """
    if unit_array.shape != prepared.shape:
        raise DataError(
            f"prediction of subject {prepared.id} has shape {unit_array.shape}, "
            f"its prepared grid {prepared.shape}",
            "the translator must return the sides of its source",
        )
    if not np.isfinite(unit_array).all():
        raise DataError(
            f"prediction of subject {prepared.id} holds NaN or infinite values",
            "the training diverged: look at its losses, lower the learning rate",
        )
    native_shape, native_affine = prepared.native
    raw = from_unit(unit_array, bounds)
    shape, affine = ras_grid(native_shape, native_affine)
    box = prepared.box or whole_box(shape)
    kept, kept_affine = box_shape(box), box_affine(affine, box)
    if kept != prepared.shape or not np.array_equal(kept_affine, prepared.affine):
        raw = resample_onto(raw, prepared.affine, kept, kept_affine, fill=bounds.low)
    native = from_ras(uncut(raw, box, shape, fill=bounds.low), native_affine)
    write_nifti(Volume(whole_numbers(native) if integer else native, native_affine), path)


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a volume; the file appears complete or not at all.

    Args:
        volume: Its array's dtype is that of the file, and one that NIfTI has.
        path: ``.nii`` or ``.nii.gz``.

    Raises:
        DataError: If the file cannot be written.
    """
    image = nib.Nifti1Image(volume.array, volume.affine)
    image.header.set_xyzt_units("mm")

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            if path.suffix == ".gz":
                # No name and time inside: the same prediction gives the same bytes.
                with gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as packed:
                    image.to_stream(packed)
            else:
                image.to_stream(file)

    write_atomic(path, write)
