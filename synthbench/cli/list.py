"""``synthbench list``: what is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from synthbench.registry import Kind, Registry

#: The order in which tables appear; ``plugins`` last, for what is wrong with them.
_KINDS = (
    "methods",
    "translators",
    "discriminators",
    "losses",
    "datasets",
    "evaluators",
    "segmenters",
    "plugins",
)
_ARROWS = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}

Row = Mapping[str, Any]
_Column = tuple[str, Callable[[Row], str]]


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)


def _yes(field: str) -> Callable[[Row], str]:
    return lambda row: "yes" if row[field] else ""


def _kind_of_method(row: Row) -> str:
    if row["variant_of"]:
        return f"variant of {row['variant_of']}"
    return "baseline" if row["baseline"] else ""


def _used_by_default(row: Row) -> str:
    """An evaluator of masks is of no use to a run."""
    return "" if not row["default"] else "segment" if row["masks"] else "run"


_COLUMNS: dict[str, tuple[_Column, ...]] = {
    "methods": (("", _kind_of_method),),
    "translators": (("sources", lambda row: f"{row['max_sources'] or 'any'}"),),
    "discriminators": (
        ("conditional", _yes("conditional")),
        ("dense", _yes("dense")),
        ("features", _yes("features")),
    ),
    "losses": (("adversarial", _yes("adversarial")), ("needs", lambda row: _names(row["needs"]))),
    "datasets": (
        (
            "tasks",
            lambda row: _names([f"{'+'.join(t['source'])} -> {t['target']}" for t in row["tasks"]]),
        ),
        ("licence", lambda row: row["licence"]),
    ),
    "evaluators": (
        (
            "metrics",
            lambda row: _names([m["label"] + _ARROWS[m["better"]] for m in row["metrics"]]),
        ),
        ("default", _used_by_default),
    ),
    "segmenters": (("presets", lambda row: _names([*row["presets"]])),),
}


@click.command("list")
@click.argument("kind", type=click.Choice(_KINDS), required=False, metavar="[KIND]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def command(kind: str | None, as_json: bool) -> None:
    """List what is installed, broken plugins included.

    KIND is methods, translators, discriminators, losses, datasets, evaluators, segmenters, or
    plugins for their state; all of them by default. Methods marked as variants are not part of
    `--methods all`; choose them by name or pattern.
    """
    from synthbench.registry import load_registry

    registry = load_registry()
    listing = {each: _rows(registry, each) for each in ((kind,) if kind else _KINDS)}
    if as_json:
        import json

        click.echo(json.dumps(listing, indent=2))
        return
    for each, rows in listing.items():
        _print(each, rows)


def _rows(registry: Registry, kind: str) -> list[dict[str, Any]]:
    from synthbench.registry.plain import plain

    if kind == "plugins":
        return [plain(status) for status in registry.plugins]
    return [
        {
            "id": entry.id,
            "owner": entry.owner,
            "dist": entry.plugin_dist,
            "version": entry.plugin_version,
            **plain(entry.spec),
        }
        for entry in registry.all(cast("Kind", kind))
    ]


def _print(kind: str, rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # a pipe has no width: do not cut what grep is looking for
    table = Table(title=f"{kind} ({len(rows)})", title_justify="left", box=None, pad_edge=False)
    if kind == "plugins":
        for header in ("name", "distribution", "state", "reason"):
            table.add_column(header, overflow="fold")
        for row in rows:
            table.add_row(row["name"], f"{row['dist']} {row['version']}", row["state"], _why(row))
    else:
        table.add_column("name", no_wrap=True)
        columns = _COLUMNS[kind]
        for header, _ in columns:
            table.add_column(header, overflow="fold")
        table.add_column("summary", overflow="fold")
        for row in rows:
            table.add_row(_shown(row), *(cell(row) for _, cell in columns), row["summary"])
    console.print(table, markup=False)
    console.print()


def _shown(row: Row) -> str:
    """Return the shortest name that is sure to work."""
    return str(row["name"] if row["owner"] == "core" else row["id"])


def _why(row: Row) -> str:
    return "\n".join(line for line in (row["error"], row["hint"], *row["warnings"]) if line)
