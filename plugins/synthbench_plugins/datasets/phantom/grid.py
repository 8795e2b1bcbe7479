"""The voxel grid, and smooth random fields that do not depend on it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import BSpline

Floats = npt.NDArray[np.float32]
#: Lowest and highest edge of each axis (mm, RAS).
Extent = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

#: World extent of a head, MNI origin.
HEAD: Extent = ((-102.0, 102.0), (-134.0, 98.0), (-72.0, 108.0))


@dataclass(frozen=True)
class Grid:
    """Voxel centres of a phantom.

    Attributes:
        axes: World coordinates in mm along x, y and z.
        spacing: Voxel size in mm.
        extent: Field of view that they fill.
    """

    axes: tuple[npt.NDArray[np.float64], ...]
    spacing: float
    extent: Extent = HEAD

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along each axis."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """Voxel to world (mm, RAS)."""
        affine = np.diag([self.spacing, self.spacing, self.spacing, 1.0])
        affine[:3, 3] = [axis[0] for axis in self.axes]
        return affine


def make_grid(spacing: float, extent: Extent = HEAD) -> Grid:
    """Centre as many voxels of ``spacing`` mm as fit in the field of view."""
    axes: list[npt.NDArray[np.float64]] = []
    for low, high in extent:
        count = int((high - low) // spacing)
        first = (low + high - spacing * (count - 1)) / 2
        axes.append(first + spacing * np.arange(count, dtype=np.float64))
    return Grid(tuple(axes), spacing, extent)


def stream(*key: int | str) -> np.random.Generator:
    """Return the random stream of its own that belongs to ``key``."""
    return np.random.default_rng([zlib.crc32(k.encode()) if isinstance(k, str) else k for k in key])


def smooth_field(rng: np.random.Generator, grid: Grid, scale: float) -> Floats:
    """Draw a smooth random field of mean 0 and standard deviation about 1.

    A cubic B-spline with standard normal coefficients every ``scale`` mm of the field of view: the
    same ``rng`` gives the same field in world space on every grid.

    Returns:
        Shape of ``grid``, float32.
    """
    intervals = [int(np.ceil((high - low) / scale)) for low, high in grid.extent]
    field = rng.standard_normal([count + 3 for count in intervals])
    # Plain einsum, one axis after the other: BLAS could sum in another order with other threads.
    for axis, (low, _) in enumerate(grid.extent):
        knots = low + scale * np.arange(-3, intervals[axis] + 4)
        basis = BSpline.design_matrix(grid.axes[axis], knots, 3).toarray()
        basis /= np.sqrt(np.mean(np.sum(basis**2, axis=1)))
        field = np.einsum("ijk,xi->jkx", field, basis)  # three turns restore the order of the axes
    return field.astype(np.float32)
