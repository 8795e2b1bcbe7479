"""The discriminators of Ea-GAN: with and without a map of edges."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Discriminator, Judgement, Setting, UsageError
from synthbench_plugins.ea_gan.layers import Norm, initialise, normalisation
from synthbench_plugins.ea_gan.sobel import edge_map

#: Widths grow to this multiple of the first.
_WIDEST = 8

_KERNEL, _PADDING = 4, 2


class _Convolution(nn.Conv3d):
    """Pads first where the image is shorter than the kernel.

    There, torch's own padding leaves uninitialised memory in the weights' gradient on a CPU in
    bfloat16 (seen in torch 2.13).
    """

    def forward(self, image: Tensor) -> Tensor:
        """Convolve (B, C, X, Y, Z)."""
        if min(image.shape[2:]) >= _KERNEL:
            return super().forward(image)
        padded = F.pad(image, (_PADDING,) * 6)
        return F.conv3d(padded, self.weight, self.bias, self.stride)


class StridedPatchGAN3D(Discriminator):
    """3D PatchGAN of strided convolutions that sees the source beside the image (gEa-GAN).

    4x4x4 convolutions with padding 2: C64-C128-C256 of stride 2, C512 and one logit of stride 1,
    with LeakyReLU 0.2 and no norm on the first. Any side works, down to slices. Of several
    resolutions the finest is judged. Without a condition the image is judged beside zeros.

    Source: Yu et al., IEEE TMI 38(7), 2019, and its reference code.

    Args:
        setting: ``condition_channels``, ``target_channels`` and ``intensity`` are used.
        channels: Width of the first stage; each further one doubles it, up to 8 times.
        stages: Number of stages of stride 2.
        norm: ``batch`` (published), ``instance`` or ``none``.

    Raises:
        UsageError: For an unknown norm, or if there is no stage.
    """

    #: Names the component in messages.
    component = "strided_patchgan3d"
    #: Maps made of each image, shown as further channels.
    maps = 0

    def __init__(
        self, setting: Setting, channels: int = 64, stages: int = 3, norm: Norm = "batch"
    ) -> None:
        super().__init__(setting)
        if stages < 1:
            raise UsageError(f"{self.component}: stages is {stages}", "choose at least 1")
        normalise = normalisation(norm, self.component)
        inputs = setting.condition_channels + setting.target_channels * (1 + self.maps)
        self.stages = nn.ModuleList()
        for stage in range(stages + 1):
            width = channels * min(2**stage, _WIDEST)
            stride = 2 if stage < stages else 1
            self.stages.append(
                nn.Sequential(
                    _Convolution(inputs, width, _KERNEL, stride=stride, padding=_PADDING),
                    normalise(width) if stage else nn.Identity(),
                    nn.LeakyReLU(0.2),
                )
            )
            inputs = width
        self.logit = _Convolution(inputs, 1, _KERNEL, padding=_PADDING)
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
            One logit map of shape (B, 1, x, y, z): each side halved and one more at every stage of
            stride 2, and two more at the end (19 for 128 voxels).
        """
        image = images[0]
        if condition is None:
            condition = image.new_zeros(
                len(image), self.setting.condition_channels, *image.shape[2:]
            )
        x = torch.cat([condition, *self._shown(image)], dim=1)
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        return Judgement(logits=[self.logit(x)], features=seen if features else [])

    def _shown(self, image: Tensor) -> list[Tensor]:
        return [image]


class EdgePatchGAN3D(StridedPatchGAN3D):
    """:class:`StridedPatchGAN3D` that also sees the image's edges (dEa-GAN).

    Channels are, in this order, the source, the image and the image's map of edges (see
    :func:`~synthbench_plugins.ea_gan.sobel.edge_map`); the source's edges are not shown.

    Source: Yu et al., IEEE TMI 38(7), 2019, and its reference code.
    """

    component = "edge_patchgan3d"
    maps = 1

    def _shown(self, image: Tensor) -> list[Tensor]:
        return [image, edge_map(image, self.setting.intensity)]
