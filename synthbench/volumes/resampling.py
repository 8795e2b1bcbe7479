"""Change of voxel size, and of grid.

Voxel-centre convention: index ``i`` is the centre of a voxel, whose field of view reaches half a
voxel further. A change of voxel size keeps the centre of the field of view where it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from synthbench.api.dataset import Volume
from synthbench.volumes.orientation import voxel_size

#: Relative difference below which two voxel sizes are the same.
_SAME_SIZE = 1e-3


def resample(volume: Volume, spacing: tuple[float, float, float], *, label: bool = False) -> Volume:
    """Bring a volume to a voxel size.

    Images: Gaussian anti-aliasing along axes that shrink (sigma of half the excess of the shrink
    factor over 1, as scikit-image does), then cubic B-splines, clipped to the range that was there.
    Labels and masks: nearest neighbour.

    Args:
        volume: Shape (X, Y, Z).
        spacing: Wanted voxel size in mm, per axis.
        label: Whether values are labels.

    Returns:
        The volume itself where the voxel size already fits; else the same field of view to within
        half a new voxel, the same data type.
    """
    old = np.array(volume.array.shape)
    factor = np.array(spacing) / np.array(voxel_size(volume.affine))
    if np.all(np.abs(factor - 1) < _SAME_SIZE):
        return volume
    new = np.maximum(1, np.floor(old / factor + 0.5).astype(int))
    first = ((old - 1) - (new - 1) * factor) / 2  # old index of the first new voxel's centre
    array = _interpolate(volume.array, factor, first, new, label=label)
    step = np.diag([*factor, 1.0])
    step[:3, 3] = first
    return Volume(array, volume.affine @ step)


def resample_onto(
    array: npt.NDArray[np.float32],
    affine: npt.NDArray[np.float64],
    shape_to: tuple[int, int, int],
    affine_to: npt.NDArray[np.float64],
    *,
    fill: float,
) -> npt.NDArray[np.float32]:
    """Bring an image onto another grid, linearly.

    Args:
        array: Shape (X, Y, Z).
        affine: Its affine.
        shape_to: Shape of the other grid.
        affine_to: Affine of the other grid.
        fill: Value more than one voxel beyond the outermost voxel centres; nearer, the outermost
            value continues (a finer grid has voxels between those centres and the volume's edge).

    Returns:
        Float32 array of shape ``shape_to``.
    """
    to_index = np.linalg.inv(affine) @ affine_to
    padded = np.pad(array, 1, mode="edge")
    return ndimage.affine_transform(
        padded,
        to_index[:3, :3],
        offset=to_index[:3, 3] + 1,  # the padding
        output_shape=shape_to,
        output=np.float32,
        order=1,
        mode="constant",
        cval=fill,
    )


def _interpolate(
    array: npt.NDArray[Any],
    factor: npt.NDArray[np.float64],
    first: npt.NDArray[np.float64],
    shape: npt.NDArray[np.int_],
    *,
    label: bool,
) -> npt.NDArray[Any]:
    if label:
        index = [
            np.clip(np.floor(first[a] + np.arange(shape[a]) * factor[a] + 0.5), 0, n - 1).astype(
                int
            )
            for a, n in enumerate(array.shape)
        ]
        return array[np.ix_(*index)]
    sigma = np.maximum(0, (factor - 1) / 2)
    smooth = ndimage.gaussian_filter(array, sigma, mode="nearest") if sigma.any() else array
    # A diagonal given as a 1D matrix would be faster, but SciPy warns about it on every call.
    out = ndimage.affine_transform(
        smooth,
        np.diag(factor),
        offset=first,
        output_shape=tuple(int(n) for n in shape),
        order=3,
        mode="nearest",
    )
    return np.clip(out, array.min(), array.max(), out=out)
