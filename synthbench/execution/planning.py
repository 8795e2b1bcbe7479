"""From a suite to a plan: data located, subjects split, every cell with its keys."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synthbench.api import DataError, DatasetSpec, NothingSelectedError, UsageError
from synthbench.data_roots import resolve_root
from synthbench.execution.cells import Cell, PrepJob
from synthbench.execution.methods import Method, resolve_methods
from synthbench.registry import Entry, Registry
from synthbench.registry.names import did_you_mean
from synthbench.store import versions
from synthbench.store.keys import digest
from synthbench.suite import DatasetChoice, Suite, TaskChoice


@dataclass
class Plan:
    """Everything a run will do.

    Attributes:
        suite: What was asked for.
        name: Name of the run's folder: readable, and the same for the same request.
        preps: Prep jobs by name.
        cells: Cells in the order in which they run.
        methods: Resolved methods by id.
        splits: Train and test subjects by dataset, task and fold, for the record.
        patients: By dataset, the patient of every subject that is not one by itself.
        notes: What the reader of the results must know (subjects left out, ...).
    """

    suite: Suite
    name: str
    preps: dict[str, PrepJob] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    methods: dict[str, Method] = field(default_factory=dict)
    splits: list[dict[str, Any]] = field(default_factory=list)
    patients: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def make_plan(registry: Registry, suite: Suite, store: Path) -> Plan:
    """Plan a suite without training anything.

    Args:
        registry: Where components are found.
        suite: What to run.
        store: Root of the content-addressed store (holds the index of content hashes).

    Raises:
        UsageError: For unknown names.
        DataError: If data is missing or unusable, before anything runs.
        NothingSelectedError: If no cell is left.
    """
    if not suite.datasets:
        raise NothingSelectedError("no dataset was given", "add --dataset phantom")
    evaluators = _evaluators(registry, suite)
    plan = Plan(suite=suite, name="")
    for choice in suite.datasets:
        _plan_dataset(registry, suite, choice, evaluators, store, plan)
    if not plan.cells:
        raise NothingSelectedError("no method was selected", "see `synthbench list methods`")
    head = suite.name or "_".join(
        dict.fromkeys(f"{c.dataset.split('/')[-1]}_{slug(c.task)}" for c in plan.cells)
    )
    identity = digest({"cells": [[c.label, c.payloads] for c in plan.cells], "suite": suite.preset})
    plan.name = f"{head[:80]}_{suite.preset}_{identity[:8]}"
    return plan


def slug(task: str) -> str:
    """A task as part of a file name: ``t1+t2 -> flair`` becomes ``t1+t2-to-flair``."""
    return task.replace(" -> ", "-to-")


def _evaluators(registry: Registry, suite: Suite) -> list[Entry]:
    if suite.evaluators:
        return registry.select("evaluators", suite.evaluators)
    return [e for e in registry.all("evaluators") if getattr(e.spec, "default", False)]


def _plan_dataset(
    registry: Registry,
    suite: Suite,
    choice: DatasetChoice,
    evaluators: list[Entry],
    store: Path,
    plan: Plan,
) -> None:
    from synthbench.volumes.grouping import group_subjects

    entry = registry.get("datasets", choice.name)
    spec = entry.spec
    assert isinstance(spec, DatasetSpec)
    root = resolve_root(entry, choice.root, registry)
    params = {**spec.presets.get(suite.preset, {}), **choice.params}
    try:
        dataset = entry.resolve()(**params)
    except TypeError as error:
        raise UsageError(
            f"{entry.id}: {error}", f"`synthbench info {entry.id}` shows its parameters"
        ) from error
    subjects = group_subjects(
        dataset.subjects(root),
        pattern=choice.group_pattern,
        column=_group_column(choice.group_file),
    )
    plan.patients[entry.id] = {s.id: s.patient for s in subjects if s.patient != s.id}
    tasks = choice.tasks or tuple(
        TaskChoice(source=task.source, target=task.target) for task in spec.tasks[:1]
    )
    if not tasks:
        raise UsageError(
            f"{entry.id} has no default task", "say what to translate with --source and --target"
        )
    for task in tasks:
        _plan_task(
            registry,
            suite,
            entry,
            root,
            params,
            dataset,
            subjects,
            task,
            evaluators,
            store,
            plan,
        )


def _group_column(path: Path | None) -> Mapping[str, str] | None:
    if path is None:
        return None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["subject"]: row["patient"] for row in csv.DictReader(file)}
    except (OSError, KeyError) as error:
        raise DataError(
            f"cannot read groups from {path}: {error}", "it needs columns subject and patient"
        ) from error


def _plan_task(
    registry: Registry,
    suite: Suite,
    entry: Entry,
    root: Path | None,
    params: dict[str, Any],
    dataset: Any,
    subjects: list[Any],
    task: TaskChoice,
    evaluators: list[Entry],
    store: Path,
    plan: Plan,
) -> None:
    from synthbench.volumes.hashing import ContentIndex, find_leaks, origin_digest

    wanted = (*task.source, task.target)
    usable = _usable(entry, subjects, wanted, task, plan)
    index = ContentIndex(store)
    origins = [
        o for s in usable for o in (*(s.volumes[m] for m in wanted), s.label, s.mask, s.valid)
    ]
    index.digests([o for o in origins if isinstance(o, Path)])  # one pass, one write of the index
    contents: dict[str, dict[str, Any]] = {
        subject.id: {
            "volumes": {m: origin_digest(index, subject.volumes[m]) for m in wanted},
            "label": None if subject.label is None else origin_digest(index, subject.label),
            "mask": None if subject.mask is None else origin_digest(index, subject.mask),
            "valid": None if subject.valid is None else origin_digest(index, subject.valid),
        }
        for subject in usable
    }
    splits = _splits(suite, usable)
    for split in splits:
        find_leaks({i: list(c["volumes"].values()) for i, c in contents.items()}, split)
    spec = entry.spec
    assert isinstance(spec, DatasetSpec)
    intensities = {m: asdict(spec.modalities.get(m, spec.default_intensity)) for m in wanted}
    payload: dict[str, Any] = {
        "stage": "prep",
        "version": versions.PREP,
        "dataset": entry.id,
        "code_version": spec.code_version,
        "source": list(task.source),
        "target": task.target,
        "intensities": intensities,
        "spacing": _jsonable(suite.spacing),
        "regions": {name: list(values) for name, values in dataset.regions.items()},
        "subjects": contents,
    }
    key = digest(payload)
    plan.preps[key] = PrepJob(
        dataset=entry.id,
        root=None if root is None else str(root.resolve()),
        params=params,
        source=task.source,
        target=task.target,
        intensities=intensities,
        subjects=tuple(subject.id for subject in usable),
        spacing=suite.spacing,
        payload=payload,
    )
    methods = resolve_methods(registry, suite, len(task.source))
    plan.methods |= {method.id: method for method in methods}
    for fold, split in enumerate(splits):
        plan.splits.append(
            {
                "dataset": entry.id,
                "task": str(task),
                "fold": fold,
                "train": list(split.train),
                "test": list(split.test),
            }
        )
        for seed in suite.seeds:
            plan.cells += [
                _cell(key, entry, task, method, fold, seed, split, evaluators) for method in methods
            ]


def _usable(
    entry: Entry, subjects: list[Any], wanted: tuple[str, ...], task: TaskChoice, plan: Plan
) -> list[Any]:
    """Subjects that have every modality of the task; says which were left out."""
    known = sorted({m for subject in subjects for m in subject.volumes})
    for modality in wanted:
        if modality not in known:
            raise UsageError(
                f"{entry.id}: no subject has modality {modality!r}",
                did_you_mean(modality, known) or f"there are {', '.join(known)}",
            )
    usable = [s for s in subjects if all(m in s.volumes for m in wanted)]
    left_out = [s.id for s in subjects if s not in usable]
    if not usable:
        raise DataError(
            f"{entry.id}: no subject has all of {', '.join(wanted)}",
            "choose another --source and --target; `synthbench data check` lists what there is",
        )
    if left_out:
        plan.notes.append(
            f"{entry.id}, {task}: {len(left_out)} of {len(subjects)} subjects left out because "
            f"they lack a modality: {', '.join(left_out[:10])}"
            + (", ..." if len(left_out) > 10 else "")
        )
    return usable


def _splits(suite: Suite, subjects: Iterable[Any]) -> list[Any]:
    from synthbench.volumes.splitting import holdout, kfold

    groups = {subject.id: subject.patient for subject in subjects}
    choice = suite.split
    if choice.kind == "kfold":
        return kfold(groups, choice.folds, choice.seed)
    return [holdout(groups, choice.test, choice.seed)]


def _jsonable(spacing: float | tuple[float, float, float] | None) -> Any:
    return list(spacing) if isinstance(spacing, tuple) else spacing


def _cell(
    prep: str,
    entry: Entry,
    task: TaskChoice,
    method: Method,
    fold: int,
    seed: int,
    split: Any,
    evaluators: list[Entry],
) -> Cell:
    recipe = method.recipe.model_dump(mode="json")
    inference = recipe.pop("inference")
    train = {
        "stage": "train",
        "version": versions.TRAIN,
        "prep": prep,
        "subjects": list(split.train),
        "recipe": recipe,
        "components": [dict(component) for component in method.components],
        "seed": seed,
    }
    predict = {
        "stage": "predict",
        "version": versions.PREDICT,
        "train": digest(train),
        "subjects": list(split.test),
        "inference": inference,
    }
    scores = {
        f"score/{e.id}": {
            "stage": "score",
            "version": versions.SCORE,
            "predict": digest(predict),
            "evaluator": e.id,
            "code_version": getattr(e.spec, "code_version", 1),
            "sources": e.editable_digest,
            "metrics": {m.name: m.version for m in getattr(e.spec, "metrics", ())},
        }
        for e in evaluators
    }
    dataset = entry.id.split("/")[-1]
    safe = re.sub(r"[^A-Za-z0-9_.+-]+", "__", method.id)
    return Cell(
        label=f"{dataset}/{slug(str(task))}/{safe}/fold-{fold}_seed-{seed}",
        dataset=entry.id,
        task=str(task),
        method=method.id,
        fold=fold,
        seed=seed,
        prep=prep,
        recipe={**recipe, "inference": inference},
        components=method.components,
        train=tuple(split.train),
        test=tuple(split.test),
        payloads={"train": train, "predict": predict, **scores},
        blocked=method.blocked,
    )
