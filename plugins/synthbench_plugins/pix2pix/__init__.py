"""Pix2pix, slice by slice: U-Net generator and conditional PatchGAN (Isola et al.)."""

from __future__ import annotations

from typing import Any

from synthbench.api import DiscriminatorSpec, MethodSpec, TranslatorSpec, hookimpl

synthbench_api_version = "1.0"

_PAPER = "Isola et al., Image-to-image translation with conditional adversarial networks, CVPR 2017"

_RECIPE: dict[str, Any] = {
    "translator": "unet2d",
    "discriminators": ["patchgan2d:bce@1"],
    "losses": ["l1@100"],
    "optimiser": {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]},
    "patch": {"size": [256, 256, 1], "flip": [0]},
    "batch": 1,
    "budget": {"steps": 200_000},
    "intensity": [-1.0, 1.0],
}


def _small(*, channels: int, critic: int, side: int, batch: int, steps: int) -> dict[str, Any]:
    # No dropout, several slices a step and a higher, decaying rate, because so few steps do not
    # reach the point where regularisation pays. Four halvings, because slices this small end in a
    # bottleneck of a few pixels with them. Windows as wide as the training slices, because instance
    # norm must see as much air at a time as it did in training.
    return {
        "translator.params": {"channels": channels, "halvings": 4, "dropout": 0.0},
        "discriminators.0.params": {"channels": critic, "stages": 2},
        "optimiser.lr": 1e-3,
        "discriminator_optimiser": {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]},
        "schedule.kind": "linear",
        "patch.size": [side, side, 1],
        "inference.window": [side, side, 0],
        "batch": batch,
        "budget": {"steps": steps},
        "precision": "bf16",
    }


_PRESETS = {
    "smoke": _small(channels=16, critic=8, side=64, batch=4, steps=250),
    "quick": _small(channels=32, critic=16, side=80, batch=8, steps=1500),
}

_NOTES = (
    "slice by slice, so neighbouring slices do not see each other; presets smoke and quick train "
    "narrower and shallower networks without dropout on several small slices a step, with a "
    "decaying learning rate of 1e-3"
)


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the generator."""
    return [
        TranslatorSpec(
            name="unet2d",
            target="synthbench_plugins.pix2pix.generator:UNet2D",
            summary="Pix2pix's 2D U-Net of strided convolutions, applied slice by slice.",
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    """Declare the discriminator."""
    return [
        DiscriminatorSpec(
            name="patchgan2d",
            target="synthbench_plugins.pix2pix.discriminator:PatchGAN2D",
            summary="Conditional 70x70 PatchGAN on slices, one logit a patch.",
            conditional=True,
            features=True,
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the published method."""
    return [
        MethodSpec(
            name="pix2pix",
            summary="2D pix2pix slice by slice: U-Net against a conditional 70x70 PatchGAN.",
            recipe=_RECIPE,
            presets=_PRESETS,
            paper=_PAPER,
            notes=_NOTES,
        )
    ]
