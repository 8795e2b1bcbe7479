"""Recipes of Ea-GAN, and its losses at work in the training step."""

import pytest
import torch
import torch.nn.functional as F

from synthbench.api import Batch, Recipe, Setting, Stage
from synthbench.registry import load_registry
from synthbench.registry.recipes import recipe_of, with_changes
from synthbench.training.components import build_critics, build_penalties, build_translator
from synthbench.training.optimisers import Plan, Progress, learning_rate_factor, loss_weight
from synthbench.training.precision import Precision
from synthbench.training.step import TrainingStep
from synthbench_plugins import ea_gan

METHODS = {method.name: method for method in ea_gan.synthbench_methods()}

STEPS = 150

TINY = {
    "translator.params": {"channels": 8, "halvings": 4},
    "discriminators.0.params": {"channels": 4},
    "patch.size": [16, 16, 16],
    "batch": 1,
}


@pytest.fixture(scope="module")
def registry():
    return load_registry()


def pair(side=16):
    """A smooth source and a target that is a nonlinear function of it, in (-1, 1)."""
    torch.manual_seed(1)
    coarse = torch.randn(1, 1, 4, 4, 4)
    source = torch.tanh(F.interpolate(coarse, size=(side,) * 3, mode="trilinear"))
    return source, (2 * source.abs() - 1).clamp(-0.9, 0.9)


def prepare(registry, recipe, sources=1):
    torch.manual_seed(0)
    network = build_translator(registry, recipe, sources).train()
    stage = Stage("main", network)
    critics = build_critics(registry, recipe, stage)
    penalties = build_penalties(registry, recipe, stage)
    precision = Precision("fp32", torch.device("cpu"))
    return network, TrainingStep(network, critics, penalties, recipe, precision)


def test_published_recipe():
    recipe = Recipe(**METHODS["dea_gan"].recipe)
    assert recipe.translator.name == "strided_unet3d" and recipe.translator.params == {}
    (critic,) = recipe.discriminators
    assert (critic.name, critic.params, critic.weight) == ("edge_patchgan3d", {}, 1.0)
    assert critic.adversarial.model_dump() == {"name": "lsgan_smooth", "params": {}}
    assert [(term.name, term.weight) for term in recipe.losses] == [("l1", 300), ("edge_l1", 100)]
    assert (recipe.optimiser.lr, recipe.optimiser.betas) == (2e-4, (0.5, 0.999))
    assert (recipe.patch.size, recipe.patch.flip, recipe.batch) == ((128, 128, 128), (0,), 6)
    assert recipe.budget.epochs == 150


def test_variants_differ_in_what_the_discriminator_sees(registry):
    dea, gea = (Recipe(**METHODS[name].recipe) for name in ("dea_gan", "gea_gan"))
    assert METHODS["gea_gan"].variant_of == "dea_gan"
    assert gea.discriminators[0].name == "strided_patchgan3d"
    assert gea.model_copy(update={"discriminators": dea.discriminators}) == dea
    networks = [
        prepare(registry, with_changes(recipe, TINY))[1].critics[0].network for recipe in (gea, dea)
    ]
    shapes = [[tuple(p.shape) for p in network.parameters()] for network in networks]
    assert [shapes[0][0][1], shapes[1][0][1]] == [2, 3]
    assert shapes[0][1:] == shapes[1][1:]


def test_schedules():
    recipe = Recipe(**METHODS["dea_gan"].recipe)
    plan = Plan.of(recipe.budget, 1.0, subjects=60, batch=recipe.batch)

    def at(epoch):  # where an epoch, counted from 1, begins
        return plan.progress((epoch - 1) * 10, 0.0)

    edge = recipe.losses[1]
    rising = [loss_weight(edge, at(epoch)) for epoch in range(1, 23)]
    assert rising == pytest.approx([5.0 * k for k in range(21)] + [100.0])

    def lr(epoch):
        return recipe.optimiser.lr * learning_rate_factor(recipe.schedule, at(epoch).fraction)

    assert [lr(e) for e in (1, 101, 102, 150)] == pytest.approx([2e-4, 2e-4, 1.96e-4, 4e-6])


@pytest.mark.parametrize("name", METHODS)
def test_adversarial_term_reaches_the_generator(registry, name):
    recipe = with_changes(Recipe(**METHODS[name].recipe), {**TINY, "losses": []})
    network, step = prepare(registry, recipe)
    source, target = pair()
    step(lambda: Batch(source, target), Progress(0, 0.0, 0.0))
    assert sum(p.grad.abs().sum().item() for p in network.parameters()) > 1e-3


def test_dea_judges_edges(registry):
    recipe = with_changes(Recipe(**METHODS["dea_gan"].recipe), TINY)
    _, step = prepare(registry, recipe)
    critic = step.critics[0].network
    with torch.no_grad():  # blind to source and image
        critic.stages[0][0].weight[:, :2] = 0
    source, target = pair()
    target.requires_grad_()
    critic([target], source).logits[0].square().sum().backward()
    assert target.grad.abs().max() > 0


@pytest.mark.parametrize("name", METHODS)
def test_overfits_one_pair(registry, name):
    labels = {"real": [0.95, 0.95], "fake": [0.15, 0.15]}
    recipe = with_changes(
        Recipe(**METHODS[name].recipe),
        {
            **TINY,
            "discriminators.0.adversarial": {"name": "lsgan_smooth", "params": labels},
            "optimiser.lr": 2e-3,
            "discriminator_optimiser": {"lr": 2e-4, "betas": [0.5, 0.999]},
        },
    )
    network, step = prepare(registry, recipe)
    source, target = pair()
    history = []
    for k in range(STEPS):
        values = step(lambda: Batch(source, target), Progress(k, k / STEPS, 0.0))
        assert all(torch.isfinite(value) for value in values.values())
        history.append((values["l1"].item(), values["edge_l1"].item()))
    assert history[-1][0] < history[0][0] / 8
    assert history[-1][1] < history[0][1] / 3
    with torch.no_grad():
        assert F.l1_loss(network.eval()(source), target) < history[0][0] / 8


def test_several_sources(registry):
    recipe = with_changes(Recipe(**METHODS["dea_gan"].recipe), TINY)
    network, step = prepare(registry, recipe, sources=2)
    assert network.encoder[0][1].in_channels == 2
    assert step.critics[0].network.stages[0][0].in_channels == 4
    source, target = pair()
    values = step(lambda: Batch(torch.cat([source, -source], 1), target), Progress(0, 1.0, 1.0))
    weighted = values["edge_patchgan3d.g"] + 300 * values["l1"] + 100 * values["edge_l1"]
    torch.testing.assert_close(values["generator"], weighted)


@pytest.mark.parametrize("preset", ["smoke", "quick"])
@pytest.mark.parametrize("name", METHODS)
def test_presets_keep_the_idea(registry, preset, name):
    published = Recipe(**METHODS[name].recipe)
    recipe = recipe_of(METHODS[name], preset)
    assert recipe.losses == published.losses
    assert recipe.discriminators[0].adversarial == published.discriminators[0].adversarial
    assert recipe.budget.steps <= 1500
    network, _ = prepare(registry, recipe)
    sides = zip(recipe.patch.size, network.size_multiple, strict=True)
    assert all(side % multiple == 0 for side, multiple in sides)
    assert network.setting == Setting(patch=recipe.patch.size)
