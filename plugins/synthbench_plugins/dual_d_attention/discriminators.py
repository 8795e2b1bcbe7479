"""The two discriminators: one judges the whole image, one every voxel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Discriminator, Judgement, Setting, UsageError
from synthbench_plugins.dual_d_attention.sides import (
    SHORTEST_HALVED,
    Sides,
    kernel_sides,
    same_padding,
)

Norm = Literal["instance", "batch", "none"]

_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": partial(nn.InstanceNorm3d, affine=True),
    "batch": nn.BatchNorm3d,
    "none": nn.Identity,
}

#: Stages with pooling; one convolution more follows them.
_STAGES = 3


class _Trunk(nn.Module):
    """Three stages of convolution, norm, ReLU and max-pooling by 2, then convolution and ReLU.

    There is no norm after the last convolution: it would hide from what follows how strongly a
    channel answers to an image as a whole.
    """

    def __init__(self, inputs: int, channels: Sequence[int], kernel: Sides, norm: Norm) -> None:
        super().__init__()
        if norm not in _NORMS:
            raise UsageError(f"unknown norm {norm!r}", f"choose one of {', '.join(_NORMS)}")
        if len(channels) != _STAGES + 1:
            raise UsageError(
                f"{len(channels)} widths are given in channels",
                f"give {_STAGES + 1}: of {_STAGES} stages and of the convolution after them",
            )
        padding = same_padding(kernel)
        *stages, last = pairwise([inputs, *channels])
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv3d(before, after, kernel, padding=padding, bias=norm == "none"),
                _NORMS[norm](after),
                nn.ReLU(inplace=True),
            )
            for before, after in stages
        )
        self.last = nn.Sequential(nn.Conv3d(*last, kernel, padding=padding), nn.ReLU(inplace=True))

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for stage in self.stages:
            x = stage(x)
            # A short side is left alone while the others are pooled on.
            x = F.max_pool3d(x, [2 if side >= SHORTEST_HALVED else 1 for side in x.shape[2:]])
        result: Tensor = self.last(x)
        return result


class GlobalCritic(Discriminator):
    """Judges an image as a whole, by one number (D1).

    Three stages of 3x3x3 convolution, norm, ReLU and max-pooling, one convolution, and three fully
    connected layers, ReLU after the first two. Before these the map is averaged over a grid of
    fixed sides, so that images of any size can be judged. Of several resolutions it judges the
    finest.

    Source: Xiao & Nie, section 2.4. The paper normalises over the batch, by which a gradient
    penalty per image loses its meaning (Gulrajani et al. 2017, section 4).

    Args:
        setting: ``target_channels`` and ``patch`` are used.
        channels: Widths of the three stages and of the convolution after them.
        units: Widths of the first two fully connected layers.
        grid: Sides of the grid; 1 across slices.
        norm: Normalisation in the stages; ``batch`` is published.

    Raises:
        UsageError: For an unknown norm or a wrong number of widths.
    """

    def __init__(
        self,
        setting: Setting,
        channels: Sequence[int] = (32, 64, 128, 256),
        units: Sequence[int] = (512, 128),
        grid: int = 4,
        norm: Norm = "instance",
    ) -> None:
        super().__init__(setting)
        if len(units) != 2:
            raise UsageError(
                f"{len(units)} widths are given in units",
                "give 2: of the first two fully connected layers",
            )
        kernel = kernel_sides(setting.patch)
        self.trunk = _Trunk(setting.target_channels, channels, kernel, norm)
        x, y, z = (grid if k > 1 else 1 for k in kernel)
        self.pool = nn.AdaptiveAvgPool3d((x, y, z))
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels[-1] * x * y * z, units[0]),
            nn.ReLU(inplace=True),
            nn.Linear(units[0], units[1]),
            nn.ReLU(inplace=True),
            nn.Linear(units[1], 1),
        )

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge images.

        Args:
            images: The first is judged, shape (B, C, X, Y, Z), any sides.
            condition: Not looked at.
            features: There are none to return.

        Returns:
            One score an image, shape (B, 1, 1, 1, 1).
        """
        pooled = self.pool(self.trunk(images[0]))
        # A critic's scores may lie anywhere, and small differences between them count.
        with torch.autocast(pooled.device.type, enabled=False):
            score: Tensor = self.head(pooled.float())
        return Judgement(logits=[score[..., None, None, None]])


class LocalFCN(Discriminator):
    """Judges every voxel's surroundings (D2): a fully convolutional network.

    Three stages of 3x3x3 convolution, norm, ReLU and max-pooling, one convolution, and a 1x1x1
    convolution to one logit, trilinearly up-sampled to the sides of the image. Of several
    resolutions it judges the finest.

    Source: Xiao & Nie, sections 2.2 and 2.4 ("a typical FCN with three down-sampling").

    Args:
        setting: ``target_channels`` and ``patch`` are used.
        channels: Widths of the three stages and of the convolution after them.
        norm: Normalisation in the stages.

    Raises:
        UsageError: For an unknown norm or a wrong number of widths.
    """

    def __init__(
        self,
        setting: Setting,
        channels: Sequence[int] = (32, 64, 128, 256),
        norm: Norm = "instance",
    ) -> None:
        super().__init__(setting)
        kernel = kernel_sides(setting.patch)
        self.trunk = _Trunk(setting.target_channels, channels, kernel, norm)
        self.logit = nn.Conv3d(channels[-1], 1, 1)

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge images.

        Args:
            images: The first is judged, shape (B, C, X, Y, Z), any sides.
            condition: Not looked at.
            features: There are none to return.

        Returns:
            One logit a voxel, shape (B, 1, X, Y, Z); its sigmoid is the confidence M that the voxel
            is real.
        """
        coarse = self.logit(self.trunk(images[0]))
        logits = F.interpolate(
            coarse, size=images[0].shape[2:], mode="trilinear", align_corners=False
        )
        return Judgement(logits=[logits])
