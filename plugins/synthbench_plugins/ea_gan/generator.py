"""The U-Net generator of Ea-GAN."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from synthbench.api import Setting, Translator, UsageError
from synthbench_plugins.ea_gan.layers import Norm, initialise, normalisation

_Sides = tuple[int, int, int]

#: Widths grow to this multiple of the first.
_WIDEST = 8

#: Finest levels whose decoder layer has no dropout, but for the innermost level, which never has.
_UNDROPPED = 4


class StridedUNet3D(Translator):
    """3D U-Net of strided 4x4x4 convolutions with skip connections and a tanh head.

    Encoder C64-C128-C256-C512-C512-C512-C512 with LeakyReLU 0.2 before each but the first, decoder
    C512-CD512-CD512-C256-C128-C64 with ReLU before each, then tanh; no norm on the first and the
    innermost encoder layer and on the output. An axis is halved at the finest levels, for as long
    as the patch has at least 2 voxels along it; below, kernels are 1 voxel thick there, so slices
    and anisotropic patches work.

    Source: Yu et al., IEEE TMI 38(7), 2019, and its reference code.

    Args:
        setting: ``source_channels``, ``target_channels``, ``intensity`` and ``patch`` are used. A
            patch too small for all halvings gets fewer, down to a bottleneck of a single voxel.
        channels: Width of the first layer; the widest have 8 times as many.
        halvings: Most halvings of a patch's sides; the published depth for 128 voxels is 7. A side
            is rounded up to a multiple of 2 to the power of its halvings.
        norm: ``batch`` (published), ``instance`` or ``none``.
        dropout: Probability in the decoder layers of levels 5 and up (counted from 1), but not in
            the innermost.

    Raises:
        UsageError: For an unknown norm, no halving, or a patch of a single voxel.
    """

    def __init__(
        self,
        setting: Setting,
        channels: int = 64,
        halvings: int = 7,
        norm: Norm = "batch",
        dropout: float = 0.5,
    ) -> None:
        super().__init__(setting)
        normalise = normalisation(norm, "strided_unet3d")
        counts = _halvings(setting.patch, halvings)
        depth = max(counts)
        self.size_multiple = (2 ** counts[0], 2 ** counts[1], 2 ** counts[2])
        widths = [channels * min(2**level, _WIDEST) for level in range(depth)]
        self.encoder = nn.ModuleList()
        for level, (inputs, outputs) in enumerate(pairwise([setting.source_channels, *widths])):
            self.encoder.append(
                nn.Sequential(
                    nn.Identity() if level == 0 else nn.LeakyReLU(0.2),
                    nn.Conv3d(inputs, outputs, *_geometry(counts, level)),
                    normalise(outputs) if 0 < level < depth - 1 else nn.Identity(),
                )
            )
        self.decoder = nn.ModuleList()
        below = widths[-1]
        for level in reversed(range(1, depth)):
            width = widths[level - 1]
            dropped = _UNDROPPED <= level < depth - 1
            self.decoder.append(
                nn.Sequential(
                    nn.ReLU(),
                    nn.ConvTranspose3d(below, width, *_geometry(counts, level)),
                    normalise(width),
                    nn.Dropout(dropout) if dropped else nn.Identity(),
                )
            )
            below = 2 * width
        self.output = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose3d(below, setting.target_channels, *_geometry(counts, 0))
        )
        self.apply(initialise)

    def forward(self, source: Tensor) -> Tensor:
        """Translate a patch.

        Args:
            source: Shape (B, C, X, Y, Z), in ``setting.intensity``; sides are multiples of
                ``size_multiple``.

        Returns:
            Shape (B, target channels, X, Y, Z), within ``setting.intensity``.
        """
        skips = []
        x = source
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        x = skips.pop()
        for block in self.decoder:
            x = torch.cat([block(x), skips.pop()], dim=1)
        return self.setting.scaled(torch.tanh(self.output(x)))


def _halvings(patch: _Sides | None, most: int) -> _Sides:
    """How often each axis is halved; 0 and ``None`` stand for sides that are long enough."""
    sides = patch or (0, 0, 0)
    x, y, z = (min(most, side.bit_length() - 1) if side else most for side in sides)
    if max(x, y, z) < 1:
        raise UsageError(
            f"strided_unet3d: cannot halve a patch of {'x'.join(map(str, sides))} voxels "
            f"(halvings: {most})",
            "at least one side must be longer than 1, and halvings must be at least 1",
        )
    return x, y, z


def _geometry(counts: _Sides, level: int) -> tuple[_Sides, _Sides, _Sides]:
    """Kernel, stride and padding of a level: halving where an axis still has voxels to halve."""
    x, y, z = (count > level for count in counts)
    kernel = (4 if x else 1, 4 if y else 1, 4 if z else 1)
    stride = (2 if x else 1, 2 if y else 1, 2 if z else 1)
    return kernel, stride, (int(x), int(y), int(z))
