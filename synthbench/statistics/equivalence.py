"""Are two methods the same, for all that matters?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from statsmodels.stats.weightstats import ttost_paired

from synthbench.statistics.cases import FloatArray, complete_cases, spread


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided t-tests of ``|mean(a - b)| < margin``.

    Attributes:
        n: Complete pairs.
        margin: Largest difference that does not matter, in the metric's unit.
        mean_difference: Mean of ``a - b``; NaN without pairs.
        p: The larger p of the two; small means equivalent. NaN for fewer than two pairs.
    """

    n: int
    margin: float
    mean_difference: float
    p: float


def equivalence(a: FloatArray, b: FloatArray, margin: float) -> Equivalence:
    """Test whether two methods differ by less than a margin.

    That a difference is "not significant" never shows it; the margin has to be declared before
    looking.

    Args:
        a: Shape (N,); NaN and infinite values drop their pair.
        b: Shape (N,).
        margin: Positive, in the metric's unit.
    """
    pairs = complete_cases(np.stack([a, b]))
    a, b = a[pairs], b[pairs]
    differences = a - b
    n = len(differences)
    mean = float(differences.mean()) if n else float("nan")
    if n < 2:
        return Equivalence(n, margin, mean, float("nan"))
    if spread(differences) <= 1e-12 * float(np.abs(differences).max()):
        return Equivalence(n, margin, mean, 0.0 if abs(mean) < margin else 1.0)
    return Equivalence(n, margin, mean, float(ttost_paired(a, b, -margin, margin)[0]))
