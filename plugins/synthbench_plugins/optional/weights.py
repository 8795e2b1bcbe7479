"""Files of published weights, found and verified; without torch, because it is asked early."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from synthbench.api import checkpoint_file


def file_fault(name: str, holds: str, published: str) -> list[tuple[str, str]]:
    """Say what is wrong with a file of weights.

    Args:
        name: As torch hub names it: it ends in a hyphen and the start of its SHA-256.
        holds: What it holds, in words, e.g. ``the pre-trained VGG-19``.
        published: torchvision's name of the weights, e.g. ``VGG19_Weights.IMAGENET1K_V1``.

    Returns:
        Pairs of (what, how to fix it); empty when it is usable.
    """
    path = checkpoint_file(name)
    file = f"torchvision's file of that name ({published})"
    if not path.is_file():
        return [(f"{holds} {path.name} is not in {path.parent}", f"put {file} there")]
    expected = path.stem.rpartition("-")[2]
    facts = path.stat()
    digest = _sha256(path, facts.st_size, facts.st_mtime_ns)
    if digest.startswith(expected):
        return []
    start = digest[: len(expected)]
    what = f"{path} is damaged: its SHA-256 starts with {start}, not {expected}"
    return [(what, f"replace it by {file}")]


@lru_cache
def _sha256(path: Path, size: int, modified: int) -> str:
    """Digest of a file of half a gigabyte; size and time make a replaced file another one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
