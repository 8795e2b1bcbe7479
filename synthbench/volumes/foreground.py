"""Head or body of a source volume, for subjects that bring no mask."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from synthbench.volumes.percentiles import percentiles

#: Threshold between background and tissue, as a fraction of the robust intensity range.
_FRACTION = 0.1
#: Share of constant voxels from which on they are padding, and no part of the intensity range.
_PADDING_SHARE = 0.02
#: A skull-stripped volume is constant outside in at least this share (a head in its bounding box
#: leaves about half), and ...
_STRIPPED_SHARE = 0.3
#: ... less than this share of the voxels next to that outside is dark: no layer of air, no noise.
_DARK_SHELL = 0.5
#: Components smaller than this share of the largest are dropped (table, wires, noise).
_COMPONENT_SHARE = 0.1


def foreground(array: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Find the imaged body.

    A voxel belongs to it when it is brighter than a tenth of the robust intensity range. Where the
    volume is skull-stripped (a large constant outside, with tissue right beside it), everything
    that differs from that constant belongs to it instead, so that dark fluid is kept. Then gaps
    of one voxel are closed, small components dropped, and holes filled slice by slice
    (axially: airways and lungs that leave the volume are holes only there).

    Args:
        array: Raw intensities, shape (X, Y, Z), RAS; must not be constant.

    Returns:
        Bool mask, never empty.
    """
    bright = _tissue(array)
    if not bright.any():
        return np.asarray(array > array.min())
    # All else happens within its bounding box and one voxel around it.
    box = tuple(_extent(bright, axis) for axis in range(3))
    kept = bright[box]
    # Continued beyond the border, or else closing eats what touches it.
    closed = _shrunk(_grown(np.pad(kept, 1, mode="edge")))[1:-1, 1:-1, 1:-1]
    bright[box] = _without_holes(_large_components(closed | kept))
    return bright


def _tissue(array: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    inside = np.asarray(array > array.min())
    outside_share = 1 - inside.mean()
    low, high = percentiles(array[inside] if outside_share > _PADDING_SHARE else array, (0.5, 98))
    bright = np.asarray(array > low + _FRACTION * (high - low))
    if outside_share < _STRIPPED_SHARE:
        return bright
    shell = inside & ~_shrunk(_shrunk(inside))
    return inside if 1 - bright[shell].mean() < _DARK_SHELL else bright


def _extent(mask: npt.NDArray[np.bool_], axis: int) -> slice:
    """Where it holds voxels along an axis, and one voxel on both sides where there is one."""
    others = tuple(other for other in range(mask.ndim) if other != axis)
    found = np.flatnonzero(mask.any(axis=others))
    return slice(max(int(found[0]) - 1, 0), int(found[-1]) + 2)


def _grown(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Dilate by one voxel along the axes; SciPy's takes several times as long."""
    grown = mask.copy()
    for axis in range(mask.ndim):
        ours, theirs = np.moveaxis(grown, axis, 0), np.moveaxis(mask, axis, 0)
        ours[1:] |= theirs[:-1]
        ours[:-1] |= theirs[1:]
    return grown


def _shrunk(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Erode by one voxel along the axes; beyond the border the mask continues."""
    return ~_grown(~mask)


def _large_components(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    labels, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept: npt.NDArray[np.bool_] = (sizes >= _COMPONENT_SHARE * sizes.max())[labels]
    return kept


def _without_holes(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    in_plane = np.zeros((3, 3, 3), dtype=bool)
    in_plane[:, 1, 1] = in_plane[1, :, 1] = True
    labels, count = ndimage.label(~mask, structure=in_plane)
    hole = np.ones(count + 1, dtype=bool)
    hole[0] = False
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        hole[edge] = False
    return mask | hole[labels]
