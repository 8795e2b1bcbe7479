"""The pyramid transformer network, PTNet3D's generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Setting, Translator, UsageError
from synthbench_plugins.ptnet3d.attention import TokenPerformer, TransformerBlock
from synthbench_plugins.ptnet3d.tokens import (
    NEIGHBOURS,
    neighbourhoods,
    sinusoids,
    to_volume,
    voxels,
)

Sides = tuple[int, int, int]

#: Voxels of the patch along a side of one of the bottleneck's tokens.
_COARSEST = 8
#: The same for the global branch.
_GLOBAL = 4


class Encoder(nn.Module):
    """Softmax transformer over the tokens of a fixed grid, with positions added.

    Args:
        grid: Tokens along every axis.
        inputs: Channels of a token.
        width: Channels within the blocks.
        outputs: Channels of a token afterwards.
        depth: Number of blocks.
        heads: Attention heads of a block.
    """

    positions: Tensor

    def __init__(
        self, grid: Sides, inputs: int, width: int, outputs: int, depth: int, heads: int
    ) -> None:
        super().__init__()
        self.grid = grid
        self.embed = nn.Linear(inputs, width)
        self.register_buffer("positions", sinusoids(grid[0] * grid[1] * grid[2], width))
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads) for _ in range(depth)))
        self.output = nn.Linear(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, inputs) to a volume (B, outputs, *grid)."""
        embedded = self.embed(tokens) + self.positions
        return to_volume(self.output(self.blocks(embedded)), self.grid)


class PyramidTransformer(Translator):
    """U-shaped network of token layers without convolutions, for patches of one size.

    Three levels (strides 1, 2, 2) of 3x3x3 neighbourhoods through linear attention; a coarse global
    branch, a softmax transformer over the patch at a quarter of its resolution, joins the third; a
    softmax transformer at an eighth is the bottleneck; trilinear up-sampling, skip connections and
    linear attention lead back, at last beside the source itself. The head is a tanh, scaled to
    ``setting.intensity``.

    Source: Zhang et al., PTNet3D, IEEE TMI 2022; layer sizes of the authors' implementation,
    without a layer of it that is never used.

    Args:
        setting: ``source_channels``, ``target_channels``, ``intensity`` and ``patch`` are used; the
            tables of positions are made for the patch, its sides rounded up to multiples of 8.
        channels: Width of the three levels, finest first.
        global_channels: Channels that the global branch adds to the third level.
        width: Width of the bottleneck.
        depth: Blocks of the bottleneck.
        heads: Attention heads of the bottleneck; divide ``width``.
        global_width: Width of the global branch.
        global_depth: Blocks of the global branch.
        global_heads: Attention heads of the global branch; divide ``global_width``.
        stable: Keep linear attention from underflowing (see
            :class:`~synthbench_plugins.ptnet3d.attention.TokenPerformer`); the authors do not.

    Raises:
        UsageError: For a patch without a fixed size or one voxel thick, and for widths that do not
            work.
    """

    size_multiple = _COARSEST

    def __init__(
        self,
        setting: Setting,
        channels: Sequence[int] = (16, 32, 64),
        global_channels: int = 32,
        width: int = 256,
        depth: int = 9,
        heads: int = 4,
        global_width: int = 64,
        global_depth: int = 9,
        global_heads: int = 2,
        stable: bool = True,
    ) -> None:
        super().__init__(setting)
        _check_widths(channels, {"": (width, heads), "global_": (global_width, global_heads)})
        self.patch = _patch_of(setting)
        sources = setting.source_channels
        fine, middle, coarse = channels
        joined = coarse + global_channels

        self.distant = Encoder(
            _divided(self.patch, _GLOBAL),
            NEIGHBOURS * sources,
            global_width,
            global_channels,
            global_depth,
            global_heads,
        )
        self.down = nn.ModuleList(
            TokenPerformer(NEIGHBOURS * inputs, outputs, stable)
            for inputs, outputs in ((sources, fine), (fine, middle), (middle, coarse))
        )
        self.bottleneck = Encoder(
            _divided(self.patch, _COARSEST), NEIGHBOURS * joined, width, joined, depth, heads
        )
        self.up = nn.ModuleList(
            TokenPerformer(inputs, outputs, stable)
            for inputs, outputs in (
                (joined + joined, middle),
                (middle + middle, fine),
                (fine + fine, fine),
                (fine + sources, fine),
            )
        )
        self.head = nn.Linear(fine, setting.target_channels)

    def forward(self, source: Tensor) -> Tensor:
        """Translate a patch.

        Args:
            source: Shape (B, C, X, Y, Z) with the sides the network was built for.

        Returns:
            Shape (B, target channels, X, Y, Z), within ``setting.intensity``.

        Raises:
            UsageError: For other sides.
        """
        if tuple(source.shape[2:]) != self.patch:
            raise UsageError(
                f"pyramid_transformer is built for patches of {self.patch}, not "
                f"{tuple(source.shape[2:])}: its positions are those in the patch",
                "leave inference.window unset, so that windows have the size of patch.size",
            )
        skips = [source]
        x = source
        for layer, stride in zip(self.down, (1, 2, 2), strict=True):
            sides = _divided(cast("Sides", tuple(x.shape[2:])), stride)
            x = to_volume(layer(neighbourhoods(x, stride)), sides)
            skips.append(x)
        skips[-1] = torch.cat([x, self._see_globally(source)], dim=1)
        x = self.bottleneck(neighbourhoods(skips[-1], 2))
        for layer in self.up:
            skip = skips.pop()
            if x.shape[2:] != skip.shape[2:]:
                x = _resize(x, skip.shape[2:])
            x = to_volume(layer(voxels(torch.cat([x, skip], dim=1))), skip.shape[2:])
        image = torch.tanh(to_volume(self.head(voxels(x)), self.patch))
        return self.setting.scaled(image)

    def _see_globally(self, source: Tensor) -> Tensor:
        shrunk = _resize(source, _divided(self.patch, _GLOBAL))
        volume: Tensor = self.distant(neighbourhoods(shrunk))
        return volume


def _resize(volume: Tensor, sides: Sequence[int]) -> Tensor:
    return F.interpolate(volume, size=tuple(sides), mode="trilinear", align_corners=True)


def _divided(sides: Sides, factor: int) -> Sides:
    x, y, z = (side // factor for side in sides)
    return x, y, z


def _patch_of(setting: Setting) -> Sides:
    """Sides of what the network will see: those of the patch, rounded up as the core does."""
    if setting.patch is None or min(setting.patch) < 2:  # 0 is a whole side, 1 a slice
        raise UsageError(
            f"pyramid_transformer needs patches of one size, at least 2 voxels thick, not "
            f"{setting.patch}: it knows a voxel by its place in the patch",
            "give patch.size, e.g. [64, 64, 64]",
        )
    x, y, z = (-(-side // _COARSEST) * _COARSEST for side in setting.patch)
    return x, y, z


def _check_widths(channels: Sequence[int], attention: dict[str, tuple[int, int]]) -> None:
    if len(channels) != 3 or min(channels) < 2:
        raise UsageError(
            f"pyramid_transformer: channels is {list(channels)}",
            "give three widths of at least 2, finest first",
        )
    for prefix, (width, heads) in attention.items():
        if heads < 1 or width % heads:
            raise UsageError(
                f"pyramid_transformer: {prefix}heads is {heads}, {prefix}width {width}",
                f"choose {prefix}heads that divide {prefix}width",
            )
