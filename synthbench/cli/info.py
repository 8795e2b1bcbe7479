"""``synthbench info``: everything about one component."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from synthbench.api.specs import DatasetSpec, EvaluatorSpec, MethodSpec, SegmenterSpec
    from synthbench.registry import Entry, PluginStatus, Registry

_KINDS = (
    *("methods", "translators", "discriminators", "losses", "datasets", "evaluators"),
    "segmenters",
)


@click.command("info")
@click.argument("name")
@click.option("--kind", type=click.Choice(_KINDS), help="Where a name stands for several things.")
@click.pass_context
def command(ctx: click.Context, name: str, kind: str | None) -> None:
    """Show everything about one component.

    NAME is a method, translator, discriminator, loss, dataset, evaluator, segmenter or plugin, as
    `synthbench list` prints it. A method's recipe is shown as published (preset `paper`), followed
    by what its other presets change.
    """
    from synthbench.registry import load_registry

    registry = load_registry()
    plugin = None
    if kind is None:
        plugin = next((status for status in registry.plugins if status.name == name), None)
    entries = _found(registry, name, (kind,) if kind else _KINDS, give_up=plugin is None)
    parts = [_component(entry) for entry in entries]
    if plugin is not None and (not parts or not plugin.usable):
        parts.append(_plugin(plugin, registry))
    click.echo("\n\n".join("\n".join(part) for part in parts))
    if plugin is not None and not plugin.deliberate:
        from synthbench.api.errors import PluginError

        ctx.exit(PluginError.exit_code)


def _found(registry: Registry, name: str, kinds: tuple[str, ...], *, give_up: bool) -> list[Entry]:
    from synthbench.api.errors import PluginError, UsageError
    from synthbench.registry import Kind
    from synthbench.registry.names import did_you_mean

    found = []
    refusals: list[PluginError] = []
    for kind in kinds:
        try:
            found.append(registry.get(cast("Kind", kind), name))
        except PluginError as error:
            refusals.append(error)
        except UsageError as error:
            if "ambiguous" in error.message:
                raise
    if found or not give_up:
        return found
    if refusals:
        raise refusals[0]
    known = [entry.id for kind in kinds for entry in registry.all(cast("Kind", kind))]
    known += [status.name for status in registry.plugins]
    raise UsageError(
        f"nothing is called {name!r}", did_you_mean(name, known, otherwise="see `synthbench list`")
    )


def _component(entry: Entry) -> Iterator[str]:
    from synthbench.api.specs import (
        ComponentSpec,
        DatasetSpec,
        EvaluatorSpec,
        MethodSpec,
        SegmenterSpec,
    )

    spec = entry.spec
    yield f"{entry.id}  ({entry.kind.removesuffix('s').replace('losse', 'loss')})"
    yield f"  {spec.summary}"
    origin = f"{entry.plugin_dist} {entry.plugin_version}" if entry.plugin_dist else "this program"
    yield _line("from", f"plugin {entry.plugin} of {origin}")
    if isinstance(spec, ComponentSpec):
        yield _line("class", spec.target)
        yield _line("code version", spec.code_version)
        if spec.requires:
            yield _line("needs packages", ", ".join(spec.requires))
        if spec.citation:
            yield _line("cite", spec.citation)
    if isinstance(spec, MethodSpec):
        yield from _method(spec)
    elif isinstance(spec, DatasetSpec):
        yield from _dataset(spec)
        yield from _parameters(entry, "--dataset-set")
    elif isinstance(spec, EvaluatorSpec):
        yield from _evaluator(spec)
    elif isinstance(spec, SegmenterSpec):
        yield from _segmenter(entry, spec)
    else:
        yield from _declared(spec)


def _declared(spec: Any) -> Iterator[str]:
    """Show the fields that only this kind of component has."""
    from dataclasses import fields

    from synthbench.api.specs import ComponentSpec

    common = {field.name for field in fields(ComponentSpec)}
    for field in fields(spec):
        if field.name not in common:
            value = getattr(spec, field.name)
            text = ", ".join(value) or "nothing" if isinstance(value, tuple) else value
            yield _line(field.name.replace("_", " "), "any" if text is None else text)


def _method(spec: MethodSpec) -> Iterator[str]:
    from synthbench.api.recipe import PRESETS
    from synthbench.registry.recipes import recipe_of

    if spec.paper:
        yield _line("paper", spec.paper)
    if spec.variant_of:
        yield _line("variant of", f"{spec.variant_of} (not part of `--methods all`)")
    if spec.baseline:
        yield _line("baseline", "a floor that every trained method must beat")
    if spec.notes:
        yield _line("notes", spec.notes)
    published = recipe_of(spec).model_dump(mode="json")
    yield "  recipe, preset paper:"
    yield _yaml(published)
    for preset in PRESETS[:-1]:
        changes = dict(_changes(published, recipe_of(spec, preset).model_dump(mode="json")))
        yield f"  preset {preset} changes:" if changes else f"  preset {preset}: the same"
        if changes:
            yield _yaml(changes)


def _changes(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give the dotted paths at which two recipes differ, with the second one's values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from _changes(before.get(name), after.get(name), f"{path}.{name}".strip("."))
    elif before != after and after is not None:
        yield path, after


def _dataset(spec: DatasetSpec) -> Iterator[str]:
    from synthbench.registry.plain import plain

    yield _line(
        "tasks", "; ".join(str(task) for task in spec.tasks) or "give --source and --target"
    )
    if spec.licence:
        yield _line("licence", spec.licence)
    if spec.obtain:
        yield _line("how to get it", spec.obtain)
    if not spec.needs_root:
        yield _line("folder", "none: made on the fly")
    yield "  modalities and how their intensities map to [0, 1]:"
    models = {**spec.modalities}
    if spec.needs_root or not models:
        models["any other"] = spec.default_intensity
    yield _yaml({name: _given(plain(model)) for name, model in models.items()})
    yield from _presets(spec)


def _presets(spec: DatasetSpec | SegmenterSpec) -> Iterator[str]:
    from synthbench.registry.plain import plain

    for preset, params in spec.presets.items():
        yield f"  preset {preset} sets:"
        yield _yaml(plain(params))


def _segmenter(entry: Entry, spec: SegmenterSpec) -> Iterator[str]:
    yield _line("used by", f"synthbench segment --segmenter {entry.name}")
    yield from _presets(spec)
    yield from _parameters(entry, "--set")


def _parameters(entry: Entry, option: str) -> Iterator[str]:
    """Show what its class can be built with."""
    from synthbench.api.errors import PluginError
    from synthbench.registry.dataset_page import parameters

    try:
        found = parameters(entry.resolve())
    except PluginError as error:
        yield _line("parameters", f"unknown: {error.message}")
        return
    yield _line("parameters", f"{option} NAME=VALUE" if found else "none")
    for each in found:
        default = "none" if each.default is None else each.default
        text = str(default).lower() if isinstance(default, bool) else default
        yield f"    {each.name} ({text}): {each.meaning}"


def _evaluator(spec: EvaluatorSpec) -> Iterator[str]:
    if spec.protocol:
        yield _line("protocol", f"{spec.protocol}, version {spec.code_version}")
    yield _line("used by", _users(spec))
    for name, what in spec.regions.items():
        yield _line(f"region {name}", what)
    for metric in spec.metrics:
        facts = [f"{metric.better} is better", f"version {metric.version}"]
        if metric.unit:
            unit = "the target's, if it has one" if metric.unit == "target" else metric.unit
            facts.append(f"unit: {unit}")
        if metric.data_range:
            facts.append(f"data range: {metric.data_range}")
        yield f"  {metric.label} ({metric.name}): {'; '.join(facts)}"
        if metric.definition:
            yield f"      {metric.definition}"


def _users(spec: EvaluatorSpec) -> str:
    """Which commands use an evaluator."""
    if spec.masks:
        return "synthbench segment" if spec.default else "nothing"
    if spec.default:
        return "every run, unless --evaluators names others"
    also = f"; evaluate --protocol {spec.protocol}" if spec.protocol else ""
    return f"run --evaluators {spec.name}{also}"


def _plugin(status: PluginStatus, registry: Registry) -> Iterator[str]:
    yield f"{status.name}  (plugin)"
    yield _line("from", f"{status.dist} {status.version}")
    yield _line("state", status.state)
    if status.error:
        yield _line("reason", status.error)
    if status.hint:
        yield _line("what to do", status.hint)
    for warning in status.warnings:
        yield _line("warning", warning)
    from synthbench.registry import KINDS

    for kind in KINDS:
        names = [entry.name for entry in registry.all(kind) if entry.plugin == status.name]
        if names:
            yield _line(kind, ", ".join(names))
    if status.traceback:
        yield status.traceback.rstrip()


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _line(label: str, value: object) -> str:
    return f"  {label + ':':<16} {value}"


def _yaml(value: object) -> str:
    import textwrap

    import yaml

    text = yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=90)
    return textwrap.indent(text.rstrip(), "    ")
