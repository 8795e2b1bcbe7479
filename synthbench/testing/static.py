"""Level 0: what a plugin and its specs say, without running any component."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib.metadata import entry_points
from typing import Any

from synthbench.api.errors import UsageError
from synthbench.api.recipe import PRESETS
from synthbench.api.specs import ComponentSpec, DatasetSpec, EvaluatorSpec
from synthbench.registry import KINDS, Entry
from synthbench.registry.discovery import GROUP, candidate
from synthbench.registry.names import is_legal
from synthbench.registry.plain import plain
from synthbench.testing.checks import check
from synthbench.testing.specimens import Specimen
from synthbench.testing.verdicts import Failed, Skipped, demand

_NUMERICAL = ("torch", "torchvision", "monai", "numpy", "pandas", "scipy", "statsmodels", "sklearn")
_IMAGING = ("nibabel", "nilearn", "skimage", "SimpleITK", "cv2", "matplotlib", "tensorflow", "jax")
#: What a plugin module must not import: every `synthbench list` would wait for it.
HEAVY = frozenset({*_NUMERICAL, *_IMAGING})
#: Processor time a plugin module may take, seconds.
SLOW = 0.5
_COMPONENTS = tuple(kind for kind in KINDS if kind != "methods")

#: Imports the plugin, then what runs at plan time, as the first thing in an interpreter.
_PROGRAM = """
import contextlib, json, sys, time
import synthbench.api
before = set(sys.modules)
plugin, *others = json.loads(sys.argv[1])
started = time.process_time()
__import__(plugin)
seconds = time.process_time() - started
for other in others:
    with contextlib.suppress(Exception):
        __import__(other)
