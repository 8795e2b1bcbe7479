"""Builds a table, independent of how it will be printed.

One table holds one task on one dataset; subjects of different datasets are never pooled. Rows
are methods, columns a metric in a region. See ``docs/statistics.md`` for what the marks mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from synthbench import statistics
from synthbench.api.errors import DataError
from synthbench.report.columns import Column, select_columns
from synthbench.report.gather import ColumnScores, column_scores
from synthbench.report.progress import NOT_AVAILABLE, Progress, progress
from synthbench.report.run_folder import RunFolder, of_task
from synthbench.report.testing import Testing, check_metrics, find_method
from synthbench.statistics import PairedTest


@dataclass(frozen=True)
class Cell:
    """One method in one column.

    Attributes:
        mean: Mean over subjects; NaN where there is none.
        sd: Standard deviation over subjects (ddof 1); NaN for fewer than two.
        n: Subjects behind them.
        state: What to print instead of numbers, e.g. ``OOM``; ``""`` where there are numbers.
        ranked: Whether it takes part in ranks and tests: a method that lacks subjects the others
            have does not.
        rank: 1 for the best of the column, 2 for the second, 0 for all others; values that print
            alike share a rank.
        test: This method minus the column's best, or minus the reference method where one was
            asked for; ``None`` for that method itself and the untested.
        p_adjusted: After correction over the table's tests; NaN without a test.
        worse: Whether it is significantly worse than the method it was tested against.
        better: Whether it is significantly better; against the best of a column, none ever is.
    """

    mean: float = float("nan")
    sd: float = float("nan")
    n: int = 0
    state: str = ""
    ranked: bool = False
    rank: int = 0
    test: PairedTest | None = None
    p_adjusted: float = float("nan")
    worse: bool = False
    better: bool = False


@dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
        method: Canonical id.
        label: As printed.
        baseline: Whether it is a floor that every trained method must beat.
        cells: One a column.
        bound: ``upper`` or ``lower`` for a bound: neither ranked nor tested; else ``""``.
    """

    method: str
    label: str
    baseline: bool
    cells: tuple[Cell, ...]
    bound: str = ""


@dataclass(frozen=True, eq=False)
class Table:
    """A table and all that its caption needs.

    Attributes:
        dataset: Canonical id.
        task: The task.
        columns: What is measured where.
        rows: Baselines first, bounds last.
        scores: The subjects' values behind each column; rows in the order of ``rows``.
        testing: How methods were compared; the reference is a canonical id.
        progress: How far the task's cells have come.
    """

    dataset: str
    task: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    scores: tuple[ColumnScores, ...]
    testing: Testing
    progress: Progress

    @property
    def alpha(self) -> float:
        """Significance level, after correction."""
        return self.testing.alpha

    @property
    def tested(self) -> list[Cell]:
        """Cells with a test: the family that the correction covers."""
        return [cell for row in self.rows for cell in row.cells if cell.test is not None]

    def n(self, column: int) -> int:
        """Subjects compared in a column; 0 for a metric of whole sets.

        That has one value a fold, and its title says of how many volumes.
        """
        scores = self.scores[column]
        return 0 if scores.of_sets else int(scores.common.sum())

    def opponent(self, column: int) -> Row | None:
        """The method that the others of a column were tested against, if any was."""
        if not any(row.cells[column].test for row in self.rows):
            return None
        return next(
            row for row in self.rows if row.cells[column].ranked and not row.cells[column].test
        )


def build_tables(
    run: RunFolder,
    *,
    metrics: Sequence[str] = (),
    regions: Sequence[str] = (),
    testing: Testing = Testing(),  # noqa: B008
    decimals: Mapping[str, int] = MappingProxyType({}),
) -> list[Table]:
    """Build the table of every task of a run; see :func:`build_table`.

    Raises:
        DataError: If the run has no cells at all.
        UsageError: For a margin or decimals of a metric that no table has.
    """
    if not run.tasks:
        raise DataError(
            f"run {run.name} has no cells yet",
            "wait until it has started, or repeat the `synthbench run` command",
        )
    tables = [
        build_table(
            run,
            dataset,
            task,
            metrics=metrics,
            regions=regions,
            testing=testing,
            decimals=decimals,
        )
        for dataset, task in run.tasks
    ]
    shown = list(dict.fromkeys(column.metric for table in tables for column in table.columns))
    check_metrics(testing.margins, shown, "a margin")
    check_metrics([metric for metric in decimals if metric], shown, "decimals")
    return tables


