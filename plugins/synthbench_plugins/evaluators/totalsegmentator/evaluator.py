"""Dice between what TotalSegmentator finds in a synthetic and in the real volume."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from synthbench.api import Case, EvaluatorSpec, Score
from synthbench_plugins.evaluators import segmentation
from synthbench_plugins.evaluators.kernels.overlap import dice
from synthbench_plugins.evaluators.scoring import PairEvaluator, UnavailableError
from synthbench_plugins.evaluators.totalsegmentator.classes import ALL, lists_of
from synthbench_plugins.evaluators.totalsegmentator.service import Service, ServiceError
from synthbench_plugins.evaluators.totalsegmentator.weights import CT, MR, lacking

#: TotalSegmentator rounds intensities to integers; a target without a physical unit is handed over
#: in thousandths of its range.
_MR_RANGE = 1000.0


class TotalSegmentatorDice(PairEvaluator):
    """Dice per class and per list of classes; classes absent from the real volume have none.

    A class that is found in the real volume only scores 0. What is found in the synthetic volume of
    classes that the real one lacks is told by its volume. No label is needed: the reference is what
    TotalSegmentator finds in the real target.
    """

    spec: ClassVar[EvaluatorSpec] = segmentation.SPECS[1]
    region = ALL
    fast: ClassVar[bool] = False

    def __init__(self) -> None:
        self._service = Service()

    def evaluate(self, cases: Iterable[Case]) -> Iterator[Score]:
        """Score cases one at a time; where weights are missing, rows are ``unavailable``."""
        try:
            yield from super().evaluate(cases)
        finally:
            self._service.stop()

    def regions(self, case: Case) -> dict[str, npt.NDArray[np.bool_]]:
        """The region of a case that cannot be scored."""
        return {ALL: np.ones(case.target.shape, dtype=np.bool_)}

    def score(self, case: Case) -> Iterator[Score]:
        """Segment both volumes and compare."""
        task = CT if case.unit == "HU" else MR
        if case.unit == "HU" and case.low is None:
            raise UnavailableError("the value of 0 on the unit scale is not known in HU")
        if absent := lacking(task, self.fast):
            raise UnavailableError("; ".join(f"{what}: {fix}" for what, fix in absent[:1]))
        try:
            found, real = (
                self._service.segment(_intensities(case, volume), case.spacing, task, self.fast)
                for volume in (case.prediction, case.target)
            )
            names = self._service.classes(task)
        except ServiceError as error:
            raise UnavailableError(f"TotalSegmentator failed: {error}") from error
        yield from self._compare(case, found, real, names)

    def _compare(
        self,
        case: Case,
        found: npt.NDArray[np.uint8],
        real: npt.NDArray[np.uint8],
        names: dict[int, str],
    ) -> Iterator[Score]:
        metric, extra = (m.name for m in self.spec.metrics)
        sizes = np.bincount(real.ravel(), minlength=max(names) + 1)
        scores = {
            name: dice(found == number, real == number)
            for number, name in names.items()
            if sizes[number]
        }
        voxels = {name: int(sizes[number]) for number, name in names.items()}
        for region, classes in lists_of(list(scores)).items():
            mean = float(np.mean([scores[name] for name in classes])) if classes else math.nan
            why = "TotalSegmentator finds nothing in the real volume"
            total = sum(voxels[name] for name in classes)
            yield self.row(case, region, metric, mean, total, why)
        for name, value in scores.items():
            yield self.row(case, name, metric, value, voxels[name])
        absent = [number for number in names if not sizes[number]]
        stray = int(np.isin(found, absent).sum())
        yield self.row(case, ALL, extra, stray * math.prod(case.spacing) / 1000, stray)


class FastTotalSegmentatorDice(TotalSegmentatorDice):
    """The same with TotalSegmentator's 3 mm model."""

    spec: ClassVar[EvaluatorSpec] = segmentation.SPECS[2]
    fast: ClassVar[bool] = True


def _intensities(case: Case, volume: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    if case.unit == "HU":
        return np.asarray(volume * case.scale + (case.low or 0.0), dtype=np.float32)
    return np.asarray(volume * _MR_RANGE, dtype=np.float32)
