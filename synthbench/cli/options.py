"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

output_option = click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with all results.  [default: $SYNTHBENCH_OUTPUT or ./synthbench-output]",
)
