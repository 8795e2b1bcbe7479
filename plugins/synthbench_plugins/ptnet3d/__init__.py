"""PTNet3D: a pyramid of transformers against a multi-scale PatchGAN (Zhang et al.)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthbench.api import DiscriminatorSpec, LossSpec, MethodSpec, TranslatorSpec, hookimpl

synthbench_api_version = "1.0"

_PAPER = (
    "Zhang et al., PTNet3D: A 3D High-Resolution Longitudinal Infant Brain MRI Synthesizer Based "
    "on Transformers, IEEE Transactions on Medical Imaging 41(10), 2022"
)
_PIX2PIXHD = (
    "Wang et al., High-resolution image synthesis and semantic manipulation with conditional GANs, "
    "CVPR 2018"
)

_RECIPE: dict[str, Any] = {
    "translator": "pyramid_transformer",
    "discriminators": ["multiscale_patchgan3d:lsgan_sum@1"],
    "losses": ["l2@100", "feature_matching@10", "perceptual_r3d18@10"],
    "optimiser": {"name": "adam", "lr": 2e-4},
    "schedule": {"kind": "linear", "start": 0.5},
    "patch": {"size": [64, 64, 64]},
    "batch": 4,
    "budget": {"patches": 500_000},
    "intensity": [-1.0, 1.0],
    "inference": {"overlap": 0.5, "blend": "constant"},
}

_WITHOUT_PERCEPTUAL = ["l2@100", "feature_matching@10"]
_MSE: dict[str, Any] = {"discriminators": [], "losses": ["l2@1"]}


def _small(
    *, channels: list[int], width: int, depth: int, critic: int, side: int, batch: int, steps: int
) -> dict[str, Any]:
    # Narrower and shallower networks for patches of half the side, as few steps on one core allow;
    # loss weights as published but for the perceptual loss, whose weights are a download. A higher
    # rate, because so few steps at the published one do not leave the mean image.
    return {
        "translator.params": {
            "channels": channels,
            "global_channels": channels[1],
            "width": width,
            "depth": depth,
            "global_width": 32,
            "global_depth": depth,
        },
        "optimiser.lr": 1e-3,
        "discriminator_optimiser": {"name": "adam", "lr": 2e-4},
        "patch.size": [side, side, side],
        "batch": batch,
        "budget": {"steps": steps},
        "losses": _WITHOUT_PERCEPTUAL,
        "discriminators.0.params": {"channels": critic, "scales": 2},
    }


_PRESETS = {
    "smoke": _small(channels=[8, 16, 32], width=64, depth=3, critic=8, side=32, batch=1, steps=40),
    "quick": _small(
        channels=[8, 16, 32], width=128, depth=4, critic=16, side=32, batch=1, steps=800
    ),
}
_MSE_PRESETS: Mapping[str, Mapping[str, Any]] = {
    preset: {
        **{path: value for path, value in changes.items() if "discriminator" not in path},
        "losses": _MSE["losses"],
    }
    for preset, changes in _PRESETS.items()
}

_SHRUNK = "presets smoke and quick train narrower and shallower networks on patches of 32 voxels"
_NOTES = (
    f"{_SHRUNK}, without the perceptual loss, against a discriminator of two scales, with a "
    "generator learning rate of 1e-3"
)


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the generator."""
    return [
        TranslatorSpec(
            name="pyramid_transformer",
            target="synthbench_plugins.ptnet3d.generator:PyramidTransformer",
            summary="U-shaped pyramid of linear-attention and transformer layers on patches.",
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    """Declare the discriminator."""
    return [
        DiscriminatorSpec(
            name="multiscale_patchgan3d",
            target="synthbench_plugins.ptnet3d.discriminator:MultiScalePatchGAN3D",
            summary="Conditional 3D PatchGANs on an image at full, half and quarter resolution.",
            conditional=True,
            features=True,
            citation=f"{_PIX2PIXHD}; {_PAPER}",
        )
    ]


@hookimpl
def synthbench_losses() -> list[LossSpec]:
    """Declare the adversarial pair and the losses."""
    return [
        LossSpec(
            name="lsgan_sum",
            target="synthbench_plugins.ptnet3d.losses:SummedLSGAN",
            summary="Least squares to 1 (real) and 0 (synthetic), summed over resolutions.",
            adversarial=True,
            needs=("discriminator",),
            citation="Mao et al., Least squares generative adversarial networks, ICCV 2017",
        ),
        LossSpec(
            name="feature_matching",
            target="synthbench_plugins.ptnet3d.losses:FeatureMatching",
            summary="Mean absolute difference of the discriminator's features.",
            needs=("discriminator", "features"),
            citation=_PIX2PIXHD,
        ),
        LossSpec(
            name="perceptual_r3d18",
            target="synthbench_plugins.ptnet3d.perceptual:PerceptualR3D18",
            summary="Mean absolute difference of a video network's features (Kinetics-400).",
            preflight="synthbench_plugins.ptnet3d.weights:missing",
            remarks="synthbench_plugins.ptnet3d.weights:remarks",
            citation=_PAPER,
        ),
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the published method and its variants."""
    return [
        MethodSpec(
            name="ptnet3d",
            summary="Pyramid transformer network against a multi-scale 3D PatchGAN.",
            recipe=_RECIPE,
            presets=_PRESETS,
            paper=_PAPER,
            notes=_NOTES,
        ),
        MethodSpec(
            name="ptnet3d_no_perceptual",
            summary="ptnet3d without its perceptual loss, which needs weights to be downloaded.",
            recipe={**_RECIPE, "losses": _WITHOUT_PERCEPTUAL},
            presets=_PRESETS,
            variant_of="ptnet3d",
            paper=_PAPER,
            notes=_NOTES,
        ),
        MethodSpec(
            name="ptnet3d_mse",
            summary="ptnet3d trained with the mean squared error alone, as its 2D predecessor.",
            recipe={**_RECIPE, **_MSE},
            presets=_MSE_PRESETS,
            variant_of="ptnet3d",
            paper=_PAPER + "; losses of Zhang et al., PTNet, arXiv 2105.13993",
            notes=f"{_SHRUNK}, with a learning rate of 1e-3",
        ),
    ]
