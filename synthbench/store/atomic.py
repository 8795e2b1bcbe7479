"""Files and folders that are complete or absent, whatever happens while they are written."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthbench.api import DataError

#: Start of the names of unfinished folders; whoever lists a folder skips these.
UNFINISHED = ".unfinished-"


class WriteError(DataError):
    """Nothing can be written: a full disk, a missing permission."""


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or missing permission into a `WriteError` that names ``path``."""
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"cannot write {path}: {error.strerror or error}",
            "free some space or choose another folder with --output; what was there is untouched",
        ) from error


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then move it into place.

    Args:
        path: Final name; its folder is made when missing.
        write: Receives the temporary path and writes it completely.

    Raises:
        WriteError: If the disk is full or the folder cannot be written.
    """
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not mkstemp: its files are private to the user, results are often shared with a group.
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            write(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; ``None`` where there is none.

    Raises:
        DataError: If the file is there but is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", "check its permissions") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid JSON: {error}", "delete it and run again") from error


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name beside ``path`` and rename it when all went well.

    Args:
        path: Final name; an older folder there survives every failure.

    Yields:
        The temporary folder, made and empty.

    Raises:
        WriteError: If the folder cannot be written (permissions, full disk).
    """
    temporary, replaced = _beside(path), _beside(path)
    try:
        with explain_write_errors(path):
            temporary.mkdir(parents=True)
            yield temporary
            if path.exists():  # a folder cannot be renamed onto one that is not empty
                path.rename(replaced)
            temporary.rename(path)
    finally:
        if replaced.exists() and not path.exists():
            replaced.rename(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f"{UNFINISHED}{os.getpid()}-{uuid.uuid4().hex[:8]}")


def sweep(folder: Path) -> None:
    """Remove what a killed process left unfinished below ``folder``; nobody else may work there."""
    for leftover in folder.rglob(".*.tmp"):
        leftover.unlink(missing_ok=True)
    for leftover in folder.rglob(f"{UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
