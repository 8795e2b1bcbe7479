"""What a reader must know beside a table, one plain sentence each."""

from __future__ import annotations

import numpy as np

from synthbench import statistics
from synthbench.report.caption import count, join
from synthbench.report.columns import Column
from synthbench.report.evidence import equivalence_lines, subjects_line
from synthbench.report.gaps import failures, missing_values, name_columns, progress
from synthbench.report.run_folder import RunFolder, of_task
from synthbench.report.tables import Row, Table
from synthbench.report.trainings import Trainings


def notes(table: Table, run: RunFolder) -> list[str]:
    """Say what the numbers alone would hide, the most important first."""
    return [*findings(table, run), *remarks(table, run)]


def findings(table: Table, run: RunFolder) -> list[str]:
    """What the numbers of a table do and do not show: part of :func:`notes`."""
    return [
        *progress(table),
        *failures(table),
        *_lost_to_baselines(table),
        *_power(table),
        *_untested(table),
        *_not_separable(table),
        *subjects_line(table),
        *_seeds(table, run),
        *_fewer_seeds(table, run),
        *equivalence_lines(table),
        *_against_the_mean(table),
        *missing_values(table),
    ]


def remarks(table: Table, run: RunFolder) -> list[str]:
    """How methods and the run depart from what was published: the rest of :func:`notes`."""
    return [
        *_of_methods(table, run),
        *(str(note) for note in run.info.get("notes") or ()),
        *_of_segmenters(table, run),
    ]


def _lost_to_baselines(table: Table) -> list[str]:
    """Say who does not beat which baselines where; methods with the same to say share a line."""
    baselines = [row for row in table.rows if row.baseline]
    losers: dict[str, list[str]] = {}
    for row in table.rows:
        if row.baseline:
            continue
        lost: dict[str, list[str]] = {}
        for baseline in baselines:
            names = [
                column.name
                for index, column in enumerate(table.columns)
                if _beats(column, row, baseline, index) is False
            ]
            if names:
                every = len(names) == len(table.columns) > 1
                lost.setdefault("any column" if every else join(names), []).append(baseline.label)
        if lost:
            where = "; ".join(f"{join(labels)} in {columns}" for columns, labels in lost.items())
            losers.setdefault(where, []).append(row.label)
    return [
        f"{join(labels)} {'does' if len(labels) == 1 else 'do'} not beat {where}."
        for where, labels in losers.items()
    ]


def _beats(column: Column, row: Row, baseline: Row, index: int) -> bool | None:
    """Whether a method's printed mean is better; ``None`` where the two cannot be compared."""
    mine, floor = row.cells[index], baseline.cells[index]
    if not (mine.ranked and floor.ranked):
        return None
    sign = 1 if column.higher_is_better else -1
    return sign * float(column.format(mine.mean)) > sign * float(column.format(floor.mean))


def _power(table: Table) -> list[str]:
    ranked = [sum(row.cells[index].ranked for row in table.rows) for index in range(_width(table))]
    if max(ranked, default=0) == 0:
        return []
    if max(ranked) == 1:
        return ["One method only: nothing to rank or test."]
    family = table.tested
    sizes = [table.n(index) for index in range(_width(table))]
    if not family:
        return ["One subject only: no standard deviation and no test."] if 1 in sizes else []
    # Corrections are monotone in the raw p-values: this is the best any data of this size could do.
    smallest = np.array([cell.test.smallest_p for cell in family if cell.test])
    reachable = statistics.correct(smallest, table.testing.correction)
    hopeless = {
        cell.test.n: (cell.test.smallest_p, float(floor))
        for cell, floor in zip(family, reachable, strict=True)
        if cell.test and floor > table.alpha
    }
    together = len(family) if table.testing.correction == "holm" else 1
    needed = statistics.pairs_needed(together, table.alpha, table.testing.test)
    remedy = (
        "random sign flips cannot do it with any n: choose fewer columns or another test"
        if needed is None
        else f"at least {needed} subjects are needed for this table"
    )
    return [
        f"Cannot reach significance with n = {n}: the smallest possible p is {p:.3g}, after "
        f"correction {floor:.3g}; {remedy}. A missing mark does not mean that methods are equal."
        for n, (p, floor) in sorted(hopeless.items())
    ]


