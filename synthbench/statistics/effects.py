"""How large a paired difference is, in units of its own spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthbench.statistics.cases import FloatArray, complete_cases, spread


@dataclass(frozen=True)
class Effects:
    """Paired effect sizes of ``a - b``; NaN for fewer than two pairs or without spread.

    Attributes:
        d_z: Mean difference in standard deviations of the differences.
        g_z: The same without its bias in small samples (Hedges 1981).
        d_av: Mean difference in the mean standard deviation of a and of b.
    """

    d_z: float
    g_z: float
    d_av: float


def effects(a: FloatArray, b: FloatArray) -> Effects:
    """Compute paired effect sizes.

    Measures for independent samples, such as Cliff's delta, would count the differences between
    subjects against the methods.

    Args:
        a: Shape (N,); NaN and infinite values drop their pair.
        b: Shape (N,).
    """
    pairs = complete_cases(np.stack([a, b]))
    a, b = a[pairs], b[pairs]
    differences = a - b
    n = len(differences)
    d_z = _ratio(differences, spread(differences))
    return Effects(
        d_z=d_z,
        g_z=d_z * (1 - 3 / (4 * (n - 1) - 1)) if n > 1 else float("nan"),
        d_av=_ratio(differences, (spread(a) + spread(b)) / 2),
    )


def _ratio(differences: FloatArray, sd: float) -> float:
    # A constant shift has a spread of rounding errors only; the ratio would be of no use.
    if not sd > 1e-12 * float(np.abs(differences).max(initial=0.0)):
        return float("nan")
    return float(differences.mean()) / sd
