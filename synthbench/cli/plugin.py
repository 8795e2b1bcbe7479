"""``synthbench plugin``: for authors of plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import click

#: Module of every subcommand; each has an attribute ``command``.
_MODULES = {
    "new": "synthbench.cli.plugin_new",
    "check": "synthbench.cli.plugin_check",
}


class _Commands(Mapping[str, click.Command]):
    """The subcommands, imported when they are asked for."""

    def __getitem__(self, name: str) -> click.Command:
        found: click.Command = import_module(_MODULES[name]).command
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


# click only reads them, though it asks for a mapping that could be written to.
@click.group("plugin", commands=cast("Any", _Commands()))
def command() -> None:
    """Write a plugin, and check that it keeps its promises."""
