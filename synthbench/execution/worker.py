"""Running one cell: its stages in order, each only if it is not done yet.

As a program (``python -m synthbench.execution.worker FOLDER STORE``) it runs a cell, or a prep job,
in a process of its own: memory is freed, a crash takes nothing else down, the log is kept apart.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from synthbench.api import SynthbenchError
from synthbench.execution import stages
from synthbench.execution.cells import State, read_cell, read_prep
from synthbench.execution.outside import take_over
from synthbench.execution.segmenting import job as segment_job
from synthbench.registry import Registry, load_registry
from synthbench.store.atomic import write_json

#: Seconds between checkpoints; a shorter value makes tests of interruption quick.
CHECKPOINT_VARIABLE = "SYNTHBENCH_CHECKPOINT_SECONDS"

Report = Callable[[Mapping[str, Any]], None]


class StopRequest:
    """A request to stop (Ctrl-C, SIGTERM), which training honours after a checkpoint.

    Elsewhere it ends the stage at once: stages write their files atomically.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.deferred = False

    def __call__(self, *_: Any) -> None:
        """Signal handler."""
        again, self.wanted = self.wanted, True
        if not self.deferred or again:
            raise KeyboardInterrupt

    @contextmanager
    def defer(self) -> Iterator[None]:
        """While training: remember the request instead of raising."""
        self.deferred = True
        try:
            yield
        finally:
            self.deferred = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle signals with this object (only possible in the main thread)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def run_job(folder: Path, store: Path, registry: Registry, report: Report) -> dict[str, Any]:
    """Run the cell or prep job in ``folder`` and write its ``status.json``.

    Returns:
        The outcome: ``state``, ``message``, ``hint``, ``seconds``, ``ran`` (stages that did work).
    """
    started = time.monotonic()
    ran: list[str] = []
    outcome: dict[str, Any] = {"state": "done", "message": "", "hint": ""}
    stop = StopRequest()
    try:
        with stop.installed():
            if (folder / "cell.json").exists():
                _run_cell(folder, store, registry, report, stop, ran)
            elif (folder / segment_job.FILE).exists():
                _run_segmenter(folder, store, registry, report, ran)
            else:
                job = read_prep(folder / "prep.json")
                _, new = job.stage(store).ensure(
                    lambda path: stages.run_prep(registry, job, path, report)
                )
                ran += ["prep"] if new else []
    except BaseException as error:
        outcome = _failure(error)
        with (folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(outcome.pop("traceback"))
    outcome |= {"seconds": round(time.monotonic() - started, 3), "ran": ran}
    write_json(folder / "status.json", outcome)
    return outcome


def _run_cell(
    folder: Path,
    store: Path,
    registry: Registry,
    report: Report,
    stop: StopRequest,
    ran: list[str],
) -> None:
    cell = read_cell(folder)
    run = next(parent for parent in folder.parents if (parent / "preps").is_dir())
    job = read_prep(run / "preps" / cell.prep / "prep.json")
    prep, predict = job.stage(store), cell.stage(store, "predict")
    checkpoint_seconds = float(os.environ.get(CHECKPOINT_VARIABLE, "60"))

    def do_train(path: Path) -> Mapping[str, Any]:
        with stop.defer():
            return stages.run_train(
                registry,
                cell,
                job,
                prep.path,
                path,
                report,
                lambda: stop.wanted,
                checkpoint_seconds,
            )

    _, new = prep.ensure(lambda path: stages.run_prep(registry, job, path, report))
    ran += ["prep"] if new else []
    if cell.outside is None:
        train = cell.stage(store, "train")
        _, new = train.ensure(do_train)
        ran += ["train"] if new else []
        _, new = predict.ensure(
            lambda path: stages.run_predict(
                registry, cell, job, prep.path, train.path, path, report
            )
        )
    else:
        _, new = predict.ensure(lambda path: take_over(cell, job, prep.path, path, report))
    ran += ["predict"] if new else []
    for evaluator in cell.evaluators:
        _, new = cell.stage(store, f"score/{evaluator}").ensure(
            lambda path, which=evaluator: stages.run_score(  # type: ignore[misc]
                registry, cell, job, prep.path, predict.path, which, path, report
            )
        )
        ran += ["score"] if new else []


def _run_segmenter(
    folder: Path, store: Path, registry: Registry, report: Report, ran: list[str]
) -> None:
    from synthbench.execution.segmenting.stages import run_segment, run_segment_score

    job = segment_job.read_segment_job(folder)
    run = next(parent for parent in folder.parents if (parent / "preps").is_dir())
    prepared: dict[str, Path] = {}
    for name in dict.fromkeys(job.preps.values()):
        prep = read_prep(run / "preps" / name / "prep.json")
        stage = prep.stage(store)
        stage.ensure(lambda path, prep=prep: stages.run_prep(registry, prep, path, report))  # type: ignore[misc]
        prepared[name] = stage.path
    segment = job.stage(store, "segment")
    _, new = segment.ensure(lambda path: run_segment(registry, job, prepared, store, path, report))
    ran += ["segment"] if new else []
    for evaluator in job.evaluators:
        _, new = job.stage(store, f"score/{evaluator}").ensure(
            lambda path, which=evaluator: run_segment_score(  # type: ignore[misc]
                registry, job, prepared, segment.path, which, path, report
            )
        )
        ran += ["score"] if new else []


def _failure(error: BaseException) -> dict[str, Any]:
    """Turn what ended a job into its typed outcome."""
    state: State = "failed"
    message = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
    hint = "see log.txt in the cell's folder"
    details = "".join(traceback.format_exception(error))
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Interrupted":
        state, message, hint = "interrupted", "stopped on request", "run the same command again"
    elif isinstance(error, MemoryError) or _is_out_of_memory(error):
        state = "oom"
        hint = "lower batch, patch.size or inference.window with --set"
    elif isinstance(error, SynthbenchError):
        message, hint = error.message, error.hint
    return {
        "state": state,
        "message": message,
        "hint": hint,
        "exit_code": getattr(error, "exit_code", 1),
        "traceback": details,
    }


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error)
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError)
        and ("out of memory" in text or "can't allocate memory" in text)
    )


