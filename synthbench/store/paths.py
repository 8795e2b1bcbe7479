"""Where results are kept."""

from __future__ import annotations

import os
from pathlib import Path

#: Used when neither the option nor the variable is given.
DEFAULT_OUTPUT = Path("synthbench-output")


def output_root(given: Path | None) -> Path:
    """Find the output folder: option, else ``$SYNTHBENCH_OUTPUT``, else ``./synthbench-output``.

    Args:
        given: Value of ``--output``, if any.

    Returns:
        An absolute path; it need not exist yet.
    """
    if given is None:
        variable = os.environ.get("SYNTHBENCH_OUTPUT", "")
        given = Path(variable) if variable else DEFAULT_OUTPUT
    return given.expanduser().resolve()


def runs_root(output: Path) -> Path:
    """The folder of all runs, one sub-folder a run."""
    return output / "runs"
