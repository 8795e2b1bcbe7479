"""A plugin with one sound component of each kind, and one that breaks each promise.

A fault is written ``kind: what it does``; its component is named after it.
"""

from __future__ import annotations

import re
from typing import Any

from synthbench.api import (
    DatasetSpec,
    DiscriminatorSpec,
    EvaluatorSpec,
    Intensity,
    LossSpec,
    MethodSpec,
    Metric,
    SegmenterSpec,
    Task,
    TranslatorSpec,
    hookimpl,
)
from synthbench.registry import Registry
from tests.testing import toy_data, toy_losses, toy_networks, toy_segmenters

synthbench_api_version = "1.0"

NETS = """
one source only, idle parameter, levels, forgets, environment, threads, relative file,
absolute file, temporary file, in place, shape, counts, nan, unseeded, counts steps, keeps graph,
condition, odd sizes
"""
CRITICS = """
one level, wants condition, detached, in place, halves, dense, sigmoid, nan, featureless,
idle parameter, refuses slices, unconditional
"""
DISTANCES = """
counts, statistics, one level, volumes only, in place, detached, map, backwards, nan, confident,
everybody
"""
PAIRS = "swapped, helps, counts, remembers, one level, detached, map, nan"
BALLS = "none, twice, order, regions, keys, disjoint, fractions, noise, grid"
FOLDERS = "accepts anything, no hint, writes"
ERRORS = """
keeps, stops, writes, unmasked, unit, undeclared, raises, backwards, blind, random, silent nan
"""
NEAREST = """
bool, grid, classes, skips, every class, writes, percent, falls, learns on, hoards, starts once,
random, leaves, environment
"""

RECIPE: dict[str, Any] = {
    "translator": "net",
    "discriminators": ["critic:pair@0.1"],
    "losses": ["distance"],
    "patch": {"size": [64, 64, 64]},
    "batch": 4,
    "budget": {"steps": 1000},
}
T1, T2 = Intensity(), Intensity(kind="window", low=0, high=20)


def name_of(base: str, fault: str) -> str:
    return re.sub(r"\W+", "_", f"{base} {fault}".strip())


def faults(text: str) -> list[str]:
    return ["", *(fault.strip() for fault in text.split(","))]


def _targets(module: Any, cls: type, base: str, text: str) -> list[dict[str, Any]]:
    """Make a class for each fault, and the fields of a spec that names it."""
    found = []
    for fault in faults(text):
        name = name_of(base, fault)
        made = f"Toy_{name}"
        setattr(module, made, type(made, (cls,), {"fault": fault}))
        found.append({"name": name, "target": f"{module.__name__}:{made}", "summary": "Toy."})
    return found


_NETS = _targets(toy_networks, toy_networks.Net, "net", NETS)
_CRITICS = _targets(toy_networks, toy_networks.Critic, "critic", CRITICS)
_DISTANCES = _targets(toy_losses, toy_losses.Distance, "distance", DISTANCES)
_PAIRS = _targets(toy_losses, toy_losses.Pair, "pair", PAIRS)
_BALLS = _targets(toy_data, toy_data.Balls, "balls", BALLS)
_FOLDERS = _targets(toy_data, toy_data.Folders, "folders", FOLDERS)
_NEAREST = _targets(toy_segmenters, toy_segmenters.Nearest, "nearest", NEAREST)
_ERRORS = _targets(toy_data, toy_data.Errors, "errors", ERRORS)


def no_list() -> dict[str, str]:
    return {"what": "fix"}


def no_pairs() -> list[Any]:
    return [["what is missing", "how to fix it"]]


def fails() -> list[str]:
    raise RuntimeError("out of order")


def _here(function: str) -> str:
    return f"{__name__}:{function}"


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    net = {"target": "tests.testing.toy_networks:Net"}
    return [
        *(TranslatorSpec(**fields) for fields in _NETS),
        TranslatorSpec(name="two_lines", summary="One.\nTwo.", **net),
        TranslatorSpec(name="no_class", summary="Toy.", target="tests.testing.toy_networks:Gone"),
        TranslatorSpec(name="no_net", summary="Toy.", target="tests.testing.toy_losses:Pair"),
        TranslatorSpec(name="version_zero", summary="Toy.", code_version=0, **net),
        TranslatorSpec(name="version_true", summary="Toy.", code_version=True, **net),
        TranslatorSpec(name="preflight", summary="Toy.", preflight=_here("no_list"), **net),
        TranslatorSpec(name="preflight_pairs", summary="Toy.", preflight=_here("no_pairs"), **net),
        TranslatorSpec(name="remarks", summary="Toy.", remarks=_here("no_list"), **net),
        TranslatorSpec(name="remarks_fail", summary="Toy.", remarks=_here("fails"), **net),
        TranslatorSpec(name="unready", summary="Toy.", requires=("no_such_package",), **net),
    ]


