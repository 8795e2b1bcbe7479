"""Losses and adversarial pairs that break one promise each; ``fault`` says which."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from synthbench.api import AdversarialLoss, Discriminator, Loss, Prediction, Scores, Setting


class Distance(Loss):
    """Mean absolute error."""

    fault = ""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        if self.fault == "counts":
            self.register_buffer("uses", torch.zeros(()))
        if self.fault == "statistics":
            self.norm = nn.BatchNorm3d(1)

    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        fake, real = prediction.fake[0], prediction.real[0]
        if self.fault == "one level":
            assert len(prediction.fake) == 1
        if self.fault == "volumes only":
            assert 1 not in fake.shape[2:]
        if self.fault == "in place":
            real += 1
        if self.fault == "detached":
            fake = fake.detach()
        if self.fault == "counts":
            self.uses += 1
        if self.fault == "statistics":
            fake, real = self.norm(fake), self.norm(real)
        error = (fake - real).abs()
        if self.fault == "map":
            return error
        if self.fault == "backwards":
            error = -error
        if self.fault == "nan":
            return error.mean() * float("nan")
        if self.fault == "confident":
            error = error * next(iter(scores.values())).fake.logits[0].sigmoid()
        if self.fault == "everybody":
            for score in scores.values():
                error = error * score.fake.logits[0].sigmoid()
        return error.mean()


class Pair(AdversarialLoss):
    """Least squares to 1 and 0."""

    decision_threshold = 0.5
    fault = ""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.real = 0.0 if self.fault == "swapped" else 1.0
        self.aim = 0.0 if self.fault == "helps" else 1.0
        self.memory: Tensor | None = None
        if self.fault == "counts":
            self.register_buffer("uses", torch.zeros(()))

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        assert scores.real is not None
        if self.fault == "counts":
            self.uses += 1
        if self.fault == "remembers":
            self.memory = prediction.real[0]
        if self.fault == "one level":
            assert len(scores.fake.logits) == 1
        real, fake = scores.real.logits[0], scores.fake.logits[0]
        if self.fault == "detached":
            real, fake = real.detach(), fake.detach().requires_grad_()
        value = (real - self.real).square() + (fake - (1 - self.real)).square().mean()
        return value if self.fault == "map" else value.mean()

    def generator_loss(self, scores: Scores) -> Tensor:
        value = (scores.fake.logits[0] - self.aim).square().mean()
        if self.memory is not None:
            value = value + self.memory.mean()
        return value * float("nan") if self.fault == "nan" else value
