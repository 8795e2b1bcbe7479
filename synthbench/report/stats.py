"""Everything statistical about a report, as plain data: the content of ``stats.json``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from synthbench import statistics
from synthbench.report import published_text
from synthbench.report.columns import Column
from synthbench.report.evidence import POWER, Evidence, equivalences, evidence, places
from synthbench.report.published import published_tables
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import Table
from synthbench.report.trainings import Trainings
from synthbench.statistics import FloatArray

#: Mean ranks over fewer datasets say nothing.
FEWEST_DATASETS = 5
#: With fewer datasets, no signed-rank test over them can reach 0.05.
_FEWEST_TESTED = 6


def stats(tables: Sequence[Table], run: RunFolder) -> dict[str, Any]:
    """Collect every p-value, interval, effect and rank of a report.

    Args:
        tables: The tables of one run.
        run: The run.

    Returns:
        Ready for JSON; what does not exist is ``None``.
    """
    testing = tables[0].testing
    content = {
        "run": run.name,
        "testing": {
            "test": testing.test,
            "correction": testing.correction,
            "alpha": testing.alpha,
            "reference": testing.reference,
            "margins": dict(testing.margins),
            "power": POWER,
            "bootstrap_samples": statistics.RESAMPLES,
        },
        "tables": [_table(table, run) for table in tables],
        "across_datasets": across_datasets(tables),
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def _table(table: Table, run: RunFolder) -> dict[str, Any]:
    behind = evidence(table)
    same = equivalences(table)
    columns = []
    for index, column in enumerate(table.columns):
        opponent = table.opponent(index)
        resampled = Trainings(table, run, index)
        comparisons = [
            _comparison(each) | resampled.comparison(each.row, each.opponent)
            for each in behind
            if each.index == index
        ]
        for comparison in comparisons:
            comparison["equivalence"] = next(
                (
                    {"margin": outcome.margin, "p": outcome.p, "p_adjusted": p}
                    for at, row, _, outcome, p in same
                    if at == index and row.method == comparison["method"]
                ),
                None,
            )
        columns.append(
            {
                **_named(column),
                "unit": column.unit,
                "n": table.n(index),
                "compared_with": opponent.method if opponent else None,
                "methods": _methods(table, index, resampled),
                "comparisons": comparisons,
                **_all_pairs(table, index),
            }
        )
    return {
        "dataset": table.dataset,
        "task": table.task,
        "tests_in_family": len(table.tested),
        "columns": columns,
        "published": [
            published_text.plain(each) for each in published_tables(run, table.dataset, table.task)
        ],
    }


def _named(column: Column) -> dict[str, Any]:
    return {
        "metric": column.metric,
        "region": column.region,
        "evaluator": column.evaluator,
        "better": "higher" if column.higher_is_better else "lower",
    }


def _comparison(each: Evidence) -> dict[str, Any]:
    test = each.cell.test
    assert test is not None
    return {
        "method": each.row.method,
        "n": test.n,
        "mean_difference": test.mean_difference,
        "interval": asdict(each.interval),
        "d_z": each.effects.d_z,
        "g_z": each.effects.g_z,
        "d_av": each.effects.d_av,
        "rank_biserial": test.rank_biserial,
        "statistic": test.statistic,
        "null_distribution": test.method,
        "p": test.p,
        "p_adjusted": each.cell.p_adjusted,
        "smallest_p": test.smallest_p,
        "significantly_worse": each.cell.worse,
        "significantly_better": each.cell.better,
        "subjects_needed": each.needed,
    }


def _methods(table: Table, index: int, resampled: Trainings) -> list[dict[str, Any]]:
    found = places(table, index)
    return [
        {
            "method": row.method,
            "label": row.label,
            "state": cell.state or "ok",
            "n": cell.n,
            "mean": cell.mean,
            "sd": cell.sd,
            "sd_over_seeds": resampled.seed_spread(row),
            "probability_best": place.probability_best if place else None,
            "rank_interval": [place.low, place.high] if place else None,
        }
        for row in table.rows
        for cell, place in [(row.cells[index], found.get(row.method))]
    ]


def _all_pairs(table: Table, index: int) -> dict[str, Any]:
    """Friedman's test over subjects and every pair of methods, corrected within the column."""
    scores, column = table.scores[index], table.columns[index]
    if int(scores.ranked.sum()) < 2 or table.n(index) < 2:
        return {"friedman": None, "all_pairs": []}
    values = scores.values[scores.ranked][:, scores.common]
    names = [row.method for row in table.rows if row.cells[index].ranked]
    better = column.higher_is_better
    overall = statistics.friedman(values, higher_is_better=better)
    conover = statistics.conover(values, higher_is_better=better) if overall else None
    return {
        "friedman": _friedman(overall, names) if overall else None,
        "all_pairs": _pairs(table, names, values, conover),
    }


