"""Draws the montage: a subject a row, a modality a column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import TABLEAU_COLORS, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synthbench.report.montage import Montage, Picture, Row
from synthbench.report.slices import SMALL, blank_axes, grey_window, mark_sides, show_slice
from synthbench.store.atomic import write_atomic

# Inches.
_COLUMN, _GAP, _EDGE, _HEAD, _TITLE, _FOOT = 1.9, 0.05, 0.12, 0.42, 0.24, 0.42
_WINDOW_LINE = 0.14
#: Two columns: a row's title needs this much, however few there are.
_NARROWEST = 2 * (_EDGE + _COLUMN) + _GAP
#: HU: fat, fluid, muscle and the edges of bone differ; in all that CT can hold they are one grey.
_SOFT_TISSUE = (-200.0, 300.0)
#: Height of a row that has no picture, as a part of its width.
_EMPTY = 0.5
_DPI = 150
#: With more label values than colours, the outline of all of them is drawn.
_COLOURS = tuple(TABLEAU_COLORS.values())


def draw_montage(montage: Montage, path: Path) -> None:
    """Write the montage as PNG.

    All pictures share one scale in mm. A modality in physical units has one grey window for all
    subjects, of arbitrary units each picture has its own. Left and right follow the radiological
    convention (the patient's right is on the viewer's left) and are marked. Labels are outlined.

    Args:
        montage: What to show.
        path: Where to write; an existing file is replaced.

    Raises:
        DataError: If the file cannot be written.
    """
    columns = len(montage.modalities)
    extents = [p.extent for row in montage.rows for p in row.pictures.values()]
    inches = _COLUMN / max((width for width, _ in extents), default=1.0)
    heights = [_height(row, inches) for row in montage.rows]
    width = max(2 * _EDGE + columns * (_COLUMN + _GAP) - _GAP, _NARROWEST)
    windows = {name: _shared_window(montage, name) for name in montage.modalities}
    head = _HEAD if any(windows.values()) else _HEAD - _WINDOW_LINE
    height = head + sum(heights) + len(heights) * (_TITLE + _GAP) + _FOOT
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    colours = _label_colours(montage)

    def place(left: float, top: float, across: float, down: float) -> tuple[float, ...]:
        return left / width, 1 - (top + down) / height, across / width, down / height

    lefts = [_EDGE + column * (_COLUMN + _GAP) for column in range(columns)]
    for name, left in zip(montage.modalities, lefts, strict=True):
        middle = (left + _COLUMN / 2) / width
        _write(figure, middle, 1 - 0.19 / height, name, size=9, weight="bold", ha="center")
        if window := windows[name]:
            text = f"{window.vmin:.0f} to {window.vmax:.0f} {montage.models[name].unit}"
            _write(figure, middle, 1 - 0.34 / height, text, ha="center")
    top = head
    for row, tall in zip(montage.rows, heights, strict=True):
        baseline = 1 - (top + 0.8 * _TITLE) / height
        _write(figure, _EDGE / width, baseline, row.id, size=8, weight="bold")
        _write(figure, 1 - _EDGE / width, baseline, _remark(row), ha="right")
        top += _TITLE
        for name, left in zip(montage.modalities, lefts, strict=True):
            picture = row.pictures.get(name)
            if picture is None:
                axes = blank_axes(figure, place(left, top, _COLUMN, tall))
                _say_why(axes, name, broken=name in row.broken)
                continue
            across, down = (side * inches for side in picture.extent)
            cell = place(left + (_COLUMN - across) / 2, top + (tall - down) / 2, across, down)
            axes = blank_axes(figure, cell)
            _show(axes, picture, windows[name], colours)
            if name == next(iter(row.pictures)):
                mark_sides(axes, picture.plane)
        top += tall + _GAP
    _foot(figure, montage, colours, _EDGE / width, height)
    write_atomic(path, lambda temporary: figure.savefig(temporary, format="png", dpi=_DPI))


def _height(row: Row, inches: float) -> float:
    heights = [picture.extent[1] * inches for picture in row.pictures.values()]
    return max(heights, default=_EMPTY * _COLUMN)


def _shared_window(montage: Montage, modality: str) -> Normalize | None:
    """One window for all subjects, so that one in other units stands out."""
    if montage.models[modality].unit == "HU":
        return Normalize(*_SOFT_TISSUE, clip=True)
    if montage.models[modality].kind != "window":
        return None
    single = [
        grey_window([row.pictures[modality].image])
        for row in montage.rows
        if modality in row.pictures
    ]
    if not single:
        return None
    low = float(np.median([window.vmin for window in single]))
    high = float(np.median([window.vmax for window in single]))
    return Normalize(low, max(high, low + 1), clip=True)


def _label_colours(montage: Montage) -> dict[int, Any]:
    """Colour of each label value shown; one entry, 0, for all of them if they are too many."""
    labels = [p.label for r in montage.rows for p in r.pictures.values() if p.label is not None]
    found = sorted({int(value) for label in labels for value in np.unique(label)} - {0})
    if len(found) > len(_COLOURS):
        return {0: _COLOURS[1]}
    return dict(zip(found, _COLOURS[1:] + _COLOURS[:1], strict=False))


def _show(
    axes: Any, picture: Picture, window: Normalize | None, colours: Mapping[int, Any]
) -> None:
    show_slice(
        axes, picture.image, picture.extent, picture.plane, window or grey_window([picture.image])
    )
    if picture.grid:
        axes.text(
            *(0.5, 0.97, "another grid"),
            transform=axes.transAxes,
            ha="center",
            va="top",
            color="gold",
            fontsize=SMALL,
        )
    if picture.label is None:
        return
    rows, columns = picture.label.shape
    width, height = picture.extent
    x, y = (np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows
    for value, colour in colours.items():
        inside = picture.label == value if value else picture.label != 0
        if inside.any() and not inside.all():
            axes.contour(x, y, inside, levels=[0.5], colors=[colour], linewidths=0.7)


def _say_why(axes: Any, modality: str, *, broken: bool) -> None:
    axes.set_facecolor("mistyrose" if broken else "0.93")
    text = f"{modality} cannot be read" if broken else f"no {modality}"
    colour = "firebrick" if broken else "0.3"
    axes.text(
        *(0.5, 0.5, text), ha="center", va="center", fontsize=8, color=colour, parse_math=False
    )


def _remark(row: Row) -> str:
    faults = [f"{name} cannot be read" for name in ("label", "mask") if name in row.broken]
    return ", ".join([row.details, *faults] if row.details else faults)


def _foot(
    figure: Any, montage: Montage, colours: Mapping[int, Any], left: float, height: float
) -> None:
    count = len(montage.rows)
    text = f"{montage.dataset}, {count} subject{'s' if count > 1 else ''}. Radiological convention."
    _write(figure, left, 0.1 / height, text)
    if colours:
        names = {v: f"label {v} {montage.names.get(v, '')}".rstrip() for v in colours}
        if 0 in colours:
            names[0] = "all label values"
        lines = [Line2D([], [], color=colour, linewidth=1.2) for colour in colours.values()]
        legend = figure.legend(
            lines,
            [names[value] for value in colours],
            loc="lower left",
            bbox_to_anchor=(left, 0.2 / height),
            ncols=5 if len(colours) > 5 else len(colours),
            fontsize=SMALL,
            frameon=False,
            borderaxespad=0,
            borderpad=0,
            handlelength=1.2,
        )
        for entry in legend.get_texts():
            entry.set_parse_math(False)


def _write(
    figure: Any,
    x: float,
    y: float,
    text: str,
    *,
    size: float = SMALL,
    weight: str = "normal",
    ha: str = "left",
) -> None:
    figure.text(
        x, y, text, fontsize=size, fontweight=weight, ha=ha, va="baseline", parse_math=False
    )
