"""Checks of what a plugin declares; a plugin that fails one is broken as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from synthbench.api.errors import UsageError
from synthbench.api.specs import (
    ComponentSpec,
    DatasetSpec,
    DiscriminatorSpec,
    EvaluatorSpec,
    LossSpec,
    MethodSpec,
    SegmenterSpec,
    TranslatorSpec,
)
from synthbench.registry.entries import Kind
from synthbench.registry.names import is_legal
from synthbench.registry.plain import plain

SPEC_TYPES: dict[Kind, type[ComponentSpec | MethodSpec]] = {
    "translators": TranslatorSpec,
    "discriminators": DiscriminatorSpec,
    "losses": LossSpec,
    "datasets": DatasetSpec,
    "evaluators": EvaluatorSpec,
    "segmenters": SegmenterSpec,
    "methods": MethodSpec,
}

_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PRESETS = ("smoke", "quick", "paper")


class InvalidSpecError(ValueError):
    """A declaration that cannot be used; the text is one line for the plugin's author."""


def checked_specs(kind: Kind, declared: Any) -> list[ComponentSpec | MethodSpec]:
    """Return what a hook gave as a list of sound specs.

    Raises:
        InvalidSpecError: Naming the first thing that is wrong.
    """
    hook = f"synthbench_{kind}"
    if not isinstance(declared, Sequence) or isinstance(declared, str):
        raise InvalidSpecError(f"{hook} must return a list, not {type(declared).__name__}")
    expected = SPEC_TYPES[kind]
    names: set[str] = set()
    for spec in declared:
        if not isinstance(spec, expected):
            raise InvalidSpecError(
                f"{hook} must return {expected.__name__} objects, not {type(spec).__name__}"
            )
        if not is_legal(spec.name):
            raise InvalidSpecError(
                f"{hook}: illegal name {spec.name!r}: lower-case letters, digits, _ and - only"
            )
        if spec.name in names:
            raise InvalidSpecError(f"{hook}: {spec.name!r} is declared twice")
        names.add(spec.name)
        _check(spec)
    return list(declared)


def _check(spec: ComponentSpec | MethodSpec) -> None:
    try:
        json.dumps(plain(spec), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidSpecError(f"{spec.name}: {error}") from error
    if isinstance(spec, ComponentSpec):
        for target in (spec.target, spec.preflight, spec.remarks):
            if target != "" and not _TARGET.fullmatch(target):
                raise InvalidSpecError(f"{spec.name}: {target!r} is not 'package.module:name'")
        if not spec.target:
            raise InvalidSpecError(f"{spec.name}: the target is empty")
    if isinstance(spec, EvaluatorSpec):
        _check_metrics(spec)
    if isinstance(spec, DatasetSpec | MethodSpec | SegmenterSpec):
        for preset in spec.presets:
            if preset not in _PRESETS:
                raise InvalidSpecError(
                    f"{spec.name}: unknown preset {preset!r}: it must be one of {_PRESETS}"
                )
    if isinstance(spec, MethodSpec):
        _check_recipes(spec)


def _check_metrics(spec: EvaluatorSpec) -> None:
    names = [metric.name for metric in spec.metrics]
    if not names:
        raise InvalidSpecError(f"{spec.name}: an evaluator declares at least one metric")
    for name in names:
        if not is_legal(name) or names.count(name) > 1:
            raise InvalidSpecError(f"{spec.name}: illegal or duplicate metric name {name!r}")


def _check_recipes(spec: MethodSpec) -> None:
    from synthbench.registry.recipes import recipe_of

    for preset in ("paper", *spec.presets):
        try:
            recipe_of(spec, preset)
        except UsageError as error:
            raise InvalidSpecError(error.message) from error
