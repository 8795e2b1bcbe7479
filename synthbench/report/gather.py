"""From score rows to one value a method and subject: the numbers behind a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthbench.api.errors import DataError
from synthbench.report.columns import Column
from synthbench.report.run_folder import RunFolder
from synthbench.statistics import complete_cases, mean_by_unit, require_one_fold


@dataclass(frozen=True)
class ColumnScores:
    """Values of one column.

    Attributes:
        units: Names of the cases, sorted: patients where the run knows them, else subjects; folds
            for a metric of whole sets of volumes, such as a Frechet distance.
        values: One row a method, one column a case, NaN where there is none; seeds averaged.
        ranked: Methods that were scored on every case that any method was scored on, shape (M,);
            never bounds.
        common: Cases with a finite value from every ranked method: what is compared, shape (N,).
        of_sets: Whether the metric is one of whole sets; then nothing can be tested.
        details: Why values are missing or capped: (method, status, subject, reason).
    """

    units: tuple[str, ...]
    values: npt.NDArray[np.float64]
    ranked: npt.NDArray[np.bool_]
    common: npt.NDArray[np.bool_]
    of_sets: bool
    details: tuple[tuple[str, str, str, str], ...]


def column_scores(
    run: RunFolder,
    rows: pd.DataFrame,
    column: Column,
    methods: Sequence[str],
    patients: Mapping[str, str],
) -> ColumnScores:
    """Average seeds within a subject and sessions within a patient, then line the methods up.

    Args:
        run: The run.
        rows: Score rows of one task.
        column: The metric and region.
        methods: Canonical ids, in the order of the table's rows.
        patients: Patient of each subject that is one of several sessions.

    Raises:
        DataError: If a subject was scored twice by one model, or a patient tested in two folds.
    """
    rows = rows[(rows["metric"] == column.metric) & (rows["region"] == column.region)]
    of_sets = bool(len(rows)) and not (rows["subject"] != "").any()
    rows = rows[(rows["subject"] == "") == of_sets]
    by_method = {
        method: _by_unit(rows[rows["method"] == method], patients, of_sets, method, run.name)
        for method in methods
    }
    units = sorted(set().union(*by_method.values()))
    values = np.array(
        [[by_method[method].get(unit, np.nan) for unit in units] for method in methods],
        dtype=np.float64,
    ).reshape(len(methods), len(units))
    has_values = np.isfinite(values).any(axis=1) if units else np.zeros(len(methods), dtype=bool)
    has_values &= np.array([not run.bound(method) for method in methods], dtype=bool)
    covers = np.array([len(by_method[method]) == len(units) for method in methods], dtype=bool)
    ranked = has_values & covers
    # Early in a cross-validation no method may have every subject: compare those all have.
    if not ranked.any():
        ranked = has_values
    common = complete_cases(values[ranked])
    if not ranked.any() or not common.any():
        ranked, common = np.zeros_like(ranked), np.zeros_like(common)
    flagged = rows[rows["status"] != "ok"]
    details = zip(
        flagged["method"], flagged["status"], flagged["subject"], flagged["detail"], strict=True
    )
    return ColumnScores(
        units=tuple(units),
        values=values,
        ranked=ranked,
        common=common,
        of_sets=of_sets,
        details=tuple(dict.fromkeys(details)),
    )


def _by_unit(
    rows: pd.DataFrame, patients: Mapping[str, str], of_sets: bool, method: str, run: str
) -> dict[str, float]:
    if rows.empty:
        return {}
    folds = rows["fold"].to_numpy(dtype=np.int64)
    values = rows["value"].to_numpy(dtype=np.float64)
    if of_sets:
        return _dict(*mean_by_unit(np.array([f"fold {fold}" for fold in folds]), values))
    repeated = rows[rows.duplicated(["fold", "seed", "subject"])]
    if len(repeated):
        raise DataError(
            f"{run}: {method} has two scores of subject {repeated['subject'].iloc[0]!r}",
            "a subject counts once; look for its rows in scores.csv",
        )
    subjects = rows["subject"].to_numpy(dtype=np.str_)
    of_patient = np.array([patients.get(subject, subject) for subject in subjects])
    require_one_fold(of_patient, folds, what=f"{run}, {method}")
    names, means = mean_by_unit(subjects, values)
    if not patients:
        return _dict(names, means)
    return _dict(*mean_by_unit(np.array([patients.get(name, name) for name in names]), means))


def _dict(names: npt.NDArray[np.str_], values: npt.NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(names.tolist(), values.tolist(), strict=True))
