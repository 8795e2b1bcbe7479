from __future__ import annotations

import pytest

from synthbench.api import MethodSpec, Recipe, UsageError
from synthbench.registry.recipes import recipe_of, with_changes

RECIPE = Recipe.model_validate(
    {
        "translator": "unet",
        "discriminators": ["patchgan3d:lsgan@0.1"],
        "losses": ["l1@100", "ssim"],
        "budget": {"epochs": 100},
    }
)


def test_paths_reach_into_sections_lists_and_parameters() -> None:
    changed = with_changes(
        RECIPE,
        {
            "optimiser.lr": 1e-3,
            "losses.0.weight": 10,
            "translator.params.features": [8, 16],
            "discriminators.0.adversarial": "hinge",
            "budget": {"steps": 20},
        },
    )
    assert changed.optimiser.lr == 1e-3
    assert [term.weight for term in changed.losses] == [10, 1]
    assert changed.translator.params == {"features": [8, 16]}
    assert changed.discriminators[0].adversarial.name == "hinge"
    assert changed.discriminators[0].weight == 0.1
    assert (changed.budget.steps, changed.budget.epochs) == (20, None)
    assert RECIPE.losses[0].weight == 100  # the original is untouched


def test_what_is_not_named_keeps_its_value() -> None:
    assert with_changes(RECIPE, {}) == RECIPE
    changed = with_changes(RECIPE, {"batch": 2})
    assert changed.model_dump(exclude={"batch"}) == RECIPE.model_dump(exclude={"batch"})


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("optimiser.rate", 1, "--set: optimiser.rate: a recipe has no such field"),
        ("losses.7.weight", 1, "there is no 'losses.7.weight'"),
        ("losses.first.weight", 1, "there is no 'losses.first.weight'"),
        ("batch", 0, "batch: Input should be greater than 0"),
        ("batch.size", 2, "batch"),
        ("budget", {"steps": 20, "epochs": 3}, "--set: budget: a budget needs exactly one of"),
    ],
)
def test_a_path_or_value_that_does_not_fit_is_a_usage_error(
    path: str, value: object, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        with_changes(RECIPE, {path: value}, what="--set")


def test_a_field_that_does_not_exist_suggests_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        with_changes(RECIPE, {"schedule.strat": 0.5})
    assert "schedule.start" in error.value.hint


def test_naming_another_unit_of_the_budget_replaces_the_one_in_use() -> None:
    budget = with_changes(RECIPE, {"budget.steps": 20}).budget
    assert (budget.steps, budget.epochs) == (20, None)


def method(**recipe: object) -> MethodSpec:
    return MethodSpec(
        name="unet",
        summary="",
        recipe={"translator": "unet", "batch": 8, "patch": {"size": (96, 1, 0)}, **recipe},
        presets={"smoke": {"batch": 3}},
    )


def test_presets_shrink_every_recipe_and_the_methods_own_changes_win() -> None:
    spec = method(budget={"epochs": 100})
    paper, quick, smoke = (recipe_of(spec, preset) for preset in ("paper", "quick", "smoke"))
    assert (paper.budget.epochs, paper.patch.size, paper.batch) == (100, (96, 1, 0), 8)
    assert (quick.budget.steps, quick.patch.size, quick.batch) == (300, (64, 1, 64), 4)
    assert (smoke.budget.steps, smoke.patch.size, smoke.batch) == (20, (32, 1, 32), 3)


def test_a_recipe_that_trains_nothing_is_not_shrunk() -> None:
    quick = recipe_of(method(budget={"steps": 0}), "quick")
    assert (quick.budget.steps, quick.patch.size, quick.batch) == (0, (96, 1, 0), 8)
