"""How far a task's cells have come, and what is printed for a method without scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from synthbench.report.run_folder import UNFINISHED

#: What stands in a table for each state, the gravest first.
STATE_MARKS = {
    "failed": "failed",
    "oom": "OOM",
    "timeout": "timeout",
    "killed": "killed",
    "blocked": "blocked",
    "skipped": "skipped",
    "interrupted": "--",
    "running": "--",
    "pending": "--",
}
#: A method that ran, for a metric that has no value.
NOT_AVAILABLE = "n/a"


@dataclass(frozen=True)
class MethodProgress:
    """Cells of one method.

    Attributes:
        states: Number of cells by state.
        message: Why the gravest of them has no scores, one line; may be empty.
    """

    states: Mapping[str, int]
    message: str = ""

    @property
    def total(self) -> int:
        """All its cells."""
        return sum(self.states.values())

    @property
    def done(self) -> int:
        """Cells with scores."""
        return self.states.get("done", 0)

    @property
    def unfinished(self) -> int:
        """Cells that have yet to give scores."""
        return sum(self.states.get(state, 0) for state in UNFINISHED)

    @property
    def gravest(self) -> str:
        """The gravest state among its cells; ``""`` if all are done."""
        return next((state for state in STATE_MARKS if self.states.get(state)), "")

    @property
    def mark(self) -> str:
        """What is printed where it has no scores; a bound has no cells."""
        if not self.total:
            return "--"
        return STATE_MARKS.get(self.gravest, NOT_AVAILABLE)


@dataclass(frozen=True)
class Progress:
    """Cells of one task.

    Attributes:
        methods: By canonical id.
        folds: Folds in the plan.
        seeds: Seeds in the plan.
    """

    methods: Mapping[str, MethodProgress]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def total(self) -> int:
        """All cells."""
        return sum(method.total for method in self.methods.values())

    @property
    def finished(self) -> int:
        """Cells that ended, well or not."""
        return self.total - sum(method.unfinished for method in self.methods.values())


def progress(cells: pd.DataFrame, methods: Sequence[str]) -> Progress:
    """Count the states of one task's cells.

    Args:
        cells: Rows of ``cells.csv`` of the task.
        methods: Canonical ids.
    """
    counted: dict[str, MethodProgress] = {}
    for method in methods:
        rows = cells[cells["method"] == method]
        found = MethodProgress(states=Counter(rows["state"].tolist()))
        messages = rows.loc[rows["state"] == found.gravest, "message"]
        message = next((text for text in messages if text), "")
        counted[method] = MethodProgress(states=found.states, message=" ".join(message.split()))
    return Progress(
        methods=counted,
        folds=tuple(sorted({int(fold) for fold in cells["fold"]})),
        seeds=tuple(sorted({int(seed) for seed in cells["seed"]})),
    )
