"""3D Pix2Pix with a residual U-Net generator (Dao et al.)."""

from __future__ import annotations

from typing import Any

from synthbench.api import MethodSpec, TranslatorSpec, hookimpl

synthbench_api_version = "1.0"

_PAPER = (
    "Dao et al., Cross-modality Medical Image Generation using Deep Generative Adversarial Network"
)

_RECIPE: dict[str, Any] = {
    "translator": "resunet3d",
    "discriminators": ["patchgan3d:bce@1"],
    "losses": ["l1@1"],
    "optimiser": {"name": "adam", "lr": 1e-4},
    "patch": {"size": None},
    "batch": 1,
    "budget": {"epochs": 100},
    "intensity": [-1.0, 1.0],
}


def _small(
    channels: list[int], *, critic: int, side: int, batch: int, steps: int
) -> dict[str, Any]:
    # L1 weight 100 and a higher, decaying rate, because at weight 1 the adversarial term leads for
    # longer than such a budget lasts. Instance norm, because the running statistics of so few and
    # small batches do not describe what the network meets in a whole volume; windows of the patch's
    # size, because instance norm must see as much air at a time as it did in training.
    return {
        "translator.params": {"channels": channels, "norm": "instance"},
        "discriminators": [
            {
                "name": "patchgan3d",
                "params": {"channels": critic, "stages": 3},
                "adversarial": "bce",
            }
        ],
        "losses": ["l1@100"],
        "optimiser.lr": 1e-3,
        "discriminator_optimiser": {"name": "adam", "lr": 1e-4},
        "schedule.kind": "linear",
        "patch.size": [side, side, side],
        "batch": batch,
        "budget": {"steps": steps},
    }


_PRESETS = {
    "smoke": _small([8, 16, 32], critic=8, side=32, batch=2, steps=30),
    "quick": _small([16, 32, 64, 128], critic=8, side=40, batch=1, steps=400),
}

_NOTES = (
    "presets smoke and quick train narrower networks with instance norm on patches, with L1 weight "
    "100 and a decaying learning rate of 1e-3; the paper trains with batch norm on whole volumes, "
    "weight 1 and rate 1e-4"
)


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the generator."""
    return [
        TranslatorSpec(
            name="resunet3d",
            target="synthbench_plugins.pix2pix_resunet.generator:ResUNet3D",
            summary="Residual 3D U-Net with a tanh head.",
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the published method and its variant."""
    return [
        MethodSpec(
            name="pix2pix_resunet",
            summary="3D Pix2Pix: residual U-Net against a conditional 3D PatchGAN.",
            recipe=_RECIPE,
            presets=_PRESETS,
            paper=_PAPER,
            notes=_NOTES,
        ),
        MethodSpec(
            name="pix2pix_resunet_l1x100",
            summary="pix2pix_resunet with the L1 weight of the pix2pix paper, 100.",
            recipe={**_RECIPE, "losses": ["l1@100"]},
            presets=_PRESETS,
            variant_of="pix2pix_resunet",
            paper=_PAPER + "; L1 weight of Isola et al., CVPR 2017",
            notes=_NOTES,
        ),
    ]
