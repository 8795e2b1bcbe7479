"""Training curves: the losses that each training wrote down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from synthbench.report.html.svg import Drawing, Scale
from synthbench.report.run_folder import RunFolder, of_task

#: Trainings drawn for each method, and points of each curve.
_MOST_TRAININGS, _MOST_POINTS = 5, 80
#: Colours that the page has for losses.
COLOURS = 8
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM = 360.0, 190.0, 48.0, 16.0, 36.0
_NOT_LOSSES = ("stage", "step", "seconds", "lr")


@dataclass(frozen=True)
class Curves:
    """One method's training.

    Attributes:
        label: The method as printed.
        drawing: The losses over steps.
        terms: Names of the losses; the colour of each is its number.
        note: Which trainings are shown and what a point is.
    """

    label: str
    drawing: Drawing
    terms: tuple[str, ...]
    note: str


def training_curves(run: RunFolder, dataset: str, task: str) -> list[Curves]:
    """Draw the losses of every method that trained anything and whose curves are still there."""
    cells = of_task(run.cells, dataset, task)
    if "train_dir" not in cells:
        return []
    found = []
    for method in run.method_order(dataset, task):
        mine = cells[(cells["method"] == method) & (cells["train_dir"] != "")]
        folders = list(dict.fromkeys(mine.sort_values(["fold", "seed"])["train_dir"]))
        read = (_losses(run.path / folder / "losses.csv") for folder in folders)
        tables = [table for table in read if table is not None]
        if tables:
            found.append(_draw(run.label(method), tables[:_MOST_TRAININGS], len(tables)))
    return found


def _losses(file: Path) -> pd.DataFrame | None:
    """Losses by step, counted through all stages; ``None`` where there are none."""
    try:
        table = pd.read_csv(file)
    except (OSError, ValueError):
        return None  # a store may have been cleaned, a curve is no result
    if not {"stage", "step"} <= set(table) or table.empty:
        return None
    numbers = table.drop(columns="stage").apply(pd.to_numeric, errors="coerce")
    table = numbers.assign(stage=table["stage"].astype(str)).dropna(subset="step")
    offset, shifted = 0.0, []
    for _, rows in table.groupby("stage", sort=False):
        shifted.append(rows.assign(step=rows["step"] + offset))
        offset = float(shifted[-1]["step"].max())
    return pd.concat(shifted, ignore_index=True) if shifted else None


def _draw(label: str, tables: Sequence[pd.DataFrame], total: int) -> Curves:
    terms = list(dict.fromkeys(str(name) for t in tables for name in t if name not in _NOT_LOSSES))
    every = max(1, -(-max(len(table) for table in tables) // _MOST_POINTS))
    means = [_thinned(table, every) for table in tables]
    losses = np.concatenate(
        [table[name].to_numpy() for table in means for name in terms if name in table]
    )
    log = bool(np.nanmin(losses, initial=np.inf) > 0)
    y = Scale.over(losses.tolist(), _HEIGHT - _BOTTOM, 8, log=log)
    x = Scale(0.0, max(float(table["step"].max()) for table in tables), _LEFT, _WIDTH - _RIGHT)
    drawing = Drawing(_WIDTH, _HEIGHT, f"Training losses of {label}")
    for value, text in y.ticks(5):
        drawing.line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), "grid")
        drawing.text(_LEFT - 6, y(value), text, "tick", "end")
    for value, text in x.ticks(5):
        drawing.text(x(value), _HEIGHT - _BOTTOM + 11, text, "tick", "middle")
    drawing.line(_LEFT, _HEIGHT - _BOTTOM, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM, "axis")
    scale = ", logarithmic" if log else ""
    drawing.text((_LEFT + _WIDTH) / 2, _HEIGHT - 8, f"step (losses{scale})", "title", "middle")
    stages = list(tables[0].groupby("stage", sort=False)["step"].max().items())
    for name, stop in stages[:-1]:
        drawing.line(x(stop), 8, x(stop), _HEIGHT - _BOTTOM, "stage")
        drawing.text(x(stop) - 4, 14, str(name), "tick", "end")
    for number, table in enumerate(means):
        for colour, name in enumerate(terms):
            if name not in table:
                continue
            kept = table[[name, "step"]].dropna()
            points = [(x(s), y(v)) for s, v in zip(kept["step"], kept[name], strict=True)]
            if points:
                faint = " other" if number else ""
                drawing.curve(points, f"curve c{colour % COLOURS}{faint}")
    return Curves(label, drawing, tuple(terms), _note(len(tables), total, every))


def _thinned(table: pd.DataFrame, every: int) -> pd.DataFrame:
    """Means over stretches of rows, never across stages."""
    stretch = table.groupby("stage", sort=False).cumcount() // every
    grouped = table.groupby(["stage", stretch], sort=False)
    return grouped.mean(numeric_only=True).reset_index(drop=True)


def _note(shown: int, total: int, every: int) -> str:
    parts = []
    if total > 1:
        first = f"{total} trainings" if shown == total else f"{shown} of {total} trainings"
        parts.append(f"{first}, the first one drawn stronger")
    if every > 1:
        parts.append(f"each point is the mean of {every} logged values")
    return "; ".join(parts)
