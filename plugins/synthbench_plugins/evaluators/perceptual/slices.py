"""Which slices of a volume a 2D network sees, and how."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

#: Axes of RAS across which sagittal, coronal and axial slices lie.
VIEWS = {"sagittal": 0, "coronal": 1, "axial": 2}


def positions(mask: npt.NDArray[np.bool_], axis: int, most: int) -> list[int]:
    """Slices that meet the foreground, at most so many, evenly spaced.

    Args:
        mask: Foreground, shape (X, Y, Z).
        axis: Across which the slices lie.
        most: Most slices.
    """
    others = tuple(other for other in range(3) if other != axis)
    inside = np.flatnonzero(np.asarray(mask).any(axis=others))
    if len(inside) <= most:
        return [int(at) for at in inside]
    # Middles of equal parts: the first and last slices show little and would count too much.
    middles = (np.arange(most) + 0.5) * len(inside) / most
    return [int(inside[int(at)]) for at in middles]


def batches(
    volume: npt.NDArray[np.float32], axis: int, chosen: list[int], size: int, device: torch.device
) -> Iterator[Tensor]:
    """Slices as grey images in [-1, 1], in three equal channels.

    Args:
        volume: Unit range, shape (X, Y, Z); clipped to it.
        axis: Across which the slices lie.
        chosen: Their positions.
        size: Images a batch.
        device: Where to put them.

    Yields:
        Shape (B, 3, H, W).
    """
    for first in range(0, len(chosen), size):
        stack = np.stack(
            [np.take(volume, at, axis=axis) for at in chosen[first : first + size]]
        ).clip(0, 1)
        image = torch.from_numpy(stack.astype(np.float32)).to(device)
        yield (2 * image - 1).unsqueeze(1).expand(-1, 3, -1, -1)