class ProgressFile:
    """Tells the parent process how far a job is, at most twice a second."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "progress.json"
        self._told = 0.0

    def __call__(self, progress: Mapping[str, Any]) -> None:
        """Write the newest progress."""
        if time.monotonic() - self._told < 0.5:
            return
        self._told = time.monotonic()
        write_json(self._path, dict(progress))


def _die_with_parent() -> None:
    """Ask Linux for SIGTERM when the parent dies, so that no orphan keeps a GPU and a claim."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _will_train(folder: Path, store: Path) -> bool:
    if not (folder / "cell.json").exists():
        return False
    cell = read_cell(folder)
    return cell.outside is None and cell.stage(store, "train").record is None


def _import_for_training() -> None:
    """Import what training needs without looking for garbage meanwhile.

    PyTorch makes half a million objects, which live as long as this process. Going through them
    again and again takes a third of the time of importing it, and then a part of that of training:
    they are left out for good. Only for a process of its own.
    """
    gc.disable()
    # What cannot be imported is reported by the stage that needs it.
    with suppress(ImportError, OSError):
        import torch._dynamo  # noqa: F401 - the first optimiser would

        import synthbench.training.engine
        import synthbench.volumes.patches  # noqa: F401
    gc.freeze()
    gc.enable()


def main(arguments: list[str]) -> int:
    """Run one job as a process; the exit code only says whether it is done."""
    folder, store = Path(arguments[0]), Path(arguments[1])
    _die_with_parent()
    if _will_train(folder, store):
        _import_for_training()
    outcome = run_job(folder, store, load_registry(), ProgressFile(folder))
    return 0 if outcome["state"] == "done" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
