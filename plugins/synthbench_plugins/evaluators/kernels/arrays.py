"""Volumes and masks as tensors, where they already are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

#: A volume or mask of shape (X, Y, Z).
Volume = npt.NDArray[Any] | Tensor


def as_float64(volume: Volume) -> Tensor:
    """The volume as a float64 tensor; a tensor stays on its device."""
    if isinstance(volume, Tensor):
        return volume.to(torch.float64)
    # Always a copy: torch warns about memory-mapped, read-only arrays.
    return torch.from_numpy(np.array(volume, dtype=np.float64))


def as_pair(prediction: Volume, target: Volume) -> tuple[Tensor, Tensor]:
    """Both volumes as float64 tensors on the target's device.

    Raises:
        ValueError: If they differ in shape or are not three-dimensional.
    """
    if tuple(prediction.shape) != tuple(target.shape) or target.ndim != 3:
        shapes = f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        raise ValueError(f"two volumes of one shape (X, Y, Z) are needed, not {shapes}")
    real = as_float64(target)
    return as_float64(prediction).to(real.device), real


def as_mask(mask: Volume, like: Tensor) -> Tensor:
    """The mask as a bool tensor beside a volume.

    Raises:
        ValueError: If the shapes differ.
    """
    if tuple(mask.shape) != tuple(like.shape):
        raise ValueError(f"a mask of shape {tuple(mask.shape)} for volumes {tuple(like.shape)}")
    if isinstance(mask, Tensor):
        return mask.to(device=like.device, dtype=torch.bool)
    return torch.from_numpy(np.array(mask, dtype=np.bool_)).to(like.device)
