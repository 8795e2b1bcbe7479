"""The 2.5D perceptual loss: features of slices in three views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbench.api import Loss, Prediction, Scores, Setting, UsageError
from synthbench_plugins.mdaunet_gan.vgg import LEAST_SIDE, pretrained_vgg19, random_vgg19

_BACKBONES = {"vgg19": pretrained_vgg19, "random": random_vgg19}

#: Statistics of ImageNet's channels, on images in [0, 1], with which VGG-19 was trained.
_MEAN = (0.485, 0.456, 0.406)
_SD = (0.229, 0.224, 0.225)


class Perceptual25D(Loss):
    """Distance of VGG-19 features, summed over axial, coronal and sagittal slices.

    Of each view, the mean absolute difference of the features after the activation that follows the
    last convolution. Only the finest resolution counts. A view whose slices have a side of 1 is
    left out, so a slice is compared in its own plane alone; shorter sides than the network takes
    are lengthened by repeating the edge.

    Source: Ha et al., Multi-resolution Guided 3D GANs for Medical Image Translation, eq. 4.

    Args:
        setting: ``intensity`` is used.
        backbone: ``vgg19`` (pre-trained, published) or ``random`` (fixed random weights).
        slices_per_view: Slices of each volume drawn at random in each view, anew each time;
            ``None`` takes all.

    Raises:
        UsageError: For an unknown backbone or no slices, or, when called, for images that have no
            view to compare.
        DataError: If the pre-trained weights are missing or damaged.
    """

    mean: Tensor
    sd: Tensor

    def __init__(
        self,
        setting: Setting,
        backbone: Literal["vgg19", "random"] = "vgg19",
        slices_per_view: int | None = None,
    ) -> None:
        super().__init__(setting)
        if backbone not in _BACKBONES:
            raise UsageError(
                f"perceptual_2_5d: unknown backbone {backbone!r}",
                f"choose one of {', '.join(_BACKBONES)}",
            )
        if slices_per_view is not None and slices_per_view < 1:
            raise UsageError(
                f"perceptual_2_5d: slices_per_view is {slices_per_view}",
                "choose at least 1, or null for all",
            )
        self.slices_per_view = slices_per_view
        self.backbone = _BACKBONES[backbone]()
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("sd", torch.tensor(_SD).view(1, 3, 1, 1))

    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        """Compute the loss; gradients flow to the synthetic image only."""
        fake, real = prediction.fake[0], prediction.real[0]
        # Views of the same plane run as one batch: mixed precision converts the frozen weights at
        # every pass.
        planes: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = {}
        for axis in (2, 3, 4):
            plane = tuple(side for other, side in enumerate(fake.shape[2:], 2) if other != axis)
            if 1 in plane:
                continue
            chosen = self._choose(fake.shape[axis]).to(fake.device)
            pair = self._slices(fake, axis, chosen), self._slices(real, axis, chosen)
            planes.setdefault(plane, []).append(pair)
        if not planes:
            raise UsageError(
                f"perceptual_2_5d compares planes, but an image of "
                f"{'x'.join(map(str, fake.shape[2:]))} voxels has none",
                "choose a patch with at most one side of 1 voxel",
            )
        distances = []
        for views in planes.values():
            given, wanted = (torch.cat(slices) for slices in zip(*views, strict=True))
            with torch.no_grad():
                target = self.backbone(wanted)
            difference = (self.backbone(given).float() - target.float()).abs()
            counts = [len(slices) for slices, _ in views]
            distances += [view.mean() for view in difference.split(counts)]
        return torch.stack(distances).sum()

    def _choose(self, slices: int) -> Tensor:
        if self.slices_per_view is None or self.slices_per_view >= slices:
            return torch.arange(slices)
        return torch.randperm(slices)[: self.slices_per_view]

    def _slices(self, image: Tensor, axis: int, chosen: Tensor) -> Tensor:
        """The chosen slices of all volumes and channels as one batch, as the network wants them."""
        slices = image.index_select(axis, chosen).movedim(axis, 2).flatten(0, 2).unsqueeze(1)
        missing = [max(LEAST_SIDE - side, 0) for side in slices.shape[2:]]
        if any(missing):
            slices = F.pad(slices, (0, missing[1], 0, missing[0]), mode="replicate")
        low, high = self.setting.intensity
        unit = (slices - low) / (high - low)
        return (unit - self.mean) / self.sd
