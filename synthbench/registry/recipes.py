"""A method's recipe: as published, and with dotted paths changed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from synthbench.api.errors import UsageError
from synthbench.api.recipe import Recipe
from synthbench.api.specs import MethodSpec
from synthbench.registry.names import did_you_mean

#: What a preset does to every recipe before the method's own changes: steps, patch side, batch.
_SHRINK: dict[str, tuple[int, int, int]] = {"smoke": (20, 32, 2), "quick": (300, 64, 4)}


def recipe_of(spec: MethodSpec, preset: str = "paper") -> Recipe:
    """Return a method's recipe at a preset: shrunk as every method is, then by its own changes.

    A recipe that trains nothing (``budget: {steps: 0}``) is not shrunk.

    Raises:
        UsageError: If the recipe is invalid.
    """
    published = _validated(spec.recipe, f"{spec.name}: recipe")
    changes: dict[str, Any] = {}
    if preset in _SHRINK and published.budget.steps != 0:
        steps, side, batch = _SHRINK[preset]
        size = published.patch.size or (0, 0, 0)
        changes = {
            "budget": {"steps": steps},
            "patch.size": [min(s, side) if s else side for s in size],
            "batch": min(published.batch, batch),
        }
    return with_changes(
        with_changes(published, changes, what=spec.name),
        spec.presets.get(preset, {}),
        what=f"{spec.name}: preset {preset}",
    )


def with_changes(recipe: Recipe, changes: Mapping[str, Any], *, what: str = "recipe") -> Recipe:
    """Return a recipe with dotted paths set to new values.

    ``losses.0.weight`` reaches into a list; a path that ends at a whole section (``budget``)
    replaces it.

    Args:
        recipe: Where to start from.
        changes: Values by path, e.g. ``{"optimiser.lr": 1e-3, "budget": {"steps": 20}}``.
        what: Names the recipe in error messages.

    Raises:
        UsageError: For a path that does not exist or a value that does not fit.
    """
    if not changes:
        return recipe
    # Unset fields stay unset: a full dump would hold None for every budget but the one in use.
    data: dict[str, Any] = recipe.model_dump(mode="python", exclude_unset=True)
    for path, value in changes.items():
        section, _, unit = path.partition(".")
        if section == "budget" and unit:
            data["budget"] = {unit: value}  # a budget has one unit: naming one replaces the other
        else:
            _set(data, path, value, what)
    return _validated(data, what)


def _set(data: dict[str, Any], path: str, value: Any, what: str) -> None:
    node: Any = data
    steps = path.split(".")
    try:
        for step, following in pairwise(steps):
            if isinstance(node, list):
                node = node[int(step)]
            else:
                # Tuples cannot be assigned into, and an unset section starts empty.
                child = node.get(step, () if following.isdigit() else {})
                node[step] = list(child) if isinstance(child, tuple) else (child or {})
                node = node[step]
        if isinstance(node, list):
            node[int(steps[-1])] = value
        else:
            node[steps[-1]] = value
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise UsageError(
            f"{what}: there is no {path!r}", "paths look like optimiser.lr or losses.0.weight"
        ) from error


def _paths(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Every dotted path of a recipe's sections."""
    found = []
    for name, field in model.model_fields.items():
        found.append(f"{prefix}{name}")
        kinds = get_args(field.annotation) or (field.annotation,)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found += _paths(kind, f"{prefix}{name}.")
    return found


def _validated(data: Mapping[str, Any], what: str) -> Recipe:
    try:
        return Recipe.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        hint = "see docs/plugins.md for the fields of a recipe"
        if first["type"] == "extra_forbidden":
            message = "a recipe has no such field"
            hint = did_you_mean(where, _paths(Recipe), otherwise=hint)
        raise UsageError(
            f"{what}: {where}: {message}" if where else f"{what}: {message}",
            hint,
        ) from error
