"""Draws the comparison figure of a paper: views down, source, target and methods across."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from synthbench.report.comparison import Comparison, Panel
from synthbench.report.figure import ERROR_MAP, largest_error
from synthbench.report.figure_files import MM, save
from synthbench.report.paper_layout import (
    BAR,
    BAR_TEXT,
    BLOCK_GAP,
    EDGE,
    GAP,
    LEFT,
    LINE,
    NAME,
    SCORE,
    Column,
    Layout,
    arrange,
    wrap,
)
from synthbench.report.paper_view import View
from synthbench.report.slices import blank_axes, grey_window, mark_sides
from synthbench.report.zoom import Zoom

#: Width in mm of a page of two columns in most journals.
PAGE = 180.0


def draw_paper_figure(
    comparison: Comparison,
    paths: Sequence[Path],
    *,
    zoom: Sequence[Zoom] = (),
    errors: bool = False,
    width: float = PAGE,
) -> None:
    """Write the figure as PNG or PDF, in the size it is printed in.

    All slices share one scale in mm, target and methods one grey window, all error maps one colour
    scale; both have a bar. More methods than fit beside each other continue below.

    Args:
        comparison: What to show.
        paths: Where to write; the suffix, ``.png`` or ``.pdf``, decides the format.
        zoom: Region of each plane that is enlarged in a corner; none if empty.
        errors: Whether every view has a second row with the absolute errors.
        width: Of the page in mm; the figure is narrower where it has few columns.

    Raises:
        DataError: If a file cannot be written.
    """
    layout = arrange(comparison, errors, width * MM)
    figure = Figure(figsize=(layout.width, layout.height), facecolor="white")
    FigureCanvasAgg(figure)
    grey = grey_window(comparison.target)
    scale = Normalize(0.0, largest_error(comparison))
    top = EDGE
    for block, head in zip(layout.blocks, layout.heads, strict=True):
        top += head
        _draw_block(figure, layout, comparison, block, top, zoom, scale if errors else None)
        top += layout.body + BLOCK_GAP
    _draw_bars(figure, layout, comparison, grey, scale if errors else None)
    save(figure, paths, f"{comparison.task}, subject {comparison.subject}")


def paper_caption(comparison: Comparison, zoom: Sequence[Zoom] = (), errors: bool = False) -> str:
    """Say what the figure shows; for the text below it."""
    grey = grey_window(comparison.target)
    low, high = _physical(comparison, grey)
    unit = f" {comparison.unit}" if comparison.unit else " of the unit range"
    digits = 0 if comparison.unit else 2
    why = f", {comparison.why}" if comparison.why else ""
    parts = [
        f"{comparison.task.replace('->', '→')}, subject {comparison.subject}{why}.",
        f"Target and methods share one grey window ({low:.{digits}f} to {high:.{digits}f}{unit}).",
    ]
    if zoom:
        reasons = " or ".join(dict.fromkeys(each.why for each in zoom))
        parts.append(f"Insets: {zoom[0].side:.0f} mm {reasons}, enlarged.")
    if errors:
        end = largest_error(comparison)
        parts.append(f"Below each view: absolute error, on one scale up to {end:.{digits}f}{unit}.")
    if comparison.seed is not None:
        parts.append(f"Predictions of training seed {comparison.seed}.")
    if comparison.scored:
        parts.append(f"Scores: this subject, {comparison.scored}.")
    parts.append("Radiological convention: R is the patient's right.")
    return " ".join(parts)


def _physical(comparison: Comparison, window: Normalize) -> tuple[float, float]:
    """Ends of a window in the target's unit."""
    low, high = window.vmin or 0.0, window.vmax or 0.0
    return comparison.low + low * comparison.scale, comparison.low + high * comparison.scale


