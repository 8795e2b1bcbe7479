"""Renders a table as GitHub-flavoured markdown that also reads well in a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from synthbench.report import cost, published_text
from synthbench.report.caption import BETTER_MARK, WORSE_MARK, caption, definitions, join, title
from synthbench.report.columns import percent
from synthbench.report.differences import DIFFERENCES_NOTE, difference_rows
from synthbench.report.evidence import places
from synthbench.report.notes import notes
from synthbench.report.provenance import provenance
from synthbench.report.published import published_tables
from synthbench.report.run_folder import RunFolder
from synthbench.report.stats import across_datasets
from synthbench.report.tables import Cell, Table

_SPECIAL = re.compile(r"([\\`*|<\[\]~$]|^>)")
# An underscore inside a word is literal in GitHub's markdown; only the others need a backslash.
_LONE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ENTITY = re.compile(r"&(?=#?\w+;)")


def escape(text: str) -> str:
    """Make a name or sentence print as it is, in one line."""
    text = _ENTITY.sub("&amp;", " ".join(text.split()))
    return _LONE_UNDERSCORE.sub(r"\\_", _SPECIAL.sub(r"\\\1", text))


def render(table: Table, run: RunFolder) -> str:
    """Render title, table, caption, notes, definitions, and what was published, if anything.

    Args:
        table: The table.
        run: The run it comes from.

    Returns:
        Markdown, ending in a newline.
    """
    several = len({column.region for column in table.columns}) > 1
    header = ["method"] + [
        escape(column.title + (f", {column.region_name}" if several else ""))
        for column in table.columns
    ]
    body = [
        [escape(row.label)] + [_cell(cell, table, index) for index, cell in enumerate(row.cells)]
        for row in table.rows
    ]
    sizes = ["n"] + [str(table.n(index) or "--") for index in range(len(table.columns))]
    lines = [f"### {escape(title(table.dataset, table.task))}", ""]
    lines += aligned([header, *body, sizes])
    lines += ["", escape(caption(table, run))]
    remarks = notes(table, run)
    if remarks:
        lines += ["", "Notes", ""] + [f"- {escape(note)}" for note in remarks]
    lines += ["", "Definitions", ""] + [f"- {escape(line)}" for line in definitions(table)]
    for each in published_tables(run, table.dataset, table.task):
        lines += ["", f"### {escape(published_text.heading(each))}", ""]
        rows = [list(published_text.HEADER), *published_text.body(each)]
        lines += aligned([[escape(text) for text in row] for row in rows])
        lines += ["", *(f"- {escape(line)}" for line in published_text.caption(each))]
    return "\n".join(lines) + "\n"


def appendix(run: RunFolder, tables: Sequence[Table], figures: Sequence[str]) -> str:
    """Render figures, differences, costs and provenance, for a file that stands on its own.

    Args:
        run: The run.
        tables: Its tables.
        figures: File names beside the markdown file.
    """
    lines = [f"![Source, target, every method and its error map]({name})\n" for name in figures]
    for table in tables:
        lines += _differences(table) + _ranks(table)
    lines += _across(run, tables)
    for dataset, task in run.tasks:
        rows = cost.cost_table(run, dataset, task)
        lines += [f"### Cost: {escape(title(dataset, task))}\n"]
        lines += [*aligned([[escape(text) for text in row] for row in rows])]
        lines += [f"\n{cost.cost_note(run, dataset, task)}\n"]
    lines += ["### Made by\n", *(f"- {escape(line)}" for line in provenance(run))]
    return "\n" + "\n".join(lines) + "\n"


def _differences(table: Table) -> list[str]:
    rows = difference_rows(table)
    if not rows:
        return []
    return [
        f"### Differences: {escape(title(table.dataset, table.task))}\n",
        *aligned([[escape(text) for text in row] for row in rows]),
        f"\n{escape(DIFFERENCES_NOTE)}\n",
    ]


def _ranks(table: Table) -> list[str]:
    """How sure the order of the methods is."""
    found = [(column, places(table, index)) for index, column in enumerate(table.columns)]
    found = [(column, by_method) for column, by_method in found if by_method]
    if not found:
        return []
    rows = [["method", *(column.name for column, _ in found)]]
    for row in table.rows:
        texts = [
            f"{place.low:g} to {place.high:g} ({place.probability_best:.0%})" if place else "--"
            for _, by_method in found
            for place in [by_method.get(row.method)]
        ]
        rows.append([row.label, *texts])
    return [
        f"### Ranks: {escape(title(table.dataset, table.task))}\n",
        *aligned([[escape(text) for text in row] for row in rows]),
        f"\n{percent(1 - table.alpha)} interval of each method's rank (1 is best) and, in "
        "brackets, its probability to have the best mean, by bootstrap over subjects.\n",
    ]


def _across(run: RunFolder, tables: Sequence[Table]) -> list[str]:
    """What a critical-difference diagram shows, where there are enough datasets."""
    lines = []
    for found in across_datasets(tables):
        ranks = sorted(found["friedman"]["mean_ranks"].items(), key=lambda item: item[1])
        groups = [join([run.label(method) for method in each]) for each in found["not_separable"]]
        lines.append(
            f"- {escape(found['metric'])} ({escape(found['region'])}), {len(found['datasets'])} "
            "tables: mean ranks "
            + ", ".join(f"{escape(run.label(method))} {rank:.2f}" for method, rank in ranks)
            + f"; critical difference {found['critical_difference']:.2f} (Nemenyi); "
            + "not told apart: "
            + (escape("; ".join(groups)) or "none")
            + f"; Friedman p = {found['friedman']['p']:.2g}."
        )
    return ["### Across datasets\n", *lines, ""] if lines else []


def _cell(cell: Cell, table: Table, index: int) -> str:
    if cell.state:
        return escape(cell.state)
    column = table.columns[index]
    text = column.format(cell.mean)
    if not math.isnan(cell.sd):
        text += f" ± {column.format(cell.sd)}"
    text = {1: f"**{text}**", 2: f"<ins>{text}</ins>"}.get(cell.rank, text)
    if cell.worse or cell.better:
        text += f" {WORSE_MARK if cell.worse else BETTER_MARK}"
    return text if cell.ranked else f"{text} (n = {cell.n})"


def aligned(rows: list[list[str]]) -> list[str]:
    """A markdown table, header first, its columns padded to one width."""
    widths = [max(3, *(len(row[index]) for row in rows)) for index in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    return [lines[0], "| " + " | ".join(rule) + " |", *lines[1:]]
