"""Evaluators that no single paper owns."""

from __future__ import annotations

from synthbench.api import EvaluatorSpec, Metric, hookimpl

synthbench_api_version = "1.0"

_FIXED = "fixed, 1.0 on the unit scale"


@hookimpl
def synthbench_evaluators() -> list[EvaluatorSpec]:
    """Declare the built-in evaluators."""
    return [
        EvaluatorSpec(
            name="iqa",
            target="synthbench_plugins.evaluators.iqa:ImageQuality",
            summary="SSIM, PSNR and voxel errors: whole volume, foreground, label regions.",
            default=True,
            metrics=(
                Metric(
                    name="ssim",
                    label="SSIM",
                    better="higher",
                    data_range=_FIXED,
                    decimals=4,
                    definition="mean of the 3D SSIM map over the region: Gaussian sigma 1.5, "
                    "11 taps, population covariance, valid part only; skimage structural_similarity"
                    "(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True)",
                ),
                Metric(
                    name="psnr",
                    label="PSNR",
                    better="higher",
                    unit="dB",
                    data_range=_FIXED,
                    decimals=2,
                    definition="10 log10(1 / MSE) with the region's MSE on the unit scale, at most "
                    "100 dB",
                ),
                Metric(
                    name="nmse",
                    label="NMSE",
                    data_range="energy of the target in the region, unit scale",
                    decimals=4,
                    definition="sum (prediction - target)^2 / sum target^2",
                ),
                Metric(
                    name="mae",
                    label="MAE",
                    unit="target",
                    data_range="the target's intensity bounds",
                    decimals=4,
                    definition="mean |prediction - target|",
                ),
                Metric(
                    name="mse",
                    label="MSE",
                    data_range=_FIXED,
                    decimals=5,
                    definition="mean (prediction - target)^2 on the unit scale",
                ),
                Metric(
                    name="rmse",
                    label="RMSE",
                    unit="target",
                    data_range="the target's intensity bounds",
                    decimals=4,
                    definition="sqrt(mean (prediction - target)^2)",
                ),
            ),
        )
    ]
