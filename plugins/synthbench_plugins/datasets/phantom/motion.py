"""How a scan lies beside the others of its subject: what registration left over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.transform import Rotation

from synthbench_plugins.datasets.phantom.grid import Floats, Grid, smooth_field

#: Smooth deformation: distance of its control points (mm), and its standard deviation as a part of
#: that of the rigid move.
_SCALE, _SHARE = 50.0, 0.3


def draw_move(rng: np.random.Generator, grid: Grid, strength: float) -> Floats:
    """Draw where each voxel of a moved scan lies in the unmoved subject.

    Args:
        rng: Random stream of the scan.
        grid: Of the subject.
        strength: Standard deviation of the shifts (mm) and of the rotations about the centre of the
            field of view (degrees), along and about each axis.

    Returns:
        Voxel coordinates, shape (3, X, Y, Z).
    """
    rotation = Rotation.from_euler("xyz", rng.normal(0, strength, 3), degrees=True).as_matrix()
    shift = rng.normal(0, strength, 3)
    centre = np.array([(axis[0] + axis[-1]) / 2 for axis in grid.axes])
    axes = [axis - middle for axis, middle in zip(grid.axes, centre, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    coordinates = []
    for row, step, middle, axis in zip(rotation, shift, centre, grid.axes, strict=True):
        moved = row[0] * x + row[1] * y + row[2] * z + step + middle
        moved = moved + strength * _SHARE * smooth_field(rng, grid, _SCALE)
        coordinates.append((moved - axis[0]) / grid.spacing)
    return np.stack(coordinates).astype(np.float32)


def moved(image: Floats, voxels: Floats) -> Floats:
    """Move an image, continued beyond its border; ``voxels`` as from :func:`draw_move`."""
    return ndimage.map_coordinates(image, voxels, order=1, mode="nearest")


def moved_mask(mask: npt.NDArray[np.bool_], voxels: Floats) -> npt.NDArray[np.bool_]:
    """Move a mask."""
    return moved(mask.astype(np.float32), voxels) > 0.5
