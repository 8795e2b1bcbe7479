"""Level 1: translators, as their methods' smoke recipes build them."""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from synthbench.api import Batch, Recipe, Stage, Translator
from synthbench.api.recipe import Budget, Part, Patch
from synthbench.inference.translate import translate
from synthbench.registry.recipes import with_changes
from synthbench.testing import recipes
from synthbench.testing.checks import check
from synthbench.testing.specimens import Specimen
from synthbench.testing.static import missing_of
from synthbench.testing.verdicts import Skipped, demand
from synthbench.training.components import build_critics, build_penalties, build_translator
from synthbench.training.optimisers import Progress
from synthbench.training.precision import Precision
from synthbench.training.step import TrainingStep

#: Draws after which a part that is used now and then has had its turn.
_DRAWS = 2


@dataclass
class _Rig:
    """A translator's recipe and a translator built from it, untrained but calibrated."""

    specimen: Specimen
    recipe: Recipe
    translator: Translator

    def build(self, seed: int) -> Translator:
        return recipes.calibrated(self.specimen.registry, self.recipe, 1, seed)

    def batch(self, stage: Stage, step: int = 0) -> Batch:
        own = with_changes(self.recipe, stage.overrides)
        draw = recipes.sampler(own, 1)
        return draw(own.patch, own.batch, stage.module.size_multiple, 0)(step)

    def translate(self, translator: Translator, name: str = "small") -> Any:
        batch = recipes.translated(self.recipe, 1)[name]
        return translate(translator.eval(), self.recipe, batch, seed=3)


def _rig(specimen: Specimen) -> _Rig:
    entry = specimen.component
    users = [user for user, _ in specimen.catalogue.users(entry)]
    if users:
        method = dict((e.id, m) for e, m in specimen.catalogue.methods)[users[0].id]
        lacking = missing_of(specimen, method.recipe)
        recipe = recipes.tiny(specimen.registry, method, lacking)
    else:
        recipe = Recipe(
            translator=Part(name=entry.id),
            patch=Patch(size=(16, 16, 16)),
            budget=Budget(steps=0),
        )
    # Half precision may round a small gradient to nothing; methods are trained in their own.
    recipe = with_changes(recipe, {"precision": "fp32"})
    return _Rig(specimen, recipe, recipes.calibrated(specimen.registry, recipe, 1))


@check("translators", level=1)
def forward(specimen: Specimen) -> None:
    """`forward` maps a patch (B, C, X, Y, Z) to a finite floating-point image (B, 1, X, Y, Z) and
    leaves its input as it was. A translator whose `translate` does without it need not have one."""
    rig = specimen.once(_rig)
    if type(rig.translator).forward is Translator.forward:
        raise Skipped("it has no forward of its own: translate() does the work")
    source = rig.batch(Stage("whole", rig.translator)).source
    before = source.clone()
    with torch.no_grad():
        image = rig.translator.eval()(source)
    expected = (len(source), 1, *source.shape[2:])
    demand(isinstance(image, torch.Tensor), f"it returns {type(image).__name__}, not a tensor")
    demand(tuple(image.shape) == expected, f"shape {tuple(image.shape)} for {expected}")
    demand(image.is_floating_point(), f"it returns {image.dtype}")
    demand(torch.isfinite(image).all(), "it returns NaN or infinite voxels")
    demand(torch.equal(source, before), "it changes its input")


@check("translators", level=1)
def any_size(specimen: Specimen) -> None:
    """Whole volumes with odd, unequal sides, shorter and longer than the window, with and without a
    label, come back in their own shape and finite, through the core's sliding window."""
    rig = specimen.once(_rig)
    for name, batch in recipes.translated(rig.recipe, 1).items():
        before = batch.source.clone()
        image = rig.translate(rig.translator, name)  # refuses a wrong shape, NaN and infinity
        demand(image.shape == tuple(batch.source.shape[2:]), f"shape {image.shape} comes back")
        demand(torch.equal(batch.source, before), "it changes its input")


