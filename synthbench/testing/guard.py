"""What code leaves behind: changed settings of the process, and files outside its own folder."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from synthbench.testing.verdicts import demand

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Position of the path that an audited call makes, by event.
_MADE = {"os.mkdir": 0, "os.rename": 1, "os.link": 1, "os.symlink": 1, "os.truncate": 0}
#: Variables that libraries (scikit-learn, OpenMP) set for themselves when they are imported.
_OF_LIBRARIES = ("KMP_",)
_VARIABLE = "environment variable "
_watching: list[Watch] = []


class Watch:
    """Observes the process while the context is open, in an empty working directory.

    Args:
        allowed: Folder below which anything may be written.
        empty: An empty folder, to be the working directory meanwhile: what is written by relative
            names, by whatever library, is found there.

    Attributes:
        changed: What was set differently at the end.
        left: Files and folders outside ``allowed`` that were written and are still there. Removed
            temporary files are nobody's concern, byte code neither.
    """

    def __init__(self, allowed: Path, empty: Path) -> None:
        self._allowed = allowed.resolve()
        self._empty = empty.resolve()
        self._touched: set[str] = set()
        self.changed: list[str] = []
        self.left: list[str] = []

    def __enter__(self) -> Self:
        """Start to observe."""
        _install()
        self._home = Path.cwd()
        os.chdir(self._empty)
        self._before = _settings()
        _watching.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Note what is different, and put the working directory and the environment back."""
        _watching.remove(self)
        after = _settings()
        names = sorted({**self._before, **after})
        self.changed = [n for n in names if self._before.get(n) != after.get(n)]
        paths = {self._empty / path for path in self._touched} | set(self._empty.rglob("*"))
        self.left = sorted(str(path) for path in paths if self._is_left(path))
        _restore(self._before)
        os.chdir(self._home)

    def note(self, path: str) -> None:
        """Remember that something was written."""
        self._touched.add(path)

    def _is_left(self, path: Path) -> bool:
        if "__pycache__" in path.parts or not path.exists():
            return False
        if path.is_char_device():
            return False
        return not path.resolve().is_relative_to(self._allowed)


def demand_nothing_left(watch: Watch) -> None:
    """Demand that no file was left outside the folder that may be written to."""
    left = watch.left
    demand(not left, f"it leaves {', '.join(left[:3])}{' and more' if len(left) > 3 else ''}")


def demand_settings_kept(watch: Watch) -> None:
    """Demand that no setting of the process was changed."""
    demand(not watch.changed, f"it changes {', '.join(watch.changed)}")


@cache
def settle() -> None:
    """Let libraries of the core do what they do once a process: make caches, set variables.

    Otherwise it would be blamed on whatever is watched first.
    """
    import_module("monai.inferers")
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # loads torch's compiler


@cache
def _install() -> None:
    """Listen to what Python opens; such a listener cannot be removed, so it is idle when unused."""
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    path: Any = None
    if event == "open":
        flags = arguments[2]
        path = arguments[0] if isinstance(flags, int) and flags & _WRITING else None
    elif event in _MADE:
        path = arguments[_MADE[event]]
    # A folder that exists is not made, nor opened for writing (`tempfile` only says so).
    if isinstance(path, str | bytes | os.PathLike) and not Path(os.fsdecode(path)).is_dir():
        for watch in _watching:
            watch.note(os.fsdecode(path))


@contextmanager
def settings_kept() -> Iterator[None]:
    """Put the process's settings back afterwards, whatever was done to them."""
    before = _settings()
    try:
        yield
    finally:
        _restore(before)


def _settings() -> dict[str, Any]:
    root = logging.getLogger()
    return {
        "the working directory": str(Path.cwd()),
        "torch's number of threads": torch.get_num_threads(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": torch.get_default_device(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "cuDNN's deterministic flag": torch.backends.cudnn.deterministic,
        "numpy's error handling": np.geterr(),
        "the root logger's level": root.level,
        "the root logger's handlers": [*root.handlers],
        **{
            _VARIABLE + name: value
            for name, value in os.environ.items()
            if not name.startswith(_OF_LIBRARIES)
        },
    }


def _restore(before: dict[str, Any]) -> None:
    """Undo what later checks, and the program around them, would suffer from."""
    os.chdir(before["the working directory"])
    torch.set_num_threads(before["torch's number of threads"])
    torch.set_default_dtype(before["torch's default dtype"])
    torch.set_grad_enabled(before["torch's gradient mode"])
    torch.use_deterministic_algorithms(before["torch's deterministic algorithms"])
    torch.backends.cudnn.deterministic = before["cuDNN's deterministic flag"]
    np.seterr(**before["numpy's error handling"])
    root = logging.getLogger()
    root.setLevel(before["the root logger's level"])
    root.handlers[:] = before["the root logger's handlers"]
    kept = {n.removeprefix(_VARIABLE): v for n, v in before.items() if n.startswith(_VARIABLE)}
    for name in [*os.environ]:
        if name not in kept and not name.startswith(_OF_LIBRARIES):
            del os.environ[name]
    os.environ.update(kept)
