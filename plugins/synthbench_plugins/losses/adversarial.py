"""Adversarial pairs: what trains the discriminator, and what it tells the generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbench.api import AdversarialLoss, Discriminator, Prediction, Scores

_Distance = Callable[[Tensor, Tensor], Tensor]


def _against(logits: Sequence[Tensor], label: float, distance: _Distance) -> Tensor:
    """Mean distance of logit maps from one label, averaged over resolutions.

    In float32 whatever the logits' precision: both distances lose their small values in half.
    """
    maps = [level.float() for level in logits]
    return torch.stack([distance(level, torch.full_like(level, label)) for level in maps]).mean()


def mean_logit(logits: Sequence[Tensor]) -> Tensor:
    """Mean of every logit map, averaged over resolutions, in float32."""
    return torch.stack([level.float().mean() for level in logits]).mean()


def _hinge(logits: Tensor, sign: Tensor) -> Tensor:
    return F.relu(1 - sign * logits).mean()


class BCE(AdversarialLoss):
    """Binary cross-entropy on logits.

    The discriminator maximises ``log D(x, y) + log(1 - D(x, G(x)))`` (Goodfellow et al. 2014,
    eq. 1; no factor 0.5); the generator maximises ``log D(x, G(x))``, the non-saturating form of
    the same paper (section 3).
    """

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        """Loss of the discriminator; ``scores.real`` must be there."""
        assert scores.real is not None
        distance = F.binary_cross_entropy_with_logits
        return _against(scores.real.logits, 1.0, distance) + _against(
            scores.fake.logits, 0.0, distance
        )

    def generator_loss(self, scores: Scores) -> Tensor:
        """Loss of the generator."""
        return _against(scores.fake.logits, 1.0, F.binary_cross_entropy_with_logits)


class LSGAN(AdversarialLoss):
    """Least squares to 1 for real and 0 for synthetic images.

    Mao et al. 2017, eq. 9: half the sum of both squares for the discriminator; the generator's
    square is left whole, as is usual in image translation, so that weights carry over.
    """

    decision_threshold = 0.5

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        """Loss of the discriminator; ``scores.real`` must be there."""
        assert scores.real is not None
        real = _against(scores.real.logits, 1.0, F.mse_loss)
        fake = _against(scores.fake.logits, 0.0, F.mse_loss)
        return 0.5 * (real + fake)

    def generator_loss(self, scores: Scores) -> Tensor:
        """Loss of the generator."""
        return _against(scores.fake.logits, 1.0, F.mse_loss)


class Hinge(AdversarialLoss):
    """Hinge loss: the discriminator asks for margins of 1, the generator raises the logits.

    ``max(0, 1 - D(y)) + max(0, 1 + D(G(x)))`` for the discriminator, ``-D(G(x))`` for the
    generator (Lim & Ye 2017; Miyato et al. 2018, eq. 16 and 17).
    """

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        """Loss of the discriminator; ``scores.real`` must be there."""
        assert scores.real is not None
        return _against(scores.real.logits, 1.0, _hinge) + _against(
            scores.fake.logits, -1.0, _hinge
        )

    def generator_loss(self, scores: Scores) -> Tensor:
        """Loss of the generator."""
        return -mean_logit(scores.fake.logits)
