"""Where published weights lie; without torch, because it is asked while a run is planned."""

from __future__ import annotations

import os
from pathlib import Path


def checkpoint_file(name: str | Path) -> Path:
    """Return where a file of published weights is looked for.

    Args:
        name: A file name among torch hub's checkpoints, where torchvision too keeps what it loads
            (``TORCH_HOME`` and ``XDG_CACHE_HOME`` move them), or an absolute path, also one below
            ``~``.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch"))
    return (home / "hub" / "checkpoints" / Path(name).expanduser()).expanduser()
