"""Images at several resolutions, by nearest-neighbour interpolation as in the paper's Fig. 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def resize(image: Tensor, sides: Sequence[int]) -> Tensor:
    """Resize (B, C, X, Y, Z) to ``sides`` by nearest-neighbour interpolation."""
    if tuple(image.shape[2:]) == tuple(sides):
        return image
    return F.interpolate(image, size=list(sides), mode="nearest")


def pyramid(image: Tensor, levels: int) -> list[Tensor]:
    """An image at ``levels`` resolutions, finest first.

    Each level has half the sides of the one before, rounded up, so that a side of 1 stays. Where
    sides are even, the kept voxels are those with even indices.
    """
    images = [image]
    for _ in range(levels - 1):
        images.append(resize(images[-1], [(side + 1) // 2 for side in images[-1].shape[2:]]))
    return images
