"""Checkpoints: everything a resumed run needs to end with the same weights, bit for bit."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synthbench.api import DataError
from synthbench.store.atomic import write_atomic

_LAST, _PREVIOUS = "last.pt", "previous.pt"


def random_state() -> dict[str, Any]:
    """State of every global random generator, in types that ``weights_only`` loading accepts."""
    _, keys, position, has_gauss, cached = np.random.get_state()
    version, internal, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached],
        "python": [version, list(internal), gauss],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Put every global random generator back."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, cached))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write the newest checkpoint; the one before it is kept as a fall-back."""
    last, previous = folder / _LAST, folder / _PREVIOUS
    if last.exists():
        last.replace(previous)
    write_atomic(last, lambda path: torch.save(state, path))


def load(folder: Path) -> dict[str, Any] | None:
    """Read the newest readable checkpoint.

    Returns:
        The state, or ``None`` where no checkpoint was ever written.

    Raises:
        DataError: If there are checkpoints but none can be read.
    """
    candidates = [path for name in (_LAST, _PREVIOUS) if (path := folder / name).exists()]
    for path in candidates:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError, pickle.UnpicklingError):
            continue  # truncated or damaged: the one before it may be whole
        return state
    if candidates:
        raise DataError(
            f"no readable checkpoint in {folder}", "delete that folder to train from the start"
        )
    return None


def clear(folder: Path) -> None:
    """Remove the checkpoints of a finished training."""
    for name in (_LAST, _PREVIOUS):
        (folder / name).unlink(missing_ok=True)
