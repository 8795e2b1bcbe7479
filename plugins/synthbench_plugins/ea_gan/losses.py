"""The losses of Ea-GAN: distance of edges, and least squares to smoothed labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbench.api import (
    AdversarialLoss,
    Discriminator,
    Judgement,
    Loss,
    Prediction,
    Scores,
    Setting,
    UsageError,
)
from synthbench_plugins.ea_gan.sobel import edge_map


class EdgeL1(Loss):
    """Mean absolute difference of edge maps, averaged over the resolutions of the prediction.

    See :func:`~synthbench_plugins.ea_gan.sobel.edge_map`; maps lie in [-1, 1], whatever the
    recipe's intensity range.

    Source: Yu et al., IEEE TMI 38(7), 2019, and its reference code.
    """

    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        """Compute the loss, in [0, 2]."""
        span = self.setting.intensity
        pairs = zip(prediction.fake, prediction.real, strict=True)
        return torch.stack(
            [F.l1_loss(edge_map(fake, span), edge_map(real, span)) for fake, real in pairs]
        ).mean()


class SmoothedLSGAN(AdversarialLoss):
    """Least squares to labels drawn anew for every loss, near 1 for real and 0 for synthetic.

    The discriminator's loss is half the sum of both squares; the generator is drawn to the smoothed
    label of real images. One draw holds for all patches of a call.

    Source: reference code of Yu et al., IEEE TMI 38(7), 2019.

    Args:
        setting: Not used.
        real: Lowest and highest label of real images; equal ends make it fixed.
        fake: The same for synthetic images; it must lie below ``real``.

    Raises:
        UsageError: If a range is not two ascending numbers, or they overlap.
    """

    def __init__(
        self,
        setting: Setting,
        real: Sequence[float] = (0.7, 1.2),
        fake: Sequence[float] = (0.0, 0.3),
    ) -> None:
        super().__init__(setting)
        if not (len(real) == len(fake) == 2 and fake[0] <= fake[1] < real[0] <= real[1]):
            raise UsageError(
                f"lsgan_smooth: labels {list(real)} and {list(fake)}",
                "give a lowest and a highest label each, those of fake below those of real",
            )
        self.real, self.fake = (real[0], real[1]), (fake[0], fake[1])
        self.decision_threshold = sum((*self.real, *self.fake)) / 4

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        """Loss of the discriminator; ``scores.real`` must be there."""
        assert scores.real is not None
        return 0.5 * (_distance(scores.real, self.real) + _distance(scores.fake, self.fake))

    def generator_loss(self, scores: Scores) -> Tensor:
        """Loss of the generator."""
        return _distance(scores.fake, self.real)


def _distance(judgement: Judgement, span: tuple[float, float]) -> Tensor:
    """Mean square to a label drawn from ``span``, averaged over resolutions."""
    low, high = span
    label = low + (high - low) * torch.rand(()).item()
    # In float32, because half precision loses the small squares.
    return torch.stack(
        [(level.float() - label).square().mean() for level in judgement.logits]
    ).mean()
