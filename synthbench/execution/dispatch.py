"""Running a plan's cells on an executor; one cell's failure never stops the others."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from synthbench.api import SynthbenchError
from synthbench.execution.cells import Cell
from synthbench.execution.executors import Executor, Handle, Outcome
from synthbench.execution.planning import Plan
from synthbench.execution.runs import RunWriter
from synthbench.registry import Registry

_POLL_SECONDS = 0.1

#: What helps where memory ran out; what a worker says of itself is about training.
_LESS_AT_A_TIME = (
    "prepare fewer subjects at a time: `synthbench data prepare` with the same options and --jobs "
    "1, then repeat this command"
)

Progress = Callable[[str, Mapping[str, Any]], None]


class Job(Protocol):
    """What is run in a folder of its own: a cell, or a segmenter."""

    @property
    def label(self) -> str:
        """Unique and readable."""
        ...

    def facts(self) -> dict[str, Any]:
        """What lifecycle hooks call it."""
        ...


AnyJob = TypeVar("AnyJob", bound=Job, contravariant=True)


class Recorder(Protocol[AnyJob]):
    """Knows where jobs live, and keeps how they ended."""

    def cell_folder(self, cell: AnyJob, /) -> Path:
        """Folder of one job."""
        ...

    def record(self, cell: AnyJob, outcome: Mapping[str, Any], /) -> None:
        """Keep how an attempt ended."""
        ...


def execute(
    plan: Plan,
    run: RunWriter,
    executor: Executor,
    registry: Registry,
    progress: Progress = lambda _label, _state: None,
) -> dict[str, int]:
    """Prepare the data, then run every cell that is not finished.

    Args:
        plan: What to run.
        run: The run's folder, already written.
        executor: Where jobs run.
        registry: Whose plugins are told (`synthbench_cell_started` and so on).
        progress: Told how far each running job is.

    Returns:
        Number of cells by state.

    Raises:
        SynthbenchError: If the data cannot be prepared; nothing was trained then.
        KeyboardInterrupt: After Ctrl-C, once running cells have written their checkpoints.
    """
    blocked = [cell for cell in plan.cells if cell.blocked]
    pending = [cell for cell in plan.cells if not cell.blocked and not cell.finished(run.store)]
    states = {"done": len(plan.cells) - len(pending) - len(blocked)}
    if blocked:
        states["blocked"] = len(blocked)
    registry.notify(
        "synthbench_run_started", run=str(run.path), cells=len(plan.cells), pending=len(pending)
    )
    for cell in blocked:
        reason, hint = cell.blocked or ("", "")
        outcome = {"state": "blocked", "message": reason, "hint": hint, "seconds": 0.0}
        run.record(cell, outcome)
        registry.notify("synthbench_cell_finished", cell=cell.facts(), outcome=outcome)
    try:
        _prepare(plan, pending, run, executor, progress)
        run_jobs(pending, run, executor, registry, progress, states)
    finally:
        run.collect(plan)
        registry.notify("synthbench_run_finished", run=str(run.path), states=states)
    return states


def _prepare(
    plan: Plan, pending: Sequence[Cell], run: RunWriter, executor: Executor, progress: Progress
) -> None:
    """Prepare what the pending cells need, before any of them starts."""
    for name in dict.fromkeys(cell.prep for cell in pending):
        job = plan.preps[name]
        if job.stage(run.store).record is not None:
            continue
        label = f"prepare {job.dataset}"
        outcome = _drain([(label, run.prep_folder(name))], executor, progress)[0]
        total = len(job.subjects)
        progress(label, {"stage": "prep", "step": total, "steps": total, "fraction": 1.0})
        if outcome["state"] == "interrupted":
            raise KeyboardInterrupt
        if outcome["state"] != "done":
            hint = _LESS_AT_A_TIME if outcome["state"] in ("oom", "killed") else outcome["hint"]
            error = SynthbenchError(outcome["message"], hint)
            error.exit_code = outcome.get("exit_code", 1)
            raise error


def run_jobs(
    pending: Sequence[AnyJob],
    run: Recorder[AnyJob],
    executor: Executor,
    registry: Registry,
    progress: Progress,
    states: dict[str, int],
) -> None:
    """Run jobs, whose folders are written, to their ends.

    Args:
        pending: The jobs.
        run: Where they live.
        executor: Where they run.
        registry: Whose plugins are told.
        progress: Told how far each running job is.
        states: Counts jobs by state; those of these jobs are added.

    Raises:
        KeyboardInterrupt: After Ctrl-C, once running jobs have stopped.
    """
    by_label = {cell.label: cell for cell in pending}

    def started(label: str) -> None:
        registry.notify("synthbench_cell_started", cell=by_label[label].facts())

    def ended(label: str, outcome: Outcome) -> None:
        cell = by_label[label]
        states[outcome["state"]] = states.get(outcome["state"], 0) + 1
        run.record(cell, outcome)
        registry.notify("synthbench_cell_finished", cell=cell.facts(), outcome=outcome)

    _drain(
        [(cell.label, run.cell_folder(cell)) for cell in pending],
        executor,
        progress,
        started,
        ended,
    )
    if states.get("interrupted"):
        raise KeyboardInterrupt


def _drain(
    jobs: Sequence[tuple[str, Path]],
    executor: Executor,
    progress: Progress,
    started: Callable[[str], None] = lambda _label: None,
    ended: Callable[[str, Outcome], None] = lambda _label, _outcome: None,
) -> list[Outcome]:
    """Run jobs, as many at a time as the executor has slots, until all ended.

    Ctrl-C stops submitting, lets running jobs write their checkpoints, and then surfaces.
    """
    waiting = deque(jobs)
    running: dict[str, Handle] = {}
    outcomes: list[Outcome] = []
    interrupted = False
    while waiting or running:
        try:
            while waiting and len(running) < executor.slots and not interrupted:
                label, folder = waiting.popleft()
                started(label)
                running[label] = executor.submit(
                    folder,
                    lambda state, name=label: progress(name, state),  # type: ignore[misc]
                )
            for label, handle in list(running.items()):
                outcome = handle.poll()
                if outcome is None:
                    continue
                del running[label]
                ended(label, outcome)
                outcomes.append(outcome)
                # An inline job handles Ctrl-C itself and reports it as its outcome.
                interrupted = interrupted or outcome["state"] == "interrupted"
            if running:
                time.sleep(_POLL_SECONDS)
            elif interrupted:
                break
        except KeyboardInterrupt:
            interrupted = True
            for handle in running.values():
                handle.cancel()
    if interrupted and not any(o["state"] == "interrupted" for o in outcomes):
        raise KeyboardInterrupt
    return outcomes
