"""Suites from YAML files and from options of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from synthbench.api import DataError, UsageError
from synthbench.api.recipe import Recipe
from synthbench.registry.names import did_you_mean
from synthbench.suite.model import Suite


def read_suite(path: Path) -> dict[str, Any]:
    """Read a suite file; the result still has to be validated with :func:`make_suite`.

    The path of a published table is taken relative to the file.

    Raises:
        DataError: If the file is missing or not YAML.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read suite {path}: {error.strerror}", "check the path") from error
    except yaml.YAMLError as error:
        line = str(error).splitlines()[0]
        raise DataError(f"{path} is not valid YAML: {line}", "correct the file") from error
    if not isinstance(data, dict):
        raise DataError(f"{path} is not a suite", "it must be a mapping with methods and datasets")
    published = data.get("published")
    if isinstance(published, dict):
        as_written = deepcopy({name: data[name] for name in data if name != "published"})
        published["as_written"] = as_written
        if isinstance(published.get("table"), str):
            published["table"] = str(path.parent / published["table"])
    return data


def make_suite(data: Mapping[str, Any], what: str = "options") -> Suite:
    """Validate a suite.

    Args:
        data: Its fields.
        what: Names the origin in messages.

    Raises:
        UsageError: One line that names the field at fault.
    """
    try:
        return Suite.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"{what}: {where}: {message}" if where else f"{what}: {message}",
            "see docs/suites.md for the fields of a suite",
        ) from error


def parse_assignments(assignments: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort ``--set`` options into those for every method and those for one.

    Args:
        assignments: ``recipe.path=value`` or ``method.recipe.path=value``; values are YAML.

    Returns:
        Changes for every method, and changes by method name.

    Raises:
        UsageError: If there is no equals sign or the value is not YAML.
    """
    everywhere: dict[str, Any] = {}
    single: dict[str, Any] = {}
    for text in assignments:
        path, equals, raw = text.partition("=")
        if not equals or not path:
            raise UsageError(
                f"--set {text!r} has no value", "write --set batch=2 or --set METHOD.losses=l1@100"
            )
        try:
            value = yaml.safe_load(raw)
        except yaml.YAMLError as error:
            raise UsageError(
                f"--set {path}: {raw!r} is not a YAML value", "put it in quotes"
            ) from error
        head, dot, rest = path.partition(".")
        if head in Recipe.model_fields:
            everywhere[path] = value
        elif dot:
            single.setdefault(head, {})[rest] = value
        else:
            raise UsageError(
                f"--set {path}: a recipe has no field {head!r}",
                did_you_mean(
                    head, Recipe.model_fields, f"fields: {', '.join(Recipe.model_fields)}"
                ),
            )
    return everywhere, single
