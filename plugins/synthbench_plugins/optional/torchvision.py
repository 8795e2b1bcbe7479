"""Lets torchvision be imported beside a torch that was built without CUDA."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

#: Operators whose shapes torchvision's Python files describe on import, declared or not.
_DESCRIBED = ("nms", "qnms")
#: The declarations; they last as long as this object.
_declared: torch.library.Library | None = None


def ensure_torchvision() -> None:
    """Make ``import torchvision`` work, in this process; to be called before anything imports it.

    The torchvision of package indices is built for CUDA. Beside a CPU-only torch its compiled
    library cannot be loaded; it goes on without, but then describes operators that only the library
    declares, and the import ends in ``operator torchvision::nms does not exist``. So do those of
    lpips, timm and all that import them. Here these operators are declared, without an
    implementation. Networks, weights and transforms work then; ``torchvision.ops.nms`` and reading
    image files do not. Where the library can be loaded, or there is no torchvision, nothing is
    changed.
    """
    global _declared
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations or _is_declared():
        return
    for library in Path(spec.submodule_search_locations[0]).glob("_C*"):
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return
    _declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in _DESCRIBED:
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        _declared.define(schema)  # type: ignore[no-untyped-call]


def _is_declared() -> bool:
    return hasattr(torch.ops.torchvision, _DESCRIBED[0])
