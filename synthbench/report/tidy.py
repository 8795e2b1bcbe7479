"""Renders tables as one tidy CSV: full-precision summary and every p-value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from synthbench.report import published_text
from synthbench.report.evidence import Evidence, evidence
from synthbench.report.published import published_tables
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import Table

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
    "ci_low",
    "ci_high",
    "ci_method",
    "g_z",
    "rank_biserial",
    "test",
    "statistic",
    "null_distribution",
    "p",
    "correction",
    "p_adjusted",
    "tests_in_family",
    "alpha",
    "smallest_p",
    "significantly_worse",
    "significantly_better",
    # Of rows in the state "published" only.
    "published_source",
    "published_task",
    "published_method",
    "published_metric",
    "published_mean",
    "published_sd",
    "published_n",
    "minus_published",
    "comparable",
    "not_comparable_because",
)


def render(tables: Sequence[Table], run: RunFolder) -> str:
    """Render one row a table, column and method; numbers that do not exist stay empty.

    Numbers of a published table follow, a row each, in the state ``published``.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    for table in tables:
        writer.writerows(_rows(table))
    for table in tables:
        for published in published_tables(run, table.dataset, table.task):
            writer.writerows(published_text.tidy(published))
    return text.getvalue()


def _rows(table: Table) -> Iterable[dict[str, Any]]:
    behind = {(each.index, each.row.method): each for each in evidence(table)}
    for index, column in enumerate(table.columns):
        opponent = table.opponent(index)
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
                **(_test(behind[index, row.method], table) if cell.test else {}),
                "compared_with": opponent.method if opponent and cell.test else "",
            }


def _test(found: Evidence, table: Table) -> dict[str, Any]:
    cell, test = found.cell, found.cell.test
    assert test is not None
    return {
        "mean_difference": _number(test.mean_difference),
        "ci_low": _number(found.interval.low),
        "ci_high": _number(found.interval.high),
        "ci_method": found.interval.method,
        "g_z": _number(found.effects.g_z),
        "rank_biserial": _number(test.rank_biserial),
        "test": test.test,
        "statistic": _number(test.statistic),
        "null_distribution": test.method,
        "p": _number(test.p),
        "correction": table.testing.correction,
        "p_adjusted": _number(cell.p_adjusted),
        "tests_in_family": len(table.tested),
        "alpha": table.alpha,
        "smallest_p": _number(test.smallest_p),
        "significantly_worse": cell.worse,
        "significantly_better": cell.better,
    }


def _number(value: float) -> str:
    return "" if value != value else repr(float(value))
