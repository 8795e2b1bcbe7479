"""Puts the page together and writes it as one file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from synthbench.api.errors import DataError, UsageError
from synthbench.report.caption import caption, count, definitions, join, metric_protocols, title
from synthbench.report.cost import cost_note, cost_table
from synthbench.report.differences import DIFFERENCES_NOTE, difference_rows
from synthbench.report.html import content
from synthbench.report.html.charts import differences, distribution, ranks
from synthbench.report.html.critical import critical_difference
from synthbench.report.html.curves import COLOURS, training_curves
from synthbench.report.html.subjects import Shown, default_subjects, error_colours, show
from synthbench.report.notes import notes
from synthbench.report.provenance import provenance
from synthbench.report.run_folder import RunFolder, short_name
from synthbench.report.tables import Table
from synthbench.store.atomic import write_text


def write_page(
    run: RunFolder,
    tables: Sequence[Table],
    found: Mapping[str, Any],
    path: Path,
    subjects: Sequence[str] = (),
) -> list[str]:
    """Write the page of a run.

    Args:
        run: The run, under one metric protocol.
        tables: Its tables.
        found: What :func:`synthbench.report.stats.stats` says of them.
        path: Where to write; an existing file is replaced.
        subjects: Those whose slices are shown; by default the most ordinary, best and worst.

    Returns:
        Why slices are missing, one line each.

    Raises:
        UsageError: If no task of the run tested one of the subjects.
        WriteError: If the file cannot be written.
    """
    run = run.under("")
    pictures, missing = _pictures(run, tables, subjects)
    protocols = metric_protocols(run)
    style, script = _asset("page.css"), _asset("page.js")
    text = (
        _environment()
        .get_template("page.jinja")
        .render(
            style=style,
            script=script,
            policy=_policy(style, script),
            run=run,
            heading=title(tables[0].dataset, tables[0].task) if len(tables) == 1 else run.name,
            tables=[
                _of_table(run, table, found["tables"][number], number)
                | _slices(pictures[number], missing[number])
                for number, table in enumerate(tables)
            ],
            critical=_critical(run, found["across_datasets"]),
            methods=content.methods(run),
            protocols=protocols,
            provenance=provenance(run),
            records=content.records(run),
            colours=COLOURS,
            error_colours=error_colours(),
        )
    )
    write_text(path, text)
    return [
        f"no slices of {title(table.dataset, table.task)}: {line}"
        for table, lines in zip(tables, missing, strict=True)
        for line in lines
    ]


def _of_table(
    run: RunFolder, table: Table, found: Mapping[str, Any], number: int
) -> dict[str, Any]:
    """All that the template needs of one task."""
    rows = difference_rows(table)
    costs = cost_table(run, table.dataset, table.task)
    state = table.progress
    return {
        "id": f"t{number + 1}",
        "table": table,
        "title": title(table.dataset, table.task),
        "several": len({column.region for column in table.columns}) > 1,
        "rows": content.score_rows(table),
        "caption": caption(table, run),
        "notes": notes(table, run),
        "definitions": definitions(table),
        "glance": content.glance(table),
        "facts": _facts(table, run),
        "partial": state.total - state.finished,
        "charts": [
            {
                "name": column.name,
                "distribution": drawing,
                "differences": differences(table, index),
                "ranks": ranks(table, index, found["columns"][index]["methods"]),
            }
            for index, column in enumerate(table.columns)
            if (drawing := distribution(table, index))
        ],
        "numbers": content.numbers(table),
        "published": content.published(run, table.dataset, table.task),
        "differences": content.sortable(rows),
        "differences_note": DIFFERENCES_NOTE,
        "curves": training_curves(run, table.dataset, table.task),
        "costs": content.sortable(costs),
        "cost_note": cost_note(run, table.dataset, table.task),
        "failures": content.failures(run, table.dataset, table.task),
    }


def _slices(pictures: Sequence[Shown], missing: Sequence[str]) -> dict[str, Any]:
    return {
        "pictures": pictures,
        "missing": missing,
        "sprites": [
            {
                "views": [asdict(view) for view in shown.views],
                "strips": [[strip.images, strip.errors] for strip in shown.strips],
            }
            for shown in pictures
        ],
    }


def _facts(table: Table, run: RunFolder) -> list[tuple[str, str]]:
    """Sizes of a task, for the top of its section."""
    trained = sum(not row.baseline for row in table.rows)
    floors = len(table.rows) - trained
    sizes = sorted({table.n(index) for index in range(len(table.columns))} - {0})
    noun = "patients" if run.patients(table.dataset) else "subjects"
    state = table.progress
    failed = sum(each.total - each.done - each.unfinished for each in state.methods.values())
    return [
        ("methods", f"{trained} + {count(floors, 'baseline')}" if floors else str(trained)),
        (
            f"held-out {noun}",
            " to ".join(map(str, sorted({sizes[0], sizes[-1]}))) if sizes else "0",
        ),
        ("folds", str(len(state.folds))),
        ("training seeds", str(len(state.seeds))),
        ("cells finished", f"{state.finished} of {state.total}"),
        ("cells failed", str(failed)),
    ]


def _pictures(
    run: RunFolder, tables: Sequence[Table], wanted: Sequence[str]
) -> tuple[list[list[Shown]], list[list[str]]]:
    """Slices of the chosen subjects for each table, and why some are missing."""
    chosen: list[list[tuple[str, str]]] = []
    missing: list[list[str]] = [[] for _ in tables]
    for number, table in enumerate(tables):
        try:
            named = [(subject, "") for subject in dict.fromkeys(wanted)]
            chosen.append(named or default_subjects(table, run))
        except DataError as error:
            missing[number].append(error.message)
            chosen.append([])
    part = 1 / max(1, sum(map(len, chosen)))
    shown: list[list[Shown]] = [[] for _ in tables]
    unknown: dict[str, list[UsageError]] = {}
    for number, table in enumerate(tables):
        for subject, why in chosen[number]:
            try:
                shown[number].append(show(run, table, subject, why, part))
            except DataError as error:
                missing[number].append(error.message)
            except UsageError as error:
                unknown.setdefault(subject, []).append(error)
                missing[number].append(error.message)
    # With several tasks, a subject need not be in all of them, but in one.
    for errors in unknown.values():
        if len(errors) == len(tables):
            raise errors[0]
    return shown, [list(dict.fromkeys(lines)) for lines in missing]


def _critical(run: RunFolder, across: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "drawing": critical_difference(
                found, {name: run.label(name) for name in found["friedman"]["mean_ranks"]}
            ),
            "title": f"{found['metric']} ({found['region'].replace('_', ' ')})",
            "blocks": found["friedman"]["n"],
            "p": found["friedman"]["p"],
        }
        for found in across
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("synthbench.report.html", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "short": short_name,
        "joined": join,
        "count": count,
        "three_digits": lambda value: f"{float(f'{value:.3g}'):g}",
    }
    return environment


def _asset(name: str) -> Markup:
    """A file of this package, put into the page as it is."""
    return Markup(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _policy(style: str, script: str) -> str:
    """What the browser may load: pictures inside the page, this style and this script."""

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        "default-src 'none'; img-src data:; "
        f"style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'"
    )
