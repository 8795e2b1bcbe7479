"""Level 1: methods, trained for two steps a stage through the real engine."""

from __future__ import annotations

import contextlib
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from synthbench.api import Recipe, TranslatorSpec
from synthbench.inference.translate import load_translator, translate
from synthbench.registry.recipes import with_changes
from synthbench.testing import recipes, samples
from synthbench.testing.checks import check
from synthbench.testing.guard import (
    Watch,
    demand_nothing_left,
    demand_settings_kept,
    settle,
)
from synthbench.testing.specimens import Specimen, parts
from synthbench.testing.static import missing_of
from synthbench.testing.verdicts import Skipped, demand
from synthbench.training.components import seed_everything
from synthbench.training.engine import Interrupted

_Weights = dict[str, Tensor]


@dataclass
class _Straight:
    """A training from start to end and the translations after it, watched."""

    weights: _Weights
    rows: list[dict[str, float | str]]
    images: dict[str, Tensor]
    watch: Watch


def _recipe(specimen: Specimen) -> Recipe:
    method = specimen.catalogue.method(specimen.component)
    return recipes.tiny(specimen.registry, method, missing_of(specimen, method.recipe))


def _straight(specimen: Specimen) -> _Straight:
    folder = samples.new_folder()
    # Neither the kit's own files nor what libraries do when they are imported are its fault.
    samples.prepared()
    settle()
    method = specimen.catalogue.method(specimen.component)
    if method.blocked is None:
        for kind, name, _ in parts(method.recipe):
            specimen.registry.get(kind, name).resolve()
    with Watch(folder, samples.new_folder()) as watch:
        recipe = specimen.once(_recipe)
        engine = recipes.engine(specimen.registry, recipe, folder)
        engine.run()
        translator = load_translator(specimen.registry, recipe, 1, folder / "model.pt")
        images = {
            name: torch.from_numpy(translate(translator, recipe, batch, seed=0))
            for name, batch in recipes.translated(recipe, 1).items()
        }
    weights = torch.load(folder / "model.pt", weights_only=True)
    shutil.rmtree(folder)
    return _Straight(weights, engine.rows, images, watch)


@check("methods", level=1)
def trains_and_translates(specimen: Specimen) -> None:
    """Two training steps a stage on tiny subjects, then two volumes translated: every loss and
    every voxel is finite, every volume in the unit range and its own shape."""
    done = specimen.once(_straight)
    for row in done.rows:
        for name, value in row.items():
            wrong = isinstance(value, float) and not math.isfinite(value)
            demand(not wrong, f"{name} is {value} at step {row.get('step')}")
    for name, image in done.images.items():
        demand(tuple(image.shape) == samples.TRANSLATED[name], f"{name}: shape {image.shape}")
        demand(torch.isfinite(image).all(), f"{name}: NaN or infinite voxels")
        demand(image.min() >= 0 and image.max() <= 1, f"{name}: voxels outside the unit range")


@check("methods", level=1)
def same_seed_same_weights(specimen: Specimen) -> None:
    """Trained twice with the same seed, it ends with the same weights, bit for bit."""
    done = specimen.once(_straight)
    seed_everything(54321)  # what the process drew before must not matter
    folder = samples.new_folder()
    recipes.engine(specimen.registry, specimen.once(_recipe), folder).run()
    _demand_equal(done.weights, _taken(folder), "a second training with the same seed")


@check("methods", level=1)
def resumes(specimen: Specimen) -> None:
    """Stopped after its first step and continued from the checkpoint, by another process with other
    random states, it ends with the same weights as without the stop, bit for bit."""
    recipe = specimen.once(_recipe)
    if recipe.budget.steps == 0:
        raise Skipped("it trains nothing that could be interrupted")
    done = specimen.once(_straight)
    folder = samples.new_folder()
    with contextlib.suppress(Interrupted):
        recipes.engine(specimen.registry, recipe, folder, should_stop=lambda: True).run()
    seed_everything(12345)
    recipes.engine(specimen.registry, recipe, folder).run()
    _demand_equal(done.weights, _taken(folder), "a training continued after a stop")


@check("methods", level=1)
def keeps_to_its_folder(specimen: Specimen) -> None:
    """Training and translating leave no file outside the method's own folder: not in the working
    directory, the home folder or a cache (temporary files that are removed again are fine)."""
    demand_nothing_left(specimen.once(_straight).watch)


@check("methods", level=1)
def keeps_settings(specimen: Specimen) -> None:
    """Training and translating change neither working directory, environment, torch's threads,
    default dtype, gradient mode and deterministic flags, nor numpy's error handling or the root
    logger."""
    demand_settings_kept(specimen.once(_straight).watch)


@check("methods", level=1)
def two_sources(specimen: Specimen) -> None:
    """With two source modalities it trains and translates, unless its translator's `max_sources`
    refuses them."""
    registry, catalogue = specimen.registry, specimen.catalogue
    name = specimen.once(_recipe).translator.name
    spec = registry.get("translators", name).spec
    assert isinstance(spec, TranslatorSpec)
    method = catalogue.method(specimen.component, sources=2)
    if spec.max_sources is not None and spec.max_sources < 2:
        demand(method.blocked, f"max_sources of {name} is {spec.max_sources}, but two are taken")
        return
    recipe = recipes.tiny(registry, method, missing_of(specimen, method.recipe), sources=2)
    recipe = with_changes(recipe, {"budget.steps": min(1, recipe.budget.steps or 0)})
    folder = samples.new_folder()
    recipes.engine(registry, recipe, folder, sources=2).run()
    translator = load_translator(registry, recipe, 2, folder / "model.pt")
    translate(translator, recipe, recipes.translated(recipe, 2)["small"], seed=0)
    shutil.rmtree(folder)


def _taken(folder: Path) -> _Weights:
    weights: _Weights = torch.load(folder / "model.pt", weights_only=True)
    shutil.rmtree(folder)
    return weights


def _demand_equal(one: _Weights, other: _Weights, what: str) -> None:
    demand(one.keys() == other.keys(), f"{what} ends with other parameters")
    different = [name for name, value in one.items() if not torch.equal(value, other[name])]
    shown = f"{', '.join(different[:3])}{' and more' if len(different) > 3 else ''}"
    demand(not different, f"{what} ends with another {shown}")
