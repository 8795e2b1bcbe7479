"""The generators: convolutions alone, and with a transformer in some of their blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from synthbench.api import Batch, Setting, Stage, UsageError, slice_axis
from synthbench_plugins.resvit.layers import Norm, ResidualBlock, double, halve, make_norm
from synthbench_plugins.resvit.slices import SliceTranslator
from synthbench_plugins.resvit.transformer import TransformerBranch, TransformerEncoder

#: The bottleneck is this much smaller than a slice, and this much wider than the first layer.
_BOTTLENECK = 4

#: Tokens a side at the published slices of 256 x 256, for slices whose size is not known.
_PUBLISHED_GRID = 16

#: Tokens a side below which there is hardly anything to attend to.
_WANTED_TOKENS = 4

#: Tokens a side below which norms have nothing to take statistics of.
_FEWEST_TOKENS = 2

#: Parts of the budget for the convolutions alone and for everything (100 and 50 epochs).
_SHARES = (2 / 3, 1 / 3)

#: Learning rate at which the published method goes on from pre-trained transformers.
_TUNING_LR = 1e-3


class ResidualCNN(SliceTranslator):
    """Encoder, residual blocks, decoder: what is trained before there is a transformer.

    7x7 convolution, two halvings, residual blocks, two doublings, 7x7 convolution, tanh; no skip
    connections.

    Args:
        setting: ``source_channels``, ``target_channels`` and ``intensity`` are used.
        channels: Width of the first layer.
        blocks: Number of residual blocks.
        norm: Norm behind every convolution but the last.
        axis: Axis across which slices are taken.
        multiple: What the sides of a slice must be multiples of.
    """

    def __init__(
        self, setting: Setting, channels: int, blocks: int, norm: Norm, axis: int, multiple: int
    ) -> None:
        super().__init__(setting, axis, multiple)
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(setting.source_channels, channels, 7, bias=False),
            make_norm(norm, channels),
            nn.ReLU(),
            halve(channels, 2 * channels, norm),
            halve(2 * channels, 4 * channels, norm),
        )
        self.blocks = nn.ModuleList(ResidualBlock(4 * channels, norm) for _ in range(blocks))
        self.decoder = nn.Sequential(
            double(4 * channels, 2 * channels, norm),
            double(2 * channels, channels, norm),
            nn.ReflectionPad2d(3),
            nn.Conv2d(channels, setting.target_channels, 7),
        )

    def image(self, slices: Tensor) -> Tensor:
        """Map slices of shape (N, C, height, width) to images, not yet squashed into a range."""
        x = self.encoder(slices)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.decoder(x)
        return out


class ResViT2D(SliceTranslator):
    """ResViT: a residual CNN with one vision transformer in two of its blocks, slice by slice.

    The convolutions are trained first, alone; then everything, transformers included. The blocks
    share the transformer's layers; their ways into and out of it, with the tables of positions, are
    their own.

    Source: Dalmaz et al., IEEE TMI 2022; where text and released code differ, the code.

    Args:
        setting: ``source_channels``, ``target_channels``, ``intensity`` and ``patch`` are used. The
            tables of positions are made for slices of the patch, or of 256 x 256 where it has no
            sides; others see them interpolated.
        channels: Width of the first layer; the blocks have 4 times as many.
        blocks: Number of residual blocks.
        transformer_at: Blocks with the transformer in front, counted from 1; none leaves a CNN.
        down_steps: Most halvings between a block and its tokens. A slice too small for 4 tokens a
            side with them gets fewer, at least one.
        hidden: Width of the tokens.
        layers: Transformer layers.
        heads: Attention heads.
        dropout: Probability on embedded tokens and in the layers' perceptrons.
        norm: ``batch``, as published, or ``instance``.
        vit_weights: File of ImageNet weights, see :mod:`synthbench_plugins.resvit.pretrained`;
            ``None`` starts from random ones.
        transformer_lr: Generator's learning rate once there are transformers; ``None``: 1e-3 with
            ``vit_weights``, else the recipe's.
        axis: Axis across which slices are taken; default: the patch's side of 1, else the last.

    Raises:
        UsageError: If options do not fit each other, ``axis`` does not exist, or the patch's slices
            are too small.
    """

    def __init__(
        self,
        setting: Setting,
        channels: int = 64,
        blocks: int = 9,
        transformer_at: Sequence[int] = (1, 6),
        down_steps: int = 2,
        hidden: int = 768,
        layers: int = 12,
        heads: int = 12,
        dropout: float = 0.1,
        norm: Norm = "batch",
        vit_weights: str | None = None,
        transformer_lr: float | None = None,
        axis: int | None = None,
    ) -> None:
        places = sorted(set(transformer_at))
        if blocks < 1 or any(not 1 <= place <= blocks for place in places):
            raise UsageError(
                f"resvit2d: no transformer can be at {list(transformer_at)} of {blocks} block(s)",
                "blocks are counted from 1, and there must be at least one",
            )
        if vit_weights is not None and not places:
            raise UsageError(
                "resvit2d: vit_weights without a transformer", "name blocks in transformer_at"
            )
        across = slice_axis(setting.patch, axis)
        within = _sides_within(setting.patch, across)
        steps = _steps_for(within, down_steps)
        multiple = _BOTTLENECK * 2**steps
        super().__init__(setting, across, multiple)
        self.places = places
        self.cnn = ResidualCNN(setting, channels, blocks, norm, across, multiple)
        height, width = (-(-side // multiple) or _PUBLISHED_GRID for side in within)
        self.branches = nn.ModuleDict(
            {
                str(place): TransformerBranch(
                    _BOTTLENECK * channels, hidden, steps, (height, width), dropout, norm
                )
                for place in places
            }
        )
        self.transformer: TransformerEncoder | None = None
        if places:
            self.transformer = TransformerEncoder(hidden, layers, heads, dropout)
        self.vit_weights = vit_weights
        self.transformer_lr = transformer_lr
        if transformer_lr is None and vit_weights is not None:
            self.transformer_lr = _TUNING_LR

    def image(self, slices: Tensor) -> Tensor:
        """Map slices of shape (N, C, height, width) to images, not yet squashed into a range."""
        x = self.cnn.encoder(slices)
        for place, block in enumerate(self.cnn.blocks, start=1):
            if place in self.places:
                x = self.branches[str(place)](x, self.transformer)
            x = block(x)
        out: Tensor = self.cnn.decoder(x)
        return out

    def stages(self) -> list[Stage]:
        """The convolutions alone for two thirds of the budget, then everything."""
        if not self.places:
            return [Stage("cnn", self)]
        changed = {} if self.transformer_lr is None else {"optimiser.lr": self.transformer_lr}
        return [
            Stage("cnn", self.cnn, share=_SHARES[0]),
            Stage("transformer", self, overrides=changed, share=_SHARES[1]),
        ]

    def calibrate(self, volumes: Iterable[Batch]) -> None:
        """Load the ImageNet weights the recipe names; no volume is read.

        Here and not when it is built, so that translating with a trained network needs no file.

        Raises:
            DataError: If the file is missing, damaged or belongs to another network.
        """
        if self.vit_weights is not None and self.transformer is not None:
            from synthbench_plugins.resvit.imagenet import load_imagenet

            load_imagenet(self.vit_weights, self.transformer, self.branches.values())


def _sides_within(patch: Sequence[int] | None, across: int) -> tuple[int, int]:
    """Sides of a slice of a patch; 0 where they are the volume's own."""
    height, width = (side for axis, side in enumerate(patch or (0, 0, 0)) if axis != across)
    return height, width


def _steps_for(within: tuple[int, int], most: int) -> int:
    if most < 1:
        raise UsageError(f"resvit2d: down_steps is {most}", "choose at least 1")

    def tokens(steps: int) -> int:
        multiple = _BOTTLENECK * 2**steps
        return min((-(-side // multiple) for side in within if side), default=_PUBLISHED_GRID)

    if tokens(1) < _FEWEST_TOKENS:
        raise UsageError(
            f"resvit2d: slices of {within[0]}x{within[1]} voxels are too small",
            "choose patch.size with two sides of more than 8 voxels",
        )
    return max(
        (steps for steps in range(2, most + 1) if tokens(steps) >= _WANTED_TOKENS), default=1
    )
