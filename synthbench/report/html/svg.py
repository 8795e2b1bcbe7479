"""Draws SVG by hand: escaped text, linear and logarithmic scales, ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from matplotlib.ticker import Locator, LogLocator, MaxNLocator

#: Width of a letter of the charts' text, in pixels of the drawing.
LETTER = 6.6
#: Part of the range left free at both ends of a scale.
_MARGIN = 0.04
#: Half the width of a scale where all values are alike, as a part of them.
_ALIKE = 0.05


class Drawing:
    """An SVG element to be put into a page as it is.

    Args:
        width: In pixels of the drawing; the page scales it.
        height: Likewise.
        label: What it shows, for those who cannot see it.
        data: More attributes, for the page's script.
    """

    def __init__(self, width: float, height: float, label: str, **data: object) -> None:
        self.width, self.height = width, height
        box = f"0 0 {_number(width)} {_number(height)}"
        named = {f"data-{name}": str(value) for name, value in data.items()}
        self._root = ElementTree.Element(
            "svg", {"viewBox": box, "role": "img", "aria-label": label, **named}
        )

    def add(self, tag: str, style: str, /, **attributes: object) -> ElementTree.Element:
        """Add an element; numbers are rounded, underscores in names become hyphens."""
        given = {
            name.replace("_", "-"): _number(value) if isinstance(value, float) else str(value)
            for name, value in attributes.items()
        }
        return ElementTree.SubElement(self._root, tag, {"class": style, **given})

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        """Add a straight line."""
        self.add("line", style, x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2))

    def text(
        self, x: float, y: float, text: str, style: str = "", anchor: str = "start", title: str = ""
    ) -> None:
        """Add text, its middle at height ``y``; ``title`` is shown under the pointer."""
        element = self.add("text", style, x=float(x), y=float(y) + 4.0, text_anchor=anchor)
        element.text = text
        if title:
            ElementTree.SubElement(element, "title").text = title

    def dots(self, points: Iterable[tuple[float, float]], style: str, **data: object) -> None:
        """Add many dots as one short path: lines of no length with round ends."""
        path = "".join(f"M{_number(x)} {_number(y)}h0" for x, y in points)
        self.add("path", style, d=path, **{f"data_{name}": value for name, value in data.items()})

    def curve(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """Add a line through points."""
        path = "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
        self.add("path", style, d=f"M{path}")

    def __html__(self) -> str:
        """The markup; every name and text in it is escaped."""
        return ElementTree.tostring(self._root, encoding="unicode")


@dataclass(frozen=True)
class Scale:
    """Maps values to pixels.

    Attributes:
        low: Smallest value.
        high: Largest value.
        start: Pixel of ``low``.
        stop: Pixel of ``high``.
        log: Whether it is logarithmic.
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    @classmethod
    def over(
        cls, values: Iterable[float], start: float, stop: float, *, log: bool = False
    ) -> Scale:
        """Cover some values with a small margin; those that are not finite do not count."""
        finite = np.array([value for value in values if math.isfinite(value)] or [0.0, 1.0])
        low, high = float(finite.min()), float(finite.max())
        if log:
            low, high = (math.log10(low), math.log10(high))
        # All values alike need some width around them.
        alike = high - low <= 1e-9 * max(abs(low), abs(high))
        margin = _ALIKE * (max(abs(low), abs(high)) or 1.0) if alike else _MARGIN * (high - low)
        low, high = low - margin, high + margin
        return cls(10**low if log else low, 10**high if log else high, start, stop, log)

    def __call__(self, value: float) -> float:
        """Pixel of a value."""
        low, high = (math.log10(v) if self.log else v for v in (self.low, self.high))
        part = ((math.log10(value) if self.log else value) - low) / (high - low)
        return self.start + part * (self.stop - self.start)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Round values on the scale, with what to print."""
        linear = MaxNLocator(nbins=most, steps=[1, 2, 5, 10])
        locators: list[Locator] = [linear]
        if self.log:  # decades, parts of them, or of less than one
            fine = LogLocator(subs=(1.0, 2.0, 5.0), numticks=20)
            locators = [LogLocator(numticks=most), fine, linear]
        for locator in locators:
            found = locator.tick_values(self.low, self.high)
            values = [float(value) for value in found if self.low <= value <= self.high]
            if len(values) > 1:
                break
        largest = max((abs(value) for value in values), default=0.0)
        if self.log or not 1e-4 <= largest < 1e6:
            return [(value, f"{value + 0.0:g}") for value in values]
        step = values[1] - values[0] if len(values) > 1 else largest
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        return [(value, f"{round(value, digits) + 0.0:.{digits}f}") for value in values]


def shorten(text: str, width: float) -> str:
    """Cut text to a width in pixels."""
    most = max(2, int(width / LETTER))
    return text if len(text) <= most else text[: most - 1] + "…"


def _number(value: float) -> str:
    return f"{round(float(value), 1):g}"
