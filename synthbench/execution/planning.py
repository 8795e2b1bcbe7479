"""From a suite to a plan: every cell with its keys."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthbench.api import NothingSelectedError, UsageError
from synthbench.execution.cells import Cell, PrepJob
from synthbench.execution.methods import Contender, Method, resolve_methods
from synthbench.execution.tasks import TaskPlan, plan_tasks
from synthbench.published import published_record
from synthbench.registry import Registry
from synthbench.store import versions
from synthbench.store.keys import digest
from synthbench.suite import Suite
from synthbench.volumes.splitting import Split


@dataclass
class Plan:
    """Everything a run will do.

    Attributes:
        suite: What was asked for.
        name: Name of the run's folder: readable, and the same for the same request.
        preps: Prep jobs by name.
        cells: Cells in the order in which they run.
        methods: Resolved methods by id.
        splits: By dataset, task and fold: training, validation and test subjects, how they were
            divided and the voxel size, for the record.
        patients: By dataset, the patient of every subject that is not one by itself.
        left_out: Subjects that take no part in a task, and why.
        notes: What the reader of the results must know (subjects left out, ...).
        published: The published table the results will be printed beside; empty for none.
    """

    suite: Suite
    name: str = ""
    preps: dict[str, PrepJob] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    methods: dict[str, Contender] = field(default_factory=dict)
    splits: list[dict[str, Any]] = field(default_factory=list)
    patients: dict[str, dict[str, str]] = field(default_factory=dict)
    left_out: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    published: dict[str, Any] = field(default_factory=dict)


def make_plan(registry: Registry, suite: Suite, store: Path) -> Plan:
    """Plan a suite without training anything.

    Args:
        registry: Where components are found.
        suite: What to run.
        store: Root of the content-addressed store (holds the index of content hashes).

    Raises:
        UsageError: For unknown names.
        DataError: If data is missing, or known to be unusable, before anything runs.
        NothingSelectedError: If no cell is left.
    """
    return complete(Planner(registry, suite), store)


def complete(planner: Planner, store: Path) -> Plan:
    """Let a planner go through the tasks of its suite, and name the plan.

    Raises:
        NothingSelectedError: If no cell is left.
        UsageError: If two cells would have one folder.
    """
    plan = planner.plan
    plan.published = published_record(planner.suite)
    for task in plan_tasks(planner.registry, planner.suite, store):
        planner.add_task(task)
    if not plan.cells:
        raise NothingSelectedError("no method was selected", "see `synthbench list methods`")
    twice = [
        name for name, times in Counter(cell.label for cell in plan.cells).items() if times > 1
    ]
    if twice:
        raise UsageError(
            f"{twice[0]} is asked for twice",
            "name every dataset, task, method and seed once; a dataset with other parameters needs "
            "a suite of its own",
        )
    identity = digest({"cells": [[c.label, c.payloads] for c in plan.cells]})
    plan.name = f"{planner.head()[:80]}_{planner.suite.preset}_{identity[:8]}"
    return plan


def slug(task: str) -> str:
    """A task as part of a file name: ``t1+t2 -> flair`` becomes ``t1+t2-to-flair``."""
    return task.replace(" -> ", "-to-")


def _refuse_masks(registry: Registry, names: Sequence[str]) -> None:
    """Refuse evaluators of segmentations, which a run does not make."""
    for entry in registry.select("evaluators", names):
        if entry.spec.masks:
            raise UsageError(
                f"{entry.id} compares segmentations, and a run makes none",
                "after the run, `synthbench segment --segmenter unet` uses it",
            )


def label(task: TaskPlan, method: Contender, fold: int, seed: int) -> str:
    """A cell's name, also its folder's."""
    safe = re.sub(r"[^A-Za-z0-9_.+-]+", "__", method.id)
    dataset = task.dataset.split("/")[-1]
    return f"{dataset}/{slug(str(task.task))}/{safe}/fold-{fold}_seed-{seed}"


class Planner:
    """Makes the cells of a suite's tasks.

    Args:
        registry: Where components are found.
        suite: What to run.

    Attributes:
        plan: What it has made so far.
    """

    def __init__(self, registry: Registry, suite: Suite) -> None:
        self.registry = registry
        self.suite = suite
        self.plan = Plan(suite)
        _refuse_masks(registry, suite.evaluators)
        chosen = (
            registry.select("evaluators", suite.evaluators)
            if suite.evaluators
            else [
                entry
                for entry in registry.all("evaluators")
                if entry.spec.default and not entry.spec.masks
            ]
        )
        self.evaluators = [(entry, entry.missing({})) for entry in chosen]

    def head(self) -> str:
        """What the run is called, before what tells it from others."""
        return self.suite.name or "_".join(
            dict.fromkeys(f"{c.dataset.split('/')[-1]}_{slug(c.task)}" for c in self.plan.cells)
        )

    def methods(self, task: TaskPlan) -> Sequence[Contender]:
        """The methods that translate a task."""
        return resolve_methods(self.registry, self.suite, len(task.task.source))

    def add_task(self, task: TaskPlan) -> None:
        """Add a task's cells."""
        plan = self.plan
        plan.notes += task.notes
        plan.patients.setdefault(task.dataset, {}).update(task.patients)
        plan.preps |= task.jobs
        named = {"dataset": task.dataset, "task": str(task.task)}
        plan.left_out += [
            {**named, "subject": subject, "reason": why} for subject, why in task.left_out.items()
        ]
        methods = self.methods(task)
        plan.methods |= {method.id: method for method in methods}
        asked = task.division.choice.model_dump(mode="json", exclude_none=True)
        for fold, (prep, each) in enumerate(zip(task.preps, task.division.splits, strict=True)):
            plan.splits.append(
                {
                    **named,
                    "fold": fold,
                    "choice": asked,
                    "spacing": task.jobs[prep].payload["spacing"],
                    "train": list(each.train),
                    "validation": list(each.validation),
                    "test": list(each.test),
                }
            )
            plan.cells += [
                self.cell(task, prep, method, fold, seed, each)
                for seed in self.suite.seeds
                for method in methods
            ]

    def cell(
        self, task: TaskPlan, prep: str, method: Contender, fold: int, seed: int, part: Split
    ) -> Cell:
        """One method on one fold, from training to scores."""
        assert isinstance(method, Method)
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
        return Cell(
            label=label(task, method, fold, seed),
            dataset=task.dataset,
            task=str(task.task),
            method=method.id,
            fold=fold,
            seed=seed,
            prep=prep,
            recipe={**recipe, "inference": inference},
            components=method.components,
            train=tuple(part.train),
            test=tuple(part.test),
            payloads={"train": train, "predict": predict, **self.scores(digest(predict))},
            blocked=method.blocked,
        )

    def scores(self, predict: str) -> dict[str, dict[str, Any]]:
        """Payloads of the score stages of predictions with this key."""
        return {
            f"score/{entry.id}": {
                "stage": "score",
                "version": versions.SCORE,
                "predict": predict,
                "evaluator": entry.id,
                "code_version": entry.spec.code_version,
                "sources": entry.editable_digest,
                "metrics": {metric.name: metric.version for metric in entry.spec.metrics},
                # Scores that are unavailable for want of weights are made once these are there.
                **({"lacking": [what for what, _ in lacking]} if lacking else {}),
            }
            for entry, lacking in self.evaluators
        }
