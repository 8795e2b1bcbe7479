"""Paired statistics with the subject as the unit: what stands behind the marks in a table.

Everything here is a pure function on numpy arrays. Tests and corrections are computed by scipy
and statsmodels; this module settles what they leave open: what a case is, which cases are
compared, which null distribution was used, and what a sample of this size could show at all.
See ``docs/statistics.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.multitest import multipletests

from synthbench.api.errors import DataError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
#: How the p-value was obtained: from the exact null distribution, from its normal
#: approximation, or not at all (no pairs).
NullDistribution = Literal["exact", "asymptotic", "none"]

#: Up to this many tied differences, all sign flips are enumerated (2^13 = 8192).
_ENUMERABLE = 13
#: Up to this many untied differences, the null distribution is computed exactly.
_EXACT = 50


@dataclass(frozen=True)
class PairedTest:
    """Outcome of one paired two-sided test of ``a - b``.

    Attributes:
        n: Complete pairs; pairs with a value that is not finite are left out.
        mean_difference: Mean of ``a - b`` over them, in the metric's unit; NaN without pairs.
        statistic: The smaller of the two signed-rank sums.
        rank_biserial: Matched-pairs rank-biserial correlation, in [-1, 1]: the share of rank sums
            that favours a, less the share that favours b (Kerby 2014). Its sign is the direction
            the test speaks of, which need not be that of the mean.
        p: Two-sided p-value, in [0, 1]; NaN without pairs.
        method: Null distribution behind ``p``.
        smallest_p: The smallest p that n pairs can give, whatever the values.
    """

    n: int
    mean_difference: float
    statistic: float
    rank_biserial: float
    p: float
    method: NullDistribution
    smallest_p: float


def mean_by_unit(
    units: npt.NDArray[np.str_], values: FloatArray
) -> tuple[npt.NDArray[np.str_], FloatArray]:
    """Average repeated measurements of one unit: seeds of a subject, or sessions of a patient.

    A value that is NaN makes its unit's mean NaN: a method cannot improve its score by failing
    on its bad seed.

    Args:
        units: Name of the unit of each value, shape (N,).
        values: Shape (N,).

    Returns:
        The units, sorted, shape (U,), and their means, shape (U,).
    """
    names, inverse = np.unique(units, return_inverse=True)
    sums = np.bincount(inverse, weights=values, minlength=len(names))
    counts = np.bincount(inverse, minlength=len(names))
    return names, (sums / np.maximum(counts, 1)).astype(np.float64)


def require_one_fold(
    units: npt.NDArray[np.str_], folds: npt.NDArray[np.int64], *, what: str
) -> None:
    """Refuse units that were tested in more than one fold.

    Such scores are not independent: the same patient would count twice, or was in one fold's
    training set and in another's test set under the same name.

    Args:
        units: Patient (or subject) of each row, shape (N,).
        folds: Fold of each row, shape (N,).
        what: Where the rows come from, for the message.

    Raises:
        DataError: Names the first such unit and its folds.
    """
    names, inverse = np.unique(units, return_inverse=True)
    pairs = np.unique(np.stack([inverse.ravel(), folds]), axis=1)
    repeated = np.flatnonzero(np.bincount(pairs[0], minlength=len(names)) > 1)
    if repeated.size:
        first = int(repeated[0])
        where = ", ".join(str(fold) for fold in pairs[1, pairs[0] == first])
        raise DataError(
            f"{what}: {str(names[first])!r} was tested in folds {where}",
            "every patient may be tested in one fold only; split by patient and run again",
        )


def complete_cases(values: FloatArray) -> BoolArray:
    """Find the cases for which every method has a finite value.

    Args:
        values: One row a method, one column a case, shape (M, N).

    Returns:
        Shape (N,).
    """
    return np.asarray(np.isfinite(values).all(axis=0), dtype=np.bool_)


def smallest_p(n: int) -> float:
    """Smallest two-sided p the signed-rank test can give with n pairs: 2 / 2^n, at most 1.

    It is reached when all n differences have the same sign.
    """
    return min(1.0, 2.0 ** (1 - n)) if n > 0 else 1.0


def pairs_needed(tests: int, alpha: float) -> int:
    """Smallest n with which one of ``tests`` Holm-corrected signed-rank tests can reach alpha."""
    n = 1
    while tests * smallest_p(n) > alpha:
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
    pairs = complete_cases(np.stack([a, b]))
    differences = (a - b)[pairs]
    n = len(differences)
    if n == 0:
        nan = float("nan")
        return PairedTest(0, nan, nan, nan, nan, "none", smallest_p(0))
    mean = float(differences.mean())
    unequal = differences[differences != 0]
    if unequal.size == 0:
        return PairedTest(n, mean, 0.0, 0.0, 1.0, "exact", smallest_p(n))
    tied = len(np.unique(np.abs(unequal))) < len(unequal)
    null: NullDistribution = "exact"
    method: Literal["exact", "approx"] | stats.PermutationMethod = "exact"
    if tied and len(unequal) <= _ENUMERABLE:
        method = stats.PermutationMethod(n_resamples=2 ** len(unequal))
    elif tied or len(unequal) > _EXACT:
        null, method = "asymptotic", "approx"
    outcome = stats.wilcoxon(unequal, zero_method="wilcox", method=method)
    ranks = stats.rankdata(np.abs(unequal))
    return PairedTest(
        n=n,
        mean_difference=mean,
        statistic=float(outcome.statistic),
        rank_biserial=float(np.sum(np.sign(unequal) * ranks) / ranks.sum()),
        p=min(1.0, float(outcome.pvalue)),
        method=null,
        smallest_p=smallest_p(n),
    )


def holm(p: FloatArray) -> FloatArray:
    """Holm's step-down correction for one family of tests.

    Args:
        p: Raw p-values, shape (M,); NaN (no test) stays NaN and does not count.

    Returns:
        Adjusted p-values, shape (M,), at most 1; compare them with alpha.
    """
    adjusted = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        adjusted[tested] = multipletests(p[tested], method="holm")[1]
    return adjusted


def spread(values: FloatArray) -> float:
    """Sample standard deviation (ddof 1); NaN for fewer than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
