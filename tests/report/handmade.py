"""Writes run folders by hand, with the numbers a test wants."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthbench.store.tables import CELL_COLUMNS, SCORE_COLUMNS

METRICS: dict[str, dict[str, Any]] = {
    "psnr": {
        **{"evaluator": "core/iqa", "label": "PSNR", "better": "higher", "unit": "dB"},
        **{"decimals": 2, "data_range": "fixed, 1.0", "definition": "10 log10(1 / MSE)"},
        "version": 1,
    },
    "mae": {
        **{"evaluator": "core/iqa", "label": "MAE", "better": "lower", "unit": "target"},
        **{"decimals": 4, "data_range": "", "definition": "mean absolute error", "version": 2},
    },
}


def score(method: str, subject: str, value: float | str, **changes: Any) -> dict[str, Any]:
    """One score row: PSNR in the foreground, unless said otherwise."""
    row = dict.fromkeys(SCORE_COLUMNS, "")
    row |= {"dataset": "core/phantom", "task": "t1 -> t2", "method": method, "fold": 0, "seed": 0}
    row |= {"subject": subject, "region": "foreground", "evaluator": "core/iqa", "metric": "psnr"}
    row |= {"metric_version": 1, "value": value, "unit": "dB", "voxels": 10, "status": "ok"}
    return row | changes


def scores_of(values: Mapping[str, Sequence[float]], **changes: Any) -> list[dict[str, Any]]:
    """Rows of several methods, subjects named s00, s01, ..."""
    return [
        score(method, f"s{number:02d}", value, **changes)
        for method, column in values.items()
        for number, value in enumerate(column)
    ]


def cell(method: str, state: str = "done", **changes: Any) -> dict[str, Any]:
    """One row of ``cells.csv``."""
    row = dict.fromkeys(CELL_COLUMNS, "")
    row |= {"label": method, "dataset": "core/phantom", "task": "t1 -> t2", "method": method}
    return row | {"fold": 0, "seed": 0, "state": state} | changes


def write_run(
    output: Path,
    scores: Sequence[Mapping[str, Any]],
    cells: Sequence[Mapping[str, Any]] | None = None,
    *,
    name: str = "demo",
    baselines: Sequence[str] = (),
    methods: Mapping[str, Mapping[str, Any]] | None = None,
    **info: Any,
) -> Path:
    """Write a run below ``output``; without ``cells``, every method that has scores is done."""
    folder = output / "runs" / name
    folder.mkdir(parents=True)
    if cells is None:
        keys = ("dataset", "task", "method", "fold", "seed")
        found = dict.fromkeys(tuple(row[key] for key in keys) for row in scores)
        cells = [cell(key[2]) | dict(zip(keys, key, strict=True)) for key in found]
    known = {row["method"]: {"baseline": row["method"] in baselines} for row in cells}
    content = {"name": name, "preset": "paper", "created": "2026-01-01", "spacing": None}
    content |= {"methods": known | dict(methods or {}), "metrics": METRICS} | info
    (folder / "run.json").write_text(json.dumps(content))
    _write(folder / "scores.csv", SCORE_COLUMNS, scores)
    _write(folder / "cells.csv", CELL_COLUMNS, cells)
    return folder


def _write(path: Path, columns: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
