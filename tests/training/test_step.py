from collections.abc import Callable
from typing import Any

import torch

from synthbench.api import Recipe
from synthbench.registry import Registry
from synthbench.training.components import build_critics, build_penalties, build_translator
from synthbench.training.optimisers import Progress
from synthbench.training.precision import Precision
from synthbench.training.step import TrainingStep
from tests import toy
from tests.training.conftest import random_batch

START = Progress(0, 0.0, 0.0)


def make_step(registry: Registry, **changes: Any) -> TrainingStep:
    torch.manual_seed(0)
    recipe = Recipe.model_validate({**toy.RECIPE, **changes})
    translator = build_translator(registry, recipe, 1)
    stage = translator.stages()[0]
    return TrainingStep(
        stage.module,
        build_critics(registry, recipe, stage),
        build_penalties(registry, recipe, stage),
        recipe,
        Precision("fp32", torch.device("cpu")),
    )


def drawing() -> tuple[Callable[[], Any], list[int]]:
    drawn: list[int] = []

    def draw() -> Any:
        drawn.append(len(drawn))
        return random_batch(len(drawn), 0)

    return draw, drawn


def test_one_forward_serves_both_updates(registry: Registry) -> None:
    step = make_step(registry)
    calls = []
    step.network.register_forward_hook(lambda *_: calls.append(1))
    draw, drawn = drawing()
    values = step(draw, START)
    assert len(calls) == 1
    assert len(drawn) == 1
    assert set(values) == {"critic.d", "critic.g", "l1", "generator"}
    assert torch.isclose(values["generator"], 0.1 * values["critic.g"] + values["l1"])


def test_both_networks_move(registry: Registry) -> None:
    step = make_step(registry)
    before = [p.clone() for p in step.network.parameters()]
    critic = [p.clone() for p in step.critics[0].network.parameters()]
    step(drawing()[0], START)
    assert any(
        not torch.equal(a, b) for a, b in zip(before, step.network.parameters(), strict=True)
    )
    assert any(
        not torch.equal(a, b)
        for a, b in zip(critic, step.critics[0].network.parameters(), strict=True)
    )


def test_the_generator_update_leaves_no_gradient_in_the_critic(registry: Registry) -> None:
    step = make_step(registry)
    step(drawing()[0], START)
    gradients = [p.grad.clone() for p in step.critics[0].network.parameters() if p.grad is not None]
    # Repeat the critics' half alone: its gradients must be what the full step left behind.
    alone = make_step(registry)
    alone._update_critics(alone.network.predict(random_batch(1, 0)))
    expected = [p.grad for p in alone.critics[0].network.parameters()]
    assert len(gradients) == len(expected)
    assert all(torch.equal(a, b) for a, b in zip(gradients, expected, strict=True) if b is not None)
    assert all(p.requires_grad for p in step.critics[0].network.parameters())


def test_extra_critic_steps_draw_batches_of_their_own(registry: Registry) -> None:
    draw, drawn = drawing()
    make_step(registry, discriminator_steps=3)(draw, START)
    assert len(drawn) == 3
    draw, drawn = drawing()
    make_step(registry, discriminator_steps=3, separate_batches=True)(draw, START)
    assert len(drawn) == 4


def test_the_gate_holds_back_a_critic_that_is_too_good(registry: Registry) -> None:
    def term(gate: float) -> dict[str, Any]:
        return {"name": "critic", "adversarial": "squared", "max_accuracy": gate}

    moved = {}
    for gate in (0.01, 1.0):
        step = make_step(registry, discriminators=[term(gate)])
        before = [p.clone() for p in step.critics[0].network.parameters()]
        step(drawing()[0], START)
        after = step.critics[0].network.parameters()
        moved[gate] = any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert moved == {0.01: False, 1.0: True}


def test_real_images_are_judged_for_the_generator_only_on_request(registry: Registry) -> None:
    plain = make_step(registry)
    plain(drawing()[0], START)
    relative = make_step(registry, discriminators=["critic:relative"])
    relative(drawing()[0], START)
    calls = [step.critics[0].network.calls for step in (plain, relative)]
    assert calls == [3, 4]


def test_two_terms_of_one_discriminator_get_names_of_their_own(registry: Registry) -> None:
    step = make_step(registry, discriminators=["critic:squared", "critic:relative"])
    values = step(drawing()[0], START)
    assert {"critic.d", "critic.g", "critic2.d", "critic2.g"} <= set(values)
