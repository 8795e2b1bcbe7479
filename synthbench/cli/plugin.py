"""``synthbench plugin``: for authors of plugins."""

from __future__ import annotations

import click

from synthbench.cli.group import lazily


@click.group(
    "plugin",
    commands=lazily(
        {"new": "synthbench.cli.plugin_new", "check": "synthbench.cli.plugin_check"},
    ),
)
def command() -> None:
    """Write a plugin, and check that it keeps its promises."""
