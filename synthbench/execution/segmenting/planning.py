"""From a finished run to the segmenters that judge its synthetic volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from synthbench.api import DataError, Segmenter, SegmenterSpec, UsageError
from synthbench.execution.cells import read_cell, read_prep
from synthbench.execution.segmenting.request import Request, SegmentPlan
from synthbench.execution.segmenting.task import TaskPlanner
from synthbench.registry import Entry, Registry
from synthbench.registry.names import did_you_mean
from synthbench.report.run_folder import RunFolder
from synthbench.store.keys import digest


def plan_segmentation(
    registry: Registry, run: RunFolder, store: Path, asked: Request
) -> SegmentPlan:
    """Plan the segmenters of a run without training anything.

    Args:
        registry: Where segmenters and evaluators are found.
        run: The run.
        store: Root of its store.
        asked: What is asked for.

    Raises:
        UsageError: For unknown names, or a package that is not installed.
        DataError: If the run has no labels, or no two patients to divide, or would leak.
    """
    entry = registry.get("segmenters", asked.segmenter)
    spec = entry.spec
    assert isinstance(spec, SegmenterSpec)
    params = {**spec.presets.get(asked.preset, {}), **asked.changes}
    check_params(entry, params)
    tag, title = _names(spec, asked)
    evaluators = [e for e in registry.all("evaluators") if e.spec.masks and e.spec.default]
    plan = SegmentPlan(run.path, tag, title, evaluators)
    plan.remarks = entry.remarks(params)
    cells = [read_cell(run.path / "cells" / label) for label in _labels(run)]
    for name in dict.fromkeys(cell.prep for cell in cells):
        plan.preps[name] = read_prep(run.path / "preps" / name / "prep.json")
    chosen = _methods(run, asked.methods)
    for dataset, task in run.tasks:
        mine = [cell for cell in cells if (cell.dataset, cell.task) == (dataset, task)]
        if mine:
            TaskPlanner(plan, run, store, entry, params, asked, mine).add(chosen)
    return plan


def _labels(run: RunFolder) -> list[str]:
    if "label" not in run.cells.columns:
        raise DataError(
            f"{run.path / 'cells.csv'} has no column label",
            "repeat the `synthbench run` command: it rebuilds the tables, trains nothing again",
        )
    return list(run.cells["label"])


def check_params(entry: Entry, params: Mapping[str, Any]) -> None:
    """Refuse a segmenter that lacks a package, or parameters it does not have.

    Raises:
        UsageError: Naming what is missing, or the parameter.
    """
    import inspect

    if lacking := entry.missing(params):
        raise UsageError(*lacking[0])
    segmenter: type[Segmenter] = entry.resolve()
    known = [name for name in inspect.signature(segmenter).parameters if name != "setting"]
    for name in params:
        if name not in known:
            raise UsageError(
                f"{entry.id} has no parameter {name!r}",
                did_you_mean(name, known, f"it has {', '.join(known)}"),
            )


def _names(spec: SegmenterSpec, asked: Request) -> tuple[str, str]:
    """Results of one name are made in one way."""
    parts, words = [spec.name], [spec.name]
    if asked.preset != "paper":
        parts.append(asked.preset)
        words.append(asked.preset)
    if asked.regions:
        parts += asked.regions
        words.append(f"{' and '.join(asked.regions)} only".replace("_", " "))
    if asked.changes:
        parts.append(digest(dict(asked.changes))[:4])
        words += [f"{name} = {value}" for name, value in asked.changes.items()]
    return "_".join(parts), ", ".join(words)


def _methods(run: RunFolder, patterns: Sequence[str]) -> set[str]:
    labels = {method: run.label(method) for method in dict.fromkeys(run.cells["method"])}
    chosen: set[str] = set()
    for pattern in patterns:
        found = {
            method
            for method, label in labels.items()
            if pattern == "all" or fnmatchcase(method, pattern) or fnmatchcase(label, pattern)
        }
        if not found:
            raise UsageError(
                f"run {run.name} has no method {pattern!r}",
                did_you_mean(pattern, labels.values(), f"it has {', '.join(labels.values())}"),
            )
        chosen |= found
    return chosen
