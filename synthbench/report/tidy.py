"""Renders tables as one tidy CSV: full-precision summary and every p-value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from synthbench.report.tables import Cell, Table

FIELDS = (
    "dataset",
    "task",
    "evaluator",
    "metric",
    "metric_version",
    "region",
    "unit",
    "better",
    "method",
    "baseline",
    "state",
    "n",
    "mean",
    "sd",
    "ranked",
    "rank",
    "compared_with",
    "mean_difference",
    "rank_biserial",
    "wilcoxon_statistic",
    "null_distribution",
    "p",
    "p_holm",
    "tests_in_family",
    "alpha",
    "smallest_p",
    "significantly_worse",
)


def render(tables: Sequence[Table]) -> str:
    """Render one row a table, column and method; numbers that do not exist stay empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    for table in tables:
        writer.writerows(_rows(table))
    return text.getvalue()


def _rows(table: Table) -> Iterable[dict[str, Any]]:
    for index, column in enumerate(table.columns):
        best = table.best(index)
        for row in table.rows:
            cell = row.cells[index]
            yield {
                "dataset": table.dataset,
                "task": table.task,
                "evaluator": column.evaluator,
                "metric": column.metric,
                "metric_version": column.version,
                "region": column.region,
                "unit": column.unit,
                "better": "higher" if column.higher_is_better else "lower",
                "method": row.method,
                "baseline": row.baseline,
                "state": cell.state or "ok",
                "n": cell.n,
                "mean": _number(cell.mean),
                "sd": _number(cell.sd),
                "ranked": cell.ranked,
                "rank": cell.rank or "",
                **(_test(cell, table) if cell.test else {}),
                "compared_with": best.method if best and cell.test else "",
            }


def _test(cell: Cell, table: Table) -> dict[str, Any]:
    test = cell.test
    assert test is not None
    return {
        "mean_difference": _number(test.mean_difference),
        "rank_biserial": _number(test.rank_biserial),
        "wilcoxon_statistic": _number(test.statistic),
        "null_distribution": test.method,
        "p": _number(test.p),
        "p_holm": _number(cell.p_adjusted),
        "tests_in_family": len(table.tested),
        "alpha": table.alpha,
        "smallest_p": _number(test.smallest_p),
        "significantly_worse": cell.worse,
    }


def _number(value: float) -> str:
    return "" if value != value else repr(float(value))
