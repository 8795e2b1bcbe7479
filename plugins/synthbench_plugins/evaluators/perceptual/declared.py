"""LPIPS, FID and KID as declared; imports nothing that computes."""

from __future__ import annotations

from dataclasses import replace

from synthbench.api import EvaluatorSpec, Metric

_HERE = "synthbench_plugins.evaluators.perceptual"
_PACKAGES = ("lpips", "torchvision")

#: Most slices a view, or a volume.
SLICES = 32
#: To which slices are resized for Inception-v3, and how many features it gives.
SIDE, FEATURES = 299, 2048
#: Fewest slices of a set for FID, two a feature: below, most of the value is bias.
LEAST_FID = 2 * FEATURES
#: The same with random weights: enough to see that the path works.
RANDOM_SLICES, RANDOM_SIDE = 2, 75

_ZHANG = "Zhang et al., The Unreasonable Effectiveness of Deep Features, CVPR 2018"
_HEUSEL = "Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017"
_BINKOWSKI = "Binkowski et al., Demystifying MMD GANs, ICLR 2018"


def _lpips(backbone: str, slices: int) -> str:
    return (
        f"lpips 0.1 with {backbone}; slices across each axis that meet the foreground, at most "
        f"{slices} evenly spaced, as three equal channels in [-1, 1]; mean over slices, then views"
    )


def _set(distance: str, weights: str, slices: int, side: int) -> str:
    return (
        f"{distance} of features of torchvision's Inception-v3 ({weights}) after its last pooling; "
        f"axial slices that meet the foreground, at most {slices} a volume evenly spaced, padded "
        f"to squares, resized to {side} pixels"
    )


_FRECHET = "Frechet distance"
_KERNEL = "unbiased squared MMD, kernel (x.y / 2048 + 1)^3, over all slices,"
_IMAGENET = "IMAGENET1K_V1"
_DRAWN = "seeded random weights"

LPIPS = EvaluatorSpec(
    name="lpips",
    target=f"{_HERE}.similarity:VGG16Similarity",
    summary="LPIPS through VGG16, in three views.",
    requires=_PACKAGES,
    preflight=f"{_HERE}.backbones:vgg16_lacking",
    citation=_ZHANG,
    metrics=(
        Metric(
            name="lpips_vgg",
            label="LPIPS (VGG16)",
            data_range="fixed, 1.0 on the unit scale",
            decimals=4,
            definition=_lpips("VGG16", SLICES),
            family="lpips",
        ),
    ),
)

LPIPS_ALEX = replace(
    LPIPS,
    name="lpips_alex",
    target=f"{_HERE}.similarity:AlexNetSimilarity",
    summary="LPIPS through AlexNet, in three views.",
    preflight=f"{_HERE}.backbones:alexnet_lacking",
    metrics=(
        replace(
            LPIPS.metrics[0],
            name="lpips_alex",
            label="LPIPS (AlexNet)",
            definition=_lpips("AlexNet", SLICES),
        ),
    ),
)

LPIPS_RANDOM = replace(
    LPIPS,
    name="lpips_random",
    target=f"{_HERE}.similarity:RandomSimilarity",
    summary="LPIPS through VGG16 with random weights: no measure of quality, for trying it.",
    preflight="",
    metrics=(
        replace(
            LPIPS.metrics[0],
            name="lpips_vgg_random",
            label="LPIPS (VGG16, random weights)",
            definition=_lpips(f"VGG16 with {_DRAWN}", RANDOM_SLICES),
            family="lpips_random",
        ),
    ),
)

KID = EvaluatorSpec(
    name="kid",
    target=f"{_HERE}.distribution:KernelDistance",
    summary="KID of all axial slices of a method, through Inception-v3.",
    requires=_PACKAGES,
    preflight=f"{_HERE}.backbones:inception_lacking",
    citation=_BINKOWSKI,
    metrics=(
        Metric(
            name="kid_inception_v3_axial32",
            label="KID (Inception-v3, axial)",
            data_range="fixed, 1.0 on the unit scale",
            decimals=4,
            definition=_set(_KERNEL, _IMAGENET, SLICES, SIDE),
            family="kid",
            sample="slices",
        ),
    ),
)

FID = replace(
    KID,
    name="fid",
    target=f"{_HERE}.distribution:FrechetDistance",
    summary=f"FID of all axial slices of a method, through Inception-v3; from {LEAST_FID} slices "
    "on.",
    code_version=2,
    citation=_HEUSEL,
    metrics=(
        replace(
            KID.metrics[0],
            name="fid_inception_v3_axial32",
            label="FID (Inception-v3, axial)",
            decimals=2,
            definition=_set(_FRECHET, _IMAGENET, SLICES, SIDE),
            family="fid",
        ),
    ),
)

FID_FORCED = replace(
    FID,
    name="fid_forced",
    target=f"{_HERE}.distribution:ForcedFrechetDistance",
    summary="FID however few slices there are: its bias grows as they become fewer.",
    code_version=1,
    metrics=(
        replace(
            FID.metrics[0],
            name="fid_inception_v3_axial32_forced",
            label="FID (Inception-v3, axial, forced)",
        ),
    ),
)

KID_RANDOM = replace(
    KID,
    name="kid_random",
    target=f"{_HERE}.distribution:RandomKernelDistance",
    summary="KID through random weights: no measure of quality, for trying it.",
    preflight="",
    metrics=(
        replace(
            KID.metrics[0],
            name="kid_inception_v3_random_axial2",
            label="KID (Inception-v3, random weights, axial)",
            definition=_set(_KERNEL, _DRAWN, RANDOM_SLICES, RANDOM_SIDE),
            family="kid_random",
        ),
    ),
)

FID_RANDOM = replace(
    KID_RANDOM,
    name="fid_random",
    target=f"{_HERE}.distribution:RandomFrechetDistance",
    summary="FID through random weights: no measure of quality, for trying it.",
    citation=_HEUSEL,
    metrics=(
        replace(
            KID_RANDOM.metrics[0],
            name="fid_inception_v3_random_axial2_forced",
            label="FID (Inception-v3, random weights, axial, forced)",
            decimals=2,
            definition=_set(_FRECHET, _DRAWN, RANDOM_SLICES, RANDOM_SIDE),
            family="fid_random",
        ),
    ),
)

SPECS = [LPIPS, LPIPS_ALEX, LPIPS_RANDOM, KID, FID, FID_FORCED, KID_RANDOM, FID_RANDOM]
