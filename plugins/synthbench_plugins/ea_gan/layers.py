"""What generator and discriminators share: normalisation, and how layers begin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import nn

from synthbench.api import UsageError

Norm = Literal["batch", "instance", "none"]

_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm3d,
    "instance": partial(nn.InstanceNorm3d, affine=True),
    "none": nn.Identity,
}


def normalisation(norm: Norm, component: str) -> Callable[[int], nn.Module]:
    """Return what makes a normalisation layer for a number of channels.

    Args:
        norm: Which one.
        component: Whose parameter it is, for the error.

    Raises:
        UsageError: For an unknown norm.
    """
    if norm not in _NORMS:
        raise UsageError(
            f"{component}: unknown norm {norm!r}", f"choose one of {', '.join(_NORMS)}"
        )
    return _NORMS[norm]


def initialise(module: nn.Module) -> None:
    """Draw weights as published: N(0, 0.02), for norms N(1, 0.02) with bias 0.

    Biases of convolutions keep torch's default.
    """
    if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm3d | nn.InstanceNorm3d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
