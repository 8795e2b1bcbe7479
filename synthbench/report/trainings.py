"""What repeated trainings, over seeds and over folds, say of a difference."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from synthbench import statistics
from synthbench.report.gather import column_scores
from synthbench.report.run_folder import RunFolder, of_task
from synthbench.report.tables import Row, Table
from synthbench.statistics import FloatArray


class Trainings:
    """Scores of one column by training seed and by fold, where there are several.

    Args:
        table: The table.
        run: The run.
        index: Column.
    """

    def __init__(self, table: Table, run: RunFolder, index: int) -> None:
        self._table, self._run, self._index = table, run, index
        scores = table.scores[index]
        self._methods = [row.method for row in table.rows]
        self._units = np.array(scores.units)[scores.common]
        rows = of_task(run.scores, table.dataset, table.task)
        several = not scores.of_sets and len(self._units) > 0
        seeds, folds = sorted(set(rows["seed"])), sorted(set(rows["fold"]))
        self._by_seed = (
            np.stack([self._values(rows[rows["seed"] == seed]) for seed in seeds])
            if several and len(seeds) > 1
            else None
        )
        self._by_fold = (
            [self._values(rows[rows["fold"] == fold]) for fold in folds]
            if several and len(folds) > 1
            else []
        )

    def _test_share(self) -> float:
        """Test subjects for each that was trained on; validation subjects were not."""
        splits = self._run.splits.get((self._table.dataset, self._table.task), {}).values()
        sizes = [(len(each.get("test") or ()), len(each.get("train") or ())) for each in splits]
        if not sizes or not all(trained for _, trained in sizes):
            return 1 / (len(self._by_fold) - 1)
        return float(np.mean([tested / trained for tested, trained in sizes]))

    def _values(self, rows: pd.DataFrame) -> FloatArray:
        """Values of some rows, lined up with the compared cases, shape (M, N), NaN elsewhere."""
        table, run = self._table, self._run
        column, patients = table.columns[self._index], run.patients(table.dataset)
        found = column_scores(run, rows, column, self._methods, patients)
        at = {unit: number for number, unit in enumerate(found.units)}
        values = np.full((len(self._methods), len(self._units)), np.nan)
        for number, unit in enumerate(self._units):
            if unit in at:
                values[:, number] = found.values[:, at[unit]]
        return values

    def seed_spread(self, row: Row) -> float | None:
        """Standard deviation over seeds of a method's mean; ``None`` with one seed."""
        if self._by_seed is None or not row.cells[self._index].ranked:
            return None
        values = self._by_seed[:, self._methods.index(row.method)]
        means = values.mean(axis=1)
        return statistics.spread(means[np.isfinite(means)])

    def comparison(self, row: Row, opponent: Row) -> dict[str, Any]:
        """What seeds and folds say of one difference."""
        a, b = self._methods.index(row.method), self._methods.index(opponent.method)
        over_seeds = over_folds = None
        if self._by_seed is not None:
            differences = self._by_seed[:, a] - self._by_seed[:, b]
            whole = np.isfinite(differences).all(axis=1)
            found = statistics.crossed_interval(differences[whole], level=1 - self._table.alpha)
            over_seeds = asdict(found) | {"seeds": int(whole.sum())}
        if self._by_fold:
            means = np.array([_mean(values[a] - values[b]) for values in self._by_fold])
            test = statistics.nadeau_bengio(means[np.isfinite(means)], self._test_share())
            over_folds = {"folds": test.folds, "t": test.statistic, "p": test.p}
        return {"over_seeds_and_subjects": over_seeds, "nadeau_bengio": over_folds}


def _mean(values: FloatArray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float("nan")
