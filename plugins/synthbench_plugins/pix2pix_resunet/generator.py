"""Residual 3D U-Net generator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Setting, Translator, UsageError

Norm = Literal["batch", "instance"]
Head = Literal["tanh", "linear"]
Sides = tuple[int, int, int]

#: Shortest side that is still halved: it leaves 2 voxels, so that normalisation over a single patch
#: stays defined at the bottom.
_MIN_POOLED = 4


def pooling_factors(patch: Sequence[int] | None, poolings: int) -> list[Sides]:
    """Decide along which axes each pooling halves.

    Args:
        patch: Side lengths of a training patch; 0 (the volume's whole side) and ``None`` (whole
            volumes) stand for sides that are long enough.
        poolings: Most poolings wanted.

    Returns:
        Factors of 1 or 2 per axis, one triple a pooling; poolings that would halve no axis are
        left out.
    """
    sides = [side or None for side in patch] if patch is not None else [None, None, None]
    factors: list[Sides] = []
    for _ in range(poolings):
        x, y, z = (2 if side is None or side >= _MIN_POOLED else 1 for side in sides)
        if (x, y, z) == (1, 1, 1):
            break
        factors.append((x, y, z))
        sides = [
            None if side is None else -(-side // factor)
            for side, factor in zip(sides, (x, y, z), strict=True)
        ]
    return factors


class ResidualBlock(nn.Module):
    """(3x3x3 convolution, norm, ReLU) twice, plus the input through a 1x1x1 projection."""

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()

        def normalise() -> nn.Module:
            if norm == "batch":
                return nn.BatchNorm3d(outputs)
            return nn.InstanceNorm3d(outputs, affine=True)

        self.body = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, padding=1, bias=False),
            normalise(),
            nn.ReLU(inplace=True),
            nn.Conv3d(outputs, outputs, 3, padding=1, bias=False),
            normalise(),
            nn.ReLU(inplace=True),
        )
        self.project = nn.Conv3d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, X, Y, Z) to (B, outputs, X, Y, Z)."""
        total: Tensor = self.body(x) + self.project(x)
        return total


class ResUNet3D(Translator):
    """Residual 3D U-Net: max-pooling down, trilinear up-sampling, skip connections, 1x1x1 head.

    Source: Dao et al., Cross-modality Medical Image Generation using Deep GAN, Fig. 2. The paper
    states neither widths nor depth; these are this package's reading of it.

    Args:
        setting: ``source_channels``, ``target_channels``, ``intensity`` and ``patch`` are used; the
            patch decides how often each axis is pooled (see :func:`pooling_factors`).
        channels: Width at each resolution, finest first; one pooling fewer than widths.
        norm: Normalisation after each 3x3x3 convolution; ``batch`` is published.
        head: ``tanh`` (published), scaled to ``setting.intensity``, or ``linear``.
    """

    def __init__(
        self,
        setting: Setting,
        channels: Sequence[int] = (32, 64, 128, 256, 512),
        norm: Norm = "batch",
        head: Head = "tanh",
    ) -> None:
        super().__init__(setting)
        for option, value, known in (
            ("norm", norm, ("batch", "instance")),
            ("head", head, ("tanh", "linear")),
        ):
            if value not in known:
                raise UsageError(
                    f"resunet3d: unknown {option} {value!r}", f"choose one of {', '.join(known)}"
                )
        self.factors = pooling_factors(setting.patch, len(channels) - 1)
        x, y, z = (2 ** sum(factor[axis] == 2 for factor in self.factors) for axis in range(3))
        self.size_multiple = (x, y, z)
        self.head = head
        widths = list(channels)[: len(self.factors) + 1]
        self.encoder = nn.ModuleList(
            ResidualBlock(inputs, outputs, norm)
            for inputs, outputs in pairwise([setting.source_channels, *widths])
        )
        self.decoder = nn.ModuleList(
            ResidualBlock(coarse + fine, fine, norm)
            for fine, coarse in reversed(list(pairwise(widths)))
        )
        self.output = nn.Conv3d(widths[0], setting.target_channels, 1)

    def forward(self, source: Tensor) -> Tensor:
        """Translate a patch.

        Args:
            source: Shape (B, C, X, Y, Z), in ``setting.intensity``; sides are multiples of
                ``size_multiple`` (others work too, with up-sampling slightly off centre).

        Returns:
            Shape (B, target channels, X, Y, Z), within ``setting.intensity`` for a tanh head.
        """
        x = self.encoder[0](source)
        skips = []
        for factor, block in zip(self.factors, self.encoder[1:], strict=True):
            skips.append(x)
            x = block(F.max_pool3d(x, factor))
        for block in self.decoder:
            skip = skips.pop()
            x = F.interpolate(x, size=skip.shape[2:], mode="trilinear", align_corners=False)
            x = block(torch.cat([skip, x], dim=1))
        image: Tensor = self.output(x)
        if self.head == "linear":
            return image
        return self.setting.scaled(torch.tanh(image))
