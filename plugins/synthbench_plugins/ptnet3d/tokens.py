"""Volumes as sequences of tokens: neighbourhoods, and the position of a token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

#: Voxels in a token's neighbourhood.
NEIGHBOURS = 27

_KERNEL = 3
_LONGEST_PERIOD = 10_000.0


def neighbourhoods(volume: Tensor, stride: int = 1) -> Tensor:
    """Gather the 3x3x3 neighbourhood of every ``stride``-th voxel (im2col, zeros outside).

    Args:
        volume: Shape (B, C, X, Y, Z).
        stride: Distance of neighbouring centres along every axis.

    Returns:
        Tokens of shape (B, N, 27 C): centres in row-major order, N the product of the sides over
        the stride (rounded up); within a token channel by channel, each in row-major order.
    """
    batch, channels = volume.shape[:2]
    # One axis by hand, the other two by torch's own im2col, which exists for images only.
    columns = F.pad(volume, (0, 0, 0, 0, 1, 1)).unfold(2, _KERNEL, stride)
    rows = columns.shape[2]
    images = columns.permute(0, 2, 1, 5, 3, 4).reshape(
        batch * rows, channels * _KERNEL, *volume.shape[3:]
    )
    tokens = F.unfold(images, _KERNEL, padding=1, stride=stride)
    return (
        tokens.reshape(batch, rows, channels * NEIGHBOURS, -1)
        .transpose(2, 3)
        .reshape(batch, -1, channels * NEIGHBOURS)
    )


def voxels(volume: Tensor) -> Tensor:
    """Make every voxel a token: (B, C, X, Y, Z) to (B, X Y Z, C)."""
    return volume.flatten(2).transpose(1, 2)


def to_volume(tokens: Tensor, sides: Sequence[int]) -> Tensor:
    """Undo :func:`voxels`: (B, X Y Z, C) to (B, C, X, Y, Z)."""
    return tokens.transpose(1, 2).reshape(len(tokens), -1, *sides)


def sinusoids(length: int, width: int) -> Tensor:
    """Tabulate the transformer's sine and cosine positions over a token's index.

    Positions are those in the flattened sequence, not in space, as published. Source: Vaswani et
    al., Attention is all you need, NeurIPS 2017, section 3.5.

    Returns:
        Shape (1, length, width).
    """
    feature = torch.arange(width)
    rate = _LONGEST_PERIOD ** (-2.0 * (feature // 2).double() / width)
    angle = torch.arange(length).double()[:, None] * rate
    return torch.where(feature % 2 == 0, angle.sin(), angle.cos()).float()[None]
