"""3D multi-resolution dense-attention U-Net (3D-mDAUNet), the generator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from synthbench.api import Batch, Prediction, Setting, Translator, UsageError
from synthbench_plugins.mdaunet_gan.resolutions import pyramid, resize

_SLOPE = 0.2


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, padding=1), nn.LeakyReLU(_SLOPE, inplace=True)
    )


class ResidualDenseBlock(nn.Module):
    """Dense layers, a layer that fuses them all, plus the block's input.

    Every layer is a 3x3x3 convolution and a LeakyReLU, and sees the block's input and the outputs
    of all layers before it. The input is added through a 1x1x1 projection where widths differ.

    Source: Ha et al., Fig. 1; Zhang et al., Residual dense network for image super-resolution,
    CVPR 2018.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        layers: Number of dense layers before the fusing one.
        growth: Channels each dense layer adds.
    """

    def __init__(self, inputs: int, outputs: int, layers: int, growth: int) -> None:
        super().__init__()
        self.dense = nn.ModuleList(
            _convolution(inputs + layer * growth, growth) for layer in range(layers)
        )
        self.fuse = _convolution(inputs + layers * growth, outputs)
        self.project = nn.Identity() if inputs == outputs else nn.Conv3d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, X, Y, Z) to (B, outputs, X, Y, Z)."""
        seen = x
        for layer in self.dense:
            seen = torch.cat([seen, layer(seen)], dim=1)
        total: Tensor = self.fuse(seen) + self.project(x)
        return total


