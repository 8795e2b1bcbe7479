"""Takes the scores of ``synthbench segment`` into a run: further columns, and rows of bounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from synthbench.api.errors import DataError
from synthbench.store.tables import SEGMENTATION


def with_segmentations(
    path: Path,
    info: Mapping[str, Any],
    scores: pd.DataFrame,
    read: Callable[[Path], pd.DataFrame],
) -> tuple[Mapping[str, Any], pd.DataFrame]:
    """Add what segmenters found to what a run says of itself.

    Args:
        path: The run's folder.
        info: Content of ``run.json``.
        scores: Rows of ``scores.csv``.
        read: Reads a table of scores.

    Raises:
        DataError: If a file is damaged.
    """
    found = sorted((path / SEGMENTATION).glob("*/info.json"))
    if not found:
        return info, scores
    merged: dict[str, Any] = {
        **info,
        "methods": dict(info.get("methods") or {}),
        "metrics": dict(info.get("metrics") or {}),
        "segmentations": {},
    }
    tables = [scores]
    for file in found:
        try:
            about = json.loads(file.read_text(encoding="utf-8"))
            merged["methods"] |= about["methods"]
            merged["metrics"] |= about["metrics"]
            merged["segmentations"][about["tag"]] = list(about["notes"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{file} cannot be read: {error}",
                "repeat the `synthbench segment` command: it rewrites the file, trains nothing",
            ) from error
        tables.append(read(file.with_name("scores.csv")))
    filled = [table for table in tables if len(table)]
    return merged, pd.concat(filled, ignore_index=True) if filled else scores
