"""``synthbench plugin check``: does a plugin keep what the interfaces ask?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from synthbench.testing.checks import Level, Result

_COLOURS = {"pass": "green", "fail": "red", "skip": "yellow", "xfail": "yellow"}


@click.command("check")
@click.argument("name")
@click.option(
    "--level",
    type=click.Choice(["0", "1"]),
    default="1",
    show_default=True,
    help="0: what is declared. 1: also what the components do, on a CPU and tiny data.",
)
@click.option(
    "--data-root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the dataset NAME.  [default: as configured; see the documentation]",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write all results into this file; - prints them instead of the table.",
)
@click.pass_context
def command(
    ctx: click.Context, name: str, level: str, data_root: Path | None, json_file: str | None
) -> None:
    """Check that a plugin keeps what the interfaces ask.

    NAME is a plugin (it is checked with all it brings), a component as `synthbench list` prints it,
    a pattern, one of these behind a kind (losses:l1), or `all`. What needs a package or data that
    is missing is skipped; if nothing but that is left, the check fails. Exits with 5 when a check
    fails, else with 0.

    The same checks run in a plugin's own tests with synthbench.testing.parametrize_plugin_checks.
    """
    from synthbench.api.errors import PluginError

    results = _run(name, cast("Level", int(level)), data_root)
    if json_file == "-":
        click.echo(_as_json(name, int(level), results))
    else:
        _print(results)
        if json_file is not None:
            from synthbench.store.atomic import write_text

            write_text(Path(json_file), _as_json(name, int(level), results) + "\n")
    if any(result.verdict == "fail" for result in results):
        ctx.exit(PluginError.exit_code)


def _run(name: str, level: Level, data_root: Path | None) -> list[Result]:
    import contextlib
    import sys
    import warnings

    from synthbench.registry import load_registry
    from synthbench.testing.checks import checks_of, nothing_checked, run
    from synthbench.testing.specimens import select

    pairs = [
        (specimen, check)
        for specimen in select(load_registry(), name, data_root)
        for check in checks_of(specimen, level)
    ]
    results = []
    with (
        # What plugins print and warn of must not get between the rows, or into the JSON.
        contextlib.redirect_stdout(sys.stderr),
        warnings.catch_warnings(action="ignore"),
        click.progressbar(pairs, label="checking", file=sys.stderr) as bar,
    ):
        for specimen, check in bar:
            results.append(run(check, specimen))
    nothing = nothing_checked(name, results)
    return results if nothing is None else [*results, nothing]


def _as_json(name: str, level: int, results: Sequence[Result]) -> str:
    import json
    from dataclasses import asdict

    from synthbench import __version__
    from synthbench.api import API_VERSION

    content: dict[str, Any] = {
        "synthbench": __version__,
        "api": API_VERSION,
        "name": name,
        "level": level,
        "verdicts": _count(results),
        "results": [asdict(result) for result in results],
    }
    return json.dumps(content, indent=1)


def _count(results: Sequence[Result]) -> dict[str, int]:
    return {v: sum(result.verdict == v for result in results) for v in _COLOURS}


def _print(results: Sequence[Result]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # a pipe has no width: do not cut what grep is looking for
    table = Table(box=None, pad_edge=False)
    table.add_column("of", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("verdict")
    table.add_column("reason", overflow="fold")
    above = ""
    for result in results:
        table.add_row(
            Text("" if result.specimen == above else result.specimen),
            Text(result.check),
            Text(result.verdict, style=_COLOURS[result.verdict]),
            Text(result.reason),
        )
        above = result.specimen
    console.print(table)
    counts = _count(results)
    console.print(
        f"\n{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped",
        markup=False,
    )
