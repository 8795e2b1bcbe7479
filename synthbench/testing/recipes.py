"""A method's smoke recipe made tiny, and what is built from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from synthbench.api import Batch, Prediction, Recipe, SynthbenchError, Translator
from synthbench.api.recipe import Patch
from synthbench.execution.methods import Method
from synthbench.registry import Registry
from synthbench.registry.recipes import with_changes
from synthbench.testing import samples
from synthbench.testing.verdicts import Failed, Skipped
from synthbench.training.components import build_critics, build_translator, seed_everything
from synthbench.training.engine import Engine, TrainingJob
from synthbench.volumes.patches import PatchSampler, whole

#: Longest side of a training patch, voxels; the second where a component refuses the first.
_SIDES = (16, 24)
#: Steps of every stage.
STEPS = 2


def tiny(registry: Registry, method: Method, missing: Iterable[str], sources: int = 1) -> Recipe:
    """Shrink a resolved recipe: patches of at most 16 voxels a side, two steps a stage.

    Args:
        registry: Where its components are found.
        method: The method at its smoke preset.
        missing: What its components lack on this machine.
        sources: Number of source modalities.

    Raises:
        Skipped: If a component lacks a package or weights.
        Failed: If the recipe cannot be used.
    """
    if method.blocked is not None:
        absent = method.blocked[0] in missing
        raise Skipped(method.blocked[0]) if absent else Failed(method.blocked[0])
    recipe = method.recipe
    if recipe.budget.steps != 0:
        recipe = with_changes(recipe, {"batch": min(recipe.batch, 2)})
    size = recipe.patch.size
    if size is not None and max(size) > _SIDES[0]:
        for side in _SIDES:
            smaller = with_changes(recipe, {"patch.size": [min(s, side) for s in size]})
            if _works(registry, smaller, sources):
                recipe = smaller
                break
    if recipe.budget.steps == 0:
        return recipe
    stages = build_translator(registry, recipe, sources).stages()
    steps = math.ceil(STEPS / min(stage.share for stage in stages))
    return with_changes(recipe, {"budget": {"steps": steps}})


def calibrated(registry: Registry, recipe: Recipe, sources: int, seed: int = 0) -> Translator:
    """Build a translator and show it the training volumes, as the engine does."""
    seed_everything(seed)
    translator = build_translator(registry, recipe, sources)
    with torch.no_grad():
        translator.calibrate(volumes(recipe, sources))
    return translator


def volumes(recipe: Recipe, sources: int) -> Iterable[Batch]:
    """Give every whole training volume."""
    prepared = samples.prepared()
    modalities = samples.SOURCES[:sources]
    return (
        whole(prepared[name], modalities, samples.TARGET, recipe.intensity)
        for name in samples.TRAINING
    )


def translated(recipe: Recipe, sources: int) -> dict[str, Batch]:
    """Whole volumes to translate, by name."""
    prepared = samples.prepared()
    modalities = samples.SOURCES[:sources]
    return {
        name: whole(prepared[name], modalities, None, recipe.intensity)
        for name in samples.TRANSLATED
    }


def sampler(
    recipe: Recipe, sources: int
) -> Callable[[Patch, int, Any, int], Callable[[int], Batch]]:
    """Make the engine's source of training batches."""

    def make(patch: Patch, count: int, multiple: Any, seed: int) -> Callable[[int], Batch]:
        return PatchSampler(
            samples.prepared(),
            list(samples.TRAINING),
            samples.SOURCES[:sources],
            samples.TARGET,
            patch,
            count,
            recipe.intensity,
            multiple,
            seed,
        ).batch

    return make


def engine(
    registry: Registry,
    recipe: Recipe,
    folder: Path,
    *,
    sources: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
) -> Engine:
    """Make the real engine for a training on the samples."""
    return Engine(
        registry,
        TrainingJob(
            recipe=recipe,
            source_channels=sources,
            subjects=len(samples.TRAINING),
            sampler=sampler(recipe, sources),
            volumes=lambda: volumes(recipe, sources),
            seed=0,
            folder=folder,
            override=with_changes,
            should_stop=should_stop,
        ),
    )


def describe(prediction: Prediction) -> str:
    """Say which images a prediction holds, for messages."""
    fake = [tuple(image.shape) for image in prediction.fake]
    real = [tuple(image.shape) for image in prediction.real]
    return f"fake {fake}, real {real}"


def _works(registry: Registry, recipe: Recipe, sources: int) -> bool:
    """Whether every stage predicts and is judged without an objection to the patch."""
    try:
        for stage in calibrated(registry, recipe, sources).stages():
            own = with_changes(recipe, stage.overrides)
            draw = sampler(own, sources)
            batch = draw(own.patch, own.batch, stage.module.size_multiple, 0)(0)
            with torch.no_grad():
                prediction = stage.module.predict(batch)
                for critic in build_critics(registry, own, stage):
                    critic.network(prediction.fake, prediction.condition)
    except SynthbenchError:
        return False
    except Exception:  # not an objection: the checks are there to tell
        return True
    return True
