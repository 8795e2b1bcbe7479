"""How the layers of generator and discriminator begin."""

from __future__ import annotations

from torch import nn


def initialise(module: nn.Module) -> None:
    """Draw weights as published: N(0, 0.02), for norms N(1, 0.02); biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.InstanceNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)
