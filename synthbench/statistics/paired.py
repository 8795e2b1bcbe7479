"""Two-sided paired tests of one method against another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from synthbench.statistics.cases import FloatArray, complete_cases, spread

#: ``wilcoxon`` asks whether gains outrank losses, ``permutation`` (sign flips of the mean) and
#: ``paired-t`` whether the mean difference is zero.
TestName = Literal["wilcoxon", "permutation", "paired-t"]
#: How the p-value was obtained: from the exact null distribution, from its normal approximation,
#: from random sign flips, from Student's t distribution, or not at all (no pairs).
NullDistribution = Literal["exact", "asymptotic", "sampled", "t", "none"]

#: Up to this many differences, all sign flips are enumerated (2^13 = 8192).
_ENUMERABLE = 13
#: Up to this many untied differences, the null distribution of the rank sums is computed exactly.
_EXACT = 50
#: Random sign flips where they cannot be enumerated.
_SIGN_FLIPS = 9999
#: A spread below this share of the largest difference is rounding, not variation.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class PairedTest:
    """Outcome of one paired two-sided test of ``a - b``.

    Attributes:
        n: Complete pairs; pairs with a value that is not finite are left out.
        mean_difference: Mean of ``a - b`` over them, in the metric's unit; NaN without pairs.
        statistic: The smaller signed-rank sum, the mean difference, or t, as the test has it.
        rank_biserial: Matched-pairs rank-biserial correlation, in [-1, 1]: the share of rank sums
            that favours a, less the share that favours b (Kerby 2014).
        p: Two-sided p-value, in [0, 1]; NaN without pairs.
        method: Null distribution behind ``p``.
        smallest_p: The smallest p that n pairs can give, whatever the values.
        test: Which test.
    """

    n: int
    mean_difference: float
    statistic: float
    rank_biserial: float
    p: float
    method: NullDistribution
    smallest_p: float
    test: TestName = "wilcoxon"

    @property
    def direction(self) -> float:
        """Positive if the test speaks for a, negative for b.

        For Wilcoxon's test these are the ranks, whose sign need not be that of the mean.
        """
        return self.rank_biserial if self.test == "wilcoxon" else self.mean_difference


def compare(a: FloatArray, b: FloatArray, test: TestName = "wilcoxon") -> PairedTest:
    """Test ``a - b`` with the test of this name; see the functions of this module."""
    return {"wilcoxon": wilcoxon, "permutation": sign_flip, "paired-t": paired_t}[test](a, b)


def smallest_p(n: int, test: TestName = "wilcoxon") -> float:
    """Smallest two-sided p a test can give with n pairs.

    With sign flips and signed ranks it is 2 / 2^n, reached when all differences have one sign, and
    for random sign flips 2 / (flips + 1). Student's t has no such floor.
    """
    if n < 1 or (n == 1 and test == "paired-t"):
        return 1.0
    if test == "paired-t":
        return 0.0
    if test == "permutation" and n > _ENUMERABLE:
        return 2.0 / (_SIGN_FLIPS + 1)
    return min(1.0, 2.0 ** (1 - n))


def pairs_needed(tests: int, alpha: float, test: TestName = "wilcoxon") -> int | None:
    """Smallest n with which one of ``tests`` Holm-corrected tests can reach alpha.

    Returns:
        ``None`` if none can: random sign flips give no smaller p however many pairs there are.
    """
    n = 1
    while tests * smallest_p(n, test) > alpha:
        if test == "permutation" and n > _ENUMERABLE:
            return None
        n += 1
    return n


def wilcoxon(a: FloatArray, b: FloatArray) -> PairedTest:
    """Two-sided Wilcoxon signed-rank test of paired values.

    Pairs that are equal are left out of the ranking (Wilcoxon 1945). The null distribution is
    exact up to 50 pairs without ties and, by enumerating all sign flips, up to 13 pairs with
    tied differences; otherwise the normal approximation with tie correction is used.

    Args:
        a: Shape (N,); NaN and infinite values drop their pair.
        b: Shape (N,).

    Returns:
        The test of ``a - b``. If all pairs are equal, p is 1.
    """
    differences = _differences(a, b)
    unequal = differences[differences != 0]
    if unequal.size == 0:
        return _untested(differences, "wilcoxon")
    tied = len(np.unique(np.abs(unequal))) < len(unequal)
    null: NullDistribution = "exact"
    method: Literal["exact", "approx"] | stats.PermutationMethod = "exact"
    if tied and len(unequal) <= _ENUMERABLE:
        method = stats.PermutationMethod(n_resamples=2 ** len(unequal))
    elif tied or len(unequal) > _EXACT:
        null, method = "asymptotic", "approx"
    outcome = stats.wilcoxon(unequal, zero_method="wilcox", method=method)
    return _outcome(differences, "wilcoxon", float(outcome.statistic), float(outcome.pvalue), null)


def sign_flip(a: FloatArray, b: FloatArray) -> PairedTest:
    """Two-sided permutation test of the mean difference: under the null, every sign may flip.

    All flips are enumerated up to 13 pairs; otherwise 9999 random ones are drawn, the same ones
    each time.

    Args:
        a: Shape (N,); NaN and infinite values drop their pair.
        b: Shape (N,).

    Returns:
        The test of ``a - b``. If all pairs are equal, p is 1.
    """
    differences = _differences(a, b)
    n = len(differences)
    if n < 2 or not differences.any():
        return _untested(differences, "permutation")
    outcome = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_SIGN_FLIPS,
        rng=np.random.default_rng(0),
    )
    null: NullDistribution = "exact" if n <= _ENUMERABLE else "sampled"
    return _outcome(
        differences, "permutation", float(outcome.statistic), float(outcome.pvalue), null
    )


def paired_t(a: FloatArray, b: FloatArray) -> PairedTest:
    """Two-sided paired t-test.

    Args:
        a: Shape (N,); NaN and infinite values drop their pair.
        b: Shape (N,).

    Returns:
        The test of ``a - b``. If all pairs are equal or there is only one, p is 1; if all differ
        by the same amount, t is infinite and p is 0.
    """
    differences = _differences(a, b)
    if len(differences) < 2 or not differences.any():
        return _untested(differences, "paired-t")
    if spread(differences) <= _ROUNDING * float(np.abs(differences).max()):
        t = float(np.copysign(np.inf, differences.mean()))
        return _outcome(differences, "paired-t", t, 0.0, "t")
    outcome = stats.ttest_1samp(differences, 0.0)
    return _outcome(differences, "paired-t", float(outcome.statistic), float(outcome.pvalue), "t")


def _differences(a: FloatArray, b: FloatArray) -> FloatArray:
    pairs = complete_cases(np.stack([a, b]))
    return (a - b)[pairs]


def _untested(differences: FloatArray, test: TestName) -> PairedTest:
    """No pairs: no p. Nothing but equal pairs, or too few for the test: p is 1."""
    if len(differences) == 0:
        nan = float("nan")
        return PairedTest(0, nan, nan, nan, nan, "none", smallest_p(0, test), test)
    return _outcome(differences, test, 0.0, 1.0, "t" if test == "paired-t" else "exact")


def _outcome(
    differences: FloatArray, test: TestName, statistic: float, p: float, null: NullDistribution
) -> PairedTest:
    unequal = differences[differences != 0]
    ranks = stats.rankdata(np.abs(unequal))
    favoured = float(np.sum(np.sign(unequal) * ranks) / ranks.sum()) if unequal.size else 0.0
    return PairedTest(
        n=len(differences),
        mean_difference=float(differences.mean()),
        statistic=statistic,
        rank_biserial=favoured,
        p=min(1.0, p),
        method=null,
        smallest_p=smallest_p(len(differences), test),
        test=test,
    )
