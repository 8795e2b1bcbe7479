"""What each method of a run cost, from ``cells.csv``."""

from __future__ import annotations

import pandas as pd

from synthbench.report.run_folder import RunFolder, of_task

HEADER = ("method", "parameters", "steps", "training (s)", "translating (s)", "peak memory (MB)")
_COLUMNS = ("parameters", "steps", "seconds_train", "seconds_predict")


def cost_rows(run: RunFolder, dataset: str, task: str) -> list[tuple[str, ...]]:
    """Means over a method's finished cells; absolute times only say much on a GPU.

    Args:
        run: The run.
        dataset: Dataset id.
        task: Task.

    Returns:
        One row a method, columns as in :data:`HEADER`; "--" where nothing is known. Peak memory is
        that of the GPU where one was used, else of the whole process.
    """
    cells = of_task(run.cells, dataset, task)
    rows = []
    for method in run.method_order(dataset, task):
        mine = cells[(cells["method"] == method) & (cells["state"] == "done")]
        values = [_mean(mine, column) for column in _COLUMNS]
        peak = _mean(mine, "peak_vram_mb") or _mean(mine, "peak_rss_mb")
        digits = (0, 0, 1, 1, 0)
        rows.append(
            (
                run.label(method),
                *(
                    "--" if value is None else f"{value:,.{places}f}".replace(",", " ")
                    for value, places in zip((*values, peak), digits, strict=True)
                ),
            )
        )
    return rows


def _mean(cells: pd.DataFrame, column: str) -> float | None:
    if column not in cells:
        return None
    numbers = pd.to_numeric(cells[column], errors="coerce").dropna()
    return float(numbers.mean()) if len(numbers) else None
