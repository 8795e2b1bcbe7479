"""How many subjects an effect of a given size needs."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats
from statsmodels.stats.power import TTestPower

from synthbench.statistics.paired import TestName, pairs_needed

#: The Wilcoxon test needs this many times the subjects of a t-test on normal data.
_WILCOXON = math.pi / 3
#: More subjects than any study of this kind has.
_MOST = 100_000
#: Middles of equally likely parts of a distribution, for means over it.
_PARTS = (np.arange(2000) + 0.5) / 2000


def subjects_needed(
    d_z: float,
    *,
    alpha: float,
    tests: int = 1,
    power: float = 0.8,
    test: TestName = "wilcoxon",
) -> int | None:
    """Subjects with which a paired difference of this size would be found.

    Computed for the t-test by statsmodels; for signed ranks raised by their asymptotic relative
    efficiency, and to the least number that can reach significance at all.

    Args:
        d_z: Mean difference in standard deviations of the differences.
        alpha: Significance level after correction.
        tests: Tests corrected for; each is held to ``alpha / tests``, which is the first step of
            Holm's method and so errs on the side of more subjects.
        power: Wanted probability to find it.
        test: Which test.

    Returns:
        ``None`` if the effect is not finite, zero, or needs more than 100 000, or if no number of
        subjects lets this test reach alpha.
    """
    if not math.isfinite(d_z) or d_z == 0:
        return None
    solver = TTestPower()

    def found(n: int) -> bool:
        value = float(solver.power(abs(d_z), n, alpha / tests))
        return (_power(abs(d_z), n, alpha / tests) if math.isnan(value) else value) >= power

    few, enough = 1, 2
    while not found(enough):
        few, enough = enough, 2 * enough
        if few > _MOST:
            return None
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if found(middle) else (middle, enough)
    if test == "wilcoxon":
        enough = math.ceil(enough * _WILCOXON)
    least = pairs_needed(tests, alpha, test)
    return None if least is None else max(enough, least)


def _power(d_z: float, n: int, alpha: float) -> float:
    """Power of the paired t-test where scipy's noncentral t, and so statsmodels, gives NaN.

    That happens for large effects in few subjects, where the wrong tail adds nothing.
    """
    limit = stats.t.isf(alpha / 2, n - 1)
    spread = np.sqrt(stats.chi2.ppf(_PARTS, n - 1) / (n - 1))
    return float(stats.norm.cdf(d_z * math.sqrt(n) - limit * spread).mean())
