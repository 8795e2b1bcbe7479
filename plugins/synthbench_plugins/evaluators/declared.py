"""The built-in evaluators of image pairs and their metrics; imports nothing that computes."""

from __future__ import annotations

from dataclasses import replace

from synthbench.api import EvaluatorSpec, Metric

_HERE = "synthbench_plugins.evaluators"
_FIXED = "fixed, 1.0 on the unit scale"
_BOUNDS = "the target's intensity bounds"
_PERCENTILES = "larger range of the two volumes after each is mapped by its own percentiles"

#: Regions that are made from the real target (:mod:`~synthbench_plugins.evaluators.regions`).
_DERIVED = {
    "air": "foreground voxels of the real target below -200 HU",
    "soft_tissue": "foreground voxels of the real target from -200 to below 250 HU",
    "bone": "foreground voxels of the real target from 250 HU on",
    "hard": "the tenth of the foreground's voxels with the steepest gradient in the real target",
}

_SSIM = Metric(name="ssim", label="SSIM", better="higher", decimals=4)
_PSNR = Metric(name="psnr", label="PSNR", better="higher", unit="dB", decimals=2)
_MAE_HU = Metric(
    name="mae",
    label="MAE",
    unit="HU",
    decimals=1,
    definition="mean |prediction - target| in the mask",
)
_UNIFORM7 = "skimage structural_similarity(win_size=7), sample covariance, 3 voxels cropped"

IQA = EvaluatorSpec(
    name="iqa",
    target=f"{_HERE}.iqa:ImageQuality",
    summary="SSIM, PSNR and voxel errors: whole volume, foreground, tissues, label regions.",
    code_version=3,
    default=True,
    protocol="synthbench",
    regions=_DERIVED,
    metrics=(
        replace(
            _SSIM,
            data_range=_FIXED,
            definition="mean of the 3D SSIM map over the region: Gaussian sigma 1.5, "
            "11 taps, population covariance, valid part only; as skimage structural_similarity"
            "(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True)",
        ),
        replace(
            _PSNR,
            data_range=_FIXED,
            definition="10 log10(1 / MSE) with the region's MSE on the unit scale, at most 100 dB",
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
            data_range=_BOUNDS,
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
            data_range=_BOUNDS,
            decimals=4,
            definition="sqrt(mean (prediction - target)^2)",
        ),
    ),
)

MDAUNET = EvaluatorSpec(
    name="mdaunet",
    target=f"{_HERE}.protocols.mdaunet:MDAUNet",
    summary="Whole-volume SSIM, PSNR and NMSE as in the multi-dilated attention U-Net's paper.",
    protocol="mdaunet",
    metrics=(
        replace(
            _SSIM,
            data_range=_FIXED,
            definition=f"3D, whole volume, uniform window: {_UNIFORM7}; window not stated",
        ),
        replace(_PSNR, data_range=_FIXED, definition="10 log10(1 / MSE), whole volume"),
        Metric(
            name="nmse_energy",
            label="NMSE (energy)",
            data_range="energy of the target",
            decimals=4,
            definition="sum (prediction - target)^2 / sum target^2; normaliser not stated",
            family="nmse",
        ),
        Metric(
            name="nmse_variance",
            label="NMSE (variance)",
            data_range="variance of the target",
            decimals=4,
            definition="MSE / variance of the target; normaliser not stated",
            family="nmse",
        ),
    ),
)

SYNTHRAD2023 = EvaluatorSpec(
    name="synthrad2023",
    target=f"{_HERE}.protocols.synthrad2023:SynthRAD2023",
    summary="MAE, PSNR and SSIM of CT in the mask as in the SynthRAD2023 challenge.",
    protocol="synthrad2023",
    metrics=(
        replace(
            _SSIM,
            data_range="fixed, 4024 HU",
            definition="mean over the mask of the 3D SSIM map, both volumes -1024 HU outside it: "
            f"{_UNIFORM7}",
        ),
        replace(
            _PSNR,
            data_range="fixed, 4024 HU: [-1024, 3000]",
            definition="10 log10(L^2 / MSE) of the clipped voxels in the mask",
        ),
        _MAE_HU,
    ),
)

