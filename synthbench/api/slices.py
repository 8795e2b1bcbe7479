"""Volumes as stacks of slices, for networks that see one 2D image at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from synthbench.api.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

#: Across axial slices (volumes are in RAS order).
_AXIAL = 2


def slice_axis(sides: Sequence[int] | None, wanted: int | None = None) -> int:
    """Decide across which axis slices are taken.

    Args:
        sides: Side lengths of a patch, or ``None`` for whole volumes.
        wanted: The axis, or ``None`` for the one along which the patch is a single voxel thick;
            where there is none (or more than one), the last such axis.

    Raises:
        UsageError: If there is no such axis.
    """
    if wanted is not None:
        if wanted not in (0, 1, 2):
            raise UsageError(f"there is no axis {wanted!r}", "axis is 0, 1 or 2")
        return wanted
    thin = [axis for axis, side in enumerate(sides or ()) if side == 1]
    return thin[-1] if thin else _AXIAL


def fold_slices(volume: Tensor, axis: int) -> Tensor:
    """Make slices a batch: (B, C, X, Y, Z) to (B * slices, C, height, width)."""
    return volume.movedim(2 + axis, 1).flatten(0, 1)


def unfold_slices(slices: Tensor, axis: int, batch: int) -> Tensor:
    """Undo :func:`fold_slices`; channels and sides within a slice may have changed meanwhile."""
    return slices.reshape(batch, -1, *slices.shape[1:]).movedim(1, 2 + axis)
