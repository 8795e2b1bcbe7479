"""Draws ranks for a paper: critical-difference diagrams, or rank intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from synthbench.report.figure_files import MM, save
from synthbench.report.ranks import Ranks

# Inches and points.
_ROW, _HEAD, _AXIS, _EDGE, _PAD, _BAR = 0.18, 0.24, 0.42, 0.05, 0.08, 0.1
_SIZE, _SMALL = 8.0, 7.0
#: Names are cut where they would take more than this part of the width on one side.
_LONGEST = 0.36
_INK, _SOFT, _FLOOR, _TRAINED = "0.1", "0.45", "0.5", "#1763b8"


def draw_ranks(panels: Sequence[Ranks], paths: Sequence[Path], width: float) -> None:
    """Write the panels below each other as PNG or PDF.

    Over datasets, the diagram of Demsar (JMLR 7, 2006): best on the left, a bar over methods that
    are not separable. Over subjects, a row a method with its rank interval.

    Args:
        panels: At least one.
        paths: Where to write; the suffix, ``.png`` or ``.pdf``, decides the format.
        width: Of the figure in mm.

    Raises:
        DataError: If a file cannot be written.
    """
    inches = width * MM
    heights = [_height(panel) for panel in panels]
    total = sum(heights) + 2 * _EDGE
    figure = Figure(figsize=(inches, total), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    # One unit is an inch, from the top left corner.
    axes.set(xlim=(0, inches), ylim=(total, 0))
    axes.set_axis_off()
    top = _EDGE
    for panel, height in zip(panels, heights, strict=True):
        _write(axes, _EDGE, top + _HEAD / 2, panel.name, weight="bold")
        (_draw_intervals if panel.difference is None else _draw_critical)(axes, panel, top, inches)
        top += height
    save(figure, paths, f"Ranks by {', '.join(panel.name for panel in panels)}")


def _height(panel: Ranks) -> float:
    if panel.difference is None:
        return _HEAD + _ROW * len(panel.methods) + _AXIS
    half = (len(panel.methods) + 1) // 2
    return _HEAD + _AXIS + _BAR * len(panel.groups) + _ROW * half + _PAD


def _draw_intervals(axes: Axes, panel: Ranks, top: float, width: float) -> None:
    labels = _labels(panel, width)
    left = _EDGE + max(_length(label) for label in labels) + 2 * _PAD
    stop = width - _EDGE - _length("P(best)") - 2 * _PAD
    step = (stop - left - 2 * _PAD) / (len(panel.methods) - 1)

    def place(rank: float) -> float:
        return left + _PAD + (rank - 1) * step

    first = top + _HEAD
    bottom = first + _ROW * len(panel.methods)
    every = -(-len(panel.methods) // 16)
    for rank in range(1, len(panel.methods) + 1, every):
        axes.plot([place(rank)] * 2, [first, bottom], color="0.88", linewidth=0.6, zorder=1)
        _write(axes, place(rank), bottom + 0.09, str(rank), _SMALL, "center")
    axes.plot([left, stop], [bottom, bottom], color=_SOFT, linewidth=0.7)
    _write(axes, (left + stop) / 2, bottom + 0.24, "rank by mean, 1 is best", _SMALL, "center")
    _write(axes, width - _EDGE, top + _HEAD / 2, "P(best)", _SMALL, "right")
    for number, (method, label) in enumerate(zip(panel.methods, labels, strict=True)):
        y = first + _ROW * (number + 0.5)
        colour = _FLOOR if method.baseline else _TRAINED
        ink = _SOFT if method.baseline else _INK
        _write(axes, left - _PAD, y, label, _SIZE, "right", ink)
        ends = [place(method.low), place(method.high)]
        axes.plot(ends, [y, y], color=colour, linewidth=2, alpha=0.5, solid_capstyle="round")
        axes.plot(place(method.rank), y, "o", color=colour, markersize=3.6)
        best = method.best or 0.0
        text = "<1 %" if 0 < best < 0.01 else ">99 %" if 0.99 < best < 1 else f"{100 * best:.0f} %"
        _write(axes, width - _EDGE, y, text, _SMALL, "right", ink)


def _draw_critical(axes: Axes, panel: Ranks, top: float, width: float) -> None:
    assert panel.difference is not None
    labels = [
        f"{label} {method.rank:.2f}"
        for label, method in zip(_labels(panel, width), panel.methods, strict=True)
    ]
    half = (len(labels) + 1) // 2
    left = _EDGE + max(map(_length, labels[:half])) + 2 * _PAD
    stop = width - _EDGE - max(map(_length, labels[half:])) - 2 * _PAD
    step = (stop - left) / (len(labels) - 1)

    def place(rank: float) -> float:
        return left + (rank - 1) * step

    # The critical difference as a length of the axis below it; it may be longer than the axis.
    ruler = min(panel.difference * step, stop - left)
    y = top + _HEAD / 2
    axes.plot([stop - ruler, stop], [y, y], color=_INK, linewidth=0.8)
    for x in (stop - ruler, stop):
        axes.plot([x, x], [y - 0.04, y + 0.04], color=_INK, linewidth=0.8)
    text = f"CD = {panel.difference:.2f}"
    _write(axes, stop + _PAD, y, text, _SMALL)
    line = top + _HEAD + 0.24
    axes.plot([left, stop], [line, line], color=_INK, linewidth=0.8)
    for rank in range(1, len(labels) + 1):
        axes.plot([place(rank)] * 2, [line - 0.05, line], color=_INK, linewidth=0.8)
        _write(axes, place(rank), line - 0.13, str(rank), _SMALL, "center")
    for number, (start, end) in enumerate(panel.groups):
        y = line + _BAR * (number + 0.7)
        ends = [place(panel.methods[at].rank) for at in (start, end)]
        axes.plot(
            [ends[0] - 0.03, ends[1] + 0.03],
            [y, y],
            color=_INK,
            linewidth=2.4,
            solid_capstyle="butt",
            zorder=3,
        )
    first = line + _BAR * len(panel.groups) + _PAD
    for number, (method, label) in enumerate(zip(panel.methods, labels, strict=True)):
        on_left = number < half
        y = first + _ROW * ((number if on_left else len(labels) - 1 - number) + 0.5)
        side = left - _PAD if on_left else stop + _PAD
        x = place(method.rank)
        axes.plot([x, x, side], [line, y, y], color=_SOFT, linewidth=0.7)
        ink = _SOFT if method.baseline else _INK
        edge = side - 0.03 if on_left else side + 0.03
        _write(axes, edge, y, label, _SIZE, "right" if on_left else "left", ink)


def _labels(panel: Ranks, width: float) -> list[str]:
    return [_cut(method.label, _LONGEST * width) for method in panel.methods]


def _cut(name: str, most: float) -> str:
    """A name that fits; the figure's caption is the place for the whole one."""
    if _length(name) <= most:
        return name
    while len(name) > 1 and _length(f"{name}…") > most:
        name = name[:-1]
    return f"{name}…"


def _length(text: str) -> float:
    """Inches that a text takes."""
    if not text.strip():
        return 0.0
    path = TextPath((0, 0), text, size=_SIZE, usetex=False)
    return float(path.get_extents().width) / 72


def _write(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    size: float = _SIZE,
    align: str = "left",
    colour: str = _INK,
    weight: str = "normal",
) -> None:
    axes.text(
        x,
        y,
        text,
        fontsize=size,
        ha=align,
        va="center_baseline",
        color=colour,
        fontweight=weight,
        parse_math=False,
    )
