"""The voxel-wise relativistic average pair."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbench.api import AdversarialLoss, Discriminator, Judgement, Prediction, Scores


def _relative(above: Judgement, below: Judgement) -> Tensor:
    """How far ``above`` is from lying above the mean of ``below`` and the other way round.

    Per level ``-log sigmoid(a - mean b) - log(1 - sigmoid(b - mean a))``, averaged over voxels and
    batch, then over levels. In float32 whatever the logits' precision, as softplus, which stays
    finite where the sigmoid is 0 or 1.
    """
    terms = []
    for level_above, level_below in zip(above.logits, below.logits, strict=True):
        a, b = level_above.float(), level_below.float()
        terms.append(F.softplus(b.mean() - a).mean() + F.softplus(b - a.mean()).mean())
    return torch.stack(terms).mean()


class RelativisticAverage(AdversarialLoss):
    """Relativistic average pair, each voxel against the mean of the other kind.

    The mean goes over the batch and all voxels of a level. Both halves count for both sides, and
    gradients flow through the means. For discriminators with one logit an image, the mean goes over
    the batch.

    Source: Ha et al., Multi-resolution Guided 3D GANs for Medical Image Translation, eq. 1 and 5;
    Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019.
    """

    generator_needs_real = True

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        """Loss of the discriminator; ``scores.real`` must be there."""
        assert scores.real is not None
        return _relative(scores.real, scores.fake)

    def generator_loss(self, scores: Scores) -> Tensor:
        """Loss of the generator; ``scores.real`` must be there."""
        assert scores.real is not None
        return _relative(scores.fake, scores.real)
