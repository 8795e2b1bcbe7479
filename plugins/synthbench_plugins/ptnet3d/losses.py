"""PTNet3D's adversarial pair, and feature matching."""

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
    UsageError,
)


class FeatureMatching(Loss):
    """Mean absolute difference of a discriminator's features of synthetic and of real images.

    Summed over the features of each logit map, averaged over the maps (scales), and over the
    discriminators that offer features. Source: Wang et al., pix2pixHD, CVPR 2018, eq. 4; as in
    PTNet3D without that paper's implementation's further factor 4 / (layers + 1).
    """

    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        """Compute the loss, in units of the features.

        Raises:
            UsageError: If no discriminator gives features.
        """
        terms = [
            _distance(each.fake, each.real)
            for each in scores.values()
            if each.real is not None and each.fake.features
        ]
        if not terms:
            raise UsageError(
                "feature_matching: no discriminator gives features",
                "add one that does to recipe.discriminators, e.g. multiscale_patchgan3d",
            )
        return torch.stack(terms).mean()


def _distance(fake: Judgement, real: Judgement) -> Tensor:
    pairs = zip(fake.features, real.features, strict=True)
    # In float32: half precision loses the small differences that are left late in training.
    terms = [F.l1_loss(ours.float(), theirs.detach().float()) for ours, theirs in pairs]
    return torch.stack(terms).sum() / len(fake.logits)


class SummedLSGAN(AdversarialLoss):
    """Least squares to 1 (real) and 0 (synthetic), summed over resolutions instead of averaged.

    Half the sum of both squares for the discriminators, the whole square for the generator.
    Source: Mao et al., ICCV 2017, eq. 9, over scales as in pix2pixHD (Wang et al., CVPR 2018) and
    PTNet3D (Zhang et al., IEEE TMI 2022).
    """

    decision_threshold = 0.5

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        """Loss of the discriminator; ``scores.real`` must be there."""
        assert scores.real is not None
        return 0.5 * (_squares(scores.real.logits, 1.0) + _squares(scores.fake.logits, 0.0))

    def generator_loss(self, scores: Scores) -> Tensor:
        """Loss of the generator."""
        return _squares(scores.fake.logits, 1.0)


def _squares(logits: Sequence[Tensor], label: float) -> Tensor:
    """Mean square of each map's distance from a label, summed over the maps; in float32."""
    return torch.stack([(level.float() - label).square().mean() for level in logits]).sum()
