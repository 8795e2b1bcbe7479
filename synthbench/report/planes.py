"""Anatomical planes of a volume, and which ones to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
#: Voxels shown around the foreground.
_MARGIN = 3
#: Name, normal, axis to the right and axis upwards of each plane on a RAS grid.
_PLANES = (("axial", 2, 0, 1), ("coronal", 1, 0, 2), ("sagittal", 0, 1, 2))
#: Every plane there is.
VIEWS = tuple(name for name, *_ in _PLANES)


@dataclass(frozen=True)
class Plane:
    """An anatomical plane of a volume on a RAS grid.

    Attributes:
        name: ``axial``, ``coronal`` or ``sagittal``.
        normal: Array axis it cuts.
        index: Which slice.
        across: Array axis shown from left to right.
        up: Array axis shown from bottom to top.
        window: Voxels shown along ``up`` and ``across``: the foreground and a small margin.
    """

    name: str
    normal: int
    index: int
    across: int
    up: int
    window: tuple[slice, slice]

    def cut(self, volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Cut a volume, shape (X, Y, Z).

        Returns:
            Shape (up, across), first row at the bottom.
        """
        cut: list[int | slice] = [self.index] * 3
        cut[self.up], cut[self.across] = self.window
        plane: npt.NDArray[Any] = volume[tuple(cut)].T
        return plane


def planes_through(
    label: Any, mask: Any, shape: tuple[int, ...], at: tuple[int, int, int] | None = None
) -> tuple[Plane, ...]:
    """Choose an axial, a coronal and a sagittal plane of a subject.

    They pass through the largest extent of the label where there is one, else through the centre of
    the foreground.

    Args:
        label: Label values, shape (X, Y, Z), or ``None``.
        mask: Foreground, same shape; the whole volume where it is empty.
        shape: (X, Y, Z).
        at: Voxel that all of them pass through instead.
    """
    inside = np.asarray(mask).astype(bool)
    inside = inside if inside.any() else np.ones(shape, dtype=bool)
    where = np.nonzero(inside)
    shown = None if label is None else np.asarray(label) > 0
    windows, indices = [], []
    for axis in range(3):
        low, high = int(where[axis].min()), int(where[axis].max()) + 1
        windows.append(slice(max(0, low - _MARGIN), min(shape[axis], high + _MARGIN)))
        if at is not None:
            indices.append(at[axis])
        elif shown is not None and shown.any():
            others = tuple(other for other in range(3) if other != axis)
            indices.append(int(shown.sum(axis=others).argmax()))
        else:
            indices.append(int(np.median(where[axis])))
    return tuple(
        Plane(name, normal, indices[normal], across, up, (windows[up], windows[across]))
        for name, normal, across, up in _PLANES
    )
