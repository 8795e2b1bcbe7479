"""Raw intensities to the unit range [0, 1] and back, as :class:`~synthbench.api.Intensity` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synthbench.api import DataError, Intensity, UsageError
from synthbench.volumes.percentiles import percentiles

_PERCENTILES = (0.1, 99.9)
_DEVIATIONS = (-5.0, 5.0)
#: No CT reaches this (metal saturates near 3071, or 30 710 on an extended scale), and ...
_MOST_HU = 32000.0
#: ... none spans less: air, fat and water alone span 1000.
_LEAST_HU = 200.0


@dataclass(frozen=True)
class Bounds:
    """Raw values that become 0 and 1.

    Attributes:
        low: Becomes 0.
        high: Becomes 1; above ``low``.
    """

    low: float
    high: float

    @property
    def width(self) -> float:
        """Raw width of the unit range."""
        return self.high - self.low


def fit(
    intensity: Intensity,
    array: npt.NDArray[np.float32],
    mask: npt.NDArray[np.bool_],
    *,
    what: str = "the volume",
) -> Bounds:
    """Find the bounds of one volume.

    Args:
        intensity: Intensity model of its modality.
        array: Raw intensities, shape (X, Y, Z).
        mask: Foreground, same shape; only ``zscore`` looks at it.
        what: Names the volume in messages.

    Raises:
        DataError: If the bounds leave no range, e.g. percentiles of a volume that is nearly
            all background.
        UsageError: If the model lacks a value it needs.
    """
    low, high = _given(intensity, what)
    if intensity.kind == "minmax":
        low, high = float(array.min()), float(array.max())
    elif intensity.kind == "percentile":
        # Percentiles of the whole volume, background included: what the published pipelines do.
        low, high = percentiles(array, (low, high))
    elif intensity.kind == "zscore":
        inside = array[mask].astype(np.float64)
        mean, deviation = float(inside.mean()), float(inside.std())
        low, high = mean + low * deviation, mean + high * deviation
    if not low < high:
        raise DataError(
            f"{what}: intensity model {intensity.kind} leaves no range ({low:g} to {high:g})",
            "leave the subject out, or give its modality another intensity model",
        )
    return Bounds(low, high)


def unit_fault(intensity: Intensity, array: npt.NDArray[np.float32]) -> tuple[str, str] | None:
    """Say why raw intensities cannot be in the unit that their model declares.

    Only Hounsfield units can be told: air is near -1000, fat near -100, and every scanner's noise
    reaches below 0.

    Args:
        intensity: Intensity model of the modality.
        array: Raw intensities.

    Returns:
        What is wrong and what to do about it, or ``None``.
    """
    if intensity.unit != "HU":
        return None
    low, high = float(array.min()), float(array.max())
    values = f"holds {low:g} to {high:g}, which cannot be HU"
    if low >= -1 and high <= 1:
        return f"{values}: it was normalised", "use the volume before it was normalised"
    if low >= 0:
        return (
            (f"{values}: 8-bit grey values", "convert it from DICOM again, without a window")
            if high <= 255
            else (
                f"{values}: the rescale intercept (usually -1024) was not applied",
                "convert it from DICOM again, or add the intercept",
            )
        )
    if max(-low, high) > _MOST_HU:
        return (
            f"{values}: filled or scaled wrongly",
            "replace fill values by -1024 and check the rescale slope",
        )
    if high - low < _LEAST_HU:
        return f"{values}: the range is too small", "check the rescale slope and intercept"
    return None


def to_unit(array: npt.NDArray[Any], bounds: Bounds) -> npt.NDArray[np.float32]:
    """Map raw intensities onto [0, 1], clipped, as a new float32 array."""
    unit: npt.NDArray[np.float32] = np.subtract(array, bounds.low, dtype=np.float32)
    unit *= np.float32(1 / bounds.width)
    np.clip(unit, 0, 1, out=unit)
    return unit


def from_unit(array: npt.NDArray[np.float32], bounds: Bounds) -> npt.NDArray[np.float32]:
    """Map unit intensities, clipped to [0, 1], back to raw ones, as a new float32 array."""
    raw: npt.NDArray[np.float32] = np.clip(array, 0, 1, dtype=np.float32)
    raw *= np.float32(bounds.width)
    raw += np.float32(bounds.low)
    return raw


def _given(intensity: Intensity, what: str) -> tuple[float, float]:
    if intensity.kind == "window" and (intensity.low is None or intensity.high is None):
        raise UsageError(
            f"{what}: intensity model window needs both of its values",
            "declare them in the dataset, e.g. low=-1024, high=3000 for CT",
        )
    default = _DEVIATIONS if intensity.kind == "zscore" else _PERCENTILES
    low = default[0] if intensity.low is None else intensity.low
    high = default[1] if intensity.high is None else intensity.high
    return low, high
