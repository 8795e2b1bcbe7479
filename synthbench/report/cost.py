"""What each method of a run cost, from ``cells.csv``."""

from __future__ import annotations

import pandas as pd

from synthbench.report.run_folder import RunFolder, of_task

#: Heading, column of ``cells.csv``, digits. "Memory" is the peak of the process.
_COLUMNS = (
    ("parameters", "parameters", 0),
    ("steps", "steps", 0),
    ("training (s)", "seconds_train", 1),
    ("memory (MB)", "peak_rss_train_mb", 0),
    ("GPU memory (MB)", "peak_vram_train_mb", 0),
    ("translating (s a volume)", "seconds_volume", 2),
    ("memory (MB)", "peak_rss_predict_mb", 0),
    ("GPU memory (MB)", "peak_vram_predict_mb", 0),
)
_UNKNOWN = "--"


def cost_table(run: RunFolder, dataset: str, task: str) -> list[tuple[str, ...]]:
    """Means over a method's finished cells; absolute times only say much on a GPU.

    Args:
        run: The run.
        dataset: Dataset id.
        task: Task.

    Returns:
        The header, and one row a method; "--" where nothing is known. Memory stands after the time
        of the part it belongs to; columns of GPU memory are there where a GPU was used. What the
        run did not measure has no column.
    """
    cells = of_task(run.cells, dataset, task)
    done = cells[cells["state"] == "done"].copy()
    if {"seconds_predict", "volumes"} <= set(done):
        done["seconds_volume"] = _numbers(done["seconds_predict"]) / _numbers(done["volumes"])
    methods = run.method_order(dataset, task)
    columns = [("method", [run.label(method) for method in methods])]
    for heading, column, digits in _COLUMNS:
        if column not in done:  # runs of older versions did not measure everything
            continue
        means = [_mean(done[done["method"] == method], column) for method in methods]
        if heading.startswith("GPU") and all(mean is None for mean in means):
            continue
        columns.append((heading, [_written(mean, digits) for mean in means]))
    return list(
        zip(*([heading, *cells_of_column] for heading, cells_of_column in columns), strict=True)
    )


def cost_note(run: RunFolder, dataset: str, task: str) -> str:
    """What the cost table's numbers are, for under it."""
    cells = of_task(run.cells, dataset, task)
    threads = _numbers(cells["threads"]).dropna() if "threads" in cells else pd.Series(dtype=float)
    counts = sorted({int(count) for count in threads})
    note = "Means over cells, one model a fold and seed; times depend on the machine"
    if counts:
        many = " or ".join(str(count) for count in counts)
        note += f" ({many} CPU thread{'' if counts == [1] else 's'} a cell)"
    if any(column.startswith("peak") and column in cells for _, column, _ in _COLUMNS):
        note += ". Memory is the peak of the process while training, and while translating"
    return f"{note}."


def _written(mean: float | None, digits: int) -> str:
    return _UNKNOWN if mean is None else f"{mean:,.{digits}f}".replace(",", " ")


def _numbers(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce")


def _mean(cells: pd.DataFrame, column: str) -> float | None:
    numbers = _numbers(cells[column]).dropna()
    return float(numbers.mean()) if len(numbers) else None
