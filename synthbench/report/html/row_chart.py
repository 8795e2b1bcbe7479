"""What charts with one row a method share: labels, rows, axis."""

from __future__ import annotations

from collections.abc import Sequence

from synthbench.report.columns import Column
from synthbench.report.html.svg import LETTER, Drawing, Scale, shorten
from synthbench.report.tables import Row

_WIDTH, _ROW, _TOP, _AXIS = 400.0, 25.0, 22.0, 42.0
_LONGEST_LABEL = 136.0


class RowChart:
    """A chart with one row a method and one horizontal scale.

    Args:
        rows: The methods, from top to bottom.
        label: What the chart shows.
        right: Pixels kept free at the right for a number.
        data: Attributes for the page's script.

    Attributes:
        drawing: What has been drawn.
        left: First pixel of the scale.
        stop: Last pixel of the scale.
        bottom: Where the rows end.
    """

    def __init__(self, rows: Sequence[Row], label: str, right: float, **data: object) -> None:
        longest = max((len(row.label) for row in rows), default=0) * LETTER + 10
        self.left = min(longest, _LONGEST_LABEL)
        self.stop = _WIDTH - right
        self.bottom = _TOP + _ROW * len(rows)
        self.drawing = Drawing(_WIDTH, self.bottom + _AXIS, label, **data)
        for number, row in enumerate(rows):
            if number % 2:
                self.drawing.add(
                    "rect",
                    "band",
                    x=0.0,
                    y=self.middle(number) - _ROW / 2,
                    width=_WIDTH,
                    height=_ROW,
                )
            style = "label baseline" if row.baseline else "label"
            short = shorten(row.label, self.left - 8)
            title = row.label if short != row.label else ""
            self.drawing.text(self.left - 8, self.middle(number), short, style, "end", title)

    def middle(self, number: int) -> float:
        """Height of the middle of a row."""
        return _TOP + _ROW * (number + 0.5)

    def beside(self, number: int, text: str, style: str = "value") -> None:
        """Write at the right end of a row."""
        self.drawing.text(_WIDTH - 4, self.middle(number), text, style, "end")

    def heading(self, text: str) -> None:
        """Write above what stands beside the rows."""
        self.drawing.text(_WIDTH - 4, _TOP / 2, text, "head", "end")

    def inside(self, number: int, text: str) -> None:
        """Write where a row has nothing to draw."""
        self.drawing.text(self.left + 6, self.middle(number), text, "missing")

    def axis(self, scale: Scale, title: str, ticks: Sequence[tuple[float, str]] = ()) -> None:
        """Draw grid lines, tick labels (round ones, unless given) and the scale's title."""
        for value, text in ticks or scale.ticks():
            x = scale(value)
            self.drawing.line(x, _TOP, x, self.bottom, "grid")
            self.drawing.text(x, self.bottom + 11, text, "tick", "middle")
        self.drawing.line(self.left, self.bottom, self.stop, self.bottom, "axis")
        self.drawing.text((self.left + self.stop) / 2, self.bottom + 29, title, "title", "middle")


def measure(column: Column) -> str:
    """A column's label with its unit, for an axis."""
    return column.label + (f" ({column.unit})" if column.unit else "")


def jitter(number: int) -> float:
    """Vertical place of a case within its row, from -1 to 1, the same in every row.

    Multiples of the golden ratio spread evenly, however many cases there are.
    """
    return 2 * ((number * 0.618034 + 0.5) % 1.0) - 1
