"""Reads what a run left behind: ``run.json``, ``scores.csv`` and ``cells.csv``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from synthbench.api.errors import DataError, UsageError
from synthbench.registry.names import did_you_mean
from synthbench.report.segmentations import with_segmentations
from synthbench.store.atomic import read_json
from synthbench.store.paths import runs_root
from synthbench.store.tables import SCORE_COLUMNS

#: Columns of ``cells.csv`` that a report cannot do without.
NEEDED_OF_CELLS = ("dataset", "task", "method", "fold", "seed", "state", "message")
#: States of a cell that has yet to give scores.
UNFINISHED = ("pending", "running", "interrupted")


@dataclass(frozen=True)
class RunFolder:
    """A run as written to disk.

    Attributes:
        path: The folder.
        info: Content of ``run.json``.
        scores: Rows of ``scores.csv``; empty while nothing is scored.
        cells: Rows of ``cells.csv``, one a (dataset, task, method, fold, seed).
        parts: The runs that were joined into this one; empty for a run as it is.
    """

    path: Path
    info: Mapping[str, Any]
    scores: pd.DataFrame
    cells: pd.DataFrame
    parts: tuple[RunFolder, ...] = ()

    @classmethod
    def load(cls, path: Path) -> RunFolder:
        """Read a run folder.

        Raises:
            DataError: If it is not one, or a file in it is damaged.
        """
        try:
            info = json.loads((path / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(
                f"{path} is not a run folder: it has no run.json",
                "give a run's name or folder; `synthbench run` makes one",
            ) from None
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path / 'run.json'} cannot be read: {error}",
                "repeat the `synthbench run` command: it rewrites the file, trains nothing again",
            ) from error
        scores = _read_scores(path / "scores.csv")
        cells = _read(path / "cells.csv", NEEDED_OF_CELLS, ())
        info, scores = with_segmentations(path, info, scores, _read_scores)
        return cls(path=path, info=info, scores=scores, cells=cells)

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.info.get("name") or self.path.name)

    @property
    def methods(self) -> Mapping[str, Mapping[str, Any]]:
        """What ``run.json`` says of each method, by canonical id."""
        return self.info.get("methods") or {}

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """What ``run.json`` says of each metric, by name, in the evaluators' order."""
        return self.info.get("metrics") or {}

    @property
    def protocols(self) -> list[str]:
        """Metric protocols it was scored under, in the evaluators' order."""
        found = (str(info.get("protocol") or "") for info in self.metrics.values())
        return list(dict.fromkeys(name for name in found if name))

    def under(self, protocol: str) -> RunFolder:
        """The run as scored under one metric protocol, beside evaluators without one.

        Args:
            protocol: One of ``protocols``; ``""`` for the only one.

        Raises:
            UsageError: For another, or none where there are several.
        """
        if not protocol and len(self.protocols) > 1:
            raise UsageError(
                f"run {self.name} was scored under several protocols, which no table may mix: "
                f"{', '.join(self.protocols)}",
                "choose one with --protocol, or compare them with --protocol-spread",
            )
        if protocol and protocol not in self.protocols:
            listed = f"it has {', '.join(self.protocols) or 'none'}"
            raise UsageError(
                f"run {self.name} was not scored under protocol {protocol!r}",
                did_you_mean(protocol, self.protocols, listed),
            )
        chosen = protocol or next(iter(self.protocols), "")
        metrics: dict[str, Mapping[str, Any]] = {}
        renamed: dict[tuple[str, str], str] = {}
        others: set[str] = set()
        # The protocol's own metrics keep their names.
        ordered = sorted(self.metrics.items(), key=lambda item: not item[1].get("protocol"))
        for key, info in ordered:
            name, evaluator = str(info.get("name") or key), str(info.get("evaluator") or "")
            if (info.get("protocol") or "") not in ("", chosen):
                others.add(evaluator)
                continue
            if name in metrics:
                renamed[evaluator, name] = f"{evaluator}:{name}"
                label = f"{info.get('label') or name} ({short_name(evaluator)})"
                name = f"{evaluator}:{name}"
                info = {**info, "name": name, "label": label}
            metrics[name] = info
        scores = self.scores[~self.scores["evaluator"].isin(others)]
        if renamed:
            pairs = zip(scores["evaluator"], scores["metric"], strict=True)
            scores = scores.assign(metric=[renamed.get(pair, pair[1]) for pair in pairs])
        return replace(self, info={**self.info, "metrics": metrics}, scores=scores)

    @property
    def splits(self) -> dict[tuple[str, str], dict[int, Mapping[str, Any]]]:
        """Subjects by role, by task and fold; nothing for a run that kept no list."""
        found: dict[tuple[str, str], dict[int, Mapping[str, Any]]] = {}
        for part in self.parts or (self,):
            path = part.path / "splits.json"
            for each in read_json(path) or [] if path.is_file() else []:
                found.setdefault((each["dataset"], each["task"]), {})[int(each["fold"])] = each
        return found

    @property
    def tasks(self) -> list[tuple[str, str]]:
        """Every (dataset, task), in the order of the plan."""
        return list(
            dict.fromkeys(
                pair
                for table in (self.cells, self.scores)
                for pair in table[["dataset", "task"]]
                .drop_duplicates()
                .itertuples(index=False, name=None)
            )
        )

    def method_order(self, dataset: str, task: str) -> list[str]:
        """Methods of a task in the order of the plan, baselines first; no bounds."""
        found = list(
            dict.fromkeys(
                method
                for table in (self.cells, self.scores)
                for method in of_task(table, dataset, task)["method"].unique()
                if not self.bound(method)
            )
        )
        return sorted(found, key=lambda method: not self.is_baseline(method))

    def patients(self, dataset: str) -> Mapping[str, str]:
        """Patient of each subject that is one of several sessions; empty where none is."""
        return (self.info.get("patients") or {}).get(dataset) or {}

    def is_baseline(self, method: str) -> bool:
        """Whether a method is a floor that every trained one must beat."""
        return bool(self.methods.get(method, {}).get("baseline"))

    def bound(self, method: str) -> str:
        """``upper`` or ``lower`` for what is no method but a bound of a score, else ``""``."""
        return str(self.methods.get(method, {}).get("bound") or "")

    def bounds(self, dataset: str, task: str, metrics: Collection[str]) -> list[str]:
        """Bounds of these metrics, the lower ones first."""
        rows = of_task(self.scores, dataset, task)
        found = dict.fromkeys(rows[rows["metric"].isin(metrics)]["method"])
        return sorted((m for m in found if self.bound(m)), key=self.bound)

    def label(self, method: str) -> str:
        """A method's name as printed."""
        return str(self.methods.get(method, {}).get("label") or short_name(method))


