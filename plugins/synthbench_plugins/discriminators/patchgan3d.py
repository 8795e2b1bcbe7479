"""A conditional PatchGAN for volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Discriminator, Judgement, Setting, UsageError

Norm = Literal["batch", "instance", "none"]

_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm3d,
    "instance": partial(nn.InstanceNorm3d, affine=True),
    "none": nn.Identity,
}

#: Shortest side that is still halved; it leaves 2 voxels, so that statistics over a single patch
#: (batch size 1) stay defined down to the logits.
_MIN_POOLED = 4


def _block(inputs: int, outputs: int, kernel: int, norm: Norm) -> nn.Sequential:
    convolve = nn.Conv3d(inputs, outputs, kernel, padding=kernel // 2, bias=norm == "none")
    return nn.Sequential(convolve, _NORMS[norm](outputs), nn.ReLU(inplace=True))


class _PatchNetwork(nn.Module):
    """Pooled stages, a dense layer over the patch grid, and one logit a grid point."""

    def __init__(self, inputs: int, widths: Sequence[int], norm: Norm) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for width in widths:
            self.stages.append(
                nn.Sequential(_block(inputs, width, 3, norm), _block(width, width, 3, norm))
            )
            inputs = width
        self.dense = _block(inputs, inputs, 1, norm)
        self.logit = nn.Conv3d(inputs, 1, 1)

    def forward(self, pair: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for stage in self.stages:
            pair = stage(pair)
            features.append(pair)
            halved = [2 if side >= _MIN_POOLED else 1 for side in pair.shape[2:]]
            pair = F.max_pool3d(pair, halved)
        return self.logit(self.dense(pair)), features


class PatchGAN3D(Discriminator):
    """3D PatchGAN that sees the source beside the real or synthetic target.

    Each stage is (3x3x3 convolution, norm, ReLU) twice and max-pooling by 2; the dense layer of the
    paper's figure is a 1x1x1 convolution over the resulting grid, so that any size works. A side
    too short for another pooling is left alone while the others are pooled on, so anisotropic
    patches and slices work. Several resolutions get a network each, and the condition resized to
    theirs.

    Source: Dao et al., Cross-modality Medical Image Generation using Deep GAN, Fig. 3, after
    Isola et al., CVPR 2017.

    Args:
        setting: ``condition_channels``, ``target_channels`` and ``levels`` are used.
        channels: Width of the first stage; each further stage doubles it.
        stages: Number of stages.
        norm: Normalisation after each convolution.

    Raises:
        UsageError: For an unknown norm.
    """

    def __init__(
        self, setting: Setting, channels: int = 32, stages: int = 4, norm: Norm = "batch"
    ) -> None:
        super().__init__(setting)
        if norm not in _NORMS:
            raise UsageError(
                f"patchgan3d: unknown norm {norm!r}", f"choose one of {', '.join(_NORMS)}"
            )
        inputs = setting.condition_channels + setting.target_channels
        widths = [channels * 2**stage for stage in range(stages)]
        self.networks = nn.ModuleList(
            _PatchNetwork(inputs, widths, norm) for _ in range(setting.levels)
        )

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge images.

        Args:
            images: ``setting.levels`` tensors of shape (B, C, X, Y, Z), finest first.
            condition: Shape (B, C, X, Y, Z), of the finest resolution.
            features: Whether to return each stage's output before pooling, level after level.

        Returns:
            Logit maps of shape (B, 1, x, y, z), each side the image's divided by 2 a stage, but
            not below 2 (1 across a slice).

        Raises:
            UsageError: If there is no condition.
        """
        if condition is None:
            raise UsageError(
                "patchgan3d is conditional, but the translator's prediction has no condition",
                "choose an unconditional discriminator for this translator",
            )
        judgement = Judgement(logits=[])
        for network, image in zip(self.networks, images, strict=True):
            beside = condition
            if beside.shape[2:] != image.shape[2:]:
                beside = F.interpolate(
                    beside, size=image.shape[2:], mode="trilinear", align_corners=False
                )
            logits, seen = network(torch.cat([beside, image], dim=1))
            judgement.logits.append(logits)
            if features:
                judgement.features.extend(seen)
        return judgement
