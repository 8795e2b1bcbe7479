"""Reads a table from CSV or from markdown, one number a line or as it was printed."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import dropwhile, takewhile
from pathlib import Path

from synthbench.api.errors import DataError
from synthbench.audit.cells import PrintedNumber, parse_cell
from synthbench.audit.table import Better, Claim, Mark, direction

_MARKS: dict[str, Mark] = {
    "": "",
    "best": "best",
    "bold": "best",
    "second": "second",
    "underline": "second",
}
_BETTER: dict[str, Better] = {"": "", "higher": "higher", "lower": "lower"}
#: Columns that are not metrics, in both layouts.
_ABOUT = ("task", "dataset", "method", "n", "range")
_HINT = "docs/audit.md shows what a table has to look like"
#: What parts the cells of a markdown row, and characters that a backslash made ordinary.
_BAR, _ESCAPED = re.compile(r"(?<!\\)\|"), re.compile(r"\\([\\`*|<>\[\]~$_])")
Row = tuple[int, list[str]]


def read(path: Path, *, n: int | None = None, data_range: float | None = None) -> list[Claim]:
    """Read a table.

    Lines that start with ``#`` are comments. With a column ``metric`` there is one number a line
    (``task, method, metric, mean, sd, n, better, mark, range``; only ``method``, ``metric`` and
    ``mean`` are needed); otherwise every column but ``task``, ``method``, ``n`` and ``range`` is
    a metric, with cells as printed.

    Args:
        path: CSV, or a markdown table.
        n: Subjects, where the table does not say.
        data_range: Width of the intensity range, where the table does not say.

    Raises:
        DataError: If the file cannot be read; names line and column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}", "give a CSV file in UTF-8") from error
    rows = _rows(text)
    if len(rows) < 2:
        raise DataError(f"{path} holds no table", _HINT)
    (_, header), *body = rows
    names = [_name(title) for title in header]
    claims: list[Claim] = []
    sizes: dict[str, int] = {}
    for line, cells in body:
        if len(cells) != len(header):
            raise DataError(
                f"{path}, line {line}: {len(cells)} cells under {len(header)} titles", _HINT
            )
        try:
            if "metric" in names:
                claims += _long(dict(zip(names, cells, strict=True)), line)
            elif "n" not in names and cells[0].lower() == "n":
                # The last row of synthbench's own tables.
                sizes = {
                    _metric(title)[0]: int(cell)
                    for title, cell in zip(header, cells, strict=True)
                    if cell.isdigit()
                }
            else:
                claims += _wide(header, names, cells, line)
        except ValueError as error:
            raise DataError(f"{path}, line {line}: {error}", _HINT) from None
    if not claims:
        raise DataError(f"{path} holds no number", _HINT)
    _refuse_repetition(path, claims)
    return [
        replace(
            claim,
            n=sizes.get(claim.metric, n) if claim.n is None else claim.n,
            data_range=data_range if claim.data_range is None else claim.data_range,
        )
        for claim in claims
    ]


def _rows(text: str) -> list[Row]:
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if not line.lstrip().startswith("#")
    ]
    lines = list(dropwhile(lambda row: not row[1], lines))
    if lines and lines[0][1].startswith("|"):
        # The first table of the file; what comes below it is prose, or another table.
        table = takewhile(lambda row: row[1].startswith("|"), lines)
        split = [(number, _markdown_cells(line)) for number, line in table]
        return [(number, cells) for number, cells in split if set("".join(cells)) - set(":- ")]
    lines = [row for row in lines if row[1]]
    title = lines[0][1] if lines else ""
    delimiter = max(",;\t", key=title.count)
    return [
        (number, [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))])
        for number, line in lines
    ]


def _markdown_cells(line: str) -> list[str]:
    cells = _BAR.split(line.removeprefix("|"))
    if len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    return [_ESCAPED.sub(r"\1", cell).strip() for cell in cells]


def _name(title: str) -> str:
    return title.strip().lower()


