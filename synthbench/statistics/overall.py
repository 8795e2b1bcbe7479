"""All methods at once: is there any difference, and which pairs differ in mean rank?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from synthbench.statistics.cases import FloatArray
from synthbench.statistics.corrections import Correction, correct


@dataclass(frozen=True)
class Friedman:
    """Friedman's test over complete blocks (subjects, or datasets).

    Attributes:
        n: Blocks.
        chi2: Friedman's statistic, corrected for ties.
        p: Its p-value by the chi-squared approximation.
        f: Iman and Davenport's F (1980), which is less conservative.
        f_p: Its p-value; where all blocks have one order, the chance of that.
        mean_ranks: Mean rank of each method, 1 best, shape (M,).
    """

    n: int
    chi2: float
    p: float
    f: float
    f_p: float
    mean_ranks: FloatArray


def friedman(values: FloatArray, *, higher_is_better: bool) -> Friedman | None:
    """Test whether any method ranks differently from the others.

    Args:
        values: One row a method, one column a block, all finite, shape (M, N).
        higher_is_better: Direction of improvement.

    Returns:
        ``None`` for fewer than three methods, fewer than two blocks, or if every block is one tie.
    """
    k, n = values.shape
    if k < 3 or n < 2 or bool(np.all(values == values[0])):
        return None
    ranks = _ranks(values, higher_is_better)
    outcome = stats.friedmanchisquare(*ranks)
    chi2 = float(outcome.statistic)
    rest = n * (k - 1) - chi2
    # The same order in every block leaves F nothing to divide by, and two blocks agree by chance
    # often enough: that chance is known.
    f = (n - 1) * chi2 / rest if rest > 1e-9 else float("inf")
    f_p = float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    if f == float("inf"):
        _, alike = np.unique(ranks[:, 0], return_counts=True)
        orders = math.factorial(k) // math.prod(math.factorial(int(size)) for size in alike)
        f_p = float(orders) ** (1 - n)
    return Friedman(
        n=n,
        chi2=chi2,
        p=float(outcome.pvalue),
        f=f,
        f_p=f_p,
        mean_ranks=ranks.mean(axis=1),
    )


def nemenyi(mean_ranks: FloatArray, n: int) -> FloatArray:
    """Nemenyi's test of every pair of mean ranks, corrected for all pairs.

    It is far weaker than paired tests on few blocks, and depends on which other methods were
    ranked: for diagrams over many datasets.

    Args:
        mean_ranks: Shape (M,).
        n: Blocks behind them.

    Returns:
        p-values, shape (M, M), 1 on the diagonal.
    """
    k = len(mean_ranks)
    first, second = np.triu_indices(k, 1)
    gaps = np.abs(mean_ranks[first] - mean_ranks[second]) / np.sqrt(k * (k + 1) / (6 * n))
    p = np.ones((k, k))
    p[first, second] = stats.studentized_range.sf(gaps * np.sqrt(2), k, np.inf)
    p[second, first] = p[first, second]
    return p


def critical_difference(methods: int, n: int, alpha: float = 0.05) -> float:
    """Smallest difference of mean ranks that Nemenyi's test calls significant.

    Args:
        methods: Number of methods, at least 2.
        n: Blocks ranked.
        alpha: Significance level.
    """
    q = float(stats.studentized_range.ppf(1 - alpha, methods, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * n)))


def not_separable(mean_ranks: FloatArray, difference: float) -> list[tuple[int, ...]]:
    """Find the bars of a critical-difference diagram.

    Args:
        mean_ranks: Shape (M,).
        difference: The critical difference.

    Returns:
        Largest groups of at least two methods whose mean ranks lie within it, best first.
    """
    order = np.argsort(mean_ranks, kind="stable")
    groups: list[tuple[int, ...]] = []
    for start in range(len(order)):
        near = mean_ranks[order[start:]] - mean_ranks[order[start]] <= difference
        group = tuple(int(index) for index in order[start : start + int(near.sum())])
        if len(group) > 1 and not any(set(group) <= set(other) for other in groups):
            groups.append(group)
    return groups


def conover(
    values: FloatArray, *, higher_is_better: bool, correction: Correction = "holm"
) -> FloatArray:
    """Conover's test of every pair after Friedman's.

    scipy and statsmodels have none; the formula is that of Conover (1999), section 5.8.

    Args:
        values: One row a method, one column a block, all finite, shape (M, N), M at least 3.
        higher_is_better: Direction of improvement.
        correction: How to correct over all pairs.

    Returns:
        Adjusted p-values, shape (M, M), 1 on the diagonal; NaN beside it where the same order in
        every block leaves no error to compare differences with.
    """
    k, n = values.shape
    ranks = _ranks(values, higher_is_better)
    sums, squares = ranks.sum(axis=1), float(np.sum(ranks**2))
    freedom = (n - 1) * (k - 1)
    error = np.sqrt(2 * (n * squares - float(np.sum(sums**2))) / freedom)
    first, second = np.triu_indices(k, 1)
    gaps = np.abs(sums[first] - sums[second])
    t = gaps / error if error > 0 else np.full(len(gaps), np.nan)
    adjusted = np.ones((k, k))
    adjusted[first, second] = correct(np.asarray(2 * stats.t.sf(t, freedom)), correction)
    adjusted[second, first] = adjusted[first, second]
    return adjusted


def _ranks(values: FloatArray, higher_is_better: bool) -> FloatArray:
    ordered = -values if higher_is_better else values
    return np.asarray(stats.rankdata(ordered, axis=0), dtype=np.float64)
