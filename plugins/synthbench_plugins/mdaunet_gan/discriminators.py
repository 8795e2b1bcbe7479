"""The voxel-wise multi-resolution discriminator, and the binary one of the paper's ablation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from synthbench.api import Discriminator, Judgement, Setting, UsageError
from synthbench_plugins.mdaunet_gan.resolutions import pyramid, resize

_SLOPE = 0.2


def _normalised(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Module:
    return spectral_norm(nn.Conv3d(inputs, outputs, kernel, stride=stride, padding=kernel // 2))


def _activated(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        _normalised(inputs, outputs, stride=stride), nn.LeakyReLU(_SLOPE, inplace=True)
    )


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_activated(inputs, outputs), _activated(outputs, outputs))


class MultiresUNet(Discriminator):
    """3D U-Net that calls every voxel of every resolution real or synthetic.

    Each level of the encoder sees the image of its resolution beside the features from the level
    above; each level of the decoder, and the bottom of the encoder, gives a map of logits. All
    resizing is nearest-neighbour, so any sides work. Every convolution is spectrally normalised.
    It does not look at the condition.

    Source: Ha et al., Multi-resolution Guided 3D GANs for Medical Image Translation, section 3.2,
    after Schonfeld et al., A U-Net based discriminator for generative adversarial networks, CVPR
    2020. Widths and depth of a block are not published; they are this package's choice.

    Args:
        setting: ``target_channels`` is used.
        channels: Width of each level, finest first.

    Raises:
        UsageError: If there is no level, or a width is not positive.
    """

    def __init__(self, setting: Setting, channels: Sequence[int] = (32, 64, 128, 256)) -> None:
        super().__init__(setting)
        _check("multires_unet", channels)
        self.stems = nn.ModuleList(_activated(setting.target_channels, width) for width in channels)
        inputs = [channels[0], *(above + width for above, width in pairwise(channels))]
        self.encoder = nn.ModuleList(_block(*sizes) for sizes in zip(inputs, channels, strict=True))
        self.decoder = nn.ModuleList(
            _block(width + below, width) for width, below in pairwise(channels)
        )
        self.heads = nn.ModuleList(_normalised(width, 1) for width in channels)

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge images.

        Args:
            images: Tensors of shape (B, C, X, Y, Z), finest first, any sides. Resolutions that the
                network has and the list lacks are made from its last image; further ones are not
                judged.
            condition: Not used.
            features: No intermediate features are returned.

        Returns:
            One logit map a level of the network, each of its image's sides.
        """
        depth = len(self.stems)
        images = list(images[:depth])
        images += pyramid(images[-1], depth - len(images) + 1)[1:]
        x = self.encoder[0](self.stems[0](images[0]))
        encoded = [x]
        for level in range(1, depth):
            x = resize(x, images[level].shape[2:])
            x = self.encoder[level](torch.cat([x, self.stems[level](images[level])], dim=1))
            encoded.append(x)
        decoded = [x]
        for level in reversed(range(depth - 1)):
            x = resize(x, images[level].shape[2:])
            x = self.decoder[level](torch.cat([encoded[level], x], dim=1))
            decoded.insert(0, x)
        return Judgement(
            logits=[head(seen) for head, seen in zip(self.heads, decoded, strict=True)]
        )


class Binary3D(Discriminator):
    """Plain binary discriminator: one logit for the whole finest image.

    Strided 3x3x3 convolutions, the mean over all voxels, one logit; spectrally normalised like the
    discriminator it replaces. Any sides work.

    Source: ablation (c) of Ha et al., Table 2; its layers are not published.

    Args:
        setting: ``target_channels`` is used.
        channels: Width of each level, finest first; every level after the first halves the sides.

    Raises:
        UsageError: If there is no level, or a width is not positive.
    """

    def __init__(self, setting: Setting, channels: Sequence[int] = (32, 64, 128, 256)) -> None:
        super().__init__(setting)
        _check("binary3d", channels)
        self.body = nn.Sequential(
            _activated(setting.target_channels, channels[0]),
            *(_activated(above, width, stride=2) for above, width in pairwise(channels)),
        )
        self.logit = _normalised(channels[-1], 1, kernel=1)

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge images.

        Args:
            images: The first is judged, shape (B, C, X, Y, Z), any sides.
            condition: Not used.
            features: No intermediate features are returned.

        Returns:
            One tensor of logits, shape (B, 1, 1, 1, 1).
        """
        pooled = self.body(images[0]).mean((2, 3, 4), keepdim=True)
        return Judgement(logits=[self.logit(pooled)])


def _check(name: str, channels: Sequence[int]) -> None:
    if not channels or min(channels) < 1:
        raise UsageError(
            f"{name}: channels {list(channels)}", "give one positive width for every level"
        )
