"""A cross-validation's folds as repeated trainings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from synthbench.statistics.cases import FloatArray, spread


@dataclass(frozen=True)
class FoldTest:
    """Corrected resampled t-test over folds (Nadeau and Bengio 2003).

    Attributes:
        folds: Number of folds.
        mean_difference: Mean over folds of the difference of two methods.
        statistic: Corrected t; NaN without spread between folds.
        p: Two-sided p-value with ``folds - 1`` degrees of freedom; NaN likewise.
    """

    folds: int
    mean_difference: float
    statistic: float
    p: float


def nadeau_bengio(differences: FloatArray, test_share: float) -> FoldTest:
    """Test whether one method is better whatever the training set.

    Training sets of different folds overlap, so the folds' differences are not independent; the
    variance is raised by the ratio of test to training size.

    Args:
        differences: Mean difference of two methods in each fold, shape (J,).
        test_share: Test subjects for each training subject, e.g. 0.25 for 80/20.
    """
    folds = len(differences)
    mean = float(differences.mean()) if folds else float("nan")
    sd = spread(differences)
    if folds < 2 or sd <= 1e-12 * float(np.abs(differences).max()):
        return FoldTest(folds, mean, float("nan"), float("nan"))
    t = mean / float(np.sqrt(sd**2 * (1 / folds + test_share)))
    return FoldTest(folds, mean, t, float(2 * stats.t.sf(abs(t), folds - 1)))
