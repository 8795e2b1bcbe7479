"""Which subjects a page shows, and their slices in three planes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from PIL import Image

from synthbench.report.comparison import Comparison, load_comparison, ordered_subjects
from synthbench.report.figure import ERROR_MAP, largest_error
from synthbench.report.html.sprites import columns, encode, fitted, sprite
from synthbench.report.planes import FloatArray, Plane, planes_through
from synthbench.report.run_folder import RunFolder
from synthbench.report.slices import SIDES, grey_window
from synthbench.report.tables import Table

#: What all pictures of a page may take: pixels bound the time, bytes (in base64) the size.
PIXELS, BYTES = 48_000_000, 20_000_000
_FEWEST_SLICES = 3
_QUALITIES = (88, 75, 50, 25, 5)


@dataclass(frozen=True)
class View:
    """One plane of a subject.

    Attributes:
        name: ``axial``, ``coronal`` or ``sagittal``.
        sides: Letters at its left and right edge.
        size: Pixels of a slice, width and height.
        extent: Width and height in mm.
        columns: Slices side by side in a sprite.
        slices: Number of each slice along the volume's axis.
        start: Which of them is shown first.
    """

    name: str
    sides: tuple[str, str]
    size: tuple[int, int]
    extent: tuple[float, float]
    columns: int
    slices: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Strip:
    """One volume's pictures.

    Attributes:
        label: Modality or method.
        role: ``source``, ``target``, ``baseline`` or ``method``.
        details: Its scores.
        state: What is printed where there is no picture.
        images: One sprite a view, in base64; empty without a prediction.
        errors: Likewise for the absolute error; empty for source and target.
    """

    label: str
    role: str
    details: tuple[str, ...]
    state: str
    images: tuple[str, ...]
    errors: tuple[str, ...]


class _Sheets(NamedTuple):
    """A :class:`Strip` before it is encoded."""

    label: str
    role: str
    details: tuple[str, ...]
    state: str
    images: list[Image.Image]
    errors: list[Image.Image]


@dataclass(frozen=True)
class Shown:
    """A subject on the page.

    Attributes:
        subject: Subject id.
        why: How it was chosen; may be empty.
        views: The three planes.
        strips: Sources, target, then every method.
        largest: Where the colour scale of all error maps ends.
        unit: Unit of the errors, or ``""``.
        scored: Region that the scores are from, in words.
    """

    subject: str
    why: str
    views: tuple[View, ...]
    strips: tuple[Strip, ...]
    largest: float
    unit: str
    scored: str


def error_colours() -> list[tuple[str, str]]:
    """The colour map of the error maps as tables of a filter, by channel."""
    stops = colormaps[ERROR_MAP](np.linspace(0, 1, 33))[:, :3]
    return [
        (channel, " ".join(f"{value:.3f}" for value in column))
        for channel, column in zip("RGB", stops.T, strict=True)
    ]


def default_subjects(table: Table, run: RunFolder) -> list[tuple[str, str]]:
    """The most ordinary, the best and the worst subject, each with the reason in words.

    Raises:
        DataError: If no subject has a score of every method yet.
    """
    ordered, ordinary = ordered_subjects(table, run)
    first = table.columns[0]
    of = f"{first.label} over all methods ({first.region_name})"
    chosen = {ordinary: f"closest to the median {of}"}
    chosen.setdefault(ordered[0], f"best {of}")
    chosen.setdefault(ordered[-1], f"worst {of}")
    return list(chosen.items())


def show(run: RunFolder, table: Table, subject: str, why: str, part: float) -> Shown:
    """Load a subject's slices and make sprites of them.

    Args:
        run: The run.
        table: Its table of the task.
        subject: Subject id.
        why: How it was chosen.
        part: Share of what all pictures of the page may take.

    Raises:
        UsageError: If the run did not test such a subject.
        DataError: If its volumes are gone or damaged.
    """
    sources = table.task.partition("->")[0].count("+") + 1
    images = sources + 1 + 2 * len(table.rows)
    stacks = partial(_stacks, pixels=int(part * PIXELS / images))
    every = load_comparison(run, table, subject, planes=stacks)
    grouped = groupby(range(len(every.planes)), key=lambda number: every.planes[number].name)
    parts = [list(numbers) for _, numbers in grouped]
    middle = _only(every, [numbers[0] for numbers in parts])
    views = []
    for numbers in parts:
        first = numbers[0]
        numbers.sort(key=lambda number: every.planes[number].index)
        views.append(_view(every, numbers, numbers.index(first)))
    # Scales as in the figure: of the middle slices, which are the first to be seen.
    grey, largest = _window(middle.target), largest_error(middle)
    sheets: list[_Sheets] = []
    for name, slices in every.sources.items():
        window = _window(middle.sources[name])
        sheets.append(_Sheets(name, "source", (), "", _drawn(every, parts, slices, *window), []))
    target = _drawn(every, parts, every.target, *grey)
    sheets.append(_Sheets(every.target_name, "target", (), "", target, []))
    for panel in every.panels:
        pairs = zip(panel.slices, every.target, strict=False)  # no slices without a prediction
        errors = [np.abs(image - real) for image, real in pairs]
        sheets.append(
            _Sheets(
                panel.label,
                "baseline" if panel.baseline else "method",
                panel.scores,
                panel.state,
                _drawn(every, parts, panel.slices, *grey),
                _drawn(every, parts, errors, 0.0, largest / every.scale),
            )
        )
    return Shown(
        subject=subject,
        why=why,
        views=tuple(views),
        strips=_encoded(sheets, int(part * BYTES)),
        largest=largest,
        unit=every.unit,
        scored=every.scored,
    )


def _stacks(label: Any, mask: Any, shape: tuple[int, ...], *, pixels: int) -> tuple[Plane, ...]:
    """Slices through the whole foreground in each plane, evenly thinned to a number of pixels."""
    planes = planes_through(label, mask, shape)
    along: dict[int, slice] = {}
    for plane in planes:
        along[plane.up], along[plane.across] = plane.window
    area = sum(int(np.prod(fitted(*_size(plane)))) for plane in planes)
    most = max(_FEWEST_SLICES, pixels // area)
    stacked = []
    for plane in planes:
        low, high = along[plane.normal].start, along[plane.normal].stop
        step = max(1, -(-(high - low) // most))
        first = low + (plane.index - low) % step
        others = [index for index in range(first, high, step) if index != plane.index]
        stacked += [plane, *(replace(plane, index=index) for index in others)]
    return tuple(stacked)


def _size(plane: Plane) -> tuple[int, int]:
    up, across = plane.window
    return up.stop - up.start, across.stop - across.start


def _only(every: Comparison, numbers: Sequence[int]) -> Comparison:
    """The comparison reduced to some of its planes."""

    def some(slices: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        return tuple(slices[number] for number in numbers) if slices else ()

    return replace(
        every,
        planes=tuple(every.planes[number] for number in numbers),
        sources={name: some(slices) for name, slices in every.sources.items()},
        target=some(every.target),
        panels=tuple(replace(panel, slices=some(panel.slices)) for panel in every.panels),
    )


def _view(every: Comparison, numbers: Sequence[int], start: int) -> View:
    plane = every.planes[numbers[0]]
    height, width = fitted(*_size(plane))
    up, across = _size(plane)
    return View(
        name=plane.name,
        sides=SIDES[plane.name],
        size=(width, height),
        extent=(across * every.spacing[plane.across], up * every.spacing[plane.up]),
        columns=columns(len(numbers)),
        slices=tuple(every.planes[number].index for number in numbers),
        start=start,
    )


def _window(slices: Sequence[FloatArray]) -> tuple[float, float]:
    """Values that become black and white."""
    window = grey_window(slices)
    assert window.vmin is not None
    assert window.vmax is not None
    return float(window.vmin), float(window.vmax)


def _drawn(
    every: Comparison,
    parts: Sequence[Sequence[int]],
    slices: Sequence[FloatArray],
    low: float,
    high: float,
) -> list[Image.Image]:
    """One sprite a plane; none without slices."""
    if not slices:
        return []
    # The patient's right is on the viewer's left, as in every figure.
    return [
        sprite(
            (np.stack([slices[number] for number in numbers]) - low) / (high - low),
            mirrored=every.planes[numbers[0]].across == 0,
        )
        for numbers in parts
    ]


def _encoded(sheets: Sequence[_Sheets], most: int) -> tuple[Strip, ...]:
    """Encode as well as the bytes allow."""
    flat = [sheet for each in sheets for sheet in (*each.images, *each.errors)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        for quality in _QUALITIES:
            texts = list(threads.map(partial(encode, quality=quality), flat))
            if sum(map(len, texts)) <= most:
                break
    encoded = iter(texts)
    return tuple(
        Strip(
            each.label,
            each.role,
            each.details,
            each.state,
            tuple(islice(encoded, len(each.images))),
            tuple(islice(encoded, len(each.errors))),
        )
        for each in sheets
    )