def build_table(
    run: RunFolder,
    dataset: str,
    task: str,
    *,
    metrics: Sequence[str] = (),
    regions: Sequence[str] = (),
    testing: Testing = Testing(),  # noqa: B008
    decimals: Mapping[str, int] = MappingProxyType({}),
) -> Table:
    """Build the table of one task.

    Args:
        run: The run.
        dataset: Canonical id of the dataset.
        task: The task.
        metrics: See :func:`synthbench.report.columns.select_columns`.
        regions: See there.
        testing: How methods are compared; the reference may be a printed name.
        decimals: Digits after the point by metric, ``""`` for all others; default: what each
            metric declares. Marks follow what is printed.

    Raises:
        DataError: If a subject was scored twice, or a patient tested in two folds.
        UsageError: For unknown metrics, regions or reference methods, or a run under several
            metric protocols (:meth:`~synthbench.report.run_folder.RunFolder.under` chooses one).
    """
    run = run.under("")
    columns = [
        replace(column, decimals=decimals.get(column.metric, decimals.get("", column.decimals)))
        for column in select_columns(run, dataset, task, metrics, regions)
    ]
    methods = run.method_order(dataset, task)
    if testing.reference is not None:
        labels = {method: run.label(method) for method in methods}
        testing = replace(testing, reference=find_method(testing.reference, labels, task))
    reference = methods.index(testing.reference) if testing.reference else None
    methods += run.bounds(dataset, task, [column.metric for column in columns])
    state = progress(of_task(run.cells, dataset, task), methods)
    rows = of_task(run.scores, dataset, task)
    scores = [
        column_scores(run, rows, column, methods, run.patients(dataset)) for column in columns
    ]
    by_column = [
        _compare(column, values, _summarise(values, methods, state), testing, reference)
        for column, values in zip(columns, scores, strict=True)
    ]
    by_column = _correct(columns, by_column, testing)
    return Table(
        dataset=dataset,
        task=task,
        columns=tuple(columns),
        rows=tuple(
            Row(
                method=method,
                label=run.label(method),
                baseline=run.is_baseline(method),
                cells=tuple(cells[index] for cells in by_column),
                bound=run.bound(method),
            )
            for index, method in enumerate(methods)
        ),
        scores=tuple(scores),
        testing=testing,
        progress=state,
    )


def _summarise(scores: ColumnScores, methods: Sequence[str], state: Progress) -> list[Cell]:
    cells = []
    for index, method in enumerate(methods):
        ranked = bool(scores.ranked[index])
        values = scores.values[index]
        values = values[scores.common] if ranked else values[np.isfinite(values)]
        if len(values) == 0:
            # Scored without a number (weights missing, say) is not the same as not scored.
            ran = method in state.methods and state.methods[method].done
            cells.append(Cell(state=NOT_AVAILABLE if ran else state.methods[method].mark))
            continue
        sd = float("nan") if scores.of_sets else statistics.spread(values)
        cells.append(Cell(mean=float(values.mean()), sd=sd, n=len(values), ranked=ranked))
    return cells


def _compare(
    column: Column,
    scores: ColumnScores,
    cells: list[Cell],
    testing: Testing,
    reference: int | None,
) -> list[Cell]:
    """Rank the methods of a column and test each against the best, or against the reference."""
    ranked = [index for index, cell in enumerate(cells) if cell.ranked]
    if len(ranked) < 2:
        return cells
    sign = 1.0 if column.higher_is_better else -1.0
    best = max(ranked, key=lambda index: sign * cells[index].mean)
    # Marks follow what is printed: two equal numbers, one bold and one not, would puzzle readers.
    printed = {index: sign * float(column.format(cells[index].mean)) for index in ranked}
    places = sorted(set(printed.values()), reverse=True)[:2]
    opponent = best if reference is None else reference
    testable = opponent in ranked and not scores.of_sets and scores.common.sum() > 1
    compared = list(cells)
    for index in ranked:
        rank = places.index(printed[index]) + 1 if printed[index] in places else 0
        test = None
        if index != opponent and testable:
            test = statistics.compare(
                scores.values[index, scores.common],
                scores.values[opponent, scores.common],
                testing.test,
            )
        compared[index] = replace(cells[index], rank=rank, test=test)
    return compared


def _correct(
    columns: Sequence[Column], by_column: Sequence[Sequence[Cell]], testing: Testing
) -> list[list[Cell]]:
    """Correct over all tests of the table, then mark what is significantly worse or better."""
    raw = np.array(
        [cell.test.p if cell.test else np.nan for cells in by_column for cell in cells],
        dtype=np.float64,
    )
    adjusted = iter(statistics.correct(raw, testing.correction).tolist())
    corrected = []
    for column, cells in zip(columns, by_column, strict=True):
        sign = 1.0 if column.higher_is_better else -1.0
        done = []
        for cell in cells:
            p = next(adjusted)
            found = cell.test is not None and p <= testing.alpha
            gain = sign * cell.test.direction if cell.test else 0.0
            # Ranks may speak against the mean (few large losses, many small gains); the best mean
            # is not called worse for that.
            better = found and gain > 0 and testing.reference is not None
            done.append(replace(cell, p_adjusted=p, worse=found and gain < 0, better=better))
        corrected.append(done)
    return corrected
