"""A method made ready to run: its recipe resolved, its components found and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthbench.api import (
    DiscriminatorSpec,
    LossSpec,
    MethodSpec,
    Recipe,
    SynthbenchError,
    UsageError,
)
from synthbench.api.recipe import Preset
from synthbench.registry import Entry, Kind, Registry
from synthbench.registry.names import did_you_mean
from synthbench.registry.recipes import recipe_of, with_changes
from synthbench.suite import MethodChoice, Suite


@dataclass(frozen=True, kw_only=True)
class Contender:
    """What has a row in a run's tables.

    Attributes:
        id: Canonical id; a suite's own methods are ``suite/<name>``, those that ran elsewhere
            ``outside/<name>``.
        label: Short name for tables.
        spec: What its plugin declared (for a suite's own method, its base's).
        remarks: What every result must say beside it, e.g. that a backbone is random.
    """

    id: str
    label: str
    spec: MethodSpec
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Method(Contender):
    """A method as one run uses it.

    Attributes:
        recipe: Resolved: preset and changes applied, canonical component ids.
        components: What determines the trained weights beside the recipe, for the key.
        changes: What the suite changed in its recipe, by dotted path.
        blocked: Why it cannot run, and what to do; empty when it can.
    """

    recipe: Recipe
    components: tuple[dict[str, Any], ...]
    changes: Mapping[str, Any]
    blocked: tuple[str, str] | None = None


def resolve_methods(registry: Registry, suite: Suite, sources: int) -> list[Method]:
    """Resolve every method a suite asks for.

    Args:
        registry: Where methods and components are found.
        suite: The suite.
        sources: Number of source modalities of the task.

    Raises:
        UsageError: For unknown names, or ``set_for`` a method that is not selected.
    """
    chosen: dict[str, tuple[str, Entry, Mapping[str, Any]]] = {}
    for choice in suite.methods:
        if isinstance(choice, MethodChoice):
            base = registry.get("methods", choice.base)
            chosen[f"suite/{choice.name}"] = (choice.name, base, choice.set)
        else:
            for entry in registry.select("methods", [choice]):
                chosen.setdefault(entry.id, (entry.name, entry, {}))
    for name in suite.set_for:
        if not any(name in (identity, label) for identity, (label, _, _) in chosen.items()):
            selected = [label for label, _, _ in chosen.values()]
            raise UsageError(
                f"--set {name}...: {name!r} is neither a recipe field nor a selected method",
                did_you_mean(
                    name, [*Recipe.model_fields, *selected], f"selected: {', '.join(selected)}"
                ),
            )
    labels = [label for label, _, _ in chosen.values()]
    methods = []
    for identity, (label, entry, own) in chosen.items():
        changes = {
            **suite.set,
            **own,
            **suite.set_for.get(label, {}),
            **suite.set_for.get(identity, {}),
        }
        shown = label if labels.count(label) == 1 else identity
        methods.append(_resolve(registry, identity, shown, entry, suite.preset, changes, sources))
    return methods


def _resolve(
    registry: Registry,
    identity: str,
    label: str,
    entry: Entry,
    preset: Preset,
    changes: Mapping[str, Any],
    sources: int,
) -> Method:
    assert isinstance(entry.spec, MethodSpec)
    recipe = with_changes(recipe_of(entry.spec, preset), changes, what=label)
    blocked = None
    components: tuple[dict[str, Any], ...] = ()
    remarks: tuple[str, ...] = ()
    try:
        recipe, used = _canonical(registry, recipe, entry.owner)
        blocked = _unfit(recipe, used, sources) or _missing(used)
        remarks = tuple(
            dict.fromkeys(remark for _, found, params in used for remark in found.remarks(params))
        )
        components = tuple(
            {
                "kind": kind,
                "id": found.id,
                "code_version": getattr(found.spec, "code_version", 1),
                "sources": found.editable_digest,
            }
            for kind, found, _ in used
        )
    except SynthbenchError as error:  # one method's broken part must not stop the others
        blocked = (error.message, error.hint)
    return Method(
        id=identity,
        label=label,
        spec=entry.spec,
        remarks=remarks,
        recipe=recipe,
        components=components,
        changes=changes,
        blocked=blocked,
    )


_Used = list[tuple[Kind, Entry, Mapping[str, Any]]]


def _canonical(registry: Registry, recipe: Recipe, owner: str) -> tuple[Recipe, _Used]:
    """Replace short component names by canonical ids, the method's own plugin first."""
    used: _Used = []

    def find(kind: Kind, name: str, params: Mapping[str, Any]) -> str:
        entry = registry.get(kind, name, owner=owner)
        used.append((kind, entry, params))
        return entry.id

    part = recipe.translator
    data = recipe.model_dump(exclude_unset=True)
    data["translator"] = {
        "name": find("translators", part.name, part.params),
        "params": part.params,
    }
    data["discriminators"] = [
        {
            **term.model_dump(exclude_unset=True),
            "name": find("discriminators", term.name, term.params),
            "adversarial": {
                "name": find("losses", term.adversarial.name, term.adversarial.params),
                "params": term.adversarial.params,
            },
        }
        for term in recipe.discriminators
    ]
    data["losses"] = [
        {**term.model_dump(exclude_unset=True), "name": find("losses", term.name, term.params)}
        for term in recipe.losses
    ]
    return Recipe.model_validate(data), used


