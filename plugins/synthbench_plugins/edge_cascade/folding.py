"""Edges of twice the resolution, carried as eight channels of the lower one."""

from __future__ import annotations

from torch import Tensor

#: Channels of folded edges.
FOLDED = 8


def fold(edges: Tensor) -> Tensor:
    """Move every 2x2x2 block into channels; nothing is lost.

    A discriminator that knows nothing of the cascade sees them beside an image of the same sides.

    Args:
        edges: Shape (B, 1, 2X, 2Y, 2Z).

    Returns:
        Shape (B, 8, X, Y, Z).
    """
    b, _, x, y, z = edges.shape
    blocks = edges.reshape(b, x // 2, 2, y // 2, 2, z // 2, 2)
    return blocks.permute(0, 2, 4, 6, 1, 3, 5).reshape(b, FOLDED, x // 2, y // 2, z // 2)


def unfold(folded: Tensor) -> Tensor:
    """Undo :func:`fold`: shape (B, 8, X, Y, Z) to (B, 1, 2X, 2Y, 2Z)."""
    b, _, x, y, z = folded.shape
    blocks = folded.reshape(b, 2, 2, 2, x, y, z).permute(0, 4, 1, 5, 2, 6, 3)
    return blocks.reshape(b, 1, 2 * x, 2 * y, 2 * z)
