"""Distributions, paired differences and rank intervals of one column of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from synthbench.report.caption import BETTER_MARK, WORSE_MARK
from synthbench.report.evidence import evidence
from synthbench.report.html.row_chart import RowChart, jitter, measure
from synthbench.report.html.svg import Drawing, Scale
from synthbench.report.tables import Row, Table

#: Half the height over which a row's cases are spread, and half that of its box.
_SPREAD, _BOX = 8.0, 6.0


def by_mean(table: Table, index: int) -> list[Row]:
    """Methods from best to worst mean of a column; those that are not ranked come last."""
    sign = -1 if table.columns[index].higher_is_better else 1

    def place(row: Row) -> tuple[bool, bool, float]:
        cell = row.cells[index]
        return (bool(cell.state), not cell.ranked, 0.0 if cell.state else sign * cell.mean)

    return sorted(table.rows, key=place)


def distribution(table: Table, index: int) -> Drawing | None:
    """One dot a case, a box from the first to the third quartile, median, and mean as a diamond.

    Returns:
        ``None`` where no method has a number.
    """
    if all(row.cells[index].state for row in table.rows):
        return None
    column, rows = table.columns[index], by_mean(table, index)
    shown = [_shown(table, index, row) for row in rows]
    scores = table.scores[index]
    chart = RowChart(
        rows, f"Distribution of {column.name} by method", 58, column=index, kind="distribution"
    )
    values = [
        scores.values[table.rows.index(row), cases] for row, cases in zip(rows, shown, strict=True)
    ]
    scale = Scale.over(np.concatenate(values).tolist(), chart.left, chart.stop)
    chart.axis(scale, f"{measure(column)}: {_direction(table, index)} is better")
    chart.heading("mean")
    for number, (row, cases, found) in enumerate(zip(rows, shown, values, strict=True)):
        if not len(found):
            chart.inside(number, row.cells[index].state)
            continue
        middle = chart.middle(number)
        style = _style(row)
        if len(found) > 3:
            low, centre, high = (scale(v) for v in np.percentile(found, (25, 50, 75)))
            chart.drawing.add(
                "rect",
                f"box {style}",
                x=low,
                y=middle - _BOX,
                width=max(high - low, 0.5),
                height=2 * _BOX,
                rx=2,
            )
            chart.drawing.line(centre, middle - _BOX, centre, middle + _BOX, f"median {style}")
        _dots(chart, table, row, cases, [scale(v) for v in found], middle, style)
        _diamond(chart.drawing, scale(row.cells[index].mean), middle, f"mean {style}")
        mark = f" {_mark(row, index)}" if _mark(row, index) else ""
        best = "value best" if row.cells[index].rank == 1 else "value"
        chart.beside(number, column.format(row.cells[index].mean) + mark, best)
    return chart.drawing


def differences(table: Table, index: int) -> Drawing | None:
    """Every case's difference to the method tested against, their mean and its interval.

    Returns:
        ``None`` where nothing was tested.
    """
    opponent = table.opponent(index)
    if opponent is None:
        return None
    behind = {each.row.method: each for each in evidence(table) if each.index == index}
    column, scores = table.columns[index], table.scores[index]
    rows = [row for row in by_mean(table, index) if row.cells[index].ranked]
    cases = np.flatnonzero(scores.common)
    other = scores.values[table.rows.index(opponent), cases]
    found = {row.method: scores.values[table.rows.index(row), cases] - other for row in rows}
    chart = RowChart(
        rows,
        f"Differences to {opponent.label} in {column.name}",
        58,
        column=index,
        kind="difference",
        minus=table.rows.index(opponent),
    )
    ends = [end for each in behind.values() for end in (each.interval.low, each.interval.high)]
    scale = Scale.over([*np.concatenate([*found.values()]).tolist(), *ends], chart.left, chart.stop)
    margin = table.testing.margins.get(column.metric)
    if margin is not None:
        low, high = (min(max(scale(v), chart.left), chart.stop) for v in (-margin, margin))
        chart.drawing.add(
            "rect",
            "margin",
            x=low,
            y=chart.middle(0) - 13,
            width=high - low,
            height=chart.bottom - chart.middle(0) + 13,
        )
    better = "right" if column.higher_is_better else "left"
    chart.axis(scale, f"{measure(column)} minus that of {opponent.label}: {better} is better")
    chart.drawing.line(scale(0), chart.middle(0) - 13, scale(0), chart.bottom, "zero")
    chart.heading("adjusted p")
    for number, row in enumerate(rows):
        middle = chart.middle(number)
        if row is opponent:
            _diamond(chart.drawing, scale(0), middle, f"mean {_style(row)}")
            chart.beside(number, "best" if table.testing.reference is None else "reference")
            continue
        each = behind[row.method]
        verdict = "worse" if each.cell.worse else "better" if each.cell.better else "open"
        places = [scale(value) for value in found[row.method]]
        _dots(chart, table, row, cases, places, middle, f"faint {_style(row)}")
        if np.isfinite(each.interval.low):
            low, high = scale(each.interval.low), scale(each.interval.high)
            chart.drawing.line(low, middle, high, middle, f"interval {verdict}")
        test = each.cell.test
        assert test is not None
        chart.drawing.add(
            "circle", f"estimate {verdict}", cx=scale(test.mean_difference), cy=middle, r=4.5
        )
        chart.beside(number, f"{each.cell.p_adjusted:.2g} {_mark(row, index)}".strip())
    return chart.drawing


def ranks(table: Table, index: int, methods: Sequence[Mapping[str, Any]]) -> Drawing | None:
    """Each method's rank, its interval and how often it is best if subjects are drawn again.

    Args:
        table: The table.
        index: Column.
        methods: What :func:`synthbench.report.stats.stats` says of the column's methods.

    Returns:
        ``None`` where ranks have no interval.
    """
    found = {each["method"]: each for each in methods if each["rank_interval"]}
    rows = [row for row in by_mean(table, index) if row.method in found]
    if not rows:
        return None
    column = table.columns[index]
    sign = -1 if column.higher_is_better else 1
    places = rankdata([sign * row.cells[index].mean for row in rows])
    chart = RowChart(rows, f"Rank intervals in {column.name}", 58)
    every = [(float(n), str(n)) for n in range(1, len(rows) + 1, -(-len(rows) // 8))]
    scale = Scale.over([1, len(rows)], chart.left + 6, chart.stop - 6)
    chart.axis(scale, f"rank by mean {column.label}, 1 is best", every)
    chart.heading("P(best)")
    for number, (row, place) in enumerate(zip(rows, places, strict=True)):
        middle = chart.middle(number)
        low, high = (scale(end) for end in found[row.method]["rank_interval"])
        chart.drawing.line(low, middle, high, middle, f"interval {_style(row)}")
        chart.drawing.add(
            "circle", f"estimate {_style(row)}", cx=scale(float(place)), cy=middle, r=4.5
        )
        chart.beside(number, _percent(found[row.method]["probability_best"]))
    return chart.drawing


def _shown(table: Table, index: int, row: Row) -> np.ndarray:
    """Cases behind a cell's mean."""
    scores, cell = table.scores[index], row.cells[index]
    if cell.state:
        return np.zeros(0, dtype=int)
    own = np.isfinite(scores.values[table.rows.index(row)])
    return np.flatnonzero(scores.common if cell.ranked else own)


def _dots(
    chart: RowChart,
    table: Table,
    row: Row,
    cases: np.ndarray,
    places: Sequence[float],
    middle: float,
    style: str,
) -> None:
    many = " many" if len(cases) > 60 else ""
    points = [
        (x, middle + _SPREAD * jitter(int(case))) for x, case in zip(places, cases, strict=True)
    ]
    chart.drawing.dots(
        points, f"dots {style}{many}", row=table.rows.index(row), cases=" ".join(map(str, cases))
    )


def _diamond(drawing: Drawing, x: float, y: float, style: str) -> None:
    drawing.add("path", style, d=f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z")


def _direction(table: Table, index: int) -> str:
    return "higher" if table.columns[index].higher_is_better else "lower"


def _style(row: Row) -> str:
    return "baseline" if row.baseline else "trained"


def _mark(row: Row, index: int) -> str:
    cell = row.cells[index]
    return WORSE_MARK if cell.worse else BETTER_MARK if cell.better else ""


def _percent(part: float) -> str:
    if 0 < part < 0.01:
        return "< 1 %"
    if 0.99 < part < 1:
        return "> 99 %"
    return f"{part:.0%}".replace("%", " %")