SYNTHRAD2025 = EvaluatorSpec(
    name="synthrad2025",
    target=f"{_HERE}.protocols.synthrad2025:SynthRAD2025",
    summary="MAE, PSNR and MS-SSIM of CT in the mask as in the SynthRAD2025 challenge.",
    protocol="synthrad2025",
    metrics=(
        Metric(
            name="ms_ssim",
            label="MS-SSIM",
            better="higher",
            data_range="fixed, 4095 HU",
            decimals=4,
            definition="product over five scales of the masked mean of luminance, contrast and "
            "structure, each to the scale's weight (luminance at every scale, as coded)",
            family="ssim",
        ),
        replace(
            _PSNR,
            data_range="fixed, 4095 HU: [-1024, 3071]",
            definition="10 log10(L^2 / MSE) of the clipped voxels in the mask",
        ),
        _MAE_HU,
    ),
)


def _brasyn(part: str, words: str, cropped: bool) -> Metric:
    border = "window's border cropped (torchmetrics up to 1.4.1)"
    mirrored = "mirrored border included (torchmetrics from 1.4.2)"
    return Metric(
        name=f"ssim_{part}" + ("_cropped" if cropped else ""),
        label=f"SSIM {words}" + (", cropped" if cropped else ""),
        better="higher",
        data_range=_PERCENTILES,
        decimals=4,
        definition="mean over the whole volume of the Gaussian 3D SSIM map of both volumes, each "
        f"mapped by its own percentiles and set to 0 outside the {words} part; "
        + (border if cropped else mirrored),
        family="ssim",
    )


BRASYN = EvaluatorSpec(
    name="brasyn",
    target=f"{_HERE}.protocols.brasyn:BraSyn",
    summary="SSIM of tumour and healthy tissue as in the BraSyn challenge; needs a label.",
    protocol="brasyn",
    metrics=tuple(
        _brasyn(part, part, cropped) for cropped in (False, True) for part in ("tumour", "healthy")
    ),
)

FASTMRI = EvaluatorSpec(
    name="fastmri",
    target=f"{_HERE}.protocols.fastmri:FastMRI",
    summary="Slice-wise SSIM, PSNR, NMSE and MSE as in the fastMRI challenge.",
    protocol="fastmri",
    metrics=(
        replace(
            _SSIM,
            data_range="the target's maximum",
            definition=f"mean over axial slices of the 2D SSIM: {_UNIFORM7}",
        ),
        replace(
            _PSNR,
            data_range="the target's maximum",
            definition="10 log10(L^2 / MSE), whole volume",
        ),
        Metric(
            name="nmse",
            label="NMSE",
            data_range="energy of the target",
            decimals=4,
            definition="sum (prediction - target)^2 / sum target^2, whole volume",
        ),
        Metric(
            name="mse",
            label="MSE",
            data_range="none",
            decimals=5,
            definition="mean (prediction - target)^2 on the unit scale",
        ),
    ),
)

SYNDIFF = EvaluatorSpec(
    name="syndiff",
    target=f"{_HERE}.protocols.syndiff:SynDiff",
    summary="Slice-wise PSNR after division by each image's own maximum, as SynDiff tests.",
    code_version=2,
    protocol="syndiff",
    metrics=(
        replace(
            _PSNR,
            data_range="1, each slice divided by its own maximum",
            definition="mean over axial slices of 10 log10(1 / MSE), each at most 100 dB; "
            "blind to a gain error",
        ),
    ),
)

ARTEFACTS = EvaluatorSpec(
    name="artefacts",
    target=f"{_HERE}.artefacts:Artefacts",
    summary="Seams between sliding windows and stripes between slices.",
    metrics=(
        Metric(
            name="slice_jump",
            label="slice jump",
            decimals=3,
            definition="mean |difference between neighbouring slices| of the prediction over that "
            "of the target in the foreground, largest over axes, at least 1",
        ),
        Metric(
            name="seam",
            label="seam",
            decimals=3,
            definition="mean squared jump of the error across borders of sliding windows over that "
            "elsewhere in the foreground, largest over axes, at least 1",
        ),
    ),
)

SPECS = [IQA, MDAUNET, SYNTHRAD2023, SYNTHRAD2025, BRASYN, FASTMRI, SYNDIFF, ARTEFACTS]
