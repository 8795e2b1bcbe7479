"""Which part of a slice is worth a closer look, and where its enlargement hides the least."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from synthbench.report.comparison import Comparison

#: Side of the region as a part of the smallest side of any slice.
_REGION = 5
#: Corners of a slice, (right, upper), in the order of preference.
_CORNERS = ((True, False), (False, False), (True, True), (False, True))


@dataclass(frozen=True)
class Zoom:
    """A square region of one slice.

    Attributes:
        left: From the first column of the slice, in mm.
        bottom: From its first row, in mm.
        side: In mm.
        why: How it was chosen, in words.
    """

    left: float
    bottom: float
    side: float
    why: str


def zooms(comparison: Comparison, side: float | None = None) -> tuple[Zoom, ...]:
    """Choose the region of every slice to be enlarged.

    It lies around the point that was asked for, else around the label, else where the methods'
    errors differ most: an interesting place, and nobody's choice.

    Args:
        comparison: What is shown.
        side: Of the regions in mm; default: a fifth of the smallest side of any slice.

    Returns:
        One a plane.
    """
    extents = [
        np.array(image.shape) * np.array(_steps(comparison, i)) for i, image in _targets(comparison)
    ]
    smallest = float(min(extent.min() for extent in extents))
    side = min(side, smallest) if side else smallest / _REGION
    found = []
    for index, _ in _targets(comparison):
        (row, column), why = _centre(comparison, index, side)
        steps = _steps(comparison, index)
        corner = np.array([(row + 0.5) * steps[0], (column + 0.5) * steps[1]]) - side / 2
        bottom, left = np.clip(corner, 0.0, extents[index] - side)
        found.append(Zoom(float(left), float(bottom), side, why))
    return tuple(found)


def free_corner(
    inside: npt.NDArray[np.bool_], box: tuple[float, float, float, float], size: tuple[float, float]
) -> tuple[bool, bool]:
    """Find the corner in which an enlargement hides the least.

    Args:
        inside: What should stay visible, as displayed: first row at the bottom, shape (up, across).
        box: Region that is enlarged: left, bottom, width, height as parts of the slice.
        size: Width and height of the enlargement as parts of the slice.

    Returns:
        Whether it is on the right, and whether at the top.
    """
    height, width = inside.shape
    hidden = []
    for right, upper in _CORNERS:
        left, bottom = (1 - size[0]) * right, (1 - size[1]) * upper
        rows = slice(round(bottom * height), round((bottom + size[1]) * height))
        columns = slice(round(left * width), round((left + size[0]) * width))
        overlap = max(0.0, min(left + size[0], box[0] + box[2]) - max(left, box[0])) * max(
            0.0, min(bottom + size[1], box[1] + box[3]) - max(bottom, box[1])
        )
        # The enlarged region itself must stay visible before anything else does.
        covered = float(inside[rows, columns].mean()) if inside[rows, columns].size else 0.0
        hidden.append((overlap > 0, covered))
    return _CORNERS[min(range(len(_CORNERS)), key=hidden.__getitem__)]


def _targets(comparison: Comparison) -> list[tuple[int, npt.NDArray[np.float32]]]:
    return list(enumerate(comparison.target))


def _steps(comparison: Comparison, index: int) -> tuple[float, float]:
    """Height and width of a voxel in mm."""
    plane = comparison.planes[index]
    return comparison.spacing[plane.up], comparison.spacing[plane.across]


def _centre(comparison: Comparison, index: int, side: float) -> tuple[tuple[float, float], str]:
    """Row and column, and why."""
    plane = comparison.planes[index]
    if comparison.at is not None:
        up, across = plane.window
        return (
            comparison.at[plane.up] - up.start,
            comparison.at[plane.across] - across.start,
        ), "at the chosen point"
    if comparison.label and comparison.label[index].any():
        rows, columns = np.nonzero(comparison.label[index])
        return (float(rows.mean()), float(columns.mean())), "around the label"
    target = comparison.target[index]
    errors = [
        np.abs(panel.slices[index] - target) for panel in comparison.panels if panel.slices
    ] or [target]
    spread = np.std(errors, axis=0) if len(errors) > 1 else errors[0]
    if comparison.mask[index].any():
        spread = spread * comparison.mask[index]
    size = [max(1, round(side / step)) for step in _steps(comparison, index)]
    smooth = uniform_filter(spread.astype(np.float64), size, mode="constant")
    row, column = np.unravel_index(int(smooth.argmax()), smooth.shape)
    why = "where the methods' errors differ most" if len(errors) > 1 else "of the largest error"
    return (float(row), float(column)), why