def _untested(table: Table) -> list[str]:
    """Where the reference method has no place among those compared, nothing was tested."""
    label = next((row.label for row in table.rows if row.method == table.testing.reference), "")
    names = [
        column.name
        for index, column in enumerate(table.columns)
        if label
        and table.n(index) > 1
        # One method alone has nobody to be tested against, whoever is the reference.
        and sum(row.cells[index].ranked for row in table.rows) > 1
        and table.opponent(index) is None
    ]
    if not names:
        return []
    return [
        f"Nothing is tested in {name_columns(names, table)}: {label}, the reference, lacks scores "
        "that the others have."
    ]


def _not_separable(table: Table) -> list[str]:
    """Name who is not told apart from the best, or the reference; equal columns share a line."""
    if all(cell.p_adjusted > table.alpha for cell in table.tested):
        # Where nothing could have been found, another note has said so.
        silent = not table.tested or any(line.startswith("Cannot") for line in _power(table))
        return [] if silent else ["No method is told apart from another in any column."]
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for index, column in enumerate(table.columns):
        opponent = table.opponent(index)
        names = tuple(
            row.label
            for row in table.rows
            if row.cells[index].test and row.cells[index].p_adjusted > table.alpha
        )
        if opponent and names:
            alike.setdefault((opponent.label, names), []).append(column.name)
    return [
        f"Not told apart from {best} in {join(columns)}: {join([*names])}."
        for (best, names), columns in alike.items()
    ]


def _seeds(table: Table, run: RunFolder) -> list[str]:
    """How far the means of repeated trainings lie apart, beside the spread over subjects."""
    seeds = len(table.progress.seeds)
    if seeds < 2:
        return []
    column, resampled = table.columns[0], Trainings(table, run, 0)
    spreads = [(row.label, resampled.seed_spread(row)) for row in table.rows]
    listed = [
        f"{label} {column.format(spread)}"
        for label, spread in spreads
        if spread is not None and np.isfinite(spread)
    ]
    if not listed:
        return []
    over = f"Standard deviation over {seeds} training seeds of the mean {column.name}"
    return [f"{over}: {join(listed)}."]


def _fewer_seeds(table: Table, run: RunFolder) -> list[str]:
    """Name who was trained with fewer seeds than the caption says, as methods of another run."""
    every = len(table.progress.seeds)
    cells = of_task(run.cells, table.dataset, table.task)
    fewer: dict[int, list[str]] = {}
    for row in table.rows:
        seeds = cells.loc[cells["method"] == row.method, "seed"].nunique()
        if 0 < seeds < every:
            fewer.setdefault(seeds, []).append(row.label)
    return [
        f"{join(labels)}: {count(seeds, 'training seed')}, not {every}."
        for seeds, labels in sorted(fewer.items())
    ]


def _against_the_mean(table: Table) -> list[str]:
    lines = []
    for row in table.rows:
        for index, (cell, column) in enumerate(zip(row.cells, table.columns, strict=True)):
            opponent = table.opponent(index)
            if not (cell.test and opponent and cell.p_adjusted <= table.alpha):
                continue
            if cell.test.direction * cell.test.mean_difference < 0:
                first, second = row.label, opponent.label
                if (cell.test.mean_difference < 0) != column.higher_is_better:
                    first, second = second, first
                lines.append(
                    f"{first} has the worse mean in {column.name}, yet by ranks its gains over "
                    f"{second} outweigh its losses (adjusted p = {cell.p_adjusted:.2g}): a few "
                    "large losses decide the mean."
                )
    return lines


def _of_methods(table: Table, run: RunFolder) -> list[str]:
    lines = []
    for row in table.rows:
        about = run.methods.get(row.method, {})
        for text in (*about.get("remarks", ()), about.get("notes") or ""):
            if text.strip():
                lines.append(f"{row.label}: {text.strip().rstrip('.')}.")
    return lines


def _of_segmenters(table: Table, run: RunFolder) -> list[str]:
    """What `synthbench segment` says of segmenters that have a column, or failed altogether."""
    shown = {column.evaluator.rpartition(":")[2] for column in table.columns}
    scored = {str(evaluator).rpartition(":")[2] for evaluator in run.scores["evaluator"].unique()}
    told = run.info.get("segmentations") or {}
    return [
        str(note)
        for tag, lines in told.items()
        if tag in shown or tag not in scored
        for note in lines
    ]


def _width(table: Table) -> int:
    return len(table.columns)
