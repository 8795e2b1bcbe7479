"""The U-Net generator of pix2pix."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from synthbench.api import Setting, Translator, UsageError, fold_slices, slice_axis, unfold_slices
from synthbench_plugins.pix2pix.weights import initialise

#: Slices translated at a time, so that memory does not grow with a volume's height.
_SLICES_AT_ONCE = 16

#: Widths grow to this multiple of the first.
_WIDEST = 8

#: Innermost decoder layers with dropout.
_DROPPED = 3


class UNet2D(Translator):
    """2D U-Net of strided 4x4 convolutions with skip connections, applied slice by slice.

    Encoder C64-C128-C256-C512-C512-C512-C512-C512 with LeakyReLU 0.2, decoder
    CD512-CD512-CD512-C512-C256-C128-C64 with ReLU, then tanh; no norm on the first and on the
    innermost encoder layer. The published networks are trained and applied with batch norm on
    statistics of the batch at hand, of size 1: that is instance norm, and so it is called here. A
    slice is thus translated alike whatever its neighbours are.

    Source: Isola et al., CVPR 2017, section 6.1.1 of the arXiv version.

    Args:
        setting: ``source_channels``, ``target_channels``, ``intensity`` and ``patch`` are used. A
            patch too small for all halvings gets fewer: a bottleneck of at least one pixel a side.
        channels: Width of the first layer; the widest have 8 times as many.
        halvings: Most halvings of a slice's sides.
        dropout: Probability in the (at most three) innermost decoder layers of full width.
        axis: Axis across which slices are taken; default: the patch's side of 1, else the last.

    Raises:
        UsageError: If ``axis`` does not exist, there is no halving, or a slice is a line.
    """

    def __init__(
        self,
        setting: Setting,
        channels: int = 64,
        halvings: int = 8,
        dropout: float = 0.5,
        axis: int | None = None,
    ) -> None:
        super().__init__(setting)
        self.axis = slice_axis(setting.patch, axis)
        depth = self._depth(halvings)
        x, y, z = (1 if side == self.axis else 2**depth for side in range(3))
        self.size_multiple = (x, y, z)
        widths = [channels * min(2**level, _WIDEST) for level in range(depth)]
        self.encoder = nn.ModuleList(
            _down(inputs, outputs, first=level == 0, norm=0 < level < depth - 1)
            for level, (inputs, outputs) in enumerate(pairwise([setting.source_channels, *widths]))
        )
        self.decoder = nn.ModuleList()
        below = widths[-1]
        for number, width in enumerate(reversed(widths[:-1])):
            dropped = number < _DROPPED and width == channels * _WIDEST
            self.decoder.append(_up(below, width, dropout if dropped else 0.0))
            below = 2 * width
        self.output = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(below, setting.target_channels, 4, stride=2, padding=1)
        )
        self.apply(initialise)

    def forward(self, source: Tensor) -> Tensor:
        """Translate a patch or volume, slice by slice.

        Args:
            source: Shape (B, C, X, Y, Z), in ``setting.intensity``; sides are multiples of
                ``size_multiple``.

        Returns:
            Shape (B, target channels, X, Y, Z), within ``setting.intensity``.
        """
        slices = fold_slices(source, self.axis)
        images = torch.cat([self._translate(some) for some in torch.split(slices, _SLICES_AT_ONCE)])
        images = self.setting.scaled(torch.tanh(images))
        return unfold_slices(images, self.axis, len(source))

    def _translate(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        x = skips.pop()
        for block in self.decoder:
            x = torch.cat([skips.pop(), block(x)], dim=1)
        image: Tensor = self.output(x)
        return image

    def _depth(self, halvings: int) -> int:
        sides = self.setting.patch or (0, 0, 0)
        within = [side for axis, side in enumerate(sides) if axis != self.axis and side]
        depth = min([halvings, *(side.bit_length() - 1 for side in within)])
        if depth < 1:
            raise UsageError(
                f"unet2d: cannot halve the slices across axis {self.axis} of a patch of "
                f"{'x'.join(map(str, sides))} (halvings: {halvings})",
                "only the side across the slices may be 1, and halvings must be at least 1",
            )
        return depth


def _down(inputs: int, outputs: int, *, first: bool, norm: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Identity() if first else nn.LeakyReLU(0.2),
        nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
        nn.InstanceNorm2d(outputs, affine=True) if norm else nn.Identity(),
    )


def _up(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.Dropout(dropout) if dropout else nn.Identity(),
    )