def _draw_block(
    figure: Any,
    layout: Layout,
    comparison: Comparison,
    block: Sequence[Column],
    top: float,
    zoom: Sequence[Zoom],
    errors: Normalize | None,
) -> None:
    scores = max(len(column.lines) for column in block)
    for number, column in enumerate(block):
        left = LEFT + number * (layout.column + GAP)
        _draw_head(figure, layout, column, (left + layout.column / 2, top), scores)
        below = top
        for index, plane in enumerate(comparison.planes):
            height = layout.rows[index * (2 if errors else 1)]
            place = _place(layout, left, below, height)
            shown = View(comparison, index, layout, zoom[index] if zoom else None)
            if column.images:
                axes = blank_axes(figure, place)
                corner = shown.show(axes, column.images[index], column.windows[index], "gray")
                if number == 0:
                    mark_sides(axes, plane, top=not corner[1])
            else:
                _draw_state(figure, place, column.panel)
            if number == 0:
                _draw_side(figure, layout, left, below + height / 2, plane.name)
            below += height + GAP
            if errors is None:
                continue
            if column.panel and column.images:
                error = np.abs(column.images[index] - comparison.target[index]) * comparison.scale
                shown.show(
                    blank_axes(figure, _place(layout, left, below, height)),
                    error,
                    errors,
                    ERROR_MAP,
                )
            if _first_panel(block) == number:
                _draw_side(figure, layout, left, below + height / 2, "|error|")
            below += height + GAP


def _first_panel(block: Sequence[Column]) -> int:
    return next((number for number, column in enumerate(block) if column.panel), -1)


def _place(
    layout: Layout, left: float, top: float, height: float
) -> tuple[float, float, float, float]:
    """A cell of the figure as parts of it."""
    return (
        left / layout.width,
        1 - (top + height) / layout.height,
        layout.column / layout.width,
        height / layout.height,
    )


def _draw_head(
    figure: Any, layout: Layout, column: Column, at: tuple[float, float], scores: int
) -> None:
    """Write name and scores above a column; names of a block stand on one line."""
    middle, top = at
    line = top - 0.035 - scores * SCORE * LINE / 72
    name = "\n".join(wrap(column.name, layout.column))
    for text, above, align, size, weight in (
        (name, 0.01, "bottom", NAME, "bold"),
        ("\n".join(column.lines), 0.0, "top", SCORE, "normal"),
    ):
        figure.text(
            middle / layout.width,
            1 - (line - above) / layout.height,
            text,
            ha="center",
            va=align,
            fontsize=size,
            fontweight=weight,
            linespacing=1.1,
            parse_math=False,
        )


def _draw_side(figure: Any, layout: Layout, left: float, middle: float, text: str) -> None:
    figure.text(
        (left - 0.04) / layout.width,
        1 - middle / layout.height,
        text,
        rotation=90,
        ha="right",
        va="center",
        fontsize=NAME,
    )


def _draw_state(figure: Any, place: tuple[float, ...], panel: Panel | None) -> None:
    axes = blank_axes(figure, place)
    axes.set_facecolor("0.93")
    text = panel.state if panel else ""
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=NAME, parse_math=False)


def _draw_bars(
    figure: Any, layout: Layout, comparison: Comparison, grey: Normalize, errors: Normalize | None
) -> None:
    """Draw the scales at the right of the first block."""
    low, high = _physical(comparison, grey)
    unit = comparison.unit or "unit range"
    bars = [(Normalize(low, high), "gray", f"intensity ({unit})", "neither")]
    if errors:
        bars.append((errors, ERROR_MAP, f"absolute error ({unit})", "max"))
    left = layout.width - BAR_TEXT - BAR
    space = 0.12
    height = min(2.0, (layout.body - (len(bars) - 1) * space) / len(bars))
    top = EDGE + layout.heads[0]
    for window, colours, text, extend in bars:
        place = (
            left / layout.width,
            1 - (top + height) / layout.height,
            BAR / layout.width,
            height / layout.height,
        )
        bar = figure.colorbar(
            ScalarMappable(window, colours), cax=figure.add_axes(place), extend=extend
        )
        bar.set_label(text, fontsize=SCORE, parse_math=False, labelpad=2)
        bar.ax.tick_params(labelsize=SCORE, length=2, pad=1.5, width=0.5)
        bar.outline.set_linewidth(0.5)
        top += height + space