def _long(cells: dict[str, str], line: int) -> list[Claim]:
    for needed in ("method", "mean"):
        if needed not in cells:
            raise ValueError(f"a table with a column metric also needs one named {needed}")
    number = _cell(cells["mean"], "mean")
    # Of a CSV of synthbench's own, measured numbers stand a second time beside published ones.
    if number is None or cells.get("state") == "published":
        return []
    sd = _cell(cells.get("sd", ""), "sd")
    mark = cells.get("mark", "").lower()
    if mark not in _MARKS:
        raise ValueError(f"mark {mark!r} is none of best, bold, second, underline")
    better = cells.get("better", "").lower()
    if better not in _BETTER:
        raise ValueError(f"better {better!r} is neither higher nor lower")
    metric, by_title = _metric(cells["metric"])
    if region := cells.get("region"):
        metric = f"{metric}, {region}"
    claim = _claim(cells, metric, _BETTER[better] or by_title or direction(metric), number, line)
    if sd is not None:
        claim = replace(claim, sd=sd.mean, sd_decimals=sd.decimals)
    return [replace(claim, mark=_MARKS[mark] or claim.mark)]


def _wide(header: Sequence[str], names: Sequence[str], cells: list[str], line: int) -> list[Claim]:
    about = {name: cell for name, cell in zip(names, cells, strict=True) if name in _ABOUT}
    if "method" not in about:
        raise ValueError("there is no column named method")
    claims = []
    for title, name, cell in zip(header, names, cells, strict=True):
        if name in _ABOUT:
            continue
        metric, better = _metric(title)
        try:
            number = _cell(cell, title)
        except ValueError:
            # Reasons for a missing number (OOM, failed) are words.
            if re.fullmatch("[A-Za-z ]+", cell):
                continue
            raise
        if number is not None:
            claims.append(_claim(about, metric, better or direction(metric), number, line))
    return claims


def _cell(text: str, column: str) -> PrintedNumber | None:
    try:
        return parse_cell(text)
    except ValueError:
        raise ValueError(f"column {column}: {text!r} is not a number") from None


def _claim(
    about: dict[str, str], metric: str, better: Better, number: PrintedNumber, line: int
) -> Claim:
    n, data_range = about.get("n", ""), about.get("range", "")
    if n and not (n.isdigit() and int(n)):
        raise ValueError(f"n {n!r} is not a number of subjects")
    width = parse_cell(data_range) if data_range else None
    if width is not None and width.mean <= 0:
        raise ValueError(f"range {data_range!r} is not positive")
    return Claim(
        task=": ".join(filter(None, (about.get("dataset"), about.get("task")))),
        method=about["method"],
        metric=metric,
        mean=number.mean,
        sd=number.sd,
        n=int(n) if n else number.n,
        decimals=number.decimals,
        sd_decimals=number.sd_decimals,
        better=better,
        mark=number.mark,
        data_range=width.mean if width else None,
        line=line,
    )


def _metric(title: str) -> tuple[str, Better]:
    """Part a column's title into the metric's name and the direction its arrow gives."""
    better: Better = ""
    if re.search(r"↑|\\uparrow", title):
        better = "higher"
    elif re.search(r"↓|\\downarrow", title):
        better = "lower"
    plain = re.sub(r"↑|↓|\\uparrow|\\downarrow|\$|\*\*|\(([^()]*)\)", "", title)
    return re.sub(r"\s+,", ",", " ".join(plain.split())), better


def _refuse_repetition(path: Path, claims: Sequence[Claim]) -> None:
    seen: dict[tuple[str, str, str], int] = {}
    for claim in claims:
        first = seen.setdefault((claim.task, claim.method, claim.metric), claim.line)
        if first != claim.line:
            raise DataError(
                f"{path}, line {claim.line}: {claim.method} has its {claim.metric} "
                f"in line {first} already",
                "tell tasks or datasets apart in a column named task",
            )
