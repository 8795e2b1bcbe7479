"""Generators of the cascade: a residual network for every scale, a U-Net for the lowest one."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

#: Halvings of the published U-Net; fewer where the edges are too short (see :func:`unet_levels`).
_MOST_LEVELS = 4


def _down(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv3d(inputs, outputs, 4, stride=2, padding=1),
        nn.InstanceNorm3d(outputs, affine=True),
        nn.ReLU(inplace=True),
    ]


def _up(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.ConvTranspose3d(inputs, outputs, 4, stride=2, padding=1),
        nn.InstanceNorm3d(outputs, affine=True),
        nn.ReLU(inplace=True),
    ]


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions with instance norm, dropout between them, plus the input itself."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(channels, channels, 3, padding=1),
            nn.InstanceNorm3d(channels, affine=True),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv3d(channels, channels, 3, padding=1),
            nn.InstanceNorm3d(channels, affine=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, X, Y, Z) to the same shape."""
        total: Tensor = x + self.body(x)
        return total


class ResNetGenerator(nn.Module):
    """Two halvings, residual blocks, two doublings, a 7x7x7 convolution and tanh.

    Source: Uzunova et al. 2020, Fig. 3 and section 2.2; layer sizes of the authors' implementation.

    Args:
        inputs: Input channels.
        width: Channels at full resolution; doubled at each halving.
        blocks: Number of residual blocks.
        shrink: Whether the input has twice the resolution of the output (edges of the lowest
            scale); one more halving, at constant width, comes first.
        dropout: Probability inside the residual blocks.
    """

    def __init__(
        self, inputs: int, width: int, blocks: int, *, shrink: bool = False, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(inputs, width, 3, padding=1),
            nn.InstanceNorm3d(width, affine=True),
            nn.ReLU(inplace=True),
            *(_down(width, width) if shrink else []),
            *_down(width, 2 * width),
            *_down(2 * width, 4 * width),
            *(ResidualBlock(4 * width, dropout) for _ in range(blocks)),
            *_up(4 * width, 2 * width),
            *_up(2 * width, width),
            nn.Conv3d(width, 1, 7, padding=3),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Generate images.

        Args:
            x: Shape (B, inputs, N, N, N); N is a multiple of 4 and at least 8, or, to shrink, a
                multiple of 8 and at least 16.

        Returns:
            Shape (B, 1, N, N, N), or half as long where it shrinks; in (-1, 1).
        """
        image: Tensor = self.layers(x)
        return image


def unet_levels(edges: int) -> int:
    """Halvings of a U-Net whose input has sides of ``edges`` voxels.

    At most four; every halved side is even, and the innermost has at least 2 voxels, which instance
    norm needs.
    """
    levels = 0
    while levels < _MOST_LEVELS and edges % 2 == 0 and edges // 2 >= 2:
        edges //= 2
        levels += 1
    return levels


class UNetGenerator(nn.Module):
    """U-Net from edges to an image of half their resolution.

    Source: Uzunova et al. 2020, section 2.2 ("the LR GAN uses a U-Net"). The paper does not say how
    a U-Net halves the resolution; here its outermost up-sampling is left out, and a 3x3x3
    convolution over the outermost skip connection makes the image.

    Args:
        inputs: Input channels.
        width: Channels after the first halving; doubled at each further one.
        levels: Number of halvings.
        dropout: Probability of dropping a channel, one level above the middle of the way up.
    """

    def __init__(self, inputs: int, width: int, levels: int, *, dropout: float = 0.2) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(levels)]
        self.down = nn.ModuleList([nn.Conv3d(inputs, width, 4, stride=2, padding=1)])
        self.down.extend(
            nn.Sequential(
                nn.LeakyReLU(0.2),
                nn.Conv3d(outer, inner, 4, stride=2, padding=1),
                nn.InstanceNorm3d(inner),
            )
            for outer, inner in pairwise(widths)
        )
        self.up = nn.ModuleList()
        for inner, outer in pairwise(reversed(widths)):
            inputs = inner if inner == widths[-1] else 2 * inner
            layers = [
                nn.ReLU(inplace=True),
                nn.ConvTranspose3d(inputs, outer, 4, stride=2, padding=1),
                nn.InstanceNorm3d(outer),
            ]
            if inner == 4 * width:
                layers.append(nn.Dropout3d(dropout))
            self.up.append(nn.Sequential(*layers))
        self.output = nn.Sequential(
            nn.ReLU(inplace=True), nn.Conv3d(2 * width, 1, 3, padding=1), nn.Tanh()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Generate images.

        Args:
            x: Shape (B, inputs, N, N, N), N a multiple of 2 to the number of levels.

        Returns:
            Shape (B, 1, N/2, N/2, N/2), in (-1, 1).
        """
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        skips.pop()
        for layer in self.up:
            x = torch.cat([layer(x), skips.pop()], dim=1)
        image: Tensor = self.output(x)
        return image


def start_small(network: nn.Module) -> None:
    """Initialise a network of a higher scale: convolutions N(0, 0.001), batch norm N(1, 0.02).

    Biases are 0; instance norm keeps its own initial values. The lowest scale uses torch's.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
            nn.init.normal_(module.weight, 0.0, 0.001)
        elif isinstance(module, nn.BatchNorm3d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
