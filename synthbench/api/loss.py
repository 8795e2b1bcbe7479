"""The Loss interfaces: a plain loss of the generator, and the adversarial pair."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from synthbench.api.discriminator import Discriminator
from synthbench.api.tensors import Prediction, Scores, Setting


class Loss(nn.Module):
    """A term of the generator's loss; built as ``Class(setting, **params)``.

    It may hold a frozen network (perceptual losses); its parameters are never trained.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting

    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        """Compute the loss.

        Args:
            prediction: Synthetic and real images.
            scores: Judgement of each discriminator by its name in the recipe; empty without one.

        Returns:
            A scalar tensor.
        """
        raise NotImplementedError


class AdversarialLoss(nn.Module):
    """An adversarial pair; built as ``Class(setting, **params)``.

    Attributes:
        generator_needs_real: Whether ``generator_loss`` also wants the judgement of the real images
            (relativistic pairs); it costs one more pass of the discriminator.
        decision_threshold: Logit above which an image counts as called real (accuracy gate).
    """

    generator_needs_real: bool = False
    decision_threshold: float = 0.0

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        """Loss of the discriminator.

        Args:
            scores: Judgement of detached synthetic and of real images.
            prediction: The images (synthetic ones detached), for gradient penalties.
            discriminator: To be called again by a gradient penalty.
        """
        raise NotImplementedError

    def generator_loss(self, scores: Scores) -> Tensor:
        """Adversarial loss of the generator, gradients flowing through ``scores.fake``."""
        raise NotImplementedError
