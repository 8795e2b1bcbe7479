"""Subjects side by side: threads, because decompressing, hashing and array work leave Python."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

import psutil

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Subjects at a time unless told otherwise, and ...
_MOST_WORKERS = 8
#: ... memory for each, bytes: resampling takes 40 bytes a voxel, 850 MB for a brain at 0.7 mm.
_MEMORY_PER_WORKER = 2 * 2**30
#: Where Linux says how much memory a container may use (control groups, version 2 and 1).
_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def cores() -> int:
    """CPU cores that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(usable(0)) if usable is not None else os.cpu_count() or 1


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or less in a container."""
    limits = [psutil.virtual_memory().total]
    for path in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # no container, or "max"
            limits.append(int(path.read_text(encoding="ascii")))
    return min(limits)


def workers() -> int:
    """Threads to use when nobody says how many.

    One a core that this process may use, as far as there are 2 GiB of memory for each; at most 8.
    """
    return max(1, min(cores(), _MOST_WORKERS, memory() // _MEMORY_PER_WORKER))


def side_by_side(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int | None
) -> Iterator[tuple[int, Result]]:
    """Call ``work`` for every item.

    Args:
        work: Called from several threads.
        items: Its arguments.
        jobs: Threads; ``None`` for :func:`workers`.

    Yields:
        Position of the item and its result, as they are finished. When ``work`` raises, or the
        consumer stops, calls that have not begun are dropped.
    """
    with ThreadPoolExecutor(jobs or workers()) as pool:
        positions: dict[Future[Result], int] = {
            pool.submit(work, item): position for position, item in enumerate(items)
        }
        try:
            for future in as_completed(positions):
                yield positions.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