def _unfit(recipe: Recipe, used: _Used, sources: int) -> tuple[str, str] | None:
    """Say why components do not fit the task or each other."""
    specs: dict[tuple[Kind, str], Any] = {(kind, entry.id): entry.spec for kind, entry, _ in used}
    translator = specs["translators", recipe.translator.name]
    if translator.max_sources is not None and sources > translator.max_sources:
        most = translator.max_sources
        return (
            f"{recipe.translator.name} takes no more than {most} source "
            f"{'modality' if most == 1 else 'modalities'}, and the task has {sources}",
            "leave the method out, or give it fewer sources",
        )
    if not translator.trained and recipe.budget.steps != 0:
        return f"{recipe.translator.name} has nothing to train", "set budget.steps to 0"
    judges = {term.name: specs["discriminators", term.name] for term in recipe.discriminators}
    for judge in recipe.discriminators:
        pair = judge.adversarial.name
        if not specs["losses", pair].adversarial:
            return (
                f"{pair} is not an adversarial pair and cannot train {judge.name}",
                "list it under losses; `synthbench list losses` says which are adversarial pairs",
            )
        if reason := _lacking(pair, specs["losses", pair], {judge.name: judges[judge.name]}):
            return reason
    for loss in recipe.losses:
        if specs["losses", loss.name].adversarial:
            return (
                f"{loss.name} is an adversarial pair and no loss by itself",
                f"put it behind a discriminator: discriminators=NAME:{loss.name}@WEIGHT",
            )
        if reason := _lacking(loss.name, specs["losses", loss.name], judges):
            return reason
    return None


def _lacking(
    name: str, spec: LossSpec, judges: Mapping[str, DiscriminatorSpec]
) -> tuple[str, str] | None:
    """Say what a loss needs that none of the discriminators it looks at gives."""
    for need in spec.needs:
        if not judges:
            return f"{name} needs a discriminator", "add one to the recipe"
        if need == "discriminator" or any(getattr(judge, need) for judge in judges.values()):
            continue
        what = "one logit a voxel" if need == "dense" else "intermediate features"
        return (
            f"{name} needs {what}, which {' and '.join(judges)} does not give",
            "combine it with another discriminator",
        )
    return None


def _missing(used: _Used) -> tuple[str, str] | None:
    for _, entry, params in used:
        if lacking := entry.missing(params):
            return lacking[0]
    return None
