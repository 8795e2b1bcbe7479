"""Random deformation of the atlas: where in the template each voxel of a subject comes from."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from synthbench_plugins.datasets.phantom.grid import Floats, Grid, smooth_field

#: Smooth displacements: distance of control points and standard deviation, both in mm. Their
#: gradients stay so small that the map keeps orientation everywhere (no folding).
_DISPLACEMENTS = ((36.0, 3.0), (16.0, 0.9))
#: Middle of the lateral ventricles in MNI space (mm).
_VENTRICLES = (0.0, -12.0, 14.0)


def template_points(rng: np.random.Generator, grid: Grid) -> Floats:
    """Draw one subject's map from its own space into the template.

    A small affine map (rotation, anisotropic scale, shift), wider or narrower ventricles, and a
    smooth random displacement.

    Returns:
        World points in the template (mm), shape (3, X, Y, Z).
    """
    points = small_affine(rng, grid)
    points = magnify(points, _VENTRICLES, rng.uniform(-0.15, 0.35), 22.0)
    return bend(rng, grid, points, _DISPLACEMENTS)


def small_affine(rng: np.random.Generator, grid: Grid) -> Floats:
    """Rotate, scale and shift a grid by a few degrees, per cent and mm.

    Returns:
        World points (mm), shape (3, X, Y, Z).
    """
    rotation = Rotation.from_euler("xyz", rng.normal(0, 2, 3), degrees=True).as_matrix()
    matrix = rotation @ np.diag(rng.normal(1, 0.04, 3))
    shift = rng.normal(0, 1.5, 3)
    x, y, z = np.meshgrid(*grid.axes, indexing="ij", sparse=True)
    return np.stack(
        [
            row[0] * x + row[1] * y + row[2] * z + step
            for row, step in zip(matrix, shift, strict=True)
        ]
    ).astype(np.float32)


def bend(
    rng: np.random.Generator,
    grid: Grid,
    points: Floats,
    displacements: tuple[tuple[float, float], ...],
) -> Floats:
    """Displace points of a grid smoothly, in place.

    Args:
        rng: Draws the displacements.
        grid: That the points belong to.
        points: World points (mm), shape (3, X, Y, Z).
        displacements: Distance of control points and standard deviation (mm), one each.
    """
    for scale, amplitude in displacements:
        for component in points:
            component += amplitude * smooth_field(rng, grid, scale)
    return points


def magnify(
    points: Floats, centre: tuple[float, float, float], strength: float, width: float
) -> Floats:
    """Blow up (``strength`` > 0, < 1) or shrink what lies around ``centre``, in template space.

    The offset from the centre is shortened by ``strength * exp(-r^2 / (2 width^2))``, which is
    monotonic in r for strengths in (-1, 1), so nothing folds.

    Args:
        points: World points (mm), shape (3, ...).
        centre: In mm.
        strength: Relative magnification at the centre.
        width: Reach in mm.
    """
    offset = points - np.reshape(np.asarray(centre, np.float32), (3,) + (1,) * (points.ndim - 1))
    square = np.sum(offset**2, axis=0)
    share: Floats = np.float32(strength) * np.exp(-square / np.float32(2 * width**2))
    return points - share * offset
