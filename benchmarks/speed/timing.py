"""Timing that is fair to every contender: interleaved rounds, medians, ratios."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    afterwards: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """Median seconds of each contender.

    Args:
        contenders: What to time, by name; each is called once before the clock starts.
        rounds: Rounds; within one, every contender runs once, so that a busy moment of the machine
            hits all of them.
        afterwards: Called after every run, while the clock stands: removes what the run wrote, say,
            so that no contender waits for the disk on behalf of another.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()
        afterwards()
    for _ in range(rounds):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
            afterwards()
    return {name: statistics.median(values) for name, values in seconds.items()}


def table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """A markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def installed(package: str) -> str:
    """Name and version of a package that only some benchmarks use, or that it is not installed."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package}: not installed"


def machine() -> str:
    """What the figures were measured on, in one line."""
    from synthbench.execution.environment import hardware, versions

    found, used = hardware(), versions()
    load = os.getloadavg()[0]
    return (
        f"{found['cpu']}, {found['cores']} cores, torch {used['torch']}, "
        f"MONAI {used['monai']}, {os.environ.get('OMP_NUM_THREADS', 'all')} thread(s), "
        f"load average {load:.1f}"
    )
