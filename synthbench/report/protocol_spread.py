"""How scores and ranks of the same predictions change between metric protocols.

Metrics are compared within their family (SSIM, PSNR, ...); what one protocol alone measures is left
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from synthbench.api.errors import UsageError
from synthbench.report.caption import metric_protocols, title
from synthbench.report.columns import Column, select_columns
from synthbench.report.markdown import aligned, escape
from synthbench.report.run_folder import RunFolder, of_task
from synthbench.report.tables import Table, build_table

_NONE = "--"


@dataclass(frozen=True)
class ProtocolColumn:
    """One metric of one protocol.

    Attributes:
        protocol: Name of the protocol.
        family: What the metric measures; ranks are compared within a family.
        column: The metric in the region that stands for it.
        means: Mean of each method, NaN where it has none or lacks subjects others have.
        ranks: Place of each method among those with a mean, 1 for the best; equal means share the
            mean of their places; NaN where there is none.
        n: Subjects behind it.
    """

    protocol: str
    family: str
    column: Column
    means: tuple[float, ...]
    ranks: tuple[float, ...]
    n: int


def protocol_columns(run: RunFolder, dataset: str, task: str) -> list[ProtocolColumn]:
    """One column for each metric of each protocol that a task was scored under.

    The region is the foreground where the protocol scores it, else the whole volume. Metrics
    without any number, for example of a protocol for CT on another modality, have no column.

    Args:
        run: The run, with all its protocols.
        dataset: Canonical id of the dataset.
        task: The task.
    """
    columns = []
    for protocol in run.protocols:
        chosen = run.under(protocol)
        metrics = [name for name, info in chosen.metrics.items() if info.get("protocol")]
        rows = of_task(chosen.scores, dataset, task)
        scored = dict.fromkeys(rows[rows["value"].notna()]["metric"])
        for metric in [name for name in metrics if name in scored]:
            found = select_columns(chosen, dataset, task, (metric,))
            table = build_table(
                chosen, dataset, task, metrics=(metric,), regions=(found[0].region,)
            )
            columns.append(_column(chosen, protocol, metric, table))
    return columns


def render(run: RunFolder) -> str:
    """Render the spread of every task as markdown.

    Raises:
        UsageError: If the run was scored under fewer than two protocols.
    """
    if len(run.protocols) < 2:
        raise UsageError(
            f"run {run.name} was scored under {' and '.join(run.protocols) or 'no protocol'}: "
            "there is nothing to compare",
            "add evaluators to the suite, e.g. --evaluators iqa,mdaunet,fastmri",
        )
    return "\n".join(_task(run, dataset, task) for dataset, task in run.tasks)


def _column(run: RunFolder, protocol: str, metric: str, table: Table) -> ProtocolColumn:
    cells = [row.cells[0] for row in table.rows]
    means = np.array([cell.mean if cell.ranked else np.nan for cell in cells], dtype=np.float64)
    column = table.columns[0]
    signed = -means if column.higher_is_better else means
    return ProtocolColumn(
        protocol=protocol,
        family=str(run.metrics[metric].get("family") or metric),
        column=column,
        means=tuple(means.tolist()),
        ranks=tuple(stats.rankdata(signed, nan_policy="omit").tolist()),
        n=table.n(0),
    )


def _task(run: RunFolder, dataset: str, task: str) -> str:
    columns = protocol_columns(run, dataset, task)
    methods = run.method_order(dataset, task)
    lines = [f"### Metric protocols: {escape(title(dataset, task))}", ""]
    families = dict.fromkeys(column.family for column in columns)
    for family in families:
        of_family = [column for column in columns if column.family == family]
        if len({column.protocol for column in of_family}) > 1:
            lines += [*_family(run, methods, of_family), ""]
    lines.append(
        "Mean over subjects and, in brackets, the method's rank under that protocol; last column: "
        "best to worst rank of the method. Kendall's tau compares the ranks with those of the "
        "table's first column: 1 is the same order, -1 the reverse. Scores of different protocols "
        "are different quantities; only the ranks can be compared."
    )
    absent = [name for name in run.protocols if name not in {c.protocol for c in columns}]
    if absent:
        lines += ["", f"No score on this task: {escape(', '.join(absent))}; --protocol says why."]
    lines += ["", f"Protocols: {escape('; '.join(metric_protocols(run)))}."]
    return "\n".join(lines) + "\n"


def _family(run: RunFolder, methods: Sequence[str], columns: Sequence[ProtocolColumn]) -> list[str]:
    header = ["method", *(_title(column) for column in columns), "ranks"]
    rows = [header]
    for index, method in enumerate(methods):
        ranks = [column.ranks[index] for column in columns if not np.isnan(column.ranks[index])]
        ends = dict.fromkeys((min(ranks), max(ranks))) if ranks else ()
        span = " to ".join(f"{rank:g}" for rank in ends) or _NONE
        rows.append(
            [escape(run.label(method)), *(_cell(column, index) for column in columns), span]
        )
    rows.append(["n", *(str(column.n or _NONE) for column in columns), ""])
    rows.append(["tau", *(_tau(columns[0], column) for column in columns), ""])
    return aligned(rows)


def _title(column: ProtocolColumn) -> str:
    region = column.column.region_name
    return escape(f"{column.protocol}: {column.column.title}, {region}")


def _cell(column: ProtocolColumn, index: int) -> str:
    mean, rank = column.means[index], column.ranks[index]
    return _NONE if np.isnan(mean) else f"{column.column.format(mean)} ({rank:g})"


def _tau(first: ProtocolColumn, other: ProtocolColumn) -> str:
    pairs = np.array([first.ranks, other.ranks])
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    if pairs.shape[1] < 2 or np.ptp(pairs, axis=1).min() == 0:
        return _NONE
    return f"{stats.kendalltau(pairs[0], pairs[1]).statistic:.2f}"
