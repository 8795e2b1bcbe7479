"""Several runs as one, so that methods scored apart stand in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from synthbench.api.errors import DataError
from synthbench.report.caption import count
from synthbench.report.run_folder import RunFolder, short_name
from synthbench.store.atomic import read_json

#: Columns of ``cells.csv`` that name folders relative to the run's own.
_FOLDERS = ("train_dir", "predict_dir", "prep_dir")
#: Subjects that a message names.
_NAMED = 3
#: What tells one score from another.
_SCORE = ("dataset", "task", "method", "fold", "seed", "subject", "region", "evaluator", "metric")
#: What makes two metrics of one name the same.
_DEFINITION = ("evaluator", "version", "protocol", "protocol_version", "definition")


def join(runs: Sequence[RunFolder]) -> RunFolder:
    """Put the methods of several runs beside each other.

    A method that two runs share is kept once where both have the very same predictions, with the
    scores of both; otherwise the later one's name says which run it is of. So is a bound, by its
    scores.

    Args:
        runs: At least one.

    Raises:
        DataError: If metrics of one name were defined differently, the runs were scored under
            different protocols, divided a dataset differently, or prepared the same task in
            different ways: their scores may not be compared.
    """
    runs = _told_apart(runs)
    if len(runs) == 1:
        return runs[0]
    for one, other in combinations(runs, 2):
        _check_protocols(one, other)
        _check_splits(one, other)
        _check_preparation(one, other)
    methods: dict[str, Any] = {}
    cells: list[pd.DataFrame] = []
    scores: list[pd.DataFrame] = []
    for run in runs:
        own = run.cells.copy()
        for column in _FOLDERS:
            if column in own:
                own[column] = [_absolute(run, folder) for folder in own[column]]
        names, same = _names(run, own, cells)
        names |= _other_bounds(run, scores)
        for method, about in run.methods.items():
            if names.get(method, method) not in methods:
                label = run.label(method)
                renamed = names.get(method, method) != method
                methods[names.get(method, method)] = {
                    **about,
                    "label": f"{label} ({run.name})" if renamed else label,
                }
        cells.append(_renamed(own[~own["method"].isin(same)], names))
        scores.append(_renamed(run.scores, names))
    info = {
        **runs[0].info,
        "name": " + ".join(run.name for run in runs),
        "created": "",
        "methods": methods,
        "metrics": _metrics(runs),
        "patients": _patients(runs),
        "segmentations": _segmentations(runs),
        **_presets(runs),
        "published": _published(runs),
    }
    return replace(
        runs[0],
        info=info,
        cells=pd.concat(cells, ignore_index=True),
        scores=pd.concat(scores, ignore_index=True).drop_duplicates([*_SCORE], ignore_index=True),
        parts=tuple(runs),
    )


def _told_apart(runs: Sequence[RunFolder]) -> list[RunFolder]:
    """Each run once, and those of one name in different folders under names of their own."""
    names: set[str] = set()
    found = []
    single = [part for run in runs for part in run.parts or (run,)]
    for run in {run.path.resolve(): run for run in single}.values():
        number, name = 1, run.name
        while name in names:
            number += 1
            name = f"{run.name}#{number}"
        names.add(name)
        found.append(run if name == run.name else replace(run, info={**run.info, "name": name}))
    return found


def _renamed(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    return table.assign(method=[names.get(method, method) for method in table["method"]])


def _absolute(run: RunFolder, folder: str) -> str:
    return str((run.path / folder).resolve()) if folder else ""


def _names(
    run: RunFolder, cells: pd.DataFrame, earlier: Sequence[pd.DataFrame]
) -> tuple[dict[str, str], set[str]]:
    """New names of methods that earlier runs have too, and those that are the very same there."""
    names: dict[str, str] = {}
    same: set[str] = set()
    for method in dict.fromkeys(cells["method"]):
        mine = set(cells[cells["method"] == method]["predict_dir"])
        for table in earlier:
            theirs = set(table[table["method"] == method]["predict_dir"])
            if theirs and mine == theirs and "" not in mine:
                same.add(method)
            elif theirs:
                names[method] = f"{method}@{run.name}"
    return names, same


def _other_bounds(run: RunFolder, earlier: Sequence[pd.DataFrame]) -> dict[str, str]:
    """New names of bounds that earlier runs have too, but with other scores of the same."""
    names: dict[str, str] = {}
    for bound in dict.fromkeys(run.scores["method"]):
        mine = run.scores[run.scores["method"] == bound]
        for table in earlier if run.bound(bound) else ():
            both = mine.merge(table, on=[*_SCORE], suffixes=("", "_other"))
            values = both["value"], both["value_other"]
            if not np.allclose(*values, rtol=1e-9, atol=0, equal_nan=True):
                names[bound] = f"{bound}@{run.name}"
    return names


def _metrics(runs: Sequence[RunFolder]) -> dict[str, Mapping[str, Any]]:
    metrics: dict[str, Mapping[str, Any]] = {}
    known: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}
    for run in runs:
        for key, about in run.metrics.items():
            name, evaluator = str(about.get("name") or key), str(about.get("evaluator") or "")
            if (evaluator, name) in known:
                other, their = known[evaluator, name]
                if any(about.get(field) != their.get(field) for field in _DEFINITION):
                    raise DataError(
                        f"{name} of {evaluator} was defined otherwise in {run.name} than in "
                        f"{other}: no table may mix the two",
                        "repeat the command of the older run: it scores again, trains nothing",
                    )
                continue
            known[evaluator, name] = run.name, about
            metrics[name if name not in metrics else f"{evaluator}:{name}"] = {
                **about,
                "name": name,
            }
    return metrics


def _segmentations(runs: Sequence[RunFolder]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for run in runs:
        for tag, notes in (run.info.get("segmentations") or {}).items():
            found[tag] = list(dict.fromkeys([*found.get(tag, ()), *notes]))
    return found


def _patients(runs: Sequence[RunFolder]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for run in runs:
        for dataset, patients in (run.info.get("patients") or {}).items():
            found.setdefault(dataset, {}).update(patients)
    return found


def _presets(runs: Sequence[RunFolder]) -> dict[str, Any]:
    """One preset, or a note of who was trained with which."""
    notes = list(dict.fromkeys(note for run in runs for note in run.info.get("notes") or ()))
    presets = {run.name: str(run.info.get("preset") or "") for run in runs}
    if len(set(presets.values())) == 1:
        return {"notes": notes, "preset": presets[runs[0].name]}
    told = ", ".join(f"{name} {preset or 'unknown'}" for name, preset in presets.items())
    return {"notes": [f"The runs were made with different presets: {told}.", *notes], "preset": ""}


def _check_protocols(one: RunFolder, other: RunFolder) -> None:
    """Refuse runs whose scores follow different definitions altogether."""
    if one.protocols and other.protocols and not set(one.protocols) & set(other.protocols):
        raise DataError(
            f"{one.name} was scored under {', '.join(one.protocols)}, {other.name} under "
            f"{', '.join(other.protocols)}: their scores may not be compared",
            "repeat one command with the other's --evaluators: it scores again, trains nothing",
        )


def _check_splits(one: RunFolder, other: RunFolder) -> None:
    """Refuse methods that were trained or tested on different subjects."""
    mine, theirs = one.splits, other.splits
    for task in mine.keys() & theirs.keys():
        difference = _split_difference(mine[task], theirs[task], (one.name, other.name))
        if difference:
            raise DataError(
                f"{one.name} and {other.name} differ in the split of {task[1]} on "
                f"{short_name(task[0])}: {difference}",
                "repeat one of them with the other's split (--folds, --test, --split-seed, "
                "--split-file)",
            )


def _split_difference(
    one: Mapping[int, Mapping[str, Any]],
    other: Mapping[int, Mapping[str, Any]],
    names: tuple[str, str],
) -> str:
    if len(one) != len(other):
        return f"{count(len(one), 'fold')} and {count(len(other), 'fold')}"
    for role, verb in (("test", "tests"), ("train", "trains on"), ("validation", "validates on")):
        for fold in sorted(one.keys() & other.keys()):
            mine, theirs = set(one[fold].get(role) or ()), set(other[fold].get(role) or ())
            only = [
                f"{name} {verb} {_some(extra)}"
                for name, extra in zip(names, (mine - theirs, theirs - mine), strict=True)
                if extra
            ]
            if only:
                where = f"fold {fold}: " if len(one) > 1 else ""
                return f"{where}only {' and only '.join(only)}"
    return ""


def _some(subjects: set[str]) -> str:
    listed = sorted(subjects)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _published(runs: Sequence[RunFolder]) -> dict[str, Any]:
    """The published table of the first run that has one, and how the others depart from it."""
    records = {run.name: run.info.get("published") or {} for run in runs}
    first = next((record for record in records.values() if record), {})
    if not first:
        return {}
    changed = list(first["changed"])
    for name, record in records.items():
        if record.get("source") == first["source"]:
            changed += record["changed"]
        else:
            changed.append(f"{name} is not a run of the suite of this table")
    return {**first, "changed": list(dict.fromkeys(changed))}


def _check_preparation(one: RunFolder, other: RunFolder) -> None:
    """Refuse scores of volumes that were prepared differently, or are not the same volumes."""
    for task, mine in _prepared(one).items():
        for their in _prepared(other).get(task, []):
            for own in mine:
                differing = _difference(own, their)
                if differing:
                    raise DataError(
                        f"{one.name} and {other.name} differ in {differing} of {task[1]} on "
                        f"{task[0]}: their scores may not be compared",
                        "repeat one of them with the other's options (--spacing, --crop, --preset, "
                        "--data-root)",
                    )


def _prepared(run: RunFolder) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """What determines the prepared volumes, by dataset and task."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for path in sorted(run.path.glob("preps/*/prep.json")):
        payload = read_json(path)["payload"]
        task = f"{'+'.join(payload['source'])} -> {payload['target']}"
        found.setdefault((payload["dataset"], task), []).append(payload)
    return found


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    fields = (set(one) | set(other)) - {"subjects"}
    names = sorted(field for field in fields if one.get(field) != other.get(field))
    common = set(one["subjects"]) & set(other["subjects"])
    # Folds may have voxel sizes of their own; a subject is prepared with the one of its fold.
    if not common:
        return ""
    if names:
        return ", ".join(name.replace("_", " ") for name in names)
    if any(one["subjects"][name] != other["subjects"][name] for name in common):
        return "the content of the volumes"
    return ""
