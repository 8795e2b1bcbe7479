"""``synthbench data``: what can be done with a dataset before training on it."""

from __future__ import annotations

import click

from synthbench.cli.group import lazily


@click.group(
    "data",
    commands=lazily(
        {
            "check": "synthbench.cli.data_check",
            "prepare": "synthbench.cli.data_prepare",
            "show": "synthbench.cli.data_show",
            "export": "synthbench.cli.data_export",
        }
    ),
)
def command() -> None:
    """Look at a dataset, check its files, prepare them."""