added = {name.partition(".")[0] for name in set(sys.modules) - before}
print("\\n" + json.dumps([seconds, sorted(added)]))
"""


@check("plugins", level=0)
def loads(specimen: Specimen) -> None:
    """The plugin can be loaded, and what it declares is valid."""
    status = specimen.status
    assert status is not None
    if status.state == "disabled":
        raise Skipped(status.error)
    demand(status.usable, f"it is {status.state}: {status.error}")


@check("plugins", level=0)
def light(specimen: Specimen) -> None:
    """In a fresh interpreter, importing the plugin module (and the modules of `preflight` and
    `remarks`) brings in none of torch, numpy, pandas, monai and the like, and takes less than half
    a second of processor time."""
    status = specimen.status
    assert status is not None
    if not status.usable:
        raise Skipped("it does not load")
    if not status.dist:
        raise Skipped("it is part of the running program, not installed")
    entries = [
        entry
        for kind in KINDS
        for entry in specimen.registry.all(kind)
        if (entry.plugin, entry.plugin_dist) == (status.name, status.dist)
    ]
    module = next(
        point.module
        for point in entry_points(group=GROUP, name=status.name)
        if candidate(point).dist == status.dist
    )
    modules = list(dict.fromkeys([module, *_planning_modules(entries)]))
    seconds, added = _imported(modules)
    heavy = sorted(HEAVY & set(added))
    demand(not heavy, f"importing {module} imports {', '.join(heavy)}")
    if seconds > SLOW:  # perhaps files were not in memory yet
        seconds = min(seconds, _imported(modules)[0])
    demand(seconds <= SLOW, f"importing {module} takes {seconds:.2f} s")


@check("plugins", level=0)
def api_version(specimen: Specimen) -> None:
    """The plugin module states the `synthbench_api_version` it was written for, and it is one this
    synthbench works with."""
    status = specimen.status
    assert status is not None
    demand(status.state != "incompatible", f"{status.error}; {status.hint}")
    if not status.usable:
        raise Skipped("it does not load")
    silent = [note for note in status.warnings if "synthbench_api_version" in note]
    demand(not silent, "; ".join(silent))


@check("plugins", level=0)
def hooks(specimen: Specimen) -> None:
    """Every function named `synthbench_...` is a hook that exists and carries `@hookimpl`."""
    status = specimen.status
    assert status is not None
    if not status.usable:
        raise Skipped("it does not load")
    notes = [note for note in status.warnings if "synthbench_api_version" not in note]
    demand(not notes, "; ".join(notes))


@check(*KINDS, level=0)
def names(specimen: Specimen) -> None:
    """Owner and name are lower-case letters, digits, `_` and `-`; the summary is one line."""
    entry = specimen.component
    for name in (entry.owner, entry.name):
        demand(is_legal(name), f"illegal name {name!r}")
    summary = entry.spec.summary
    demand(
        isinstance(summary, str) and summary.strip() and "\n" not in summary,
        f"the summary must be one line, not {summary!r}",
    )


@check(*KINDS, level=0)
def json_(specimen: Specimen) -> None:
    """The spec survives being written as JSON and read back; so every key in it is text."""
    spec = specimen.component.spec
    facts = plain(spec)
    demand(json.loads(json.dumps(facts, allow_nan=False)) == facts, "JSON changes it")
    for field in fields(spec):
        odd = [repr(key) for key in _keys(getattr(spec, field.name)) if not isinstance(key, str)]
        demand(not odd, f"{field.name} has the key {', '.join(odd)}: keys must be text")


@check(*_COMPONENTS, level=0)
def target(specimen: Specimen) -> None:
    """The class that `target` names can be imported and is one of its kind."""
    entry = specimen.component
    if missing := entry.missing(specimen.catalogue.params(entry)):
        raise Skipped(missing[0][0])
    entry.resolve()


@check(*_COMPONENTS, level=0)
def versions(specimen: Specimen) -> None:
    """`code_version`, and the version of every metric, is a whole number from 1."""
    spec = specimen.component.spec
    stated = {"code_version": spec.code_version}
    if isinstance(spec, EvaluatorSpec):
        stated |= {f"version of {metric.name}": metric.version for metric in spec.metrics}
    for what, version in stated.items():
        demand(type(version) is int and version >= 1, f"{what} is {version!r}")


@check(*_COMPONENTS, level=0, applies=lambda s: bool(s.component.spec.preflight))
def preflight(specimen: Specimen) -> None:
    """The function named by `preflight` takes the component's parameters and returns a list of
    pairs of text: what is missing, how to fix it."""
    for params, answer in _answers(specimen, specimen.component.spec.preflight):
        demand(isinstance(answer, list), f"preflight(**{params}) returns {answer!r}, not a list")
        for pair in answer:
            demand(
                isinstance(pair, tuple) and [type(text) for text in pair] == [str, str],
                f"preflight(**{params}) returns {pair!r}, not a pair of texts",
            )


@check(*_COMPONENTS, level=0, applies=lambda s: bool(s.component.spec.remarks))
def remarks(specimen: Specimen) -> None:
    """The function named by `remarks` takes the component's parameters and returns a list of
    text."""
    for params, answer in _answers(specimen, specimen.component.spec.remarks):
        demand(
            isinstance(answer, list) and all(isinstance(text, str) for text in answer),
            f"remarks(**{params}) returns {answer!r}, not a list of texts",
        )


@check("methods", level=0)
def recipes(specimen: Specimen) -> None:
    """The recipe validates at every preset, every component it names is installed, and the
    components fit each other."""
    entry = specimen.component
    absent = ""
    for preset in PRESETS:
        method = specimen.catalogue.method(entry, preset=preset)
        if method.blocked is None:
            continue
        demand(method.components, f"preset {preset}: {method.blocked[0]}")
        lacking = missing_of(specimen, method.recipe)
        demand(method.blocked[0] in lacking, f"preset {preset}: {method.blocked[0]}")
        absent = absent or method.blocked[0]
    if absent:
        raise Skipped(absent)


@check("methods", level=0, applies=lambda s: bool(s.component.spec.variant_of))
def variant_of(specimen: Specimen) -> None:
    """The method that `variant_of` names exists and is no variant itself."""
    entry = specimen.component
    try:
        base = specimen.registry.get("methods", entry.spec.variant_of, owner=entry.owner)
    except UsageError as error:
        raise Failed(f"variant_of: {error.message}") from error
    demand(not base.spec.variant_of, f"{base.id} is itself a variant of {base.spec.variant_of}")


@check("datasets", level=0)
def tasks_declared(specimen: Specimen) -> None:
    """The modalities of `tasks` are among `modalities`; data that has to be obtained says its
    licence and how to get it."""
    spec = specimen.component.spec
    assert isinstance(spec, DatasetSpec)
    for task in spec.tasks:
        for modality in (*task.source, task.target):
            demand(modality in spec.modalities, f"task {task}: {modality} is not in modalities")
        demand(task.target not in task.source, f"task {task} translates {task.target} to itself")
    if spec.needs_root:
        demand(spec.licence and spec.obtain, "licence and obtain must be stated")


@check("segmenters", level=0)
def presets(specimen: Specimen) -> None:
    """Its class takes the parameters of each of its presets."""
    from synthbench.execution.segmenting.planning import check_params

    entry = specimen.component
    if missing := entry.missing(specimen.catalogue.params(entry)):
        raise Skipped(missing[0][0])
    for name, params in entry.spec.presets.items():
        try:
            check_params(entry, params)
        except UsageError as error:
            raise Failed(f"preset {name}: {error.message}") from error


def missing_of(specimen: Specimen, recipe: Any) -> list[str]:
    """Say what the components of a resolved recipe lack on this machine."""
    from synthbench.testing.specimens import parts

    registry = specimen.registry
    return [
        what
        for kind, name, params in parts(recipe)
        for what, _ in registry.get(kind, name).missing(params)
    ]


def _answers(specimen: Specimen, function: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """Call a function of the spec with the defaults and with every recipe's parameters."""
    entry = specimen.component
    module, _, path = function.partition(":")
    called: Any = importlib.import_module(module)
    for name in path.split("."):
        called = getattr(called, name)
    given: list[dict[str, Any]] = [{}]
    for _, params in specimen.catalogue.users(entry):
        if dict(params) not in given:
            given.append(dict(params))
    for params in given:
        yield params, called(**params)


def _keys(value: Any) -> Iterator[Any]:
    """Every key of nested mappings."""
    if isinstance(value, Mapping):
        yield from value
        for item in value.values():
            yield from _keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _keys(item)


def _planning_modules(entries: list[Entry]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry.spec, ComponentSpec):
            for function in (entry.spec.preflight, entry.spec.remarks):
                if function:
                    yield function.partition(":")[0]


def _imported(modules: list[str]) -> tuple[float, list[str]]:
    """Seconds that importing the first module takes, and the packages all of them bring in."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(modules)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    lines = done.stderr.strip().splitlines()
    demand(done.returncode == 0, f"importing {modules[0]} fails: {lines[-1] if lines else '?'}")
    seconds, added = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds, added