class AttentionMerge(nn.Module):
    """Convolutional block attention over features of two resolutions, concatenated.

    Channel attention (one perceptron for the mean and the maximum over voxels), then spatial
    attention (one convolution over the mean and the maximum over channels).

    Source: Ha et al., Fig. 1; Woo et al., CBAM: Convolutional block attention module, ECCV 2018.

    Args:
        channels: Channels of the concatenation.
        reduction: Factor by which the perceptron's hidden layer is narrower.
        kernel: Side of the spatial attention's convolution, voxels; odd.
    """

    def __init__(self, channels: int, reduction: int, kernel: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.perceptron = nn.Sequential(
            nn.Conv3d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv3d(hidden, channels, 1)
        )
        self.spatial = nn.Conv3d(2, 1, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh (B, channels, X, Y, Z) by channel, then by voxel."""
        voxels = (2, 3, 4)
        mean = self.perceptron(x.mean(voxels, keepdim=True))
        peak = self.perceptron(x.amax(voxels, keepdim=True))
        x = x * torch.sigmoid(mean + peak)
        seen = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        weighted: Tensor = x * torch.sigmoid(self.spatial(seen))
        return weighted


class MDAUNet3D(Translator):
    """U-Net of residual dense blocks and attention that sees and makes several resolutions.

    Each level of the encoder sees the source at its own resolution beside the features from the
    level above; each level of the decoder, and the bottom of the encoder, makes an image of its
    own. All resizing is nearest-neighbour. There is no normalisation.

    Source: Ha et al., Multi-resolution Guided 3D GANs for Medical Image Translation, Fig. 1.
    Widths, depths and growth are not published; the defaults are this package's choice.

    Args:
        setting: ``source_channels``, ``target_channels`` and ``intensity`` are used.
        channels: Width of each level, finest first.
        layers: Dense layers of each level's block; ``None``: 2, and one more a level.
        growth: Growth of each level's block; ``None``: half its width.
        multires_input: Whether levels below the first see the source too.
        multires_output: Whether levels below the first make images too.
        attention_reduction: See :class:`AttentionMerge`.
        attention_kernel: See :class:`AttentionMerge`.

    Raises:
        UsageError: If the numbers of levels differ, or a number is not usable.
    """

    def __init__(
        self,
        setting: Setting,
        channels: Sequence[int] = (32, 64, 128, 256),
        layers: Sequence[int] | None = None,
        growth: Sequence[int] | None = None,
        multires_input: bool = True,
        multires_output: bool = True,
        attention_reduction: int = 16,
        attention_kernel: int = 7,
    ) -> None:
        super().__init__(setting)
        depth = len(channels)
        layers = [2 + level for level in range(depth)] if layers is None else list(layers)
        growth = [max(1, width // 2) for width in channels] if growth is None else list(growth)
        _check(channels, layers, growth)
        if attention_reduction < 1 or attention_kernel < 1 or attention_kernel % 2 == 0:
            raise UsageError(
                f"mdaunet3d: attention_reduction {attention_reduction}, attention_kernel "
                f"{attention_kernel}",
                "choose a reduction of at least 1 and an odd kernel",
            )
        self.depth = depth
        self.size_multiple = 2 ** (depth - 1)
        self.levels = depth if multires_output else 1
        self.multires_input = multires_input
        self.stems = nn.ModuleList(
            nn.Conv3d(setting.source_channels, width, 3, padding=1)
            for width in (channels if multires_input else channels[:1])
        )
        inputs = [channels[0]]
        for above, width in pairwise(channels):
            inputs.append(above + width if multires_input else above)
        self.encoder = nn.ModuleList(
            ResidualDenseBlock(*sizes)
            for sizes in zip(inputs, channels, layers, growth, strict=True)
        )
        # Finest first, as everything here.
        self.decoder = nn.ModuleList(
            nn.Sequential(
                AttentionMerge(width + below, attention_reduction, attention_kernel),
                _convolution(width + below, width),
            )
            for width, below in pairwise(channels)
        )
        self.heads = nn.ModuleList(
            nn.Conv3d(width, setting.target_channels, 3, padding=1)
            for width in channels[: self.levels]
        )

    def forward(self, source: Tensor) -> Tensor:
        """Translate a patch at its full resolution.

        Args:
            source: Shape (B, C, X, Y, Z), in ``setting.intensity``; any sides (those that are
                multiples of ``size_multiple``, or 1, are halved without rounding).

        Returns:
            Shape (B, target channels, X, Y, Z), clamped to ``setting.intensity``.
        """
        low, high = self.setting.intensity
        return self._images(source)[0].clamp(low, high)

    def predict(self, batch: Batch) -> Prediction:
        """Make an image of every resolution, not clamped, beside the target at the same ones."""
        assert batch.target is not None
        return Prediction(
            fake=self._images(batch.source),
            real=pyramid(batch.target, self.levels),
            condition=batch.source,
        )

    def _images(self, source: Tensor) -> list[Tensor]:
        sources = pyramid(source, self.depth)
        x = self.encoder[0](self.stems[0](source))
        encoded = [x]
        for level in range(1, self.depth):
            x = resize(x, sources[level].shape[2:])
            if self.multires_input:
                x = torch.cat([x, self.stems[level](sources[level])], dim=1)
            x = self.encoder[level](x)
            encoded.append(x)
        decoded = [x]
        for level in reversed(range(self.depth - 1)):
            x = resize(x, sources[level].shape[2:])
            x = self.decoder[level](torch.cat([encoded[level], x], dim=1))
            decoded.insert(0, x)
        # Without multires_output there is one head, that of the finest level.
        return [head(features) for head, features in zip(self.heads, decoded, strict=False)]


def _check(channels: Sequence[int], layers: Sequence[int], growth: Sequence[int]) -> None:
    counts = {"channels": len(channels), "layers": len(layers), "growth": len(growth)}
    if not channels or len(set(counts.values())) > 1:
        given = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise UsageError(f"mdaunet3d: {given}", "give one number of each for every level")
    if min(*channels, *layers, *growth) < 1:
        raise UsageError(
            f"mdaunet3d: channels {list(channels)}, layers {list(layers)}, growth {list(growth)}",
            "every number must be at least 1",
        )
