"""Plain three-dimensional versions of the networks the cascade is compared with.

The paper compares with "straight-forward" 3D versions of DCGAN, Pix2Pix and PGGAN without giving
their sizes; these are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

_NOISE = 200
_PGGAN_NOISE = 512


def dcgan(side: int) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    """3D DCGAN: one level a doubling, 64 to 512 channels.

    Returns:
        Generator, discriminator and the shape of the generator's input.
    """
    levels = int(math.log2(side)) - 2
    widths = [min(512, 64 * 2**i) for i in range(levels)]
    generator: list[nn.Module] = []
    inputs = _NOISE
    for i, width in enumerate(reversed(widths)):
        stride, padding = (1, 0) if i == 0 else (2, 1)
        generator += [
            nn.ConvTranspose3d(inputs, width, 4, stride, padding, bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
        ]
        inputs = width
    generator += [nn.ConvTranspose3d(inputs, 1, 4, 2, 1, bias=False), nn.Tanh()]
    discriminator: list[nn.Module] = []
    inputs = 1
    for i, width in enumerate(widths):
        discriminator.append(nn.Conv3d(inputs, width, 4, 2, 1, bias=False))
        if i > 0:
            discriminator.append(nn.BatchNorm3d(width))
        discriminator.append(nn.LeakyReLU(0.2, inplace=True))
        inputs = width
    discriminator += [nn.Conv3d(inputs, 1, 4, bias=False), nn.Sigmoid()]
    return nn.Sequential(*generator), nn.Sequential(*discriminator), (1, _NOISE, 1, 1, 1)


class _Skip(nn.Module):
    """One level of Pix2Pix's U-Net, with all levels below it inside."""

    def __init__(self, widths: list[int], level: int) -> None:
        super().__init__()
        outer = widths[level - 1] if level else 1
        width, innermost = widths[level], level == len(widths) - 1
        down: list[nn.Module] = [nn.LeakyReLU(0.2, inplace=True)] if level else []
        down.append(nn.Conv3d(outer, width, 4, 2, 1))
        if level and not innermost:
            down.append(nn.BatchNorm3d(width))
        self.down = nn.Sequential(*down)
        self.below = None if innermost else _Skip(widths, level + 1)
        self.up = nn.Sequential(
            nn.ReLU(inplace=True),
            nn.ConvTranspose3d(width if innermost else 2 * width, outer, 4, 2, 1),
            nn.BatchNorm3d(outer) if level else nn.Tanh(),
        )
        self.level = level

    def forward(self, x: Tensor) -> Tensor:
        inner = self.down(x)
        if self.below is not None:
            inner = self.below(inner)
        result: Tensor = self.up(inner)
        return torch.cat([result, x], dim=1) if self.level else result


def pix2pix(side: int) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    """3D Pix2Pix: a U-Net down to one voxel, 64 to 512 channels, and a three-layer PatchGAN.

    Returns:
        As :func:`dcgan`; the discriminator sees source and image.
    """
    widths = [64 * min(8, 2**level) for level in range(int(math.log2(side)))]
    layers: list[nn.Module] = [nn.Conv3d(2, 64, 4, 2, 2), nn.LeakyReLU(0.2, inplace=True)]
    for inputs, outputs, stride in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
        layers += [
            nn.Conv3d(inputs, outputs, 4, stride, 2),
            nn.BatchNorm3d(outputs),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    layers.append(nn.Conv3d(512, 1, 4, 1, 2))
    return _Skip(widths, 0), nn.Sequential(*layers), (1, 1, side, side, side)


class _PixelNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def pggan(side: int, width: Callable[[int], int]) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    """3D progressive GAN, fully grown.

    Args:
        side: Of the image.
        width: Channels at a stage; stage 1 has 4 voxels a side, each further one doubles them.

    Returns:
        As :func:`dcgan`.
    """
    stages = int(math.log2(side)) - 1

    def convolve(inputs: int, outputs: int, *, norm: bool) -> list[nn.Module]:
        layers: list[nn.Module] = [
            nn.Conv3d(inputs, outputs, 3, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        return [*layers, _PixelNorm()] if norm else layers

    generator: list[nn.Module] = [
        nn.ConvTranspose3d(_PGGAN_NOISE, width(1), 4),
        nn.LeakyReLU(0.2, inplace=True),
        _PixelNorm(),
        *convolve(width(1), width(1), norm=True),
    ]
    for stage in range(2, stages + 1):
        generator += [
            nn.Upsample(scale_factor=2),
            *convolve(width(stage - 1), width(stage), norm=True),
            *convolve(width(stage), width(stage), norm=True),
        ]
    generator.append(nn.Conv3d(width(stages), 1, 1))
    discriminator: list[nn.Module] = [
        nn.Conv3d(1, width(stages), 1),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    for stage in range(stages, 1, -1):
        discriminator += [
            *convolve(width(stage), width(stage), norm=False),
            *convolve(width(stage), width(stage - 1), norm=False),
            nn.AvgPool3d(2),
        ]
    discriminator += [
        *convolve(width(1), width(1), norm=False),
        nn.Conv3d(width(1), width(1), 4),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Flatten(),
        nn.Linear(width(1), 1),
    ]
    return nn.Sequential(*generator), nn.Sequential(*discriminator), (1, _PGGAN_NOISE, 1, 1, 1)
