"""The multi-scale PatchGAN that judges PTNet3D."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Discriminator, Judgement, Setting, UsageError


class _PatchNetwork(nn.Module):
    """4x4x4 convolutions of strides 2, 2 and 1, and one logit a place."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                _stage(inputs, channels, stride=2, norm=False),
                _stage(channels, 2 * channels, stride=2, norm=True),
                _stage(2 * channels, 4 * channels, stride=1, norm=True),
            ]
        )
        self.logit = _convolution(4 * channels, 1, stride=1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return self.logit(x), features


def _convolution(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    # Padded beforehand: where a convolution pads an image shorter than its kernel, torch's CPU code
    # in bfloat16 returns gradients that are rubbish.
    return nn.Sequential(nn.ConstantPad3d(2, 0.0), nn.Conv3d(inputs, outputs, 4, stride))


def _stage(inputs: int, outputs: int, *, stride: int, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = [_convolution(inputs, outputs, stride=stride)]
    if norm:
        layers.append(nn.InstanceNorm3d(outputs))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2))


class MultiScalePatchGAN3D(Discriminator):
    """Independent PatchGANs that see source and target together, each at half the resolution
    of the one before.

    Of several resolutions of a prediction the finest is judged; the coarser scales are average
    pooled from it. Sides may be any, also those of slices.

    Source: Wang et al., High-resolution image synthesis and semantic manipulation with conditional
    GANs (pix2pixHD), CVPR 2018, in 3D as in PTNet3D (Zhang et al., IEEE TMI 2022).

    Args:
        setting: ``condition_channels`` and ``target_channels`` are used.
        channels: Width of the first stage; the two further ones double it.
        scales: Number of networks.

    Raises:
        UsageError: If there is no scale.
    """

    def __init__(self, setting: Setting, channels: int = 64, scales: int = 3) -> None:
        super().__init__(setting)
        if scales < 1:
            raise UsageError(f"multiscale_patchgan3d: scales is {scales}", "choose at least 1")
        # The coarsest network's norms need more than one voxel to have a spread.
        self.shortest = 2 ** (scales - 1) + 1
        inputs = setting.condition_channels + setting.target_channels
        self.networks = nn.ModuleList(_PatchNetwork(inputs, channels) for _ in range(scales))
        self.apply(_initialise)

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge images.

        Args:
            images: The first, of shape (B, C, X, Y, Z), is judged.
            condition: Shape (B, ``setting.condition_channels``, X, Y, Z).
            features: Whether to return the outputs of the three stages, scale after scale.

        Returns:
            One logit map a scale, finest first.

        Raises:
            UsageError: If the condition it was built for is missing, or no side is long enough.
        """
        if condition is None and self.setting.condition_channels > 0:
            raise UsageError(
                "multiscale_patchgan3d is conditional, but the translator's prediction has no "
                "condition",
                "choose an unconditional discriminator for this translator",
            )
        x = images[0] if condition is None else torch.cat([condition, images[0]], dim=1)
        if max(x.shape[2:]) < self.shortest:
            raise UsageError(
                f"multiscale_patchgan3d with {len(self.networks)} scales cannot judge images of "
                f"{tuple(x.shape[2:])}",
                f"choose fewer scales, or patches with a side of at least {self.shortest} voxels",
            )
        judgement = Judgement(logits=[])
        for scale, network in enumerate(self.networks):
            if scale > 0:
                x = halve(x)
            logits, seen = network(x)
            judgement.logits.append(logits)
            if features:
                judgement.features.extend(seen)
        return judgement


def halve(volume: Tensor) -> Tensor:
    """Average each 3x3x3 neighbourhood of every second voxel, without what lies outside.

    Torch refuses sides shorter than the window; there the window is cut to the side, which gives
    the same averages.
    """
    sides = volume.shape[2:]
    return F.avg_pool3d(
        volume,
        kernel_size=[min(side, 3) for side in sides],
        stride=[min(side, 2) for side in sides],
        padding=[1 if side >= 3 else 0 for side in sides],
        count_include_pad=False,
    )


def _initialise(module: nn.Module) -> None:
    """Draw weights as published, N(0, 0.02)."""
    if isinstance(module, nn.Conv3d):
        nn.init.normal_(module.weight, 0.0, 0.02)
