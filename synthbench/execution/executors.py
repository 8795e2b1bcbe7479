"""Where jobs run. All executors share one protocol and one store, so results never depend on it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from synthbench.api import DataError
from synthbench.execution.environment import gpus
from synthbench.registry import Registry
from synthbench.store.atomic import read_json
from synthbench.volumes import parallel

Outcome = dict[str, Any]
Report = Callable[[Mapping[str, Any]], None]
#: Memory of the machine that one job may count on where nobody says how many run at a time, bytes.
_MEMORY_PER_JOB = 8 * 2**30
#: A stopped worker gets this long to write its checkpoint.
_GRACE_SECONDS = 30.0


class Handle(Protocol):
    """A submitted job."""

    def poll(self) -> Outcome | None:
        """The outcome once the job ended."""
        ...

    def cancel(self) -> None:
        """Ask the job to stop; `poll` then gives its outcome."""
        ...


class Executor(Protocol):
    """Runs jobs."""

    #: Jobs that may run at the same time.
    slots: int

    def submit(self, folder: Path, report: Report) -> Handle:
        """Start the job in ``folder``."""
        ...


class _Finished:
    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def poll(self) -> Outcome | None:
        return self._outcome

    def cancel(self) -> None:
        """Nothing left to cancel."""


class InlineExecutor:
    """Runs every job in this process, one after the other; for debugging and tests.

    Args:
        store: Root of the store.
        registry: Where components are found.
    """

    slots = 1

    def __init__(self, store: Path, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def submit(self, folder: Path, report: Report) -> Handle:
        """Run the job to its end."""
        # Brings in torch, which the process of a run with workers does without.
        from synthbench.execution.worker import run_job

        return _Finished(run_job(folder, self._store, self._registry, report))


class _Process:
    """A worker process in a process group of its own."""

    def __init__(
        self,
        folder: Path,
        store: Path,
        environment: dict[str, str],
        report: Report,
        limit: float | None,
    ) -> None:
        self._folder = folder
        self._report = report
        self._started = time.monotonic()
        self._limit = limit
        self._verdict: Outcome | None = None
        self._kill_at: float | None = None
        for stale in ("status.json", "progress.json"):
            (folder / stale).unlink(missing_ok=True)
        self._log: IO[bytes] = (folder / "log.txt").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "synthbench.execution.worker", str(folder), str(store)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        self.environment = environment

    def poll(self) -> Outcome | None:
        if self._process.poll() is None:
            self._watch()
            return None
        self._log.close()
        status: Outcome | None = read_json(self._folder / "status.json")
        if self._verdict is not None and (status is None or status["state"] == "interrupted"):
            status = self._verdict
        if status is None:
            status = self._died()
        status.setdefault("seconds", round(time.monotonic() - self._started, 3))
        return status

    def cancel(self) -> None:
        if self._process.poll() is None and self._kill_at is None:
            self._signal(signal.SIGTERM)
            self._kill_at = time.monotonic() + _GRACE_SECONDS

    def _watch(self) -> None:
        now = time.monotonic()
        if progress := _read_progress(self._folder / "progress.json"):
            self._report(progress)
        if self._limit is not None and self._verdict is None and now - self._started > self._limit:
            self._verdict = {
                "state": "timeout",
                "message": f"stopped after the time limit of {self._limit / 60:g} minutes",
                "hint": "raise --time-limit and run the same command: it continues from there",
                "ran": [],
            }
            self.cancel()
        if self._kill_at is not None and now > self._kill_at:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _died(self) -> Outcome:
        code = self._process.returncode
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        hint = f"see {self._folder / 'log.txt'}"
        if code == -signal.SIGKILL:
            hint = (
                "the system may have run out of memory: run fewer cells at a time (--jobs), "
                f"or lower batch or patch.size; {hint}"
            )
        return {
            "state": "killed",
            "message": f"the worker ended with {name}",
            "hint": hint,
            "ran": [],
        }


class LocalExecutor:
    """One subprocess a job on this machine, as many at a time as there are slots.

    On a machine with GPUs a slot is a GPU (several slots may share one); otherwise the cores are
    divided among the slots. Networks of this field gain little from a second core, so jobs side by
    side end sooner than one after the other with all cores each.

    Args:
        store: Root of the store.
        slots: Jobs at a time; default: one a GPU. Without GPUs one a core, as far as there are
            ``cells`` and 8 GiB of memory for each.
        time_limit: Seconds after which a job is stopped, or ``None``.
        cells: Cells of the whole plan, finished ones too: a run that is continued divides the
            cores as it did before, because the number of threads decides the last bits of a sum.
    """

    def __init__(
        self,
        store: Path,
        slots: int | None = None,
        time_limit: float | None = None,
        cells: int = 1,
    ) -> None:
        devices = [uuid for uuid, _ in gpus()]
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if visible is not None:
            devices = [name for name in visible.split(",") if name]
        self.slots = slots or len(devices) or _slots_of_cores(cells)
        self._store = store
        self._limit = time_limit
        self._environments = [self._environment(devices, n) for n in range(self.slots)]
        self._running: list[tuple[int, _Process]] = []

    def _environment(self, devices: list[str], slot: int) -> dict[str, str]:
        # Idle OpenMP threads that spin make cells that share cores several times slower.
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
        if devices:
            environment["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
        if self.slots > 1 and "OMP_NUM_THREADS" not in environment:
            environment["OMP_NUM_THREADS"] = str(max(1, parallel.cores() // self.slots))
        return environment

    def submit(self, folder: Path, report: Report) -> Handle:
        """Start a worker in a free slot."""
        self._running = [(n, p) for n, p in self._running if p.poll() is None]
        busy = {n for n, _ in self._running}
        slot = next(n for n in range(self.slots) if n not in busy)
        try:
            process = _Process(folder, self._store, self._environments[slot], report, self._limit)
        except OSError as error:
            raise DataError(
                f"cannot start a worker in {folder}: {error.strerror}",
                "check free disk space and permissions",
            ) from error
        self._running.append((slot, process))
        return process


def make_executor(
    name: str,
    store: Path,
    registry: Registry,
    jobs: int | None,
    time_limit: float | None,
    cells: int = 1,
) -> Executor:
    """Make the executor that a command's options ask for.

    Args:
        name: ``local`` or ``inline``.
        store: Root of the store.
        registry: Where components are found.
        jobs: Jobs at a time, or ``None`` for the executor's own choice.
        time_limit: Minutes after which a job is stopped, or ``None``.
        cells: As for :class:`LocalExecutor`.
    """
    if name == "inline":
        return InlineExecutor(store, registry)
    return LocalExecutor(store, jobs, None if time_limit is None else time_limit * 60, cells)


def _slots_of_cores(cells: int) -> int:
    memory = parallel.memory() // _MEMORY_PER_JOB
    return max(1, min(parallel.cores(), cells, memory))


def _read_progress(path: Path) -> Mapping[str, Any] | None:
    value: Mapping[str, Any] | None = read_json(path)
    return value
