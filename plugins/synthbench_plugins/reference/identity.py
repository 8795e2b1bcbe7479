"""The source, unchanged."""

from __future__ import annotations

from torch import Tensor

from synthbench.api import Translator


class Identity(Translator):
    """Returns the first source as it is.

    Source and target share the recipe's intensity range, so the source's unit range becomes the
    target's.
    """

    def forward(self, source: Tensor) -> Tensor:
        """Map (B, C, X, Y, Z) to its first channel, (B, 1, X, Y, Z)."""
        return source[:, :1].clone()