@hookimpl
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            **fields,
            features=fields["name"] != "critic_detached",
            conditional=fields["name"] != "critic_wants_condition",
        )
        for fields in _CRITICS
    ] + [
        DiscriminatorSpec(
            name="strict",
            target="tests.testing.toy_networks:WantsCondition",
            summary="Toy.",
            features=True,
            conditional=True,
        ),
        DiscriminatorSpec(
            name="claims_dense",
            target="tests.testing.toy_networks:Critic",
            summary="Toy.",
            features=True,
            dense=True,
        ),
    ]


@hookimpl
def synthbench_losses() -> list[LossSpec]:
    return [
        *(
            LossSpec(**fields, needs=("dense",) if fields["name"] == "distance_everybody" else ())
            for fields in _DISTANCES
        ),
        *(LossSpec(**fields, adversarial=True) for fields in _PAIRS),
    ]


@hookimpl
def synthbench_datasets() -> list[DatasetSpec]:
    fields: dict[str, Any] = {
        "modalities": {"t1": T1, "t2": T2},
        "tasks": (Task(source=("t1",), target="t2"),),
        "licence": "None.",
        "obtain": "Draw it yourself.",
    }
    flair = Task(source=("t1",), target="flair")
    balls = {"target": "tests.testing.toy_data:Balls", "summary": "Toy.", "needs_root": False}
    return [
        *(DatasetSpec(**each, **fields, needs_root=False) for each in _BALLS),
        *(DatasetSpec(**each, **fields) for each in _FOLDERS),
        DatasetSpec(name="unknown_modality", **balls, **{**fields, "tasks": (flair,)}),
        DatasetSpec(
            name="absent_modality",
            **balls,
            **{**fields, "tasks": (flair,), "modalities": {"t1": T1, "flair": T1}},
        ),
        DatasetSpec(
            name="unlicensed",
            target="tests.testing.toy_data:Folders",
            summary="Toy.",
            modalities={},
        ),
    ]


@hookimpl
def synthbench_evaluators() -> list[EvaluatorSpec]:
    metrics = (
        Metric(name="error", label="E", unit="target"),
        Metric(name="set_error", label="SE"),
    )
    good = Metric(name="error", label="E", version=0)
    return [
        *(EvaluatorSpec(**fields, metrics=metrics) for fields in _ERRORS),
        EvaluatorSpec(name="version_zero", target="x:Y", summary="Toy.", metrics=(good,)),
    ]


@hookimpl
def synthbench_segmenters() -> list[SegmenterSpec]:
    return [
        *(SegmenterSpec(**each, presets={"smoke": {"rounds": 1}}) for each in _NEAREST),
        SegmenterSpec(
            name="odd_preset",
            target="tests.testing.toy_segmenters:Nearest",
            summary="Toy.",
            presets={"quick": {"round": 2}},
        ),
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    def method(name: str, **changes: Any) -> MethodSpec:
        recipe = {**RECIPE, **changes}
        return MethodSpec(name=name, summary="Toy.", recipe=recipe)

    return [
        *(method(fields["name"], translator=fields["name"]) for fields in _NETS),
        method("no_translator", translator="gone"),
        method("no_preset", translator="net", discriminators=["critic:distance"]),
        method("unready", translator="unready"),
        MethodSpec(
            name="odd_key",
            summary="Toy.",
            recipe={**RECIPE, "inference": {"params": {"steps": {1: 2}}}},
        ),
        MethodSpec(name="no_base", summary="Toy.", recipe=RECIPE, variant_of="gone"),
        MethodSpec(name="variant", summary="Toy.", recipe=RECIPE, variant_of="net"),
        MethodSpec(name="variants_variant", summary="Toy.", recipe=RECIPE, variant_of="variant"),
    ]


def registry() -> Registry:
    import sys

    made = Registry([])
    made.register_local(sys.modules[__name__], "toys")
    return made
