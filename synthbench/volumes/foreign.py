"""Predictions made elsewhere, brought onto a prepared subject's grid and range; or why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from synthbench.api import DataError
from synthbench.api.dataset import Volume
from synthbench.volumes.arrays import grid_difference
from synthbench.volumes.cropping import cut
from synthbench.volumes.intensity import Bounds, to_unit
from synthbench.volumes.orientation import ras_grid
from synthbench.volumes.prepared import PreparedSubject
from synthbench.volumes.reading import Native, read
from synthbench.volumes.resampling import resample, resample_onto

#: Values further beyond the target's bounds than this, in their width, are of another range.
_FARTHEST = 1.0
#: Nor do values of the same range span less than this part of it, unless they are constant.
_NARROWEST = 0.01
#: An integer type must be able to hold this part of the target's bounds.
_LEAST_HELD = 0.5
#: Percentiles that stand for the reach of a volume whose bounds were found in the data: single
#: bright voxels may lie far beyond these.
_REACH = (0.5, 99.5)


def take_prediction(
    path: Path,
    subject: PreparedSubject,
    target: str,
    *,
    spacing: tuple[float, float, float] | None,
    resampled: bool,
    values: Bounds | None = None,
    fixed: bool = False,
) -> npt.NDArray[np.float32]:
    """Read a prediction, check it, and prepare it as the subject's real target was.

    It is expected on the grid of the subject's own files (in any orientation), or on the prepared
    one.

    Args:
        path: Any format nibabel reads.
        subject: The subject.
        target: What it is a prediction of.
        spacing: Voxel size in mm to which the subject was resampled, if it was.
        resampled: Whether one on another grid is resampled, linearly; else it is refused.
        values: What stands for the target's bounds in it; ``None``: it is in the target's own
            intensities.
        fixed: Whether the target's bounds are a fixed window, beyond which nothing is expected.

    Returns:
        Unit intensities, clipped to [0, 1], shape ``subject.shape``.

    Raises:
        DataError: If it is unreadable, holds NaN or infinity, lies on another grid, or has another
            range: one line that fits behind a colon.
    """
    found = read(path, what=f"prediction of subject {subject.id}", kind="as_is")
    bounds = values or subject.bounds[target]
    _check_values(found, bounds, fixed)
    volume = Volume(to_unit(found.volume.array, bounds), found.volume.affine)
    shape, affine = ras_grid(*subject.native)
    difference = grid_difference(_grid(shape, affine), found)
    if not difference:
        # Exactly what was done to the real target.
        own = Volume(volume.array, affine)
        own = own if subject.box is None else cut(own, subject.box)
        return own.array if spacing is None else resample(own, spacing).array
    if not grid_difference(_grid(subject.shape, subject.affine), found):
        return volume.array
    if not resampled:
        raise DataError(
            f"the prediction is on another grid than the subject: {difference}",
            "resample it, or let it be resampled with --resample",
        )
    return resample_onto(volume.array, volume.affine, subject.shape, subject.affine, fill=0.0).clip(
        0, 1
    )


def _check_values(found: Native, bounds: Bounds, fixed: bool) -> None:
    array = found.volume.array
    if not np.isfinite(array).all():
        raise DataError("the prediction holds NaN or infinite values", "repeat the translation")
    low, high = float(array.min()), float(array.max())
    hint = "--values says which values stand for the target's bounds"
    told = f"the target's bounds are {bounds.low:g} and {bounds.high:g}"
    dtype = np.dtype(found.dtype)
    if np.issubdtype(dtype, np.integer) and np.array_equal(array, np.rint(array)):
        limits = np.iinfo(dtype)
        if limits.max - limits.min < _LEAST_HELD * bounds.width:
            raise DataError(
                f"the prediction is stored as {dtype}, {told}: another range, or an integer that "
                "overflowed",
                hint,
            )
    reach = (low, high) if fixed else tuple(float(v) for v in np.percentile(array, _REACH))
    beyond = max(bounds.low - reach[0], reach[1] - bounds.high)
    if beyond > _FARTHEST * bounds.width or 0 < high - low < _NARROWEST * bounds.width:
        raise DataError(
            f"the prediction reaches from {low:g} to {high:g}, {told}: another range, or an "
            "integer that overflowed",
            hint,
        )


def _grid(shape: tuple[int, int, int], affine: npt.NDArray[np.float64]) -> Native:
    nothing = np.broadcast_to(np.float32(0), shape)
    return Native(Volume(nothing, affine), shape, affine, "float32")
