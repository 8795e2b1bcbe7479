"""ResViT, slice by slice: a residual CNN with a shared vision transformer (Dalmaz et al.)."""

from __future__ import annotations

from typing import Any

from synthbench.api import MethodSpec, TranslatorSpec, hookimpl

synthbench_api_version = "1.0"

_PAPER = (
    "Dalmaz et al., ResViT: residual vision transformers for multimodal medical image synthesis, "
    "IEEE TMI 41(10), 2022"
)

_HERE = "synthbench_plugins.resvit"

_RECIPE: dict[str, Any] = {
    "translator": "resvit2d",
    "discriminators": ["patchgan2d:lsgan@1"],
    "losses": ["l1@100"],
    "optimiser": {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]},
    # In both phases, as each has half of its epochs for the decay.
    "schedule": {"kind": "linear", "start": 0.5},
    # Air alone is no training slice.
    "patch": {"size": [256, 256, 1], "foreground": 1.0, "flip": [0]},
    "batch": 1,
    # 150 epochs of 25 subjects with 100 slices.
    "budget": {"steps": 375_000},
    "intensity": [-1.0, 1.0],
}


def _small(*, channels: int, side: int, batch: int, steps: int) -> dict[str, Any]:
    return {
        "translator.params": {
            "channels": channels,
            "hidden": 8 * channels,
            "layers": 3,
            "heads": 4,
            "norm": "instance",
        },
        "discriminators.0.params": {"channels": channels, "stages": 2},
        "optimiser.lr": 1e-3,
        "discriminator_optimiser": {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]},
        "schedule.start": 0.25,
        "patch.size": [side, side, 1],
        "patch.foreground": 0.8,
        "inference.window": [side, side, 0],
        "batch": batch,
        "budget": {"steps": steps},
        "precision": "bf16",
    }


_PRESETS = {
    "smoke": _small(channels=8, side=64, batch=4, steps=150),
    "quick": _small(channels=16, side=80, batch=4, steps=900),
}

_NOTES = (
    "slice by slice, so neighbouring slices do not see each other; presets smoke and quick train "
    "narrower networks (3 transformer layers) with instance norm on several small slices a step, "
    "with a decaying learning rate of 1e-3"
)


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the generator."""
    return [
        TranslatorSpec(
            name="resvit2d",
            target=f"{_HERE}.generator:ResViT2D",
            summary="ResViT: 2D residual CNN with one vision transformer in two of its blocks.",
            preflight=f"{_HERE}.pretrained:preflight",
            remarks=f"{_HERE}.pretrained:remarks",
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the published method."""
    return [
        MethodSpec(
            name="resvit",
            summary="ResViT slice by slice: convolutions first, then transformers; 70x70 PatchGAN.",
            recipe=_RECIPE,
            presets=_PRESETS,
            paper=_PAPER,
            notes=_NOTES,
        )
    ]
