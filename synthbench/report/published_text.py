"""Published beside measured as text, before it is escaped and laid out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from synthbench.report.caption import title
from synthbench.report.columns import signed
from synthbench.report.published import Beside, PublishedTable

HEADER = (
    *("row of the paper", "method here", "metric"),
    *("published", "measured", "difference", "comparable"),
)


def heading(table: PublishedTable) -> str:
    """What stands beside what."""
    name = f", {table.name.replace('->', '→')}" if table.name else ""
    return f"Published beside measured: {title(table.dataset, table.task)} ({table.source}{name})"


def body(table: PublishedTable) -> list[list[str]]:
    """One row a published number; the first two columns name the method there and here."""
    numbers = {reason: at for at, reason in enumerate(table.reasons, start=1)}
    return [
        [
            row.cell.method,
            row.measured.label or "--",
            row.cell.metric,
            _published(row),
            row.measured.state or _measured(row),
            "--"
            if math.isnan(row.difference)
            else signed(row.difference, max(row.cell.decimals, 0)),
            _verdict(row, sorted(numbers[reason] for reason in row.reasons)),
        ]
        for row in table.rows
    ]


def caption(table: PublishedTable) -> list[str]:
    """What the difference is, the reasons by number, then remarks; one line each."""
    lines = [
        "Difference: measured minus published, not tested: published scores of single subjects are "
        "not known."
    ]
    lines += [f"({number}) {reason}." for number, reason in enumerate(table.reasons, start=1)]
    return [*lines, *(f"{remark.rstrip('.')}." for remark in table.remarks)]


def plain(table: PublishedTable) -> dict[str, Any]:
    """The numbers for ``stats.json``; what does not exist is ``None``."""
    return {
        "source": table.source,
        "task": table.name,
        "numbers": [
            {
                "published_method": row.cell.method,
                "published_metric": row.cell.metric,
                "published_mean": row.cell.mean,
                "published_sd": row.cell.sd,
                "published_n": row.cell.n,
                "better": row.cell.better,
                "method": row.measured.method or None,
                "metric": found.metric if found else None,
                "region": found.region if found else None,
                "evaluator": found.evaluator if found else None,
                "unit": found.unit if found else None,
                "state": row.measured.state or "ok",
                "n": row.measured.n or None,
                "mean": row.measured.mean,
                "sd": row.measured.sd,
                "difference": row.difference,
                "comparable": None if row.measured.state else not row.reasons,
                "not_comparable_because": list(row.reasons),
            }
            for row in table.rows
            for found in [row.measured.column]
        ],
        "remarks": list(table.remarks),
    }


def tidy(table: PublishedTable) -> Iterator[dict[str, Any]]:
    """Fields of a tidy CSV, one row a published number; what does not exist is empty."""
    for row in table.rows:
        found = row.measured.column
        yield {
            "dataset": table.dataset,
            "task": table.task,
            "evaluator": found.evaluator if found else "",
            "metric": found.metric if found else row.cell.metric,
            "region": found.region if found else "",
            "unit": found.unit if found else "",
            "better": row.cell.better,
            "method": row.measured.method or row.cell.method,
            "state": "published",
            "n": row.measured.n or "",
            "mean": _number(row.measured.mean),
            "sd": _number(row.measured.sd),
            "published_source": table.source,
            "published_task": table.name,
            "published_method": row.cell.method,
            "published_metric": row.cell.metric,
            "published_mean": _number(row.cell.mean),
            "published_sd": "" if row.cell.sd is None else _number(row.cell.sd),
            "published_n": row.cell.n or "",
            "minus_published": _number(row.difference),
            "comparable": "" if row.measured.state else not row.reasons,
            "not_comparable_because": "; ".join(row.reasons),
        }


def _published(row: Beside) -> str:
    sd = "" if row.cell.sd is None else f" ± {row.cell.sd:.{max(row.cell.sd_decimals, 0)}f}"
    return row.cell.printed + sd


def _measured(row: Beside) -> str:
    """With the digits of the published number; in another unit these would say nothing."""
    mean, sd, column = row.measured.mean, row.measured.sd, row.measured.column
    assert column is not None
    if not row.same_unit:
        texts = [column.format(value) for value in (mean, sd) if not math.isnan(value)]
        return " ± ".join(texts) + (f" {column.unit}" if column.unit else "")
    decimals = row.cell.decimals if row.cell.sd is None else row.cell.sd_decimals
    text = f"{mean:.{max(row.cell.decimals, 0)}f}"
    return text if math.isnan(sd) else f"{text} ± {sd:.{max(decimals, 0)}f}"


def _verdict(row: Beside, numbers: list[int]) -> str:
    listed = f" ({', '.join(str(number) for number in numbers)})" if numbers else ""
    if row.measured.state:
        return f"--{listed}"
    return f"no{listed}" if numbers else "yes"


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))
