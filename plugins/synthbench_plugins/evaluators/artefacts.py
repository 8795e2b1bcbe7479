"""Artefacts of how a volume was put together: seams of windows and stripes of slices."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthbench.api import Case, Score
from synthbench_plugins.evaluators.declared import ARTEFACTS
from synthbench_plugins.evaluators.scoring import PairEvaluator, UnavailableError

Array = npt.NDArray[np.float64]


class Artefacts(PairEvaluator):
    """Seam score and inter-slice jump ratio in the foreground; 1 is free of artefacts.

    ``seam``: how much more energy the error's jumps have across the borders of sliding windows than
    elsewhere, along the worst axis. It needs the grid of windows, which runs record; a method that
    takes the volume whole, or in slices of one voxel, has no seams.

    ``slice_jump``: mean absolute difference between neighbouring slices of the prediction over that
    of the real target, along the worst axis. Methods that work slice by slice show stripes there.
    A smooth prediction jumps less than the real one; ratios below 1 count as 1, for blur is not
    what this measures.
    """

    spec = ARTEFACTS

    def score(self, case: Case) -> Iterator[Score]:
        """Score one case."""
        if not case.mask.any():
            return
        n = int(case.mask.sum())
        jump = jump_ratio(case.prediction, case.target, case.mask)
        why = "the target does not change between slices, or the foreground is one slice thick"
        yield self.row(case, "foreground", "slice_jump", jump, n, why)
        yield from self._seam(case, n)

    def _seam(self, case: Case, voxels: int) -> Iterator[Score]:
        try:
            value = seam_score(case)
        except UnavailableError as reason:
            row = self.row(case, "foreground", "seam", math.nan, voxels, str(reason))
            yield Score(**{**vars(row), "status": "unavailable"})
            return
        why = "the error does not change anywhere between the borders of windows"
        yield self.row(case, "foreground", "seam", value, voxels, why)


def jump_ratio(
    prediction: npt.NDArray[np.float32],
    target: npt.NDArray[np.float32],
    mask: npt.NDArray[np.bool_],
) -> float:
    """Largest ratio over axes of the mean jump between neighbouring slices, at least 1.

    Args:
        prediction: Shape (X, Y, Z).
        target: The same.
        mask: Voxel pairs count where both lie inside.

    Returns:
        The ratio; NaN where the target has no jump along any axis.
    """
    ratios = []
    for axis in range(3):
        inside = _pairs(mask, axis)
        real = float(_jumps(target, axis)[inside].sum())
        if real > 0:
            ratios.append(float(_jumps(prediction, axis)[inside].sum()) / real)
    return max(1.0, *ratios) if ratios else math.nan


def seam_score(case: Case) -> float:
    """Largest ratio over axes of the error's squared jumps at borders of windows to elsewhere.

    Returns:
        The ratio, at least 1; NaN where the error is smooth elsewhere but jumps at a border.

    Raises:
        UnavailableError: If the grid is unknown or has no border inside the foreground.
    """
    if case.seams is None:
        raise UnavailableError("it is not known from which windows the prediction was put together")
    error = case.prediction.astype(np.float64) - case.target
    ratios = []
    for axis, borders in enumerate(case.seams):
        inside = _pairs(case.mask, axis)
        energy = np.square(_jumps(error, axis))
        # Sums and counts of one plane of pairs each; plane i lies between slices i and i + 1.
        across = tuple(other for other in range(3) if other != axis)
        sums, counts = (energy * inside).sum(axis=across), inside.sum(axis=across)
        planes = [border - 1 for border in borders if counts[border - 1]]
        if not planes or counts.sum() == counts[planes].sum():
            continue
        at, around = sums[planes].sum(), sums.sum() - sums[planes].sum()
        at, around = at / counts[planes].sum(), around / (counts.sum() - counts[planes].sum())
        if around > 0:
            ratios.append(float(at / around))
        else:
            ratios.append(math.nan if at > 0 else 1.0)
    if not ratios:
        raise UnavailableError("no border between windows lies inside the foreground")
    return math.nan if any(map(math.isnan, ratios)) else max(1.0, *ratios)


def _jumps(image: npt.NDArray[np.floating], axis: int) -> Array:
    difference: Array = np.abs(np.diff(image.astype(np.float64), axis=axis))
    return difference


def _pairs(mask: npt.NDArray[np.bool_], axis: int) -> npt.NDArray[np.bool_]:
    """Where a voxel and the next along the axis are both inside."""
    moved = np.moveaxis(np.asarray(mask, dtype=np.bool_), axis, 0)
    return np.moveaxis(moved[1:] & moved[:-1], 0, axis)
