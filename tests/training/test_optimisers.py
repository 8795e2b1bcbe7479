import pytest
import torch

from synthbench.api.recipe import Budget, LossTerm, Optimiser, Schedule
from synthbench.training.optimisers import (
    Plan,
    Progress,
    learning_rate_factor,
    loss_weight,
    make_optimiser,
)


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Schedule(), {0.0: 1, 0.5: 1, 1.0: 1}),
        (Schedule(kind="step", gamma=0.5, every=0.25), {0.0: 1, 0.24: 1, 0.25: 0.5, 0.8: 0.125}),
        (Schedule(kind="linear", start=0.5), {0.0: 1, 0.5: 1, 0.75: 0.5, 1.0: 0}),
        (Schedule(kind="cosine"), {0.0: 1, 0.5: 0.5, 1.0: 0}),
    ],
)
def test_learning_rate(schedule: Schedule, values: dict[float, float]) -> None:
    for fraction, factor in values.items():
        assert learning_rate_factor(schedule, fraction) == pytest.approx(factor)


def test_a_ramp_climbs_and_stays() -> None:
    """Ea-GAN: the edge weight rises from 0 to 100 over 20 epochs."""
    term = LossTerm.model_validate({"name": "edge", "weight": 100, "ramp": {"epochs": 20}})
    by_epoch = {0: 0, 5: 25, 20: 100, 90: 100}
    for epoch, weight in by_epoch.items():
        assert loss_weight(term, Progress(0, 0.0, epoch)) == pytest.approx(weight)
    term = LossTerm.model_validate(
        {"name": "x", "weight": 1, "ramp": {"initial": 0.5, "fraction": 0.5}}
    )
    assert loss_weight(term, Progress(0, 0.25, 0)) == pytest.approx(0.75)
    assert loss_weight(term, Progress(0, 0.75, 0)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("budget", "steps"),
    [({"steps": 10}, 10), ({"epochs": 3}, 15), ({"patches": 9}, 5), ({"steps": 0}, 0)],
)
def test_every_budget_becomes_steps(budget: dict[str, int], steps: int) -> None:
    plan = Plan.of(Budget.model_validate(budget), 1.0, subjects=10, batch=2)
    assert plan.steps == steps
    assert plan.finished(steps, 0.0)
    assert not steps or not plan.finished(steps - 1, 1e9)


def test_stages_share_a_budget() -> None:
    assert Plan.of(Budget(steps=10), 0.3, 1, 1).steps == 3
    minutes = Plan.of(Budget(minutes=2), 0.5, 1, 1)
    assert minutes.seconds == 60
    assert minutes.progress(5, 30).fraction == 0.5
    assert minutes.finished(1, 60)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_optimisers_take_the_recipes_numbers(name: str) -> None:
    recipe = Optimiser.model_validate({"name": name, "lr": 0.3, "weight_decay": 0.1})
    frozen = torch.nn.Parameter(torch.ones(1), requires_grad=False)
    optimiser = make_optimiser(recipe, [torch.nn.Parameter(torch.ones(2)), frozen])
    (group,) = optimiser.param_groups
    assert type(optimiser).__name__.lower() == name
    assert (group["lr"], group["weight_decay"], len(group["params"])) == (0.3, 0.1, 1)
