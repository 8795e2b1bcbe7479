"""Draws the comparison figure: source, target, every method and its error map in three planes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from synthbench.report.comparison import Comparison, Panel
from synthbench.report.planes import FloatArray, Plane
from synthbench.report.slices import (
    PERCENTILES,
    SMALL,
    blank_axes,
    grey_window,
    mark_sides,
    show_slice,
)
from synthbench.store.atomic import write_atomic

#: Colour map of absolute errors.
ERROR_MAP = "inferno"
# Inches.
_COLUMN, _GAP, _BAR = 1.6, 0.04, 0.14
_LEFT, _RIGHT, _TOP, _BOTTOM, _LINE = 0.42, 0.75, 0.72, 0.24, 0.13
_DPI = 200
#: Letters of that size in an inch.
_LETTERS = 18
#: The error scale ends at this multiple of the trained methods' errors, if baselines go further.
_CLIPPED_BEYOND = 3.0


def draw(comparison: Comparison, path: Path) -> None:
    """Write the figure as PNG.

    Each plane has two rows, images and absolute errors. All planes share one scale in mm, all
    images of the target's modality one grey window, all error maps one colour scale. Left and
    right follow the radiological convention (the patient's right is on the viewer's left) and
    are marked.

    Args:
        comparison: What to show.
        path: Where to write; an existing file is replaced.

    Raises:
        DataError: If the file cannot be written.
    """
    sources, panels = len(comparison.sources), len(comparison.panels)
    columns = sources + 1 + panels
    extents = [extent_of(plane, comparison) for plane in comparison.planes]
    inches = _COLUMN / max(width for width, _ in extents)
    heights = [height * inches for _, height in extents for _ in ("image", "error")]
    width = _LEFT + columns * (_COLUMN + _GAP) + _BAR + _RIGHT
    footer = textwrap.wrap(_footer(comparison), int(_LETTERS * (width - _LEFT)))
    bottom = _BOTTOM + len(footer) * _LINE
    height = _TOP + sum(heights) + len(heights) * _GAP + bottom
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        len(heights),
        columns + 1,
        width_ratios=[*[_COLUMN] * columns, _BAR],
        height_ratios=heights,
        left=_LEFT / width,
        right=1 - _RIGHT / width,
        bottom=bottom / height,
        top=1 - _TOP / height,
        wspace=_GAP / _COLUMN,
        hspace=_GAP * len(heights) / sum(heights),
    )
    grey = grey_window(comparison.target)
    errors = Normalize(0.0, largest_error(comparison))

    for number, plane in enumerate(comparison.planes):
        shown: list[tuple[FloatArray | None, Normalize]] = [
            (slices[number], grey_window(slices)) for slices in comparison.sources.values()
        ]
        shown.append((comparison.target[number], grey))
        shown += [
            (panel.slices[number] if panel.slices else None, grey) for panel in comparison.panels
        ]
        for column, (image, window) in enumerate(shown):
            axes = blank_axes(figure, grid[2 * number, column])
            panel = comparison.panels[column - sources - 1] if column > sources else None
            if number == 0:
                _title(axes, *heading(comparison, column))
            if column == 0:
                _side_title(axes, plane.name)
            if image is None:
                axes.set_box_aspect(extents[number][1] / extents[number][0])
                axes.set_facecolor("0.93")
                axes.text(
                    0.5,
                    0.5,
                    panel.state if panel else "",
                    ha="center",
                    va="center",
                    parse_math=False,
                )
                continue
            show_slice(axes, image, extents[number], plane, window)
            if column == 0:
                mark_sides(axes, plane)
            if panel:
                error = np.abs(image - comparison.target[number]) * comparison.scale
                below = blank_axes(figure, grid[2 * number + 1, column])
                show_slice(below, error, extents[number], plane, errors, ERROR_MAP)
                if column == sources + 1:
                    _side_title(below, "|error|")
    _colour_bar(figure, grid, errors, comparison.unit)
    figure.text(
        _LEFT / width,
        bottom / 2 / height,
        "\n".join(footer),
        va="center",
        fontsize=SMALL,
        parse_math=False,
    )
    write_atomic(path, lambda temporary: figure.savefig(temporary, format="png", dpi=_DPI))


def extent_of(plane: Plane, comparison: Comparison) -> tuple[float, float]:
    """Width and height of a plane in mm."""
    up, across = plane.window
    return (
        (across.stop - across.start) * comparison.spacing[plane.across],
        (up.stop - up.start) * comparison.spacing[plane.up],
    )


def largest_error(comparison: Comparison) -> float:
    """Upper end of the colour scale.

    It covers every method, unless one fails so badly that the good ones would all look black.
    """
    trained = [panel for panel in comparison.panels if not panel.baseline]
    largest = _error_percentile(comparison, comparison.panels)
    best = _error_percentile(comparison, trained) or largest
    return min(largest, _CLIPPED_BEYOND * best) * comparison.scale or 1.0


def _error_percentile(comparison: Comparison, panels: Sequence[Panel]) -> float:
    errors = [
        np.abs(image - target).ravel()
        for panel in panels
        if panel.slices
        for image, target in zip(panel.slices, comparison.target, strict=True)
    ]
    return float(np.percentile(np.concatenate(errors), PERCENTILES[1])) if errors else 0.0


def heading(comparison: Comparison, column: int) -> tuple[str, tuple[str, ...]]:
    """Name of a column (sources, target, panels) and the lines below it."""
    sources = list(comparison.sources)
    if column < len(sources):
        return sources[column], ("source",)
    if column == len(sources):
        return comparison.target_name, ("target",)
    panel = comparison.panels[column - len(sources) - 1]
    return panel.label, panel.scores


def _title(axes: Any, name: str, lines: tuple[str, ...]) -> None:
    below = len(lines) * 9.5 + 4
    axes.annotate(
        "\n".join(textwrap.wrap(name, 19)),
        (0.5, 1.0),
        xytext=(0, below),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8.5,
        fontweight="bold",
        parse_math=False,
    )
    axes.annotate(
        "\n".join(lines),
        (0.5, 1.0),
        xytext=(0, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="bottom",
        parse_math=False,
        fontsize=SMALL,
    )


def _side_title(axes: Any, text: str) -> None:
    axes.annotate(
        text,
        (0.0, 0.5),
        xytext=(-5, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="center",
        fontsize=8,
    )


def _colour_bar(figure: Any, grid: Any, errors: Normalize, unit: str) -> None:
    bar = figure.colorbar(
        ScalarMappable(errors, ERROR_MAP), cax=figure.add_subplot(grid[:, -1]), extend="max"
    )
    bar.set_label(f"absolute error ({unit or 'unit range'})", fontsize=8, parse_math=False)
    bar.ax.tick_params(labelsize=7)


def _footer(comparison: Comparison) -> str:
    why = f", {comparison.why}" if comparison.why else ""
    scored = f"Scores: this subject, {comparison.scored}. " if comparison.scored else ""
    return (
        f"{comparison.task.replace('->', '→')}, subject {comparison.subject}{why}. {scored}"
        "Radiological convention: R is the patient's right."
    )
