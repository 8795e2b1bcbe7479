"""Intervals and ranks by resampling; the same seed gives the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from synthbench.statistics.cases import FloatArray, spread

#: Bootstrap samples.
RESAMPLES = 9999
#: Below this many values the bootstrap's intervals are too short.
_FEWEST = 8
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a mean.

    Attributes:
        low: Lower end; NaN where there is none.
        high: Upper end.
        level: Confidence level.
        method: ``BCa`` (bootstrap, bias-corrected and accelerated), ``percentile`` (bootstrap),
            ``t``, or ``none`` (fewer than two values).
    """

    low: float
    high: float
    level: float
    method: Literal["BCa", "percentile", "t", "none"]


@dataclass(frozen=True)
class Ranking:
    """How stable the order of methods is under resampling of subjects.

    Attributes:
        best: Probability of each method to have the best mean, shape (M,); ties share it.
        low: Lower end of each method's rank interval, shape (M,); 1 is best.
        high: Upper end, shape (M,).
        level: Confidence level of the rank intervals.
    """

    best: FloatArray
    low: FloatArray
    high: FloatArray
    level: float


def mean_interval(values: FloatArray, *, level: float = 0.95, seed: int = 0) -> Interval:
    """Confidence interval of the mean: BCa bootstrap, or Student's t for fewer than 8 values.

    Args:
        values: Finite values, e.g. paired differences, shape (N,).
        level: Confidence level.
        seed: Seed of the bootstrap.
    """
    if len(values) < 2:
        return Interval(float("nan"), float("nan"), level, "none")
    mean, sd = float(values.mean()), spread(values)
    if sd <= _ROUNDING * float(np.abs(values).max()):
        return Interval(mean, mean, level, "t")
    if len(values) >= _FEWEST:
        # All intervals of a report share the draws, which take scipy longer than the rest.
        means = values[_drawn(len(values), seed, RESAMPLES)].mean(axis=1)
        made: Any = SimpleNamespace(bootstrap_distribution=means)
        found = stats.bootstrap(
            (values,),
            np.mean,
            method="BCa",
            confidence_level=level,
            n_resamples=0,
            bootstrap_result=made,
        ).confidence_interval
        if np.isfinite([found.low, found.high]).all():
            return Interval(float(found.low), float(found.high), level, "BCa")
    error = sd / np.sqrt(len(values))
    low, high = stats.t.interval(level, len(values) - 1, loc=mean, scale=error)
    return Interval(float(low), float(high), level, "t")


def crossed_interval(values: FloatArray, *, level: float = 0.95, seed: int = 0) -> Interval:
    """Interval of a mean over training seeds and subjects: both are drawn anew.

    Seeds are resampled first, then subjects. Every seed was tested on the same subjects, so one
    draw of subjects serves all seeds of a sample: drawing them anew within each seed would average
    the differences between subjects away.

    Args:
        values: One row a seed, one column a subject, all finite, shape (S, N).
        level: Confidence level.
        seed: Seed of the bootstrap.
    """
    seeds, subjects = values.shape
    if seeds < 2 or subjects < 2:
        return Interval(float("nan"), float("nan"), level, "none")
    rng = np.random.default_rng(seed)
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES) / seeds
    of_subjects = _weights(subjects, rng, RESAMPLES)
    means = np.sum((of_seeds @ values) * of_subjects, axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, "percentile")


def ranking(
    values: FloatArray, *, higher_is_better: bool, level: float = 0.95, seed: int = 0
) -> Ranking:
    """Rank methods by their mean in samples of subjects drawn with replacement.

    Args:
        values: One row a method, one column a subject, all finite, shape (M, N).
        higher_is_better: Direction of improvement.
        level: Confidence level of the rank intervals.
        seed: Seed of the bootstrap.
    """
    draws = _shared_weights(values.shape[1], seed, RESAMPLES)
    means = (values if higher_is_better else -values) @ draws.T
    # Sums in another order differ in the last digits; equal methods must stay equal.
    means = np.round(means / max(float(np.abs(means).max()), np.finfo(np.float64).tiny), 12)
    winners = means == means.max(axis=0)
    ranks = stats.rankdata(-means, method="average", axis=0)
    low, high = np.quantile(ranks, [(1 - level) / 2, (1 + level) / 2], axis=1)
    best = np.mean(winners / winners.sum(axis=0), axis=1)
    return Ranking(best=best, low=low, high=high, level=level)


@lru_cache(maxsize=1)
def _drawn(size: int, seed: int, samples: int) -> npt.NDArray[np.int64]:
    """The cases in each bootstrap sample, drawn as scipy does, shape (samples, size)."""
    return np.random.default_rng(seed).integers(0, size, (samples, size))


@lru_cache(maxsize=1)
def _shared_weights(size: int, seed: int, samples: int) -> FloatArray:
    """:func:`_weights` from a seed, kept: the columns of a report share them."""
    return _weights(size, np.random.default_rng(seed), samples)


def _weights(size: int, rng: np.random.Generator, samples: int) -> FloatArray:
    """Weights of each case in each bootstrap sample, shape (samples, size)."""
    counts = rng.multinomial(size, np.full(size, 1 / size), size=samples)
    return np.asarray(counts / size, dtype=np.float64)
