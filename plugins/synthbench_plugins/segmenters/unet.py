"""A light 3D U-Net for segmentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from synthbench.api import Scan, Segmenter, SegmenterProgress, SegmenterSetting
from synthbench_plugins.segmenters.budgets import STEPS

#: How often a patch is centred on a labelled voxel, of a class drawn evenly.
_LABELLED = 2 / 3
#: Voxels of each class that are remembered for drawing.
_REMEMBERED = 20_000
_WEIGHTS = "unet.pt"
_TOLD_EVERY = 20


class UNetSegmenter(Segmenter):
    """MONAI's residual U-Net with instance normalisation, Dice and cross-entropy, AdamW.

    Each image is standardised by its own mean and standard deviation. Patches get a random gain,
    gamma and noise; they are not mirrored, because left and right organs may be classes of their
    own. Voxels are taken as they are: spacings are expected to agree.

    Args:
        setting: What it is built for.
        steps: Optimiser steps.
        patch: Side of a patch in voxels; shorter where the volumes are.
        batch: Patches a step.
        channels: Feature channels by level, each half the resolution of the one before.
        lr: Learning rate, falling to 0 by a polynomial of power 0.9.
    """

    def __init__(
        self,
        setting: SegmenterSetting,
        steps: int = STEPS,
        patch: int = 96,
        batch: int = 2,
        channels: Sequence[int] = (32, 64, 128, 256, 320),
        lr: float = 1e-3,
    ) -> None:
        super().__init__(setting)
        self.steps, self.patch, self.batch, self.lr = steps, patch, batch, lr
        self.channels = tuple(channels)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def fit(self, scans: Sequence[Scan], folder: Path, progress: SegmenterProgress) -> None:
        """Train; see the base class. An interrupted training starts again."""
        from monai.losses import DiceCELoss

        random = np.random.default_rng(self.setting.seed)
        torch.manual_seed(self.setting.seed)
        network = self._network().to(self.device)
        optimiser = torch.optim.AdamW(network.parameters(), lr=self.lr, weight_decay=1e-5)
        schedule = torch.optim.lr_scheduler.PolynomialLR(optimiser, self.steps, power=0.9)
        loss = DiceCELoss(softmax=True, to_onehot_y=True, include_background=False, batch=True)
        drawers = [
            _Drawer(scans[index], self.setting.classes, random) for index in range(len(scans))
        ]
        side = self._side(drawers)
        network.train()
        for step in range(self.steps):
            images, labels = self._draw(scans, drawers, side, random)
            optimiser.zero_grad(set_to_none=True)
            error: Tensor = loss(network(images), labels)
            torch.autograd.backward(error)
            nn.utils.clip_grad_norm_(network.parameters(), 12.0)
            optimiser.step()
            schedule.step()
            if step % _TOLD_EVERY == 0:
                progress(step / self.steps)
        torch.save(network.state_dict(), folder / _WEIGHTS)

    def segment(self, scans: Iterable[Scan], folder: Path) -> Iterator[npt.NDArray[np.uint8]]:
        """Segment by overlapping windows; see the base class."""
        from monai.inferers import sliding_window_inference

        network = self._network().to(self.device).eval()
        weights = torch.load(folder / _WEIGHTS, map_location=self.device, weights_only=True)
        network.load_state_dict(weights)
        for scan in scans:
            image = np.asarray(scan.image, dtype=np.float32)
            mean, sd = _scale(image)
            batch = torch.from_numpy((image - mean) / sd)[None, None].to(self.device)
            side = _multiple(min(self.patch, max(image.shape)), self._stride)
            with torch.no_grad():
                found: Any = sliding_window_inference(
                    batch, (side,) * 3, 2, network, overlap=0.5, mode="gaussian"
                )
            yield found[0].argmax(0).to(torch.uint8).cpu().numpy()

    @property
    def _stride(self) -> int:
        return int(2 ** (len(self.channels) - 1))

    def _network(self) -> nn.Module:
        from monai.networks.nets import UNet

        network: nn.Module = UNet(
            spatial_dims=3,
            in_channels=1,
            out_channels=self.setting.classes + 1,
            channels=self.channels,
            strides=(2,) * (len(self.channels) - 1),
            num_res_units=2,
            norm="INSTANCE",
        )
        return network

    def _side(self, drawers: Sequence[_Drawer]) -> int:
        return _multiple(min(self.patch, max(max(each.shape) for each in drawers)), self._stride)

    def _draw(
        self,
        scans: Sequence[Scan],
        drawers: Sequence[_Drawer],
        side: int,
        random: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:
        images, labels = [], []
        for _ in range(self.batch):
            index = int(random.integers(len(drawers)))
            image, label = drawers[index].patch(scans[index], side, random)
            images.append(_altered(image, random))
            labels.append(label.astype(np.int64))
        stacked = torch.from_numpy(np.stack(images))[:, None], torch.from_numpy(np.stack(labels))
        return stacked[0].to(self.device), stacked[1][:, None].to(self.device)


class _Drawer:
    """Where patches of one scan are taken from; keeps no image."""

    def __init__(self, scan: Scan, classes: int, random: np.random.Generator) -> None:
        assert scan.label is not None
        self.shape = scan.image.shape
        self._mean, self._sd = _scale(np.asarray(scan.image, dtype=np.float32))
        self._voxels = []
        for number in range(1, classes + 1):
            found = np.flatnonzero(scan.label == number)
            if len(found) > _REMEMBERED:
                found = random.choice(found, _REMEMBERED, replace=False)
            if len(found):
                self._voxels.append(found)

    def patch(
        self, scan: Scan, side: int, random: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Cut a patch; what lies outside the volume is the mean, and background."""
        assert scan.label is not None
        if self._voxels and random.random() < _LABELLED:
            voxel = random.choice(self._voxels[int(random.integers(len(self._voxels)))])
            centre = np.array(np.unravel_index(int(voxel), self.shape))
        else:
            centre = np.array([random.integers(length) for length in self.shape])
        # Windows stay inside where the volume is long enough, so that little is padding.
        room = np.maximum(np.array(self.shape) - side, 0)
        jitter = random.integers(-side // 4, side // 4 + 1, size=3)
        start = np.clip(centre - side // 2 + jitter, 0, room)
        cut = tuple(slice(int(s), int(s) + side) for s in start)
        image = (np.asarray(scan.image[cut], dtype=np.float32) - self._mean) / self._sd
        label = scan.label[cut]
        padding = [(0, side - length) for length in image.shape]
        return np.pad(image, padding), np.pad(label, padding)


def _scale(image: npt.NDArray[np.float32]) -> tuple[np.float32, np.float32]:
    return np.float32(image.mean()), np.float32(max(float(image.std()), 1e-6))


def _altered(
    image: npt.NDArray[np.float32], random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Random gamma, gain, offset and noise."""
    low, span = float(image.min()), max(float(np.ptp(image)), 1e-6)
    bent = ((image - low) / span) ** random.uniform(0.8, 1.25) * span + low
    made = bent * random.uniform(0.9, 1.1) + random.uniform(-0.1, 0.1)
    made = made + random.normal(0.0, random.uniform(0.0, 0.05), image.shape)
    return made.astype(np.float32)


def _multiple(length: int, of: int) -> int:
    return max(-(-length // of) * of, 2 * of)
