"""A program in a process of its own: its environment variables and patches stay there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 10.0


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with changes, for a program that imports installed packages only.

    A file or folder in the working directory could else stand in for a package: one named ``dl``
    keeps pydicom's helpers from being imported.
    """
    return {**os.environ, "PYTHONSAFEPATH": "1", **changes}


def run(
    module: str,
    arguments: Sequence[str],
    *,
    changes: Mapping[str, str],
    log: Path,
    poll: Callable[[], None] = lambda: None,
) -> None:
    """Run a module as a program to its end.

    Args:
        module: Dotted name.
        arguments: Its arguments.
        changes: Environment variables that differ.
        log: Where its output goes.
        poll: Called now and then meanwhile.

    Raises:
        RuntimeError: If it fails; names the last line of its output.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(changes),
        )
        try:
            while process.poll() is None:
                poll()
                time.sleep(_POLL_SECONDS)
        finally:
            stop(process)
    if process.returncode != 0:
        raise RuntimeError(f"{why(process.returncode, log)}; see {log}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, politely first."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def why(code: int, log: Path) -> str:
    """The last line a failed process wrote, and how it ended."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = lines[-1].strip() if lines else "no output"
    return f"{last} (exit code {code})"
