"""Voxel-wise errors: MAE, MSE, RMSE, PSNR and the three NMSE."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from synthbench_plugins.evaluators.kernels.arrays import Volume, as_mask, as_pair


@dataclass(frozen=True)
class Errors:
    """Voxel-wise errors of a prediction in one region, in the volumes' unit.

    Attributes:
        voxels: Voxels of the region; all else is NaN where there are none.
        mae: Mean absolute error.
        mse: Mean squared error.
        energy: Mean squared target.
        variance: Population variance of the target.
        low: Smallest target value.
        high: Largest target value.
    """

    voxels: int
    mae: float
    mse: float
    energy: float
    variance: float
    low: float
    high: float

    @property
    def rmse(self) -> float:
        """Root of the mean squared error."""
        return math.sqrt(self.mse)

    @property
    def nmse_energy(self) -> float:
        """Squared error over squared target; NaN where the target is zero throughout."""
        return self.mse / self.energy if self.energy > 0 else math.nan

    @property
    def nmse_variance(self) -> float:
        """MSE over the target's population variance; NaN for a constant target."""
        return self.mse / self.variance if self.high > self.low else math.nan

    @property
    def nmse_range(self) -> float:
        """MSE over the squared range of the target; NaN for a constant target."""
        return self.mse / (self.high - self.low) ** 2 if self.high > self.low else math.nan

    def psnr(self, data_range: float) -> float:
        """Peak signal-to-noise ratio in dB; see :func:`psnr`."""
        return psnr(self.mse, data_range)


def errors(
    prediction: Volume, target: Volume, regions: Mapping[str, Volume | None] | None = None
) -> dict[str, Errors]:
    """Compute the errors of every region.

    Args:
        prediction: Shape (X, Y, Z).
        target: Shape (X, Y, Z).
        regions: Bool mask by name, ``None`` for all voxels; by default ``whole`` alone.

    Returns:
        Errors by region.

    Raises:
        ValueError: For differing shapes.
    """
    made, real = as_pair(prediction, target)
    difference = made - real
    results = {}
    for name, mask in ({"whole": None} if regions is None else regions).items():
        inside = None if mask is None else as_mask(mask, real)
        error = difference.flatten() if inside is None else difference[inside]
        values = real.flatten() if inside is None else real[inside]
        if not values.numel():
            results[name] = Errors(0, *[math.nan] * 6)
            continue
        low, high = torch.aminmax(values)
        results[name] = Errors(
            voxels=values.numel(),
            mae=float(error.abs().mean()),
            mse=float(torch.dot(error, error)) / values.numel(),
            energy=float(torch.dot(values, values)) / values.numel(),
            variance=float(values.var(correction=0)),
            low=float(low),
            high=float(high),
        )
    return results


def psnr(mse: float, data_range: float) -> float:
    """Peak signal-to-noise ratio.

    Args:
        mse: Mean squared error.
        data_range: Dynamic range L, in the root's unit.

    Returns:
        ``10 log10(L^2 / mse)`` in dB; infinite without error, NaN where L is not positive.
    """
    if not data_range > 0 or math.isnan(mse):
        return math.nan
    return 10 * math.log10(data_range**2 / mse) if mse > 0 else math.inf