def of_task(table: pd.DataFrame, dataset: str, task: str) -> pd.DataFrame:
    """Rows of one task on one dataset."""
    return table[(table["dataset"] == dataset) & (table["task"] == task)]


def short_name(identifier: str) -> str:
    """Drop the owner from a built-in's id: ``core/phantom`` is ``phantom``."""
    return identifier.removeprefix("core/")


def find_run(root: Path, run: str | None) -> Path:
    """Find a run's folder.

    Args:
        root: The output folder, which holds ``runs/``.
        run: A run's name, a path to its folder, or ``None`` for the latest.

    Raises:
        DataError: If there is no run at all.
        UsageError: If there is none of that name; suggests the nearest.
    """
    folder = runs_root(root)
    runs = sorted(folder.glob("*/run.json"))
    if run is not None:
        for candidate in (folder / run, Path(run).expanduser()):
            if (candidate / "run.json").is_file():
                return candidate
        if Path(run).expanduser().is_dir():
            raise DataError(
                f"{run} is not a run folder: it has no run.json",
                "give a run's name or folder; `synthbench run` makes one",
            )
    if not runs:
        raise DataError(
            f"no run in {folder}",
            "start one with `synthbench run`, or name the output folder with --output",
        )
    if run is None:
        return max(runs, key=lambda path: path.stat().st_mtime).parent  # rewritten by every run
    names = [path.parent.name for path in runs]
    raise UsageError(
        f"there is no run {run!r} in {folder}",
        did_you_mean(run, names, otherwise=f"there is {', '.join(names[-3:])}"),
    )


def _read_scores(path: Path) -> pd.DataFrame:
    return _read(path, SCORE_COLUMNS, ("value", "voxels", "metric_version"))


def _read(path: Path, columns: tuple[str, ...], numbers: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        table = pd.DataFrame({column: pd.Series(dtype=str) for column in columns})
    else:
        try:
            # All as text first: a subject may be called "007" or "NA".
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path} cannot be read: {error}",
                "repeat the `synthbench run` command: it rebuilds the tables, trains nothing again",
            ) from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}",
            "repeat the `synthbench run` command: it rebuilds the tables, trains nothing again",
        )
    for column in ("fold", "seed"):
        table[column] = pd.to_numeric(table[column], errors="coerce").fillna(0).astype(int)
    for column in numbers:
        table[column] = pd.to_numeric(table[column], errors="coerce").astype(float)
    return table
