"""The reconstruction loss that attends to what is hard to synthesise."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbench.api import Loss, Prediction, Scores, Setting, UsageError


class AttentionL1(Loss):
    """Voxel errors weighted by how little a dense discriminator believes in them.

    Mean of ``F * |y - G(x)|^p`` with ``F = (1 - M)^beta``, where M is the sigmoid of the logits of
    the first discriminator that gives one a voxel. M is a constant here: no gradient flows through
    it, neither to the discriminator nor to the generator. Averaged over resolutions; for coarser
    ones M is averaged over their voxels.

    Source: Xiao & Nie, eq. 6.

    Args:
        setting: Not used.
        p: Exponent of the error, 1 or 2.
        beta: Exponent of the attention; 0 makes it a plain L1 or L2 loss.

    Raises:
        UsageError: For another ``p`` or a negative ``beta``.
    """

    def __init__(self, setting: Setting, p: int = 1, beta: float = 2.0) -> None:
        super().__init__(setting)
        if p not in (1, 2):
            raise UsageError(f"attention_l1: p is {p}", "choose 1 or 2")
        if beta < 0:
            raise UsageError(f"attention_l1: beta is {beta}", "choose 0 or more")
        self.p = p
        self.beta = beta

    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        """Compute the loss.

        Args:
            prediction: Synthetic and real images.
            scores: One of them holds a logit a voxel of ``prediction.fake[0]``.

        Raises:
            UsageError: If none does.
        """
        confidence = _confidence(prediction.fake[0], scores)
        levels = []
        for fake, real in zip(prediction.fake, prediction.real, strict=True):
            x, y, z = fake.shape[2:]
            attention = (1 - F.adaptive_avg_pool3d(confidence, (x, y, z))) ** self.beta
            error = (real - fake).float().abs() ** self.p
            levels.append((attention * error).mean())
        return torch.stack(levels).mean()


def _confidence(image: Tensor, scores: Mapping[str, Scores]) -> Tensor:
    """M, shape (B, 1, X, Y, Z), detached and in float32."""
    for score in scores.values():
        logits = score.fake.logits[0]
        if logits.shape[2:] == image.shape[2:]:
            return torch.sigmoid(logits.detach().float())
    raise UsageError(
        "attention_l1 needs a discriminator that gives one logit a voxel",
        "add one to the recipe, for example local_fcn:bce@0.01",
    )
