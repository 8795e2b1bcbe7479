"""The generator, a U-Net, and the plain fully convolutional network it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Setting, Translator, UsageError
from synthbench_plugins.dual_d_attention.sides import Sides, halvings, kernel_sides, same_padding


def _block(inputs: int, outputs: int, kernel: Sides) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv3d(channels, outputs, kernel, padding=same_padding(kernel), bias=False),
            nn.InstanceNorm3d(outputs, affine=True),
            nn.LeakyReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class UNet3D(Translator):
    """U-Net for volumes and, by a patch with a side of 1, for slices.

    (3x3x3 convolution, instance norm, leaky ReLU) twice at each resolution, max-pooling down,
    transposed convolutions up, skip connections, a linear 1x1x1 convolution at the end. Across
    slices kernels are one voxel wide. A side too short to be halved again is left alone while the
    others are halved on.

    Source: Ronneberger et al., U-Net, MICCAI 2015; Xiao & Nie, section 2.1, give no sizes.

    Args:
        setting: ``source_channels``, ``target_channels`` and ``patch`` are used; the patch decides
            about kernels and halvings.
        channels: Width at each resolution, finest first; one halving fewer than widths.

    Raises:
        UsageError: If ``channels`` is empty.
    """

    #: Whether the decoder sees the encoder's output of its resolution.
    skips = True

    def __init__(self, setting: Setting, channels: Sequence[int] = (32, 64, 128, 256)) -> None:
        super().__init__(setting)
        if not channels:
            raise UsageError("channels is empty", "give the width of at least one resolution")
        kernel = kernel_sides(setting.patch)
        self.factors = halvings(setting.patch, len(channels) - 1)
        x, y, z = (2 ** sum(factor[axis] == 2 for factor in self.factors) for axis in range(3))
        self.size_multiple = (x, y, z)
        widths = list(channels)[: len(self.factors) + 1]
        self.encoder = nn.ModuleList(
            _block(inputs, outputs, kernel)
            for inputs, outputs in pairwise([setting.source_channels, *widths])
        )
        steps = list(zip(pairwise(widths), self.factors, strict=True))[::-1]
        self.up = nn.ModuleList(
            nn.ConvTranspose3d(coarse, fine, factor, stride=factor)
            for (fine, coarse), factor in steps
        )
        self.decoder = nn.ModuleList(
            _block(2 * fine if self.skips else fine, fine, kernel) for (fine, _), _ in steps
        )
        self.output = nn.Conv3d(widths[0], setting.target_channels, 1)

    def forward(self, source: Tensor) -> Tensor:
        """Translate a patch.

        Args:
            source: Shape (B, C, X, Y, Z); sides are multiples of ``size_multiple``.

        Returns:
            Shape (B, target channels, X, Y, Z), not bounded.
        """
        x = self.encoder[0](source)
        outputs = []
        for factor, block in zip(self.factors, self.encoder[1:], strict=True):
            outputs.append(x)
            x = block(F.max_pool3d(x, factor))
        for up, block in zip(self.up, self.decoder, strict=True):
            x, skip = up(x), outputs.pop()
            x = block(torch.cat([skip, x], dim=1) if self.skips else x)
        image: Tensor = self.output(x)
        return image


class FCN3D(UNet3D):
    """Plain fully convolutional network: the U-Net without its skip connections.

    Source: Long et al., Fully convolutional networks, CVPR 2015, in the sense of Xiao & Nie,
    section 2.1: all detail passes through the coarsest resolution.

    Args:
        setting: As for :class:`UNet3D`.
        channels: As for :class:`UNet3D`.
    """

    skips = False
