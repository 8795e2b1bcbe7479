"""What all evaluators of image pairs share: bad input, units and statuses."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from synthbench.api import Case, Evaluator, EvaluatorSpec, Score
from synthbench_plugins.evaluators.regions import Mask

#: Shown instead of an infinite (or absurdly large) PSNR, in dB.
PSNR_CAP = 100.0
#: A prediction further than this from [0, 1], in widths of the unit range, is on another scale.
_FARTHEST = 1.0


class UnavailableError(Exception):
    """A protocol cannot score a case, for example because it needs HU; the message says why."""


class PairEvaluator(Evaluator):
    """Scores one case at a time; whatever is wrong with one leaves the others alone.

    Attributes:
        spec: The declaration, for the metrics' units.
        region: Region of the rows of a case that cannot be scored at all.
    """

    spec: ClassVar[EvaluatorSpec]
    region: ClassVar[str] = "foreground"

    def evaluate(self, cases: Iterable[Case]) -> Iterator[Score]:
        """Score cases one at a time.

        A prediction that is missing, of another grid or scale, or not finite gives rows of status
        ``undefined``; a case that the protocol is not made for, rows of status ``unavailable``.
        """
        for case in cases:
            yield from self._rows(case)

    @abstractmethod
    def score(self, case: Case) -> Iterator[Score]:
        """Score one sound case.

        Raises:
            UnavailableError: If the protocol does not apply to it.
        """

    def regions(self, case: Case) -> dict[str, Mask]:
        """Regions that have rows, none of them empty."""
        mask = np.ones(case.target.shape, np.bool_) if self.region == "whole" else case.mask
        return {self.region: mask} if mask.any() else {}

    def row(
        self,
        case: Case,
        region: str,
        metric: str,
        value: float,
        voxels: int = 0,
        undefined: str = "no number exists",
    ) -> Score:
        """One row; a value that is not finite gets its status, PSNR its cap.

        Args:
            case: The case.
            region: The region.
            metric: Name of a declared metric.
            value: The number.
            voxels: Voxels behind it.
            undefined: Why there is no number, should it be NaN.
        """
        unit = next(m.unit for m in self.spec.metrics if m.name == metric)
        made = Score(
            subject=case.subject,
            region=region,
            metric=metric,
            value=value,
            unit=case.unit if unit == "target" else unit,
            voxels=voxels,
        )
        if math.isnan(value):
            return replace(made, status="undefined", detail=undefined)
        if unit == "dB" and value > PSNR_CAP:
            detail = f"{value:g} dB shown as {PSNR_CAP:g} dB"
            return replace(made, value=PSNR_CAP, status="capped", detail=detail)
        return made

    def _rows(self, case: Case) -> Iterator[Score]:
        if wrong := fault(case):
            for region, mask in self.regions(case).items():
                for metric in self.spec.metrics:
                    yield self.row(case, region, metric.name, math.nan, int(mask.sum()), wrong)
            return
        remark = "the prediction is constant" if np.ptp(case.prediction) == 0 else ""
        try:
            for row in self.score(case):
                yield replace(row, detail=row.detail or remark)
        except UnavailableError as reason:
            for metric in self.spec.metrics:
                row = self.row(case, self.region, metric.name, math.nan, 0, str(reason))
                yield replace(row, status="unavailable")


def fault(case: Case) -> str:
    """What makes a prediction unfit to be scored, one line; ``""`` for nothing."""
    made, real = case.prediction, case.target
    if case.fault:
        return case.fault
    if made.size == 0:
        return "the prediction is missing"
    if made.shape != real.shape:
        return f"the prediction's grid is {shape(made)}, the target's {shape(real)}"
    if not np.isfinite(made).all():
        return "the prediction holds NaN or infinite values"
    if not np.isfinite(real).all():
        return "the target holds NaN or infinite values"
    low, high = float(made.min()), float(made.max())
    if low < -_FARTHEST or high > 1 + _FARTHEST:
        return (
            f"the prediction reaches from {low:.3g} to {high:.3g} on the target's unit scale: "
            "other intensities, or an integer that overflowed"
        )
    return ""


def shape(array: npt.NDArray[Any]) -> str:
    """Sides as printed: ``16x16x10``."""
    return "x".join(map(str, array.shape))


def too_small(case: Case, taps: int) -> str:
    """Why a window has no place in a volume; ``""`` where it has."""
    if min(case.target.shape) >= taps:
        return ""
    sides = shape(case.target)
    return f"a side of the volume ({sides}) is shorter than the {taps}-voxel window"


def hounsfield_offset(case: Case) -> float:
    """Hounsfield units of 0 on the unit scale.

    Raises:
        UnavailableError: If the target is not in HU, or its scale is unknown.
    """
    if case.unit != "HU":
        raise UnavailableError("the protocol is defined for CT in HU, this target has another unit")
    if case.low is None:
        raise UnavailableError("the protocol needs HU: the value of 0 on the unit scale is unknown")
    return case.low
