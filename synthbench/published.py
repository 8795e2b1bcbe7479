"""A suite's published table as a run keeps it: the cells, and what they are to be compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from synthbench.api import DataError
from synthbench.api.errors import few
from synthbench.audit import Claim, read
from synthbench.suite import Published, Suite, make_suite

#: Fields of a suite that change what is measured.
_PROTOCOL = ("preset", "split", "spacing", "crop", "set", "set_for")
_HINT = "docs/suites.md says how a suite names its published table"
_MOST_NAMED = 5


def published_record(suite: Suite) -> dict[str, Any]:
    """Collect what a report needs to print a run beside the table its suite repeats.

    Args:
        suite: The suite, with the changes that options made.

    Returns:
        Ready for JSON: ``source``, ``remarks``, ``tasks``, ``columns`` and ``rows`` as the suite
        has them, ``cells`` of these tasks as the table has them, and ``changed``: how the run
        departs from the suite as it was written. Empty for a suite without a published table.

    Raises:
        DataError: If the table cannot be read, or the suite and the table do not fit together.
    """
    published = suite.published
    if published is None:
        return {}
    cells = _cells(published)
    names = published.model_dump(mode="json", include={"tasks", "columns", "rows"})
    return {
        "source": published.source,
        "remarks": list(published.remarks),
        **names,
        "cells": [asdict(cell) for cell in cells],
        "changed": _changed(suite, published),
    }


def _cells(published: Published) -> list[Claim]:
    every = read(published.table)
    wanted = [task.task for task in published.tasks]
    cells = [cell for cell in every if cell.task in wanted]
    known = "published, a name that the table does not have"
    unknown = "published, not said what it is here"
    _refuse(published, "task", known, set(wanted) - {cell.task for cell in every})
    _refuse(published, "row", known, set(published.rows) - {cell.method for cell in every})
    _refuse(published, "column", known, set(published.columns) - {cell.metric for cell in every})
    _refuse(published, "row", unknown, {cell.method for cell in cells} - set(published.rows))
    _refuse(published, "column", unknown, {cell.metric for cell in cells} - set(published.columns))
    return cells


def _refuse(published: Published, kind: str, what: str, names: Iterable[str]) -> None:
    if names := sorted(names):
        raise DataError(
            f"{published.table.name}, {kind} {few(names, _MOST_NAMED)}: {what}",
            _HINT,
        )


def _changed(suite: Suite, published: Published) -> list[str]:
    """How a run departs from the suite as it was written, for a reader."""
    if not published.as_written:
        return []
    written = make_suite(published.as_written, "the suite as it was written")
    mine, theirs = (one.model_dump(mode="json", exclude_none=True) for one in (suite, written))
    changed = [
        f"{field.replace('_', ' ')}: {_instead(mine.get(field), theirs.get(field))}"
        for field in _PROTOCOL
        if mine.get(field) != theirs.get(field)
    ]
    params = {each.name: each.params for each in written.datasets}
    changed += [
        f"parameters of {each.name}: {_instead(each.params, params[each.name])}"
        for each in suite.datasets
        if each.name in params and each.params != params[each.name]
    ]
    return changed


def _instead(mine: Any, theirs: Any) -> str:
    """Two values that differ, of mappings only what does."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        differing = [name for name in {**theirs, **mine} if mine.get(name) != theirs.get(name)]
        mine, theirs = ({name: one.get(name) for name in differing} for one in (mine, theirs))
    return f"{_text(mine)} instead of {_text(theirs)}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return " x ".join(_text(each) for each in value) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)
