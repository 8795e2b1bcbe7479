"""Numeric kernels of image metrics: arrays or tensors in, plain numbers out.

Independent of datasets, protocols and tables, so that any plugin or script can import them. All
compute in float64 where the data lie: numpy arrays on the CPU, tensors on their own device.
"""

from synthbench_plugins.evaluators.kernels.errors import Errors, errors, psnr
from synthbench_plugins.evaluators.kernels.multiscale import ms_ssim, ms_ssim_synthrad2025
from synthbench_plugins.evaluators.kernels.overlap import dice, hausdorff95
from synthbench_plugins.evaluators.kernels.similarity import GAUSSIAN, UNIFORM7, Mean, Window, ssim

__all__ = [
    "GAUSSIAN",
    "UNIFORM7",
    "Errors",
    "Mean",
    "Window",
    "dice",
    "errors",
    "hausdorff95",
    "ms_ssim",
    "ms_ssim_synthrad2025",
    "psnr",
    "ssim",
]
