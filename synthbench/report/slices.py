"""Draws one slice of a volume the way every figure does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke

from synthbench.report.planes import FloatArray, Plane

#: Size of small print in points.
SMALL = 7
#: The grey window spans these percentiles of the slices shown.
PERCENTILES = (0.5, 99.5)
#: Letters at the left and right edge of each plane; x is mirrored (radiological convention).
SIDES = {"axial": ("R", "L"), "coronal": ("R", "L"), "sagittal": ("P", "A")}


def blank_axes(figure: Any, cell: Any) -> Any:
    """Add axes without ticks and frame.

    Args:
        figure: Matplotlib figure.
        cell: Cell of a grid, or (left, bottom, width, height) as parts of the figure.
    """
    axes = figure.add_axes(cell) if isinstance(cell, tuple) else figure.add_subplot(cell)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def grey_window(slices: Sequence[FloatArray]) -> Normalize:
    """Window that shows all but the extremes of some slices."""
    values = np.concatenate([image.ravel() for image in slices])
    low, high = np.percentile(values, PERCENTILES)
    return Normalize(float(low), float(high) if high > low else float(low) + 1.0, clip=True)


def show_slice(
    axes: Any,
    image: FloatArray,
    extent: tuple[float, float],
    plane: Plane,
    window: Normalize,
    colours: str = "gray",
) -> None:
    """Show a slice in its physical proportions, the patient's right on the viewer's left.

    Args:
        axes: Where.
        image: As from :meth:`~synthbench.report.planes.Plane.cut`.
        extent: Width and height in mm.
        plane: That it was cut along.
        window: Values shown black and white.
        colours: Colour map.
    """
    axes.imshow(
        image,
        origin="lower",
        extent=(0.0, extent[0], 0.0, extent[1]),
        aspect="equal",
        cmap=colours,
        norm=window,
        interpolation="nearest",
    )
    if plane.across == 0:
        axes.invert_xaxis()


def mark_sides(axes: Any, plane: Plane, *, top: bool = False) -> None:
    """Write which side is which into the lower, or upper, corners of a slice."""
    for x, letter, side in zip((0.03, 0.97), SIDES[plane.name], ("left", "right"), strict=True):
        axes.text(
            x,
            0.97 if top else 0.03,
            letter,
            transform=axes.transAxes,
            ha=side,
            va="top" if top else "bottom",
            color="white",
            fontsize=SMALL,
            # Tissue below it may be white too.
            path_effects=[withStroke(linewidth=1.5, foreground="black")],
        )
