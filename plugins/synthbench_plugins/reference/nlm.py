"""Non-local means: the source, smoothed and otherwise unchanged."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import convolve1d
from scipy.stats import norm
from skimage.restoration import denoise_nl_means
from torch import Tensor

from synthbench.api import Batch, Setting, Translator, UsageError, Window

#: High-pass analysis filter of the Daubechies wavelet with two vanishing moments.
_ROOT = np.sqrt(3.0)
_HIGH_PASS = np.array([-1 - _ROOT, 3 + _ROOT, _ROOT - 3, 1 - _ROOT]) / np.sqrt(32.0)


class NonLocalMeans(Translator):
    """Returns the first source, denoised by 3D non-local means.

    The baseline for translation from a noisy or sharp kernel to a smooth one (Uzunova et al. 2020,
    Table 1). Noise is estimated on each volume, see :func:`noise_level`.

    Source: Buades et al., Non-local means denoising, Image Processing On Line 2011;
    ``skimage.restoration.denoise_nl_means``.

    Args:
        setting: Not used.
        patch_size: Side of the patches that are compared, voxels.
        patch_distance: How far from a voxel such patches are looked for, voxels.
        h: Cut-off of the weights, as a multiple of the noise's standard deviation.
        fast_mode: Whether patches are compared through integral images, all their voxels alike;
            otherwise central voxels count more, at a cost that grows with the patch.

    Raises:
        UsageError: If an option is not positive.
    """

    def __init__(
        self,
        setting: Setting,
        patch_size: int = 3,
        patch_distance: int = 3,
        h: float = 0.8,
        fast_mode: bool = True,
    ) -> None:
        super().__init__(setting)
        for option, value in (
            ("patch_size", patch_size),
            ("patch_distance", patch_distance),
            ("h", h),
        ):
            if value <= 0:
                raise UsageError(f"nlm: {option} is {value}", "it must be positive")
        self.h = h
        self.options: dict[str, Any] = {
            "patch_size": patch_size,
            "patch_distance": patch_distance,
            "fast_mode": fast_mode,
        }

    def forward(self, source: Tensor) -> Tensor:
        """Denoise the first channel: (B, C, X, Y, Z) to (B, 1, X, Y, Z)."""
        volumes = source[:, 0].detach().float().cpu().numpy()
        denoised = np.stack([self._denoise(volume) for volume in volumes])
        return torch.from_numpy(denoised)[:, None].to(source)

    def translate(self, batch: Batch, window: Window) -> Tensor:
        """Denoise whole volumes, with one noise level for each; no window is needed."""
        return self.forward(batch.source)

    def _denoise(self, volume: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        sigma = noise_level(volume)
        if sigma == 0:
            return volume.copy()
        result: npt.NDArray[np.float32] = denoise_nl_means(
            volume, h=self.h * sigma, sigma=sigma, **self.options
        )
        return result.reshape(volume.shape)  # sides of 1 get lost


def noise_level(volume: npt.NDArray[np.floating[Any]]) -> float:
    """Estimate the standard deviation of white Gaussian noise.

    Median absolute value of the finest diagonal coefficients of a db2 wavelet, over its expectation
    for a standard normal variable (Donoho and Johnstone, Biometrika 1994). Coefficients of exactly
    0 are left out: they come from masked background. What ``skimage.restoration.estimate_sigma``
    gives, which needs PyWavelets.

    Args:
        volume: Any shape; axes of one voxel are skipped.

    Returns:
        0 where nothing varies by more than rounding.
    """
    detail = volume.astype(np.float64)
    for axis, side in enumerate(volume.shape):
        if side > 1:
            border = [(2, 3) if other == axis else (0, 0) for other in range(volume.ndim)]
            filtered = convolve1d(np.pad(detail, border, "symmetric"), _HIGH_PASS, axis=axis)
            detail = filtered.take(range(1, side + 3, 2), axis=axis)
    coefficients = np.abs(detail[detail != 0])
    sigma = float(np.median(coefficients) / norm.ppf(0.75)) if coefficients.size else 0.0
    rounding = np.finfo(volume.dtype).eps * float(np.abs(volume).max())
    return sigma if sigma > rounding else 0.0