def _friedman(found: statistics.Friedman, names: Sequence[str]) -> dict[str, Any]:
    return {
        "n": found.n,
        "chi2": found.chi2,
        "p": found.p,
        "iman_davenport_f": found.f,
        "iman_davenport_p": found.f_p,
        "mean_ranks": dict(zip(names, found.mean_ranks.tolist(), strict=True)),
    }


def _pairs(
    table: Table, names: Sequence[str], values: FloatArray, conover: FloatArray | None
) -> list[dict[str, Any]]:
    testing = table.testing
    pairs = list(combinations(range(len(names)), 2))
    tests = [statistics.compare(values[a], values[b], testing.test) for a, b in pairs]
    adjusted = statistics.correct(np.array([test.p for test in tests]), testing.correction)
    return [
        {
            "a": names[a],
            "b": names[b],
            "mean_difference": test.mean_difference,
            "rank_biserial": test.rank_biserial,
            "p": test.p,
            "p_adjusted": float(p),
            "p_conover_holm": None if conover is None else float(conover[a, b]),
        }
        for (a, b), test, p in zip(pairs, tests, adjusted, strict=True)
    ]


def across_datasets(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """Rank methods over datasets, for a critical-difference diagram.

    Tables are the blocks; subjects of different datasets are never pooled.
    """
    by_column: dict[tuple[str, str], list[tuple[Table, int]]] = {}
    for table in tables:
        for index, column in enumerate(table.columns):
            by_column.setdefault((column.metric, column.region), []).append((table, index))
    found = []
    for blocks in by_column.values():
        if len(blocks) < FEWEST_DATASETS:
            continue
        means = [
            {row.method: row.cells[index].mean for row in table.rows if row.cells[index].ranked}
            for table, index in blocks
        ]
        names = [method for method in means[0] if all(method in each for each in means)]
        values = np.array([[each[name] for each in means] for name in names])
        column = blocks[0][0].columns[blocks[0][1]]
        overall = (
            statistics.friedman(values, higher_is_better=column.higher_is_better)
            if len(names) > 2
            else None
        )
        if overall is None:
            continue
        table = blocks[0][0]
        p = statistics.nemenyi(overall.mean_ranks, overall.n)
        limit = statistics.critical_difference(len(names), overall.n, table.alpha)
        found.append(
            {
                **_named(column),
                "datasets": [f"{block.dataset}: {block.task}" for block, _ in blocks],
                "friedman": _friedman(overall, names),
                "critical_difference": limit,
                "not_separable": [
                    [names[member] for member in group]
                    for group in statistics.not_separable(overall.mean_ranks, limit)
                ],
                "nemenyi": [
                    {"a": names[a], "b": names[b], "p": float(p[a, b])}
                    for a, b in combinations(range(len(names)), 2)
                ],
                "all_pairs": _pairs(table, names, values, None)
                if overall.n >= _FEWEST_TESTED
                else [],
            }
        )
    return found


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
