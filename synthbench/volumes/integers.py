"""Which integers hold the values of a volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def fits(array: npt.NDArray[Any], integer: type[np.integer[Any]]) -> bool:
    """Whether every value lies within the limits of an integer type."""
    limits = np.iinfo(integer)
    return bool(limits.min <= array.min() and array.max() <= limits.max)


def whole_numbers(raw: npt.NDArray[Any]) -> npt.NDArray[np.generic]:
    """Round to the nearest integers: int16 where they fit, else int32."""
    whole = np.rint(raw)
    typed: npt.NDArray[np.generic] = whole.astype(np.int16 if fits(whole, np.int16) else np.int32)
    return typed
