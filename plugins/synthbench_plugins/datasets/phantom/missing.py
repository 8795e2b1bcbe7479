"""Which modalities a subject lacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from synthbench.api import UsageError
from synthbench_plugins.datasets.phantom.grid import stream

#: Multiples of it, modulo 1, fill the unit interval evenly and stay out of step with the scanners.
_GOLDEN = (math.sqrt(5) - 1) / 2


def absent_of(
    missing: float | Mapping[str, float], modalities: Sequence[str], seed: int
) -> Callable[[int], frozenset[str]]:
    """Say what each subject lacks; of any first n subjects about the wanted fraction.

    Args:
        missing: Fraction of subjects that lack one modality, or fraction by modality.
        modalities: What there is; every subject keeps one at least.
        seed: Of the data set.

    Returns:
        Gives the absent modalities of a subject by its index.

    Raises:
        UsageError: For a fraction outside [0, 1] or a modality that does not exist.
    """
    fractions = missing if isinstance(missing, Mapping) else {"": missing}
    for name, fraction in fractions.items():
        if name not in ("", *modalities):
            raise UsageError(
                f"phantom: missing names {name!r}", f"There are {', '.join(modalities)}."
            )
        number = isinstance(fraction, int | float) and not isinstance(fraction, bool)
        if not number or not 0 <= fraction <= 1:
            raise UsageError(f"phantom: missing={missing!r}", "Choose fractions from 0 to 1.")
    starts = {name: stream(seed, "missing", name).random() for name in fractions}

    def absent(index: int) -> frozenset[str]:
        drawn = {n for n, f in fractions.items() if (starts[n] + index * _GOLDEN) % 1 < f}
        if "" in drawn:
            drawn = {str(stream(seed, index, "missing").choice(modalities))}
        return frozenset(drawn if len(drawn) < len(modalities) else [*modalities[1:]])

    return absent
