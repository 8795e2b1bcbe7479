"""Percentiles of a volume without ordering it: NumPy's values, several times as fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: Every so many voxels make the sample that says where to look; a prime, out of step with the axes.
_STEP = 61
#: Smaller arrays are not worth a sample.
_SMALL = 100_000
#: Standard deviations of a sample's rank within which the wanted value is sought first.
_CERTAIN = 6.0


def percentiles(array: npt.NDArray[np.float32], wanted: Sequence[float]) -> list[float]:
    """Percentiles, linearly interpolated between two voxels.

    A sample gives an interval that most likely holds the wanted value; only the voxels in it are
    ordered, and counting the others proves that it does.

    Args:
        array: Finite values, any shape.
        wanted: Percentiles, 0 to 100.

    Returns:
        What ``numpy.percentile`` gives, bit by bit.
    """
    flat = array.ravel(order="K")
    if flat.size < _SMALL:
        return [float(value) for value in np.percentile(flat, list(wanted))]
    sample = np.sort(flat[::_STEP])
    found = []
    for percentile in wanted:
        position = (flat.size - 1) * (percentile / 100)
        rank = min(math.floor(position), flat.size - 2)
        below, above = _neighbours(flat, sample, rank)
        found.append(_between(below, above, position - rank))
    return found


def _neighbours(
    flat: npt.NDArray[np.float32], sample: npt.NDArray[np.float32], rank: int
) -> tuple[Any, Any]:
    """The values of a rank (from 0) and of the next one."""
    share = rank / flat.size
    middle = share * sample.size
    margin = _CERTAIN * math.sqrt(sample.size * share * (1 - share)) + _CERTAIN
    first, last = math.floor(middle - margin), math.ceil(middle + margin)
    low = sample[first] if first >= 0 else flat.min()
    high = sample[last] if last < sample.size else flat.max()
    less = 0 if first < 0 else int(np.count_nonzero(flat < low))
    if low == high:  # a value that many voxels have, e.g. the background
        if less <= rank and rank + 1 < np.count_nonzero(flat <= high):
            return low, low
        inside = flat[:0]
    else:
        inside = flat[(flat >= low) & (flat <= high)]
    if not 0 <= rank - less < inside.size - 1:  # an unlucky sample
        inside, less = flat, 0
    ordered = np.partition(inside, (rank - less, rank - less + 1))
    return ordered[rank - less], ordered[rank - less + 1]


def _between(below: Any, above: Any, part: float) -> float:
    """Interpolate with NumPy's rounding: from the nearer end."""
    step = above - below  # in the type of the array
    if part < 0.5:
        return float(below) + float(step) * part
    return float(above) - float(step) * (1 - part)
