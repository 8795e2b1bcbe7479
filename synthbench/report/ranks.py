"""How methods rank, for drawing: over datasets where there are enough, else over subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import rankdata

from synthbench.report.caption import count, join, title
from synthbench.report.columns import percent
from synthbench.report.evidence import places
from synthbench.report.run_folder import RunFolder
from synthbench.report.stats import across_datasets
from synthbench.report.tables import Table


@dataclass(frozen=True)
class Ranked:
    """One method in one panel.

    Attributes:
        label: Printed name.
        baseline: Whether it translates without a network.
        rank: Mean rank over datasets, or rank by the mean over subjects; 1 is best.
        low: Lower end of the rank interval; of mean ranks the rank itself.
        high: Upper end.
        best: Probability to have the best mean; ``None`` for mean ranks.
    """

    label: str
    baseline: bool
    rank: float
    low: float
    high: float
    best: float | None


@dataclass(frozen=True)
class Ranks:
    """One panel: a metric in a region.

    Attributes:
        metric: What was ranked by.
        name: The same in words, with its region.
        methods: From best to worst.
        groups: Places of the first and last method that cannot be separated, best first.
        difference: The critical difference of mean ranks; ``None`` for rank intervals.
        what: What the panel shows, a sentence for the caption.
    """

    metric: str
    name: str
    methods: tuple[Ranked, ...]
    groups: tuple[tuple[int, int], ...]
    difference: float | None
    what: str


def ranks_over_datasets(run: RunFolder, tables: Sequence[Table]) -> list[Ranks]:
    """Mean ranks over tables, one panel for each column that enough of them share."""
    panels = []
    names = {
        (column.metric, column.region): column.name for table in tables for column in table.columns
    }
    for found in across_datasets(tables):
        mean_ranks = found["friedman"]["mean_ranks"]
        order = sorted(mean_ranks, key=lambda method: mean_ranks[method])
        name = names[found["metric"], found["region"]]
        limit = float(found["critical_difference"])
        methods = tuple(
            Ranked(run.label(method), run.is_baseline(method), rank, rank, rank, None)
            for method in order
            for rank in [float(mean_ranks[method])]
        )
        groups = tuple(
            (min(at), max(at))
            for group in found["not_separable"]
            for at in [[order.index(method) for method in group]]
        )
        listed = join([_block(each) for each in found["datasets"]])
        panels.append(
            Ranks(
                found["metric"],
                name,
                methods,
                groups,
                limit,
                f"{name}: mean ranks over {found['friedman']['n']} tables ({listed}), 1 is best; "
                f"Friedman p = {found['friedman']['p']:.2g}; critical difference {limit:.2f} "
                f"(Nemenyi, alpha = {tables[0].alpha:g}); bars join methods that it does not "
                f"separate.{_partial(tables)}",
            )
        )
    return panels


def rank_intervals(table: Table, run: RunFolder) -> list[Ranks]:
    """Ranks by mean over subjects with their bootstrap intervals, one panel a column."""
    panels = []
    for index, column in enumerate(table.columns):
        found = places(table, index)
        if not found:
            continue
        rows = [row for row in table.rows if row.method in found]
        sign = -1 if column.higher_is_better else 1
        by_mean = rankdata([sign * row.cells[index].mean for row in rows])
        methods = [
            Ranked(row.label, row.baseline, float(rank), place.low, place.high, best)
            for row, rank in zip(rows, by_mean, strict=True)
            for place in [found[row.method]]
            for best in [place.probability_best]
        ]
        noun = "patients" if run.patients(table.dataset) else "subjects"
        panels.append(
            Ranks(
                column.metric,
                column.name,
                tuple(sorted(methods, key=lambda method: method.rank)),
                (),
                None,
                f"{column.name}: ranks by mean over {table.n(index)} held-out {noun}, "
                f"{title(table.dataset, table.task)}, 1 is best; lines: {percent(1 - table.alpha)} "
                f"intervals if {noun} are drawn again (bootstrap); P(best): how often the method "
                f"then has the best mean.{_partial([table])}",
            )
        )
    return panels


def _partial(tables: Sequence[Table]) -> str:
    missing = sum(table.progress.total - table.progress.finished for table in tables)
    return f" The run is not finished: {count(missing, 'cell')} yet to come." if missing else ""


def _block(name: str) -> str:
    dataset, _, task = name.partition(": ")
    return title(dataset, task)
