"""The PatchGAN of pix2pix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import (
    Discriminator,
    Judgement,
    Setting,
    UsageError,
    fold_slices,
    slice_axis,
    unfold_slices,
)
from synthbench_plugins.pix2pix.weights import initialise

#: Widths grow to this multiple of the first.
_WIDEST = 8


class PatchGAN2D(Discriminator):
    """PatchGAN that sees slices of the source beside those of the real or synthetic target.

    4x4 convolutions C64-C128-C256 of stride 2, C512 of stride 1 and one logit of stride 1, with
    LeakyReLU 0.2 and no norm on the first: every logit sees 70x70 pixels. Norm is over each slice
    (the published batch norm at batch size 1). Volumes are judged slice by slice. Sides too short
    for the network (below 24 pixels with three stages) are padded with zeros, as its convolutions
    do. Of several resolutions the finest is judged.

    Source: Isola et al., CVPR 2017, section 6.1.2 of the arXiv version.

    Args:
        setting: ``condition_channels`` and ``target_channels`` are used.
        channels: Width of the first stage; each further one doubles it, up to 8 times.
        stages: Number of stages of stride 2; three make the 70x70 PatchGAN.
        axis: Axis across which slices are taken; default: the images' side of 1, else the last.

    Raises:
        UsageError: If ``axis`` does not exist or there is no stage.
    """

    def __init__(
        self, setting: Setting, channels: int = 64, stages: int = 3, axis: int | None = None
    ) -> None:
        super().__init__(setting)
        if stages < 1:
            raise UsageError(f"patchgan2d: stages is {stages}", "choose at least 1")
        slice_axis(None, axis)
        self.axis = axis
        # Leaves 3 pixels before the unstrided stage and 2, the fewest that have a spread, after it.
        self.shortest = 3 * 2**stages
        inputs = setting.condition_channels + setting.target_channels
        self.stages = nn.ModuleList()
        for stage in range(stages + 1):
            width = channels * min(2**stage, _WIDEST)
            first, last = stage == 0, stage == stages
            self.stages.append(_stage(inputs, width, stride=1 if last else 2, norm=not first))
            inputs = width
        self.logit = nn.Conv2d(inputs, 1, 4, padding=1)
        self.apply(initialise)

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge images.

        Args:
            images: The first, of shape (B, C, X, Y, Z), is judged.
            condition: Same sides.
            features: Whether to return each stage's output.

        Returns:
            One logit map of shape (B, 1, x, y, z), in which the axis across slices is as long as
            the image's.

        Raises:
            UsageError: If there is no condition.
        """
        if condition is None:
            raise UsageError(
                "patchgan2d is conditional, but the translator's prediction has no condition",
                "choose an unconditional discriminator for this translator",
            )
        image = images[0]
        axis = slice_axis(image.shape[2:], self.axis)
        x = self._pad(fold_slices(torch.cat([condition, image], dim=1), axis))
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        return Judgement(
            logits=[unfold_slices(self.logit(x), axis, len(image))],
            features=[unfold_slices(each, axis, len(image)) for each in seen] if features else [],
        )

    def _pad(self, slices: Tensor) -> Tensor:
        padding: list[int] = []
        for side in reversed(slices.shape[2:]):
            missing = max(self.shortest - side, 0)
            padding += [missing // 2, missing - missing // 2]
        return F.pad(slices, padding) if any(padding) else slices


def _stage(inputs: int, outputs: int, *, stride: int, norm: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1, bias=not norm),
        nn.InstanceNorm2d(outputs, affine=True) if norm else nn.Identity(),
        nn.LeakyReLU(0.2),
    )
