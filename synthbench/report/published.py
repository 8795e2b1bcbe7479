"""Measured numbers beside those of a published table, and why some cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthbench import statistics
from synthbench.audit import Claim
from synthbench.report.columns import Column, select_columns
from synthbench.report.gather import column_scores
from synthbench.report.progress import progress
from synthbench.report.run_folder import RunFolder, of_task, short_name
from synthbench.suite import PublishedColumn, PublishedRow, PublishedTask

#: Test sets whose sizes differ by no more than this part (and one) count as equally large: patients
#: are not divided, so a quarter is not always the same number.
_TOLERANCE = 0.05
_FULL_PRESET = "paper"


@dataclass(frozen=True)
class Measured:
    """What a run says about a published cell.

    Attributes:
        method: Canonical id of the method; ``""`` where the run has none.
        label: Its printed name.
        column: Which score; ``None`` where there is none.
        mean: Over subjects, seeds and sessions averaged as in the tables; NaN where there is none.
        sd: Over subjects; NaN for fewer than two.
        n: Subjects, or folds for a score of whole sets.
        state: Why there is no number.
    """

    method: str = ""
    label: str = ""
    column: Column | None = None
    mean: float = float("nan")
    sd: float = float("nan")
    n: int = 0
    state: str = "not run"


@dataclass(frozen=True)
class Beside:
    """One published number and the measured one.

    Attributes:
        cell: As published.
        measured: From the run.
        same_unit: Whether a difference of the two has a meaning.
        reasons: Why the two cannot be compared; empty where they can.
    """

    cell: Claim
    measured: Measured
    same_unit: bool
    reasons: tuple[str, ...]

    @property
    def difference(self) -> float:
        """Measured minus published; NaN where one has no number or the units differ."""
        return self.measured.mean - self.cell.mean if self.same_unit else float("nan")


@dataclass(frozen=True)
class PublishedTable:
    """A task of a published table beside the measured numbers.

    Attributes:
        dataset: Canonical id of the dataset measured on.
        task: The task there.
        source: Paper and table.
        name: The task as the paper calls it.
        rows: In the order of the published table.
        remarks: What a reader must know.
    """

    dataset: str
    task: str
    source: str
    name: str
    rows: tuple[Beside, ...]
    remarks: tuple[str, ...]

    @property
    def reasons(self) -> list[str]:
        """Every reason once, in the order of the rows: footnotes are numbered by it."""
        return list(dict.fromkeys(reason for row in self.rows for reason in row.reasons))


def published_tables(run: RunFolder, dataset: str, task: str) -> list[PublishedTable]:
    """Put the published numbers of a task beside the measured ones.

    Args:
        run: The run, under one metric protocol.
        dataset: Canonical id of the dataset.
        task: The task.

    Returns:
        One a task of the published table that this task repeats: the one on the same dataset, else
        those of the same translation on other data; empty for a run of a suite that repeats no
        table.
    """
    record = run.info.get("published") or {}
    tasks = [PublishedTask.model_validate(each) for each in record.get("tasks") or ()]
    same = [each for each in tasks if str(each.translation) == task]
    there = [each for each in same if short_name(each.dataset) == short_name(dataset)]
    return [_table(run, dataset, task, record, each) for each in there or same]


def _table(
    run: RunFolder, dataset: str, task: str, record: Mapping[str, Any], theirs: PublishedTask
) -> PublishedTable:
    cells = [Claim(**each) for each in record["cells"] if each["task"] == theirs.task]
    rows = {name: PublishedRow.model_validate(each) for name, each in record["rows"].items()}
    columns = {
        name: PublishedColumn.model_validate(each) for name, each in record["columns"].items()
    }
    shared = _of_the_run(run, dataset, theirs, record)
    return PublishedTable(
        dataset=dataset,
        task=task,
        source=str(record["source"]),
        name=theirs.task,
        rows=tuple(
            _beside(
                run, (dataset, task), cell, rows[cell.method], columns[cell.metric], theirs, shared
            )
            for cell in cells
        ),
        remarks=tuple(record.get("remarks") or ()),
    )


def _of_the_run(
    run: RunFolder, dataset: str, theirs: PublishedTask, record: Mapping[str, Any]
) -> tuple[str, ...]:
    """Why no number of a task can be compared."""
    reasons = []
    if short_name(theirs.dataset) != short_name(dataset):
        reasons.append(f"other data: {short_name(dataset)}, not {short_name(theirs.dataset)}")
    reasons += theirs.differs
    reasons += record.get("changed") or ()
    preset = str(run.info.get("preset") or _FULL_PRESET)
    if preset != _FULL_PRESET and not any(each.startswith("preset") for each in reasons):
        reasons.append(f"preset {preset}: a shortened training schedule")
    return tuple(reasons)


def _beside(
    run: RunFolder,
    where: tuple[str, str],
    cell: Claim,
    row: PublishedRow,
    column: PublishedColumn,
    theirs: PublishedTask,
    shared: tuple[str, ...],
) -> Beside:
    measured, of_sets = _measure(run, where, row, column)
    own = [*row.differs, *column.differs]
    found = measured.column
    if np.isnan(measured.mean):
        # Nothing was compared: only why there is no number counts.
        return Beside(cell, measured, column.same_unit, tuple(own))
    assert found is not None
    if short_name(found.evaluator) != column.evaluator or found.region != column.region:
        own.append(
            f"other metric definition: {found.name} of {short_name(found.evaluator)}, "
            f"not {column.region} of {column.evaluator}"
        )
    n = theirs.n or cell.n
    if n and not of_sets and abs(measured.n - n) > max(1.0, _TOLERANCE * n):
        own.append(f"other test set: n = {measured.n}, not {n}")
    return Beside(cell, measured, column.same_unit, (*shared, *own))


def _measure(
    run: RunFolder, where: tuple[str, str], row: PublishedRow, column: PublishedColumn
) -> tuple[Measured, bool]:
    dataset, task = where
    methods = run.method_order(dataset, task)
    names = (row.method, f"core/{row.method}", f"suite/{row.method}")
    method = next((each for each in methods if row.method and each in names), "")
    if not method:
        return Measured(state="not run" if row.method else "no such method"), False
    label = run.label(method)
    found = _column(run, where, column)
    state = progress(of_task(run.cells, dataset, task), methods).methods[method]
    if found is None:
        scored = "not scored" if column.evaluator else "no such metric"
        return Measured(method, label, state=scored if state.done else state.mark), False
    scores = column_scores(
        run, of_task(run.scores, dataset, task), found, methods, run.patients(dataset)
    )
    values = scores.values[methods.index(method)]
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return Measured(method, label, found, state="n/a" if state.done else state.mark), False
    sd = float("nan") if scores.of_sets else statistics.spread(values)
    mean = float(values.mean())
    return Measured(method, label, found, mean, sd, len(values), ""), scores.of_sets


def _column(run: RunFolder, where: tuple[str, str], column: PublishedColumn) -> Column | None:
    """The score that a column means, else one of the same name that is defined otherwise."""
    scores = of_task(run.scores, *where)
    # Names with an owner stand for metrics of the same name from another evaluator.
    keys = [key for key in run.metrics if key.rpartition(":")[2] == column.metric]
    keys.sort(
        key=lambda key: short_name(str(run.metrics[key].get("evaluator"))) != column.evaluator
    )
    for key in keys:
        regions = list(dict.fromkeys(scores[scores["metric"] == key]["region"]))
        regions.sort(key=lambda region: region != column.region)
        if regions:
            return select_columns(run, *where, metrics=[key], regions=regions[:1])[0]
    return None
