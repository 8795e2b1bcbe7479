"""From a suite to a plan: data located, subjects split, every cell with its keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synthbench.api import Dataset, DatasetSpec, NothingSelectedError, Subject, UsageError
from synthbench.data_roots import resolve_root
from synthbench.execution.cells import Cell, PrepJob
from synthbench.execution.methods import Method, resolve_methods
from synthbench.execution.subjects import contents, read_groups, split, usable
from synthbench.registry import Entry, Registry
from synthbench.store import versions
from synthbench.store.keys import digest
from synthbench.suite import DatasetChoice, Suite, TaskChoice
from synthbench.volumes.grouping import group_subjects
from synthbench.volumes.splitting import Split

_NAMED_SUBJECTS = 10


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
    name: str = ""
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
    planner = _Planner(registry, suite, store)
    for choice in suite.datasets:
        planner.add_dataset(choice)
    plan = planner.plan
    if not plan.cells:
        raise NothingSelectedError("no method was selected", "see `synthbench list methods`")
    head = suite.name or "_".join(
        dict.fromkeys(f"{c.dataset.split('/')[-1]}_{slug(c.task)}" for c in plan.cells)
    )
    identity = digest({"cells": [[c.label, c.payloads] for c in plan.cells]})
    plan.name = f"{head[:80]}_{suite.preset}_{identity[:8]}"
    return plan


def slug(task: str) -> str:
    """A task as part of a file name: ``t1+t2 -> flair`` becomes ``t1+t2-to-flair``."""
    return task.replace(" -> ", "-to-")


class _Planner:
    def __init__(self, registry: Registry, suite: Suite, store: Path) -> None:
        self.registry = registry
        self.suite = suite
        self.store = store
        self.plan = Plan(suite)
        self.evaluators = (
            registry.select("evaluators", suite.evaluators)
            if suite.evaluators
            else [entry for entry in registry.all("evaluators") if entry.spec.default]
        )

    def add_dataset(self, choice: DatasetChoice) -> None:
        """Plan a dataset's tasks."""
        entry = self.registry.get("datasets", choice.name)
        spec: DatasetSpec = entry.spec
        root = resolve_root(entry, choice.root, self.registry)
        params = {**spec.presets.get(self.suite.preset, {}), **choice.params}
        try:
            dataset: Dataset = entry.resolve()(**params)
        except TypeError as error:
            raise UsageError(
                f"{entry.id}: {error}", f"`synthbench info {entry.id}` shows its parameters"
            ) from error
        subjects = group_subjects(
            dataset.subjects(root),
            pattern=choice.group_pattern,
            column=read_groups(choice.group_file),
        )
        self.plan.patients[entry.id] = {s.id: s.patient for s in subjects if s.patient != s.id}
        tasks = choice.tasks or tuple(
            TaskChoice(source=task.source, target=task.target) for task in spec.tasks[:1]
        )
        if not tasks:
            raise UsageError(
                f"{entry.id} has no default task",
                "say what to translate with --source and --target",
            )
        for task in tasks:
            self._add_task(entry, dataset, root, params, subjects, task)

    def _add_task(
        self,
        entry: Entry,
        dataset: Dataset,
        root: Path | None,
        params: dict[str, Any],
        subjects: Sequence[Subject],
        task: TaskChoice,
    ) -> None:
        wanted = (*task.source, task.target)
        complete, left_out = usable(entry.id, subjects, wanted)
        if left_out:
            names = ", ".join(left_out[:_NAMED_SUBJECTS])
            self.plan.notes.append(
                f"{entry.id}, {task}: {len(left_out)} of {len(subjects)} subjects left out because "
                f"they lack a modality: {names}{', ...' if len(left_out) > _NAMED_SUBJECTS else ''}"
            )
        content = contents(complete, wanted, self.store)
        splits = split(complete, self.suite.split, content)
        intensities = {
            m: asdict(entry.spec.modalities.get(m, entry.spec.default_intensity)) for m in wanted
        }
        spacing = self.suite.spacing
        payload: dict[str, Any] = {
            "stage": "prep",
            "version": versions.PREP,
            "dataset": entry.id,
            "code_version": entry.spec.code_version,
            "source": list(task.source),
            "target": task.target,
            "intensities": intensities,
            "spacing": list(spacing) if isinstance(spacing, tuple) else spacing,
            "regions": {name: list(values) for name, values in dataset.regions.items()},
            "subjects": content,
        }
        prep = digest(payload)
        self.plan.preps[prep] = PrepJob(
            dataset=entry.id,
            root=None if root is None else str(root.resolve()),
            params=params,
            source=task.source,
            target=task.target,
            intensities=intensities,
            subjects=tuple(subject.id for subject in complete),
            spacing=spacing,
            payload=payload,
        )
        methods = resolve_methods(self.registry, self.suite, len(task.source))
        self.plan.methods |= {method.id: method for method in methods}
        for fold, each in enumerate(splits):
            self.plan.splits.append(
                {
                    "dataset": entry.id,
                    "task": str(task),
                    "fold": fold,
                    "train": list(each.train),
                    "test": list(each.test),
                }
            )
            self.plan.cells += [
                self._cell(prep, entry.id, str(task), method, fold, seed, each)
                for seed in self.suite.seeds
                for method in methods
            ]

    def _cell(
        self, prep: str, dataset: str, task: str, method: Method, fold: int, seed: int, part: Split
    ) -> Cell:
        recipe = method.recipe.model_dump(mode="json")
        inference = recipe.pop("inference")
        train = {
            "stage": "train",
            "version": versions.TRAIN,
            "prep": prep,
            "subjects": list(part.train),
            "recipe": recipe,
            "components": [dict(component) for component in method.components],
            "seed": seed,
        }
        predict = {
            "stage": "predict",
            "version": versions.PREDICT,
            "train": digest(train),
            "subjects": list(part.test),
            "inference": inference,
        }
        safe = re.sub(r"[^A-Za-z0-9_.+-]+", "__", method.id)
        name = dataset.split("/")[-1]
        return Cell(
            label=f"{name}/{slug(task)}/{safe}/fold-{fold}_seed-{seed}",
            dataset=dataset,
            task=task,
            method=method.id,
            fold=fold,
            seed=seed,
            prep=prep,
            recipe={**recipe, "inference": inference},
            components=method.components,
            train=tuple(part.train),
            test=tuple(part.test),
            payloads={"train": train, "predict": predict, **self._scores(digest(predict))},
            blocked=method.blocked,
        )

    def _scores(self, predict: str) -> dict[str, dict[str, Any]]:
        return {
            f"score/{entry.id}": {
                "stage": "score",
                "version": versions.SCORE,
                "predict": predict,
                "evaluator": entry.id,
                "code_version": entry.spec.code_version,
                "sources": entry.editable_digest,
                "metrics": {metric.name: metric.version for metric in entry.spec.metrics},
            }
            for entry in self.evaluators
        }
