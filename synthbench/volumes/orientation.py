"""Exact reorientation between a file's own axes and RAS: flips and permutations only."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from synthbench.api.dataset import Volume

_RAS = np.array([[0, 1], [1, 1], [2, 1]])


def to_ras(volume: Volume, dtype: npt.DTypeLike | None = None) -> Volume:
    """Flip and permute axes so that they run left-right, posterior-anterior, inferior-superior.

    The array is in C order whatever the file had: all that follows goes through it in that order.

    Args:
        volume: In any orientation.
        dtype: Type of the new array; ``None`` keeps the type.
    """
    orientation = nib.io_orientation(volume.affine)
    array = _in_c_order(nib.apply_orientation(volume.array, orientation), dtype)
    return Volume(array, _ras_affine(volume.array.shape, volume.affine, orientation))


def _in_c_order(array: npt.NDArray[Any], dtype: npt.DTypeLike | None) -> npt.NDArray[Any]:
    if array.flags.c_contiguous:
        return np.asarray(array, dtype)
    ordered = np.empty(array.shape, dtype or array.dtype)
    # Plane by plane: one fits the cache, where reordering the whole at once misses at every voxel.
    for y in range(array.shape[1]):
        ordered[:, y] = array[:, y]
    return ordered


def from_ras(array: npt.NDArray[Any], native_affine: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Undo :func:`to_ras`.

    Args:
        array: Shape (X, Y, Z), RAS.
        native_affine: Affine of the file whose axes are wanted.
    """
    back = nib.orientations.ornt_transform(_RAS, nib.io_orientation(native_affine))
    native: npt.NDArray[Any] = nib.apply_orientation(array, back)
    return native


def ras_grid(
    native_shape: tuple[int, int, int], native_affine: npt.NDArray[np.float64]
) -> tuple[tuple[int, int, int], npt.NDArray[np.float64]]:
    """Shape and affine that a file's grid has after :func:`to_ras`."""
    orientation = nib.io_orientation(native_affine)
    shape = [0, 0, 0]
    for axis, ras_axis in enumerate(orientation[:, 0].astype(int)):
        shape[ras_axis] = native_shape[axis]
    return (shape[0], shape[1], shape[2]), _ras_affine(native_shape, native_affine, orientation)


def voxel_size(affine: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Side lengths of a voxel in mm."""
    x, y, z = np.linalg.norm(affine[:3, :3], axis=0)
    return float(x), float(y), float(z)


def _ras_affine(
    shape: tuple[int, ...], affine: npt.NDArray[np.float64], orientation: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    # numpy prints a zero with its sign: adding 0.0 keeps -0.0 out of reports.
    ras: npt.NDArray[np.float64] = affine @ nib.orientations.inv_ornt_aff(orientation, shape) + 0.0
    return ras
