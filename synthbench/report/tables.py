"""Builds a table, independent of how it will be printed.

One table holds one task on one dataset; subjects of different datasets are never pooled. Rows
are methods, columns a metric in a region. See ``docs/statistics.md`` for what the marks mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from synthbench import statistics
from synthbench.api.errors import DataError
from synthbench.report.columns import Column, select_columns
from synthbench.report.gather import ColumnScores, column_scores
from synthbench.report.progress import NOT_AVAILABLE, Progress, progress
from synthbench.report.run_folder import RunFolder, of_task
from synthbench.statistics import PairedTest

#: Significance level, after correction.
ALPHA = 0.05


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
        test: This method minus the column's best; ``None`` for the best and the untested.
        p_adjusted: After Holm's correction over the table's tests; NaN without a test.
        worse: Whether it is significantly worse than the best of the column.
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


@dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
        method: Canonical id.
        label: As printed.
        baseline: Whether it is a floor that every trained method must beat.
        cells: One a column.
    """

    method: str
    label: str
    baseline: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table and all that its caption needs.

    Attributes:
        dataset: Canonical id.
        task: The task.
        columns: What is measured where.
        rows: Baselines first.
        scores: The subjects' values behind each column; rows in the order of ``rows``.
        alpha: Significance level.
        progress: How far the task's cells have come.
    """

    dataset: str
    task: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    scores: tuple[ColumnScores, ...]
    alpha: float
    progress: Progress

    @property
    def tested(self) -> list[Cell]:
        """Cells with a test: the family that Holm's correction covers."""
        return [cell for row in self.rows for cell in row.cells if cell.test is not None]

    def n(self, column: int) -> int:
        """Subjects compared in a column."""
        return int(self.scores[column].common.sum())

    def best(self, column: int) -> Row | None:
        """The method that the others of a column were tested against, if any was."""
        if not any(row.cells[column].test for row in self.rows):
            return None
        return next(
            row for row in self.rows if row.cells[column].ranked and not row.cells[column].test
        )


def build_tables(
    run: RunFolder, *, metrics: Sequence[str] = (), regions: Sequence[str] = ()
) -> list[Table]:
    """Build the table of every task of a run; see :func:`build_table`.

    Raises:
        DataError: If the run has no cells at all.
    """
    if not run.tasks:
        raise DataError(
            f"run {run.name} has no cells yet",
            "wait until it has started, or repeat the `synthbench run` command",
        )
    return [
        build_table(run, dataset, task, metrics=metrics, regions=regions)
        for dataset, task in run.tasks
    ]


def build_table(
    run: RunFolder,
    dataset: str,
    task: str,
    *,
    metrics: Sequence[str] = (),
    regions: Sequence[str] = (),
    alpha: float = ALPHA,
) -> Table:
    """Build the table of one task.

    Args:
        run: The run.
        dataset: Canonical id of the dataset.
        task: The task.
        metrics: See :func:`synthbench.report.columns.select_columns`.
        regions: See there.
        alpha: Significance level after correction.

    Raises:
        DataError: If a subject was scored twice, or a patient tested in two folds.
        UsageError: For unknown metrics or regions, or a run under several metric protocols
            (:meth:`~synthbench.report.run_folder.RunFolder.under` chooses one).
    """
    run = run.under("")
    columns = select_columns(run, dataset, task, metrics, regions)
    methods = run.method_order(dataset, task)
    state = progress(of_task(run.cells, dataset, task), methods)
    rows = of_task(run.scores, dataset, task)
    scores = [
        column_scores(run, rows, column, methods, run.patients(dataset)) for column in columns
    ]
    by_column = [
        _compare(column, values, _summarise(values, methods, state))
        for column, values in zip(columns, scores, strict=True)
    ]
    by_column = _correct(columns, by_column, alpha)
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
            )
            for index, method in enumerate(methods)
        ),
        scores=tuple(scores),
        alpha=alpha,
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


def _compare(column: Column, scores: ColumnScores, cells: list[Cell]) -> list[Cell]:
    """Rank the methods of a column and test each against the best."""
    ranked = [index for index, cell in enumerate(cells) if cell.ranked]
    if len(ranked) < 2:
        return cells
    sign = 1.0 if column.higher_is_better else -1.0
    best = max(ranked, key=lambda index: sign * cells[index].mean)
    # Marks follow what is printed: two equal numbers, one bold and one not, would puzzle readers.
    printed = {index: sign * float(column.format(cells[index].mean)) for index in ranked}
    places = sorted(set(printed.values()), reverse=True)[:2]
    compared = list(cells)
    for index in ranked:
        rank = places.index(printed[index]) + 1 if printed[index] in places else 0
        test = None
        if index != best and not scores.of_sets and scores.common.sum() > 1:
            test = statistics.wilcoxon(
                scores.values[index, scores.common], scores.values[best, scores.common]
            )
        compared[index] = replace(cells[index], rank=rank, test=test)
    return compared


def _correct(
    columns: Sequence[Column], by_column: Sequence[Sequence[Cell]], alpha: float
) -> list[list[Cell]]:
    """Correct over all tests of the table, then mark what is significantly worse."""
    raw = np.array(
        [cell.test.p if cell.test else np.nan for cells in by_column for cell in cells],
        dtype=np.float64,
    )
    adjusted = iter(statistics.holm(raw).tolist())
    corrected = []
    for column, cells in zip(columns, by_column, strict=True):
        sign = 1.0 if column.higher_is_better else -1.0
        done = []
        for cell in cells:
            p = next(adjusted)
            # The test may speak against the mean (few large losses, many small gains).
            worse = cell.test is not None and p <= alpha and sign * cell.test.rank_biserial < 0
            done.append(replace(cell, p_adjusted=p, worse=worse))
        corrected.append(done)
    return corrected
