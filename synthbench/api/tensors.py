"""What flows through training: a batch, a prediction, and a discriminator's judgement of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Setting:
    """What the core tells a component about its surroundings when it builds it.

    Attributes:
        source_channels: Number of source modalities.
        target_channels: Channels of the target image.
        condition_channels: Channels of ``Prediction.condition`` (discriminators only).
        levels: Number of resolutions in ``Prediction.fake`` (discriminators only).
        patch: Side lengths of a training patch in voxels, or ``None`` for whole volumes; for a
            discriminator those of what it judges.
        intensity: Lowest and highest value of the images, e.g. (-1, 1).
    """

    source_channels: int = 1
    target_channels: int = 1
    condition_channels: int = 1
    levels: int = 1
    patch: tuple[int, int, int] | None = None
    intensity: tuple[float, float] = (-1.0, 1.0)

    def scaled(self, image: Tensor) -> Tensor:
        """Map an image in [-1, 1], such as a tanh makes, onto ``intensity``."""
        low, high = self.intensity
        return (high + low) / 2 + (high - low) / 2 * image


@dataclass
class Batch:
    """Patches or whole volumes, in the recipe's intensity range.

    Attributes:
        source: Float tensor of shape (B, C, X, Y, Z).
        target: Float tensor of shape (B, 1, X, Y, Z); ``None`` when translating.
        label: Integer tensor of shape (B, 1, X, Y, Z) where the dataset has labels.
        mask: Bool tensor of shape (B, 1, X, Y, Z), the source's foreground.
        params: ``recipe.inference.params`` when translating, plus ``seed``.
    """

    source: Tensor
    target: Tensor | None = None
    label: Tensor | None = None
    mask: Tensor | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Prediction:
    """The one thing every training step compares.

    Attributes:
        fake: Synthetic images, one tensor of shape (B, C, X, Y, Z) a resolution, finest first.
            A diffusion model puts its predicted noise here.
        real: What each of ``fake`` should be, same shapes.
        condition: What a conditional discriminator sees beside the image, shape (B, C, X, Y, Z).
    """

    fake: list[Tensor]
    real: list[Tensor]
    condition: Tensor | None = None


@dataclass
class Judgement:
    """A discriminator's answer.

    Attributes:
        logits: Raw scores, one tensor a resolution; never passed through a sigmoid.
        features: Intermediate features, outermost first, when they were asked for.
    """

    logits: list[Tensor]
    features: list[Tensor] = field(default_factory=list)


@dataclass
class Scores:
    """One discriminator's judgement of a prediction.

    Attributes:
        fake: Of the synthetic images.
        real: Of the real ones; in the generator's step it is there only when a loss asked for it.
    """

    fake: Judgement
    real: Judgement | None = None
