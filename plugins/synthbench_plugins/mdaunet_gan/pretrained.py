"""Where the pre-trained VGG-19 is, without torch: asked while a run is planned."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from synthbench.api import checkpoint_file

#: File of torchvision's ``VGG19_Weights.IMAGENET1K_V1``; the name ends in the start of its SHA-256.
WEIGHTS = "vgg19-dcbb9e9d.pth"
_DIGEST = "dcbb9e9d"


def lacking() -> list[tuple[str, str]]:
    """Say what is wrong with the file: pairs of (what, how to fix it), empty when it is usable."""
    path = checkpoint_file(WEIGHTS)
    if not path.is_file():
        what = f"the pre-trained VGG-19 {WEIGHTS} is not in {path.parent}"
        fix = "put torchvision's file of that name (VGG19_Weights.IMAGENET1K_V1) there"
    else:
        facts = path.stat()
        digest = _sha256(path, facts.st_size, facts.st_mtime_ns)
        if digest.startswith(_DIGEST):
            return []
        what = f"{path} is damaged: its SHA-256 starts with {digest[:8]}, not {_DIGEST}"
        fix = "replace it by torchvision's file of that name (VGG19_Weights.IMAGENET1K_V1)"
    return [(what, f"{fix}, or give perceptual_2_5d the parameter backbone=random")]


def preflight(backbone: str = "vgg19", **others: object) -> list[tuple[str, str]]:
    """Say what ``perceptual_2_5d`` lacks, given its parameters."""
    return lacking() if backbone == "vgg19" else []


def remarks(backbone: str = "vgg19", **others: object) -> list[str]:
    """Say what results made with ``perceptual_2_5d`` must state, given its parameters."""
    if backbone != "random":
        return []
    return ["perceptual_2_5d: VGG-19 backbone with random weights, not pre-trained"]


@lru_cache
def _sha256(path: Path, size: int, modified: int) -> str:
    """Digest of a file of half a gigabyte; size and time make a replaced file another one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
