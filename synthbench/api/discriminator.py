"""The Discriminator interface: images and their condition in, logit maps out."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from synthbench.api.tensors import Judgement, Setting


class Discriminator(nn.Module):
    """Base class of every discriminator and critic.

    The core builds it as ``Class(setting, **params)``; ``setting.condition_channels`` and
    ``setting.levels`` describe what the translator's predictions look like.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge images.

        Args:
            images: One tensor of shape (B, C, X, Y, Z) a resolution, finest first.
            condition: What a conditional discriminator sees beside them.
            features: Whether to return intermediate features too.
        """
        raise NotImplementedError
