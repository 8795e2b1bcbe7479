"""How a run looks while it runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Self

from synthbench.api import hookimpl

#: Without a terminal, a running cell says this often how far it is.
_LINE_SECONDS = 30.0
_STAGES = {
    "prep": "preparing",
    "train": "training",
    "predict": "translating",
    "fit": "training the segmenter",
    "segment": "segmenting",
    "score": "scoring",
}


class ProgressPrinter:
    """A local plugin that listens to a run's hooks and prints on standard error.

    Use it as a context manager around the run.

    Args:
        what: What is run, in the plural.
    """

    synthbench_api_version = "1.0"

    def __init__(self, what: str = "cells") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._tasks: dict[str, Any] = {}
        self._told: dict[str, float] = {}
        self._what = what
        self._cells = 0
        self._ended = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def tick(self, label: str, progress: Mapping[str, Any]) -> None:
        """Show how far one job is."""
        stage = _STAGES.get(progress["stage"], progress["stage"])
        if "step" in progress:
            detail = f"{stage} {progress['step']}"
            detail += f"/{progress['steps']}" if progress.get("steps") else ""
        else:
            detail = f"{stage} {progress['fraction']:.0%}"
        if progress.get("loss") is not None:
            detail += f"  loss {progress['loss']:.4g}"
        if not self._bars.disable:
            if label not in self._tasks:
                self._tasks[label] = self._bars.add_task(label, total=1.0, detail="")
            self._bars.update(self._tasks[label], completed=progress["fraction"], detail=detail)
            if progress["stage"] == "prep" and progress["fraction"] >= 1:
                self._bars.remove_task(self._tasks.pop(label))  # no cell's end will remove it
            return
        now = time.monotonic()
        if now - self._told.setdefault(label, now) >= _LINE_SECONDS:
            self._told[label] = now
            self._console.print(f"  {label}: {detail}", markup=False)

    @hookimpl
    def synthbench_run_started(self, run: str, cells: int, pending: int) -> None:
        """Say what there is to do."""
        self._cells, self._ended = pending, 0
        done = cells - pending
        if pending == 0:
            line = f"all {cells} {self._what} are done already, nothing to run"
            self._console.print(line, markup=False)
        else:
            rest = f", {done} done already" if done else ""
            line = f"{pending} of {cells} {self._what} to run{rest}; {run}"
            self._console.print(line, markup=False)

    @hookimpl
    def synthbench_cell_started(self, cell: Mapping[str, Any]) -> None:
        """Say which cell begins."""
        if self._bars.disable:
            self._told[cell["label"]] = time.monotonic()
            self._console.print(f"  {cell['label']}: started", markup=False)

    @hookimpl
    def synthbench_cell_finished(self, cell: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
        """Say how a cell ended, and what to do where it did not end well."""
        label = cell["label"]
        if label in self._tasks:
            self._bars.remove_task(self._tasks.pop(label))
        if outcome["state"] == "blocked":
            line = f"  {label}: blocked: {outcome['message']}"
        else:
            self._ended += 1
            line = f"  [{self._ended}/{self._cells}] {label}: {outcome['state']}"
            line += f" in {outcome['seconds']:.1f} s"
            if outcome["message"]:
                line += f": {outcome['message']}"
        self._console.print(line, markup=False)
        if outcome.get("hint"):
            self._console.print(f"      hint: {outcome['hint']}", markup=False)
