"""Cut volumes to a box of voxels, and put predictions back where they were."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from synthbench.api import DataError
from synthbench.api.dataset import Volume
from synthbench.volumes.orientation import voxel_size

#: Kept voxels along each axis of RAS.
Box = tuple[slice, slice, slice]


def foreground_box(mask: Volume, margin: float, what: str) -> Box:
    """Smallest box that holds a mask and a margin around it, within the volume.

    Args:
        mask: Bool, shape (X, Y, Z).
        margin: In mm; rounded up to whole voxels.
        what: Names the mask in messages.

    Raises:
        DataError: If the mask is empty.
    """
    if not mask.array.any():
        raise DataError(f"{what} is empty: there is nothing to crop to", "look at its mask")
    sides = []
    for axis, (count, side) in enumerate(
        zip(mask.array.shape, voxel_size(mask.affine), strict=True)
    ):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(mask.array.any(axis=others))
        # A hair less, so that a margin of two voxels written in rounded mm does not become three.
        extra = math.ceil(margin / side - 1e-3)
        first, last = int(inside[0]) - extra, int(inside[-1]) + extra
        sides.append(slice(max(first, 0), min(last + 1, count)))
    return sides[0], sides[1], sides[2]


def cut(volume: Volume, box: Box) -> Volume:
    """What lies in the box, at the same place in the world."""
    return Volume(volume.array[box], box_affine(volume.affine, box))


def uncut(
    array: npt.NDArray[Any], box: Box, shape: tuple[int, int, int], *, fill: float
) -> npt.NDArray[Any]:
    """Undo :func:`cut`.

    Args:
        array: What lies in the box.
        box: As given to :func:`cut`.
        shape: Of the volume that was cut.
        fill: Value outside the box.
    """
    if box_shape(box) == shape:
        return array
    whole = np.full(shape, fill, dtype=array.dtype)
    whole[box] = array
    return whole


def whole_box(shape: tuple[int, int, int]) -> Box:
    """The box that keeps everything."""
    return slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2])


def box_shape(box: Box) -> tuple[int, int, int]:
    """Number of voxels along each side."""
    x, y, z = (side.stop - side.start for side in box)
    return x, y, z


def box_affine(affine: npt.NDArray[np.float64], box: Box) -> npt.NDArray[np.float64]:
    """Affine of what lies in the box; that of the volume itself where the box starts at 0."""
    start = np.array([side.start for side in box])
    if not start.any():
        return affine
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ start + affine[:3, 3]
    return moved
