"""One worker at a time in a stage folder: an exclusive file with a heartbeat."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from synthbench.store.atomic import explain_write_errors

_HEARTBEAT_SECONDS = 10.0
#: A claim from another host whose heartbeat is older than this belongs to a dead worker.
_STALE_SECONDS = 120.0


def _is_stale(path: Path) -> bool:
    try:
        owner = json.loads(path.read_text())
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return True
    except json.JSONDecodeError:  # its writer died between creating and filling it, or is at it now
        return time.time() - path.stat().st_mtime > _HEARTBEAT_SECONDS
    if owner["host"] == socket.gethostname():
        try:
            process = psutil.Process(owner["pid"])
            if process.status() == psutil.STATUS_ZOMBIE:  # nobody asked how it ended
                return True
            if process.create_time() == owner["started"]:
                return False
        except psutil.NoSuchProcess:
            return True
        # Another process with its number, or its own start as told after the clock was set: only
        # a live owner's heart beats.
    return age > _STALE_SECONDS


def _take_away(path: Path) -> bool:
    """Remove a stale claim; ``False`` where it is not stale."""
    if not _is_stale(path):
        return False
    # Another waiter may have found the same, and hold a new claim by now: what is moved away is
    # looked at again, and a live claim put back.
    moved = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with suppress(FileNotFoundError):
        path.rename(moved)
        if _is_stale(moved) or path.exists():
            moved.unlink()
        else:
            moved.rename(path)
    return True


def _try_claim(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    started = psutil.Process().create_time()
    with os.fdopen(handle, "w") as file:
        json.dump({"host": socket.gethostname(), "pid": os.getpid(), "started": started}, file)
    return True


@contextmanager
def claimed(folder: Path, poll_seconds: float = 0.2) -> Iterator[None]:
    """Hold ``folder`` for this process; waits while another live worker holds it.

    A claim left by a dead process of this host, or without a heartbeat on another, is taken over.
    """
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "claim.json"
        while not _try_claim(path):
            if not _take_away(path):
                time.sleep(poll_seconds)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(_HEARTBEAT_SECONDS):
            with suppress(FileNotFoundError):
                os.utime(path)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        path.unlink(missing_ok=True)
