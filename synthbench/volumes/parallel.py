"""Subjects side by side: threads, because decompressing, hashing and array work leave Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Subjects at a time unless told otherwise; each holds a few volumes in memory.
_MOST_WORKERS = 8


def cores() -> int:
    """CPU cores that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(usable(0)) if usable is not None else os.cpu_count() or 1


def workers() -> int:
    """Threads to use when nobody says how many: one a core that this process may use, at most 8."""
    return min(cores(), _MOST_WORKERS)


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
