"""How well segmentations agree with labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from synthbench.api import Case, Evaluator, Score
from synthbench_plugins.evaluators.kernels.overlap import dice, hausdorff95


class Overlap(Evaluator):
    """Dice, HD95 and false-positive volume of each label region.

    A region that a subject does not have gives no Dice and no HD95; what was found of it
    nevertheless is in the false-positive volume, which every subject has.
    """

    def evaluate(self, cases: Iterable[Case]) -> Iterator[Score]:
        """Score segmentations one at a time."""
        for case in cases:
            for name, real in case.regions.items():
                if name in case.segmented:
                    yield from _rows(case, name, case.segmented[name], real)


def _rows(case: Case, name: str, found: np.ndarray, real: np.ndarray) -> Iterator[Score]:
    voxels = int(np.count_nonzero(real))
    if voxels:
        yield Score(case.subject, name, "dice", dice(found, real), voxels=voxels)
        distance = hausdorff95(found, real, case.spacing)
        if math.isinf(distance):
            diagonal = math.hypot(*np.multiply(real.shape, case.spacing))
            detail = "nothing was segmented: shown as the diagonal of the volume"
            yield Score(case.subject, name, "hd95", diagonal, "mm", voxels, "capped", detail)
        else:
            yield Score(case.subject, name, "hd95", distance, "mm", voxels)
    extra = np.count_nonzero(found & ~real) * math.prod(case.spacing) / 1000
    yield Score(case.subject, name, "fp_volume", float(extra), "mL", voxels)
