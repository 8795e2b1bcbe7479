"""Voxel-wise distances between synthetic and real images."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbench.api import Loss, Prediction, Scores


class L1(Loss):
    """Mean absolute error over all voxels, averaged over the resolutions of the prediction."""

    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        """Compute the loss, in the recipe's intensity range."""
        pairs = zip(prediction.fake, prediction.real, strict=True)
        return torch.stack([F.l1_loss(fake, real) for fake, real in pairs]).mean()


class L2(Loss):
    """Mean squared error over all voxels, averaged over the resolutions of the prediction."""

    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        """Compute the loss, in the squared intensity range of the recipe."""
        pairs = zip(prediction.fake, prediction.real, strict=True)
        return torch.stack([F.mse_loss(fake, real) for fake, real in pairs]).mean()
