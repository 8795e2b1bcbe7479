"""The Translator interface: source volumes in, synthetic target volumes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from synthbench.api.tensors import Batch, Prediction, Setting


class Window(Protocol):
    """Runs a network over a volume of any size: pads, slides, blends and crops."""

    def __call__(self, network: Callable[[Tensor], Tensor], volume: Tensor) -> Tensor:
        """Apply ``network`` to ``volume`` of shape (B, C, X, Y, Z), window by window."""
        ...


@dataclass
class Stage:
    """A part of a translator that is trained on its own, with the same loop.

    Attributes:
        name: Appears in logs, loss tables and checkpoints.
        module: Trained part; only its parameters are given to the optimiser.
        overrides: Dotted recipe paths and values that differ in this stage
            (e.g. ``{"optimiser.lr": 1e-3}``).
        share: Fraction of the recipe's budget this stage gets.
    """

    name: str
    module: Translator
    overrides: Mapping[str, Any] = field(default_factory=dict)
    share: float = 1.0


class Translator(nn.Module):
    """Base class of every method's network.

    The core builds it as ``Class(setting, **recipe.translator.params)``.

    Attributes:
        size_multiple: Every side of what ``forward`` receives is padded to a multiple of this (one
            number, or one an axis). Sides of 1 (slices) are left alone.
        levels: Number of resolutions in ``predict(...).fake``.
        predicted_sides: Sides of ``predict(...).fake[0]``, where they are not those of the batch
            (a translator that cuts patches of its own).
    """

    size_multiple: int | tuple[int, int, int] = 1
    levels: int = 1
    predicted_sides: tuple[int, int, int] | None = None

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting

    @property
    def condition_channels(self) -> int:
        """Channels of ``predict(...).condition``."""
        return self.setting.source_channels

    def forward(self, source: Tensor) -> Tensor:
        """Translate a patch.

        Args:
            source: Shape (B, C, X, Y, Z), in the recipe's intensity range.

        Returns:
            Shape (B, 1, X, Y, Z), in the same range (the core clips it when translating).
        """
        raise NotImplementedError

    def predict(self, batch: Batch) -> Prediction:
        """Make what the losses compare, from a training batch (``batch.target`` is there)."""
        assert batch.target is not None
        return Prediction(fake=[self(batch.source)], real=[batch.target], condition=batch.source)

    def translate(self, batch: Batch, window: Window) -> Tensor:
        """Translate whole volumes.

        Args:
            batch: ``source`` (and, where the suite allows it, ``label``) of whole volumes.
            window: Applies a network over a volume of any size.

        Returns:
            Shape (B, 1, X, Y, Z), same sides as ``batch.source``.
        """
        return window(self, batch.source)

    def stages(self) -> list[Stage]:
        """Parts trained one after the other; default: the whole translator at once."""
        return [Stage("main", self)]

    def calibrate(self, volumes: Iterable[Batch]) -> None:
        """See the whole training volumes once, before the first step.

        For closed-form fits and data-dependent initialisation; what it learns must live in
        parameters or buffers, so that checkpoints carry it. Default: ignores them (and the core
        then reads none).

        Args:
            volumes: One training subject each, batch size 1, in a fixed order.
        """
