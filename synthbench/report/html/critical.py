"""The critical-difference diagram: mean ranks over datasets, bars over what is not separable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthbench.report.html.svg import Drawing, Scale, shorten

_WIDTH, _SIDE, _TOP, _LINE, _BAR = 760.0, 210.0, 46.0, 20.0, 9.0


def critical_difference(found: Mapping[str, Any], labels: Mapping[str, str]) -> Drawing:
    """Draw one column's diagram after Demsar (JMLR 7, 2006).

    Args:
        found: One entry of ``across_datasets`` of :func:`synthbench.report.stats.stats`.
        labels: Printed name of each method.
    """
    ranks: Mapping[str, float] = found["friedman"]["mean_ranks"]
    order = sorted(ranks, key=lambda method: ranks[method])
    groups, limit = found["not_separable"], float(found["critical_difference"])
    half = (len(order) + 1) // 2
    bars = _TOP + 10 + _BAR * len(groups)
    drawing = Drawing(
        _WIDTH,
        bars + 14 + _LINE * half,
        f"Critical-difference diagram of {found['metric']} ({found['region']})",
    )
    scale = Scale(1.0, float(len(order)), _SIDE, _WIDTH - _SIDE)
    drawing.line(_SIDE, _TOP, _WIDTH - _SIDE, _TOP, "axis")
    for place in range(1, len(order) + 1):
        drawing.line(scale(place), _TOP - 4, scale(place), _TOP, "axis")
        drawing.text(scale(place), _TOP - 13, str(place), "tick", "middle")
    end = scale(min(1 + limit, len(order)))
    drawing.line(_SIDE, 12, end, 12, "axis")
    for x in (_SIDE, end):
        drawing.line(x, 8, x, 16, "axis")
    drawing.text(_SIDE - 8, 12, f"critical difference {limit:.2f}", "tick", "end")
    for number, method in enumerate(order):
        left = number < half
        y = bars + 12 + _LINE * (number if left else len(order) - 1 - number)
        x, side = scale(ranks[method]), _SIDE - 6 if left else _WIDTH - _SIDE + 6
        drawing.curve([(x, _TOP), (x, y), (side, y)], "elbow")
        name = shorten(labels[method], _SIDE - 50)
        text = f"{name} {ranks[method]:.2f}" if left else f"{ranks[method]:.2f} {name}"
        drawing.text(
            side + (-4 if left else 4), y, text, "label", "end" if left else "start", labels[method]
        )
    for number, group in enumerate(groups):
        y = _TOP + 10 + _BAR * number
        ends = [ranks[method] for method in group]
        drawing.line(scale(min(ends)) - 3, y, scale(max(ends)) + 3, y, "group")
    return drawing
