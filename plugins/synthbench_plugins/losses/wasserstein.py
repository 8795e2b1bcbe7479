"""Wasserstein critic with a gradient penalty."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthbench.api import (
    AdversarialLoss,
    Discriminator,
    Prediction,
    Scores,
    Setting,
    UsageError,
)
from synthbench_plugins.losses.adversarial import mean_logit


class WGANGP(AdversarialLoss):
    """Wasserstein distance, kept honest by a gradient penalty.

    The critic minimises ``E[D(G(x))] - E[D(y)] + penalty * E[(||grad D(xhat)||_2 - 1)^2]``, the
    generator ``-E[D(G(x))]``. ``xhat`` lies between real and synthetic image, at a place drawn
    uniformly for every sample and shared by its resolutions; the gradient is the one of the
    sample's mean logit with respect to all its voxels, at all resolutions. The condition is not
    interpolated. A critic that normalises over the batch mixes the samples, and the penalty with
    them.

    Only differences of a critic's scores mean anything, so ``decision_threshold`` is no more than
    a convention here.

    Source: Gulrajani et al. 2017, eq. 3 and algorithm 1.

    Args:
        setting: Not used.
        penalty: Weight of the gradient penalty (lambda).

    Raises:
        UsageError: For a negative ``penalty``.
    """

    def __init__(self, setting: Setting, penalty: float = 10.0) -> None:
        super().__init__(setting)
        if penalty < 0:
            raise UsageError(f"wgan_gp: penalty is {penalty}", "choose 0 or more")
        self.penalty = penalty

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        """Loss of the critic; ``scores.real`` must be there."""
        assert scores.real is not None
        distance = mean_logit(scores.fake.logits) - mean_logit(scores.real.logits)
        if self.penalty == 0:
            return distance
        norms = gradient_norms(discriminator, prediction)
        return distance + self.penalty * (norms - 1).square().mean()

    def generator_loss(self, scores: Scores) -> Tensor:
        """Loss of the generator."""
        return -mean_logit(scores.fake.logits)


def gradient_norms(discriminator: Discriminator, prediction: Prediction) -> Tensor:
    """Norms of a critic's gradient between synthetic and real images.

    In float32 throughout: squares of small gradients do not survive half precision.

    Args:
        discriminator: The critic.
        prediction: The images; no gradient reaches them.

    Returns:
        Shape (B,), differentiable with respect to the critic's parameters.
    """
    first = prediction.fake[0]
    share = torch.rand((len(first), 1, 1, 1, 1), device=first.device)
    between = [
        torch.lerp(fake.detach().float(), real.detach().float(), share).requires_grad_()
        for fake, real in zip(prediction.fake, prediction.real, strict=True)
    ]
    condition = prediction.condition
    with torch.autocast(first.device.type, enabled=False):
        judgement = discriminator(
            between, None if condition is None else condition.detach().float()
        )
        gradients = torch.autograd.grad(
            _sum_of_means(judgement.logits), between, create_graph=True, materialize_grads=True
        )
        # A critic that looks at one resolution has a gradient of zero at the others.
        together = torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)
        norms: Tensor = torch.linalg.vector_norm(together, dim=1)
        return norms


def _sum_of_means(logits: Sequence[Tensor]) -> Tensor:
    """Each sample's mean logit, averaged over resolutions, summed over samples."""
    means = torch.stack([level.flatten(1).mean(1) for level in logits])
    return means.mean(0).sum()
