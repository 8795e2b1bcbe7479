"""Conditional denoising diffusion, the diffusion baseline."""

from __future__ import annotations

from typing import Any

from synthbench.api import MethodSpec, TranslatorSpec, hookimpl

synthbench_api_version = "1.0"

_PAPER = "Ho et al., Denoising diffusion probabilistic models, NeurIPS 2020"

_RECIPE: dict[str, Any] = {
    "translator": "conditional_diffusion",
    "losses": ["l2@1"],
    "optimiser": {"name": "adam", "lr": 1e-4},
    "patch": {"size": [96, 96, 96]},
    "batch": 2,
    "budget": {"steps": 100_000},
    "precision": "bf16",
    "intensity": [-1.0, 1.0],
    "ema": 0.999,
    "inference": {"params": {"sampler": "ddim", "steps": 50}},
}


def _small(channels: list[int], *, side: int, batch: int, steps: int, ddim: int) -> dict[str, Any]:
    # Where there is almost only noise, small errors of the predicted noise are large errors of the
    # image; in so short a training they do not get small enough, so the image itself is predicted,
    # and compared by L1, which settles on the one value of the background.
    # The average of the weights must forget where so short a training started.
    return {
        "translator.params": {
            "channels": channels,
            "attention": [False] * len(channels),
            "blocks": 1,
            "groups": 8,
            "head_channels": channels[-1],
            "predicts": "image",
        },
        "losses": ["l1@1"],
        "optimiser.lr": 2e-3,
        "schedule.kind": "linear",
        "patch.size": [side, side, side],
        "batch": batch,
        "budget": {"steps": steps},
        "ema": 0.97,
        "inference.overlap": 0.25,
        "inference.params": {"sampler": "ddim", "steps": ddim},
    }


_PRESETS = {
    "smoke": _small([8, 16], side=32, batch=1, steps=30, ddim=4),
    "quick": _small([16, 32, 32], side=32, batch=1, steps=700, ddim=4),
}

_NOTES = (
    "presets smoke and quick train a small network at a decaying rate of 2e-3 to predict the image "
    "instead of the noise, by L1, and sample with few DDIM steps"
)


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the diffusion model."""
    return [
        TranslatorSpec(
            name="conditional_diffusion",
            target="synthbench_plugins.ddpm.diffusion:ConditionalDiffusion",
            summary="Noise-predicting diffusion U-Net, conditioned by concatenating the source.",
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the diffusion baseline and its variants."""
    full = {**_RECIPE, "inference": {"params": {"sampler": "ddpm", "steps": 1000}}}
    slices = {
        **_RECIPE,
        "translator": {"name": "conditional_diffusion", "params": {"dims": 2}},
        "patch": {"size": [192, 192, 1]},
        "batch": 16,
        "inference": {"batch": 16, "params": {"sampler": "ddim", "steps": 50}},
    }
    flat = {
        "smoke": {
            **_PRESETS["smoke"],
            "translator.params": {**_PRESETS["smoke"]["translator.params"], "dims": 2},
            "patch.size": [48, 48, 1],
            "batch": 8,
            "inference.window": [0, 0, 1],
            "inference.batch": 64,
        },
        "quick": {
            **_PRESETS["quick"],
            "translator.params": {**_PRESETS["quick"]["translator.params"], "dims": 2},
            "patch.size": [64, 64, 1],
            "batch": 16,
            "inference.window": [0, 0, 1],
            "inference.batch": 64,
        },
    }
    return [
        MethodSpec(
            name="ddpm",
            summary="Conditional 3D diffusion, sampled with 50 DDIM steps.",
            recipe=_RECIPE,
            presets=_PRESETS,
            paper=_PAPER,
            notes=_NOTES,
        ),
        MethodSpec(
            name="ddpm_1000",
            summary="ddpm sampled with all 1000 steps.",
            recipe=full,
            presets=_PRESETS,
            variant_of="ddpm",
            paper=_PAPER,
            notes=_NOTES + "; so they do here, too",
        ),
        MethodSpec(
            name="ddpm_2d",
            summary="ddpm on axial slices.",
            recipe=slices,
            presets=flat,
            variant_of="ddpm",
            paper=_PAPER,
            notes=_NOTES,
        ),
    ]
