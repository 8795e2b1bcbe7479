"""Groups of subcommands, one module each, imported when they are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import click


class _Commands(Mapping[str, click.Command]):
    def __init__(self, modules: Mapping[str, str]) -> None:
        self.modules = modules

    def __getitem__(self, name: str) -> click.Command:
        found: click.Command = import_module(self.modules[name]).command
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.modules)

    def __len__(self) -> int:
        return len(self.modules)


def lazily(modules: Mapping[str, str]) -> Any:
    """Make the subcommands of a group.

    Args:
        modules: Module of every subcommand; each has an attribute ``command``.

    Returns:
        What ``click.group`` takes as ``commands``; click only reads it, though it asks for a
        mapping that could be written to.
    """
    return cast("Any", _Commands(modules))
