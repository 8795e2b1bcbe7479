"""Baselines without training: the floor that every trained method must beat."""

from __future__ import annotations

from typing import Any

from synthbench.api import MethodSpec, TranslatorSpec, hookimpl

synthbench_api_version = "1.0"

#: Class and summary by name.
_BASELINES = {
    "identity": ("Identity", "The (first) source itself, unit range to unit range."),
    "linear": (
        "Linear",
        "One affine intensity map per source, least squares over the training foreground.",
    ),
    "mean": (
        "Mean",
        "Mean training intensity of the target, inside and outside the source's foreground.",
    ),
    "nlm": ("NonLocalMeans", "The (first) source, denoised by 3D non-local means."),
}


def _recipe(name: str) -> dict[str, Any]:
    return {
        "translator": name,
        "patch": {"size": None},
        "budget": {"steps": 0},
        "intensity": [0.0, 1.0],
    }


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the closed-form translators."""
    return [
        TranslatorSpec(
            name=name,
            target=f"synthbench_plugins.reference.{name}:{implementation}",
            summary=summary,
            trained=False,
        )
        for name, (implementation, summary) in _BASELINES.items()
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the baselines; a preset changes nothing about them."""
    unchanged = {
        preset: {"patch.size": None, "budget": {"steps": 0}} for preset in ("smoke", "quick")
    }
    return [
        MethodSpec(
            name=name, summary=summary, recipe=_recipe(name), presets=unchanged, baseline=True
        )
        for name, (_, summary) in _BASELINES.items()
    ]
