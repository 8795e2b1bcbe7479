"""What stands behind each mark: effect, interval, equivalence and the subjects it would take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from synthbench import statistics
from synthbench.report.caption import count, join
from synthbench.report.columns import Column
from synthbench.report.tables import Cell, Row, Table
from synthbench.statistics import Effects, Equivalence, Interval

#: Probability to find a difference, for which subjects are counted.
POWER = 0.8


@dataclass(frozen=True)
class Evidence:
    """One method against the one that its column's tests are made against.

    Attributes:
        index: Column.
        column: The column.
        row: The method.
        opponent: What it was tested against; differences are ``row - opponent``.
        cell: The method's cell, with the test.
        interval: Confidence interval of the mean difference, not corrected for several tests.
        effects: Paired effect sizes.
        needed: Subjects with which a difference of this size would be found with 80 % power and
            the table's correction; ``None`` without a finite effect, or for over 100 000.
    """

    index: int
    column: Column
    row: Row
    opponent: Row
    cell: Cell
    interval: Interval
    effects: Effects
    needed: int | None


@lru_cache(maxsize=32)
def evidence(table: Table) -> tuple[Evidence, ...]:
    """Compute the evidence of every test of a table, column by column.

    Kept by table: several outputs of one report ask for the same intervals, which take time.
    """
    found = []
    for index, row, opponent, a, b in _pairs(table):
        effects = statistics.effects(a, b)
        found.append(
            Evidence(
                index=index,
                column=table.columns[index],
                row=row,
                opponent=opponent,
                cell=row.cells[index],
                interval=statistics.mean_interval(a - b, level=1 - table.alpha),
                effects=effects,
                needed=_needed(table, effects),
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class Place:
    """How sure a method's rank in one column is, by bootstrap over subjects.

    Attributes:
        probability_best: Probability to have the best mean.
        low: Lower end of the rank interval; 1 is best.
        high: Upper end.
    """

    probability_best: float
    low: float
    high: float


@lru_cache(maxsize=256)
def places(table: Table, index: int) -> dict[str, Place]:
    """Places of the ranked methods in one column, by method; empty where nothing can be drawn."""
    scores = table.scores[index]
    ranked = [row for row in table.rows if row.cells[index].ranked]
    if len(ranked) < 2 or table.n(index) < 2:
        return {}
    values = scores.values[scores.ranked][:, scores.common]
    better = table.columns[index].higher_is_better
    found = statistics.ranking(values, higher_is_better=better, level=1 - table.alpha)
    return {
        row.method: Place(float(found.best[at]), float(found.low[at]), float(found.high[at]))
        for at, row in enumerate(ranked)
    }


def equivalences(table: Table) -> list[tuple[int, Row, Row, Equivalence, float]]:
    """Test equivalence wherever a margin was declared.

    Returns:
        Column, method, what it was tested against, outcome, and p corrected over all these tests.
    """
    found = [
        (index, row, opponent, statistics.equivalence(a, b, margin))
        for index, row, opponent, a, b in _pairs(table)
        if (margin := table.testing.margins.get(table.columns[index].metric)) is not None
    ]
    raw = np.array([outcome.p for *_, outcome in found], dtype=np.float64)
    adjusted = statistics.correct(raw, table.testing.correction).tolist()
    return [(*each, p) for each, p in zip(found, adjusted, strict=True)]


def subjects_line(table: Table) -> list[str]:
    """Say how many subjects the inconclusive differences of the first column would take."""
    needs: dict[float, list[str]] = {}
    first = None
    for index, row, _, a, b in _pairs(table):
        first = index if first is None else first
        cell = row.cells[index]
        effects = statistics.effects(a, b)
        if index != first or cell.p_adjusted <= table.alpha or not np.isfinite(effects.d_z):
            continue
        needed = _needed(table, effects)
        needs.setdefault(math.inf if needed is None else needed, []).append(row.label)
    if first is None or not needs:
        return []
    listed = "; ".join(
        f"{'more than 100 000' if number == math.inf else f'about {number}'} for {join(labels)}"
        for number, labels in sorted(needs.items())
    )
    return [
        f"Subjects that differences as large as the observed ones in {table.columns[first].name} "
        f"would need (power {POWER:.0%}): {listed}."
    ]


def equivalence_lines(table: Table) -> list[str]:
    """Say which methods are the same within the declared margins, and which are not shown to be."""
    by_column: dict[int, list[tuple[Row, Row, Equivalence, float]]] = {}
    for index, row, opponent, outcome, p in equivalences(table):
        by_column.setdefault(index, []).append((row, opponent, outcome, p))
    lines = []
    for index, outcomes in by_column.items():
        column, opponent, margin = table.columns[index], outcomes[0][1], outcomes[0][2].margin
        within = f"within ±{margin:g}{f' {column.unit}' if column.unit else ''} of {opponent.label}"
        same = [
            f"{row.label} (adjusted p = {p:.2g})" for row, *_, p in outcomes if p <= table.alpha
        ]
        other = [row.label for row, *_, p in outcomes if not p <= table.alpha]
        parts = [f"equivalent {within}: {join(same)}"] if same else []
        parts += [f"not shown to be equivalent {within}: {join(other)}"] if other else []
        lines.append(
            f"{column.name}, two one-sided t-tests over {count(outcomes[0][2].n, 'subject')}: "
            f"{'; '.join(parts)}."
        )
    return lines


def _pairs(
    table: Table,
) -> Iterator[tuple[int, Row, Row, statistics.FloatArray, statistics.FloatArray]]:
    """Every tested pair of a table and its values over the compared subjects."""
    for index, scores in enumerate(table.scores):
        opponent = table.opponent(index)
        if opponent is None:
            continue
        other = scores.values[table.rows.index(opponent), scores.common]
        for position, row in enumerate(table.rows):
            if row.cells[index].test is not None:
                yield index, row, opponent, scores.values[position, scores.common], other


def _needed(table: Table, effects: Effects) -> int | None:
    return statistics.subjects_needed(
        effects.d_z,
        alpha=table.alpha,
        tests=len(table.tested) if table.testing.correction == "holm" else 1,
        power=POWER,
        test=table.testing.test,
    )