@check("translators", level=1)
def predict(specimen: Specimen) -> None:
    """Each stage's `predict` gives `levels` finite fake and real images of pairwise equal shapes,
    the first with `predicted_sides` (where given, else the batch's sides), and a condition with the
    sides of `fake[0]` and `condition_channels` channels, where there is one."""
    rig = specimen.once(_rig)
    for stage in rig.translator.stages():
        module = stage.module.train()
        batch = rig.batch(stage)
        with torch.no_grad():
            prediction = module.predict(batch)
        fake, real, shown = prediction.fake, prediction.real, recipes.describe(prediction)
        demand(len(fake) == len(real) == module.levels, f"levels is {module.levels}: {shown}")
        demand([f.shape for f in fake] == [r.shape for r in real], f"shapes differ: {shown}")
        finite = all(torch.isfinite(image).all() for image in (*fake, *real))
        demand(finite, f"stage {stage.name}: NaN or infinite voxels")
        sides = tuple(fake[0].shape[2:])
        expected = module.predicted_sides or tuple(batch.source.shape[2:])
        demand(sides == tuple(expected), f"fake[0] has sides {sides}, {expected} are declared")
        if prediction.condition is not None:
            condition = tuple(prediction.condition.shape)
            demand(condition[2:] == sides, f"condition {condition} beside fake[0] of {sides}")
            demand(
                condition[1] == module.condition_channels,
                f"condition {condition}, but condition_channels is {module.condition_channels}",
            )


@check("translators", level=1)
def gradients(specimen: Specimen) -> None:
    """In a training step every trainable parameter of each stage receives a finite gradient."""
    rig = specimen.once(_rig)
    if not specimen.component.spec.trained or not rig.recipe.losses:
        raise Skipped("no method trains it")
    translator = rig.build(seed=1)
    for number, stage in enumerate(translator.stages()):
        recipe = with_changes(rig.recipe, stage.overrides)
        registry = specimen.registry
        step = TrainingStep(
            stage.module.train(),
            build_critics(registry, recipe, stage),
            build_penalties(registry, recipe, stage),
            recipe,
            Precision("fp32", torch.device("cpu")),
        )
        reached: set[str] = set()
        for draw in range(_DRAWS):
            # The end of the budget: no loss is ramped down to nothing there.
            step(lambda: rig.batch(stage, draw), Progress(draw, 1.0, 1e9))  # noqa: B023
            for name, parameter in stage.module.named_parameters():
                if parameter.grad is not None:
                    demand(torch.isfinite(parameter.grad).all(), f"{name}: gradient not finite")
                    reached.add(name)
        trainable = [n for n, p in stage.module.named_parameters() if p.requires_grad]
        demand(trainable, f"stage {number} ({stage.name}) has no trainable parameter")
        lost = [name for name in trainable if name not in reached]
        demand(not lost, f"stage {stage.name}: no gradient reaches {', '.join(lost)}")


@check("translators", level=1)
def repeats(specimen: Specimen) -> None:
    """Translating a volume twice with the same seed gives the same voxels, whatever was translated
    in between."""
    rig = specimen.once(_rig)
    first = rig.translate(rig.translator)
    rig.translate(rig.translator, "large")
    second = rig.translate(rig.translator)
    demand(np.array_equal(first, second), "two translations with the same seed differ")


@check("translators", level=1)
def state_dict(specimen: Specimen) -> None:
    """Everything it learns is in its state dict: saved, and loaded into a translator built anew
    with another seed and never calibrated, it translates the same."""
    rig = specimen.once(_rig)
    file = io.BytesIO()
    torch.save(rig.translator.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    torch.manual_seed(12345)
    other = build_translator(specimen.registry, rig.recipe, 1)
    other.load_state_dict(state)
    same = np.array_equal(rig.translate(rig.translator), rig.translate(other))
    demand(same, "rebuilt from its state dict, it translates differently")


@check("translators", level=1)
def deep_copy(specimen: Specimen) -> None:
    """It can be deep-copied after a `predict` with gradients, as averaging of weights does, and the
    copy translates the same."""
    rig = specimen.once(_rig)
    translator = rig.build(seed=2)
    for stage in translator.stages():
        stage.module.train().predict(rig.batch(stage))
    copied = copy.deepcopy(translator)
    same = np.array_equal(rig.translate(translator), rig.translate(copied))
    demand(same, "its copy translates differently")
