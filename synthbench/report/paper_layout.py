"""Sizes of the comparison figure of a paper: what stands where, in inches."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from matplotlib.colors import Normalize

from synthbench.report.comparison import Comparison, Panel
from synthbench.report.figure import extent_of, heading
from synthbench.report.planes import FloatArray
from synthbench.report.slices import grey_window

LEFT, GAP, BLOCK_GAP, EDGE = 0.2, 0.025, 0.12, 0.05
BAR, _BAR_GAP, BAR_TEXT = 0.08, 0.07, 0.46
_NARROWEST, _WIDEST = 0.74, 1.8
#: Sizes of letters in points.
NAME, SCORE = 7.0, 6.0
#: Height of a line, and width of a bold letter, in parts of the font's size.
LINE, _LETTER = 1.25, 0.66


@dataclass(frozen=True)
class Column:
    """A source, the target or a method.

    Attributes:
        name: As printed.
        lines: What stands below the name.
        images: One a plane; empty where there is no prediction.
        windows: One a plane.
        panel: Of a method.
    """

    name: str
    lines: tuple[str, ...]
    images: tuple[FloatArray, ...]
    windows: tuple[Normalize, ...]
    panel: Panel | None = None


@dataclass(frozen=True)
class Layout:
    """Where everything stands.

    Attributes:
        blocks: Columns that stand beside each other; block below block.
        across: Columns of the widest block.
        column: Width of a column.
        scale: Inches of a mm.
        heads: Height of the titles of each block.
        rows: Height of each row of images within a block.
    """

    blocks: tuple[tuple[Column, ...], ...]
    across: int
    column: float
    scale: float
    heads: tuple[float, ...]
    rows: tuple[float, ...]

    @property
    def width(self) -> float:
        """Of the figure."""
        columns = self.across * (self.column + GAP) - GAP
        return LEFT + columns + _BAR_GAP + BAR + BAR_TEXT

    @property
    def body(self) -> float:
        """Height of a block without its titles."""
        return sum(self.rows) + (len(self.rows) - 1) * GAP

    @property
    def height(self) -> float:
        """Of the figure."""
        blocks = len(self.blocks)
        return sum(self.heads) + blocks * self.body + (blocks - 1) * BLOCK_GAP + 2 * EDGE


def arrange(comparison: Comparison, errors: bool, page: float) -> Layout:
    """Fit the columns into a page.

    Args:
        comparison: What to show.
        errors: Whether every view has a second row.
        page: Width of the page in inches.
    """
    columns = _columns(comparison)
    usable = page - LEFT - _BAR_GAP - BAR - BAR_TEXT + GAP
    fitting = max(1, int(usable / (_NARROWEST + GAP)))
    across = math.ceil(len(columns) / math.ceil(len(columns) / fitting))
    column = min(_WIDEST, usable / across - GAP)
    extents = [extent_of(plane, comparison) for plane in comparison.planes]
    scale = column / max(extent[0] for extent in extents)
    blocks = tuple(
        tuple(columns[start : start + across]) for start in range(0, len(columns), across)
    )
    heads = []
    for block in blocks:
        names = max(len(wrap(each.name, column)) for each in block)
        scores = max(len(each.lines) for each in block)
        heads.append((names * NAME + scores * SCORE) * LINE / 72 + 0.05)
    rows = [extent[1] * scale for extent in extents for _ in range(2 if errors else 1)]
    return Layout(blocks, across, column, scale, tuple(heads), tuple(rows))


def _columns(comparison: Comparison) -> list[Column]:
    grey = grey_window(comparison.target)
    count = len(comparison.planes)
    found = []
    sources = list(comparison.sources.values())
    for number in range(len(sources) + 1 + len(comparison.panels)):
        name, lines = heading(comparison, number)
        if number < len(sources):
            window = (grey_window(sources[number]),) * count
            found.append(Column(name, lines, sources[number], window))
        elif number == len(sources):
            found.append(Column(name, lines, comparison.target, (grey,) * count))
        else:
            panel = comparison.panels[number - len(sources) - 1]
            found.append(Column(name, lines, panel.slices, (grey,) * count, panel))
    return found


def wrap(name: str, width: float) -> list[str]:
    """Break a name after its punctuation, so that it fits into a column."""
    most = max(4, int(width * 72 / (NAME * _LETTER)))
    lines = [""]
    for part in re.findall(r"[^\s_\-/+@.]*[\s_\-/+@.]*", name):
        pieces = [part[start : start + most] for start in range(0, len(part), most)]
        for piece in pieces:
            if len((lines[-1] + piece).rstrip()) > most:
                lines.append("")
            lines[-1] += piece
    return [line.strip() for line in lines if line.strip()] or [name]
