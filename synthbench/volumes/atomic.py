"""Folders that appear under their final name completely or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthbench.store.atomic import explain_write_errors

#: Start of the names of unfinished folders; whoever lists a folder skips these.
UNFINISHED = ".unfinished-"


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name beside ``path`` and rename it when all went well.

    Args:
        path: Final name; an older folder there survives every failure.

    Yields:
        The temporary folder, made and empty.

    Raises:
        DataError: If the folder cannot be written (permissions, full disk).
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
