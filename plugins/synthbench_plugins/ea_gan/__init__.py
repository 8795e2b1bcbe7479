"""Ea-GAN: 3D pix2pix that knows about edges (Yu et al.)."""

from __future__ import annotations

from typing import Any

from synthbench.api import DiscriminatorSpec, LossSpec, MethodSpec, TranslatorSpec, hookimpl

synthbench_api_version = "1.0"

_PAPER = (
    "Yu et al., Ea-GANs: Edge-aware generative adversarial networks for cross-modality MR image "
    "synthesis, IEEE Transactions on Medical Imaging 38(7), 2019"
)

#: Epochs of the published training: all, those before the learning rate falls, and those in which
#: the edge term rises.
_EPOCHS, _CONSTANT, _RISING = 150, 100, 20


def _recipe(discriminator: str) -> dict[str, Any]:
    return {
        "translator": "strided_unet3d",
        "discriminators": [f"{discriminator}:lsgan_smooth@1"],
        "losses": [
            "l1@300",
            {"name": "edge_l1", "weight": 100.0, "ramp": {"fraction": _RISING / _EPOCHS}},
        ],
        "optimiser": {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]},
        "schedule": {"kind": "linear", "start": _CONSTANT / _EPOCHS},
        "patch": {"size": [128, 128, 128], "foreground": 0.0, "flip": [0]},
        "batch": 6,
        "budget": {"epochs": _EPOCHS},
        "intensity": [-1.0, 1.0],
        "inference": {"overlap": 0.5, "blend": "constant"},
    }


def _small(*, channels: int, steps: int) -> dict[str, Any]:
    # Instance norm, because the running statistics of so few and small batches do not describe what
    # the network meets in a whole volume. A higher rate that falls from the start, because so few
    # steps at the published one barely leave the beginning. Three halvings, because deeper levels
    # hold most of the weights and so of the time. Patches where there is tissue, because small ones
    # placed anywhere often hold nothing but air.
    return {
        "translator.params": {"channels": channels, "halvings": 3, "norm": "instance"},
        "discriminators.0.params": {"channels": 8, "norm": "instance"},
        "optimiser.lr": 1e-3,
        "discriminator_optimiser": {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]},
        "schedule.start": 0.0,
        "patch.size": [48, 48, 48],
        "patch.foreground": 0.8,
        "batch": 1,
        "budget": {"steps": steps},
        "precision": "bf16",
    }


_PRESETS = {
    "smoke": _small(channels=16, steps=80),
    "quick": _small(channels=32, steps=1300),
}

_NOTES = (
    "labels are smoothed anew at every step and there is no image pool (in the reference code the "
    "labels freeze, and the pool cuts dEa-GAN's generator off from its discriminator); presets "
    "smoke and quick train narrower and shallower networks with instance norm at batch size 1 on "
    "smaller patches, with a decaying learning rate of 1e-3"
)


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the generator."""
    return [
        TranslatorSpec(
            name="strided_unet3d",
            target="synthbench_plugins.ea_gan.generator:StridedUNet3D",
            summary="3D U-Net of strided 4x4x4 convolutions with a tanh head (pix2pix in 3D).",
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    """Declare the discriminators."""
    return [
        DiscriminatorSpec(
            name="strided_patchgan3d",
            target="synthbench_plugins.ea_gan.discriminator:StridedPatchGAN3D",
            summary="Conditional 3D PatchGAN of strided convolutions, one logit a patch (gEa-GAN).",
            conditional=True,
            features=True,
            citation=_PAPER,
        ),
        DiscriminatorSpec(
            name="edge_patchgan3d",
            target="synthbench_plugins.ea_gan.discriminator:EdgePatchGAN3D",
            summary="strided_patchgan3d that also sees the image's Sobel edges (dEa-GAN).",
            conditional=True,
            features=True,
            citation=_PAPER,
        ),
    ]


@hookimpl
def synthbench_losses() -> list[LossSpec]:
    """Declare the edge loss and the adversarial pair."""
    return [
        LossSpec(
            name="edge_l1",
            target="synthbench_plugins.ea_gan.losses:EdgeL1",
            summary="Mean absolute difference of 3D Sobel edge maps, averaged over resolutions.",
            citation=_PAPER,
        ),
        LossSpec(
            name="lsgan_smooth",
            target="synthbench_plugins.ea_gan.losses:SmoothedLSGAN",
            summary="Least squares to random labels near 1 (real) and 0 (synthetic).",
            adversarial=True,
            needs=("discriminator",),
            citation=_PAPER,
        ),
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the published method and its variant."""
    return [
        MethodSpec(
            name="dea_gan",
            summary="dEa-GAN: 3D pix2pix with an edge loss and a discriminator that sees edges.",
            recipe=_recipe("edge_patchgan3d"),
            presets=_PRESETS,
            paper=_PAPER,
            notes=_NOTES,
        ),
        MethodSpec(
            name="gea_gan",
            summary="gEa-GAN: 3D pix2pix with an edge loss; its discriminator sees no edges.",
            recipe=_recipe("strided_patchgan3d"),
            presets=_PRESETS,
            variant_of="dea_gan",
            paper=_PAPER,
            notes=_NOTES,
        ),
    ]
