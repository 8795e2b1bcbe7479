"""What the page says beside its charts, as plain data: the template escapes all of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthbench.report import published_text
from synthbench.report.caption import BETTER_MARK, WORSE_MARK
from synthbench.report.columns import signed
from synthbench.report.progress import STATE_MARKS
from synthbench.report.published import published_tables
from synthbench.report.run_folder import RunFolder, of_task
from synthbench.report.tables import Cell, Row, Table

#: Records shown in full at the end of the page.
_RECORDS = ("run.json", "suite.json", "splits.json")


@dataclass(frozen=True)
class ShownCell:
    """One cell of the score table.

    Attributes:
        text: As in the markdown table, without the marks.
        rank: 1 or 2 for the best two, else 0.
        mark: A dagger, or ``""``.
        better: Whether it stands for significantly better.
        size: The method's own n where it lacks subjects, else 0.
        sort: What the column is sorted by; ``""`` comes last.
        detail: The test behind it, in words; may be empty.
    """

    text: str
    rank: int = 0
    mark: str = ""
    better: bool = False
    size: int = 0
    sort: str = ""
    detail: str = ""


def score_rows(table: Table) -> list[tuple[Row, list[ShownCell]]]:
    """The cells of the score table, the same numbers and marks as in markdown."""
    return [
        (row, [_cell(table, index, cell) for index, cell in enumerate(row.cells)])
        for row in table.rows
    ]


def _cell(table: Table, index: int, cell: Cell) -> ShownCell:
    if cell.state:
        return ShownCell(cell.state)
    column = table.columns[index]
    text = column.format(cell.mean)
    if not math.isnan(cell.sd):
        text += f" ± {column.format(cell.sd)}"
    detail = ""
    opponent = table.opponent(index)
    if cell.test and opponent:
        difference = signed(cell.test.mean_difference, column.decimals + 1)
        detail = f"{difference} to {opponent.label}, adjusted p = {cell.p_adjusted:.2g}"
    return ShownCell(
        text=text,
        rank=cell.rank,
        mark=WORSE_MARK if cell.worse else BETTER_MARK if cell.better else "",
        better=cell.better,
        size=0 if cell.ranked else cell.n,
        sort=repr(float(cell.mean)),
        detail=detail,
    )


@dataclass(frozen=True)
class Glance:
    """What a column says in one line.

    Attributes:
        column: The metric and region.
        best: Methods that share the best printed mean.
        mean: That mean with its unit.
        opponent: The method that the others were tested against, or ``""``.
        close: Those that are not shown to differ from it; ``None`` where nothing was tested.
        all_close: Whether that is all of them.
        n: Subjects compared; 0 for a metric of whole sets.
    """

    column: str
    best: list[str]
    mean: str
    opponent: str
    close: list[str] | None
    all_close: bool
    n: int


def glance(table: Table) -> list[Glance]:
    """Each column with ranks in one line."""
    found = []
    for index, column in enumerate(table.columns):
        best = [row for row in table.rows if row.cells[index].rank == 1]
        if not best:
            continue
        opponent = table.opponent(index)
        open_ = [
            row.label
            for row in table.rows
            if (cell := row.cells[index]).test and not (cell.p_adjusted <= table.alpha)
        ]
        unit = f" {column.unit}" if column.unit else ""
        found.append(
            Glance(
                column=f"{column.label} {column.arrow}, {column.region_name}",
                best=[row.label for row in best],
                mean=column.format(best[0].cells[index].mean) + unit,
                opponent=opponent.label if opponent else "",
                close=open_ if opponent else None,
                all_close=len(open_) > 1
                and len(open_) == sum(1 for row in table.rows if row.cells[index].test),
                n=table.n(index),
            )
        )
    return found


def failures(run: RunFolder, dataset: str, task: str) -> list[dict[str, str]]:
    """Cells that ended without scores, with the whole message."""
    cells = of_task(run.cells, dataset, task)
    return [
        {
            "method": run.label(str(cell["method"])),
            "fold": str(cell["fold"]),
            "seed": str(cell["seed"]),
            "state": STATE_MARKS.get(str(cell["state"]), str(cell["state"])),
            "message": str(cell["message"]),
        }
        for _, cell in cells.iterrows()
        if STATE_MARKS.get(str(cell["state"]), "--") != "--"
    ]


def methods(run: RunFolder) -> list[dict[str, Any]]:
    """What each method of the run is."""
    names = dict.fromkeys(
        method for dataset, task in run.tasks for method in run.method_order(dataset, task)
    )
    return [
        {
            "id": name,
            "label": run.label(name),
            "baseline": run.is_baseline(name),
            "summary": _text(about, "summary"),
            "paper": _text(about, "paper"),
            "remarks": [
                *map(str, about.get("remarks") or ()),
                *filter(None, [_text(about, "notes")]),
            ],
        }
        for name in names
        for about in [run.methods.get(name, {})]
    ]


def numbers(table: Table) -> dict[str, Any]:
    """Every case's value, for the page's script."""
    return {
        "cases": list(table.scores[0].units),
        "methods": [row.label for row in table.rows],
        "columns": [
            {
                "unit": column.unit,
                "digits": column.decimals,
                "cases": list(scores.units) if scores.units != table.scores[0].units else None,
                "values": [
                    [_rounded(value, column.decimals + 1) for value in row]
                    for row in scores.values.tolist()
                ],
            }
            for column, scores in zip(table.columns, table.scores, strict=True)
        ],
    }


def records(run: RunFolder) -> list[tuple[str, str]]:
    """The run's own records, indented, for the end of the page; of several runs those of each."""
    found = []
    for part in run.parts or (run,):
        for name in _RECORDS:
            try:
                content = json.loads((part.path / name).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # only run.json is sure to be there, and it has been read before
            shown = f"{name} of {part.name}" if run.parts else name
            found.append((shown, json.dumps(content, indent=1, ensure_ascii=False)))
    return found


def sortable(rows: Sequence[Sequence[str]]) -> list[list[tuple[str, str]]]:
    """Pairs of text and sort key: the number, where the text is one."""
    return [[(text, _key(text)) for text in row] for row in rows]


@dataclass(frozen=True)
class Published:
    """A published table beside what was measured.

    Attributes:
        heading: Task, paper and table.
        header: Column headings.
        rows: Texts with what they are sorted by, and whether the pair can be compared.
        caption: What the difference is, and why some pairs cannot be compared.
    """

    heading: str
    header: tuple[str, ...]
    rows: list[tuple[list[tuple[str, str]], bool]]
    caption: list[str]


def published(run: RunFolder, dataset: str, task: str) -> list[Published]:
    """Published beside measured, the same numbers and words as in markdown."""
    return [
        Published(
            heading=published_text.heading(table),
            header=published_text.HEADER,
            rows=[
                (
                    [
                        *((text, _key(text)) for text in texts[:3]),
                        (texts[3], _sort(row.cell.mean)),
                        (texts[4], _sort(row.measured.mean)),
                        (texts[5], _sort(row.difference)),
                        (texts[6], _key(texts[6])),
                    ],
                    not (row.reasons or row.measured.state),
                )
                for row, texts in zip(table.rows, published_text.body(table), strict=True)
            ],
            caption=published_text.caption(table),
        )
        for table in published_tables(run, dataset, task)
    ]


def _sort(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else ""


def _key(text: str) -> str:
    try:
        return repr(float(text.replace(" ", "")))
    except ValueError:
        return "" if text == "--" else text


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _text(about: Mapping[str, Any], key: str) -> str:
    return str(about.get(key) or "").strip()
