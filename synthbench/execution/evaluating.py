"""From predictions made elsewhere to a plan that prepares, takes over and scores."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synthbench.api import MethodSpec, UsageError
from synthbench.api.errors import few
from synthbench.execution.cells import Cell, Outside
from synthbench.execution.methods import Contender
from synthbench.execution.outside import match
from synthbench.execution.planning import Plan, Planner, complete, label
from synthbench.execution.tasks import TaskPlan
from synthbench.registry import Registry
from synthbench.registry.names import did_you_mean
from synthbench.store import versions
from synthbench.store.keys import digest
from synthbench.suite import Suite
from synthbench.volumes.hashing import ContentIndex
from synthbench.volumes.splitting import Split

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*")
_MOST_NAMED = 5


@dataclass(frozen=True)
class Predictions:
    """Volumes that a method made elsewhere.

    Attributes:
        method: What tables call it.
        folder: Where they are; see :func:`~synthbench.execution.outside.match`.
        resample: Whether to resample those on another grid than the subject.
        values: What stands for the target's lower and upper intensity bound in them; ``None``
            where they are in the target's own intensities.
    """

    method: str
    folder: Path
    resample: bool = False
    values: tuple[float, float] | None = None


def plan_evaluation(
    registry: Registry, suite: Suite, store: Path, predictions: Sequence[Predictions]
) -> Plan:
    """Plan to score volumes made elsewhere, on the subjects that a run of the suite would test.

    Args:
        registry: Where datasets and evaluators are found.
        suite: Dataset, task, split and evaluators; its methods are not looked at.
        store: Root of the content-addressed store.
        predictions: One a method.

    Raises:
        UsageError: For unknown names, or methods of the same or of no proper name.
        DataError: If the dataset is missing or unusable, or predictions cannot be told apart.
    """
    names = [each.method for each in predictions]
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name a method", "use letters, digits, spaces and ._+- only"
            )
        if names.count(name) > 1:
            raise UsageError(f"two methods are called {name!r}", "name them with --method")
    return complete(_Evaluation(registry, suite, store, predictions), store)


def evaluators_of(registry: Registry, protocols: Sequence[str]) -> list[str]:
    """Ids of the evaluators that compute metric protocols.

    Raises:
        UsageError: For a protocol that none computes.
    """
    known: dict[str, list[str]] = {}
    for entry in registry.all("evaluators"):
        if entry.spec.protocol:
            known.setdefault(entry.spec.protocol, []).append(entry.id)
    for name in protocols:
        if name not in known:
            raise UsageError(
                f"there is no metric protocol {name!r}",
                did_you_mean(name, known, f"there are {', '.join(known)}"),
            )
    return [identity for name in protocols for identity in known[name]]


class _Evaluation(Planner):
    """Cells whose volumes are there already."""

    def __init__(
        self, registry: Registry, suite: Suite, store: Path, predictions: Sequence[Predictions]
    ) -> None:
        super().__init__(registry, suite)
        self.index = ContentIndex(store)
        self.predictions = {f"outside/{each.method}": each for each in predictions}

    def head(self) -> str:
        return self.suite.name or f"evaluate_{super().head()}"

    def methods(self, task: TaskPlan) -> list[Contender]:
        return [
            Contender(
                id=identity,
                label=each.method,
                spec=MethodSpec(name=each.method, summary="Volumes made elsewhere.", recipe={}),
                remarks=_remarks(each),
            )
            for identity, each in self.predictions.items()
        ]

    def add_task(self, task: TaskPlan) -> None:
        super().add_task(_of_tested(task))
        tested = [name for each in task.division.splits for name in each.test]
        for each in self.predictions.values():
            # A file of another subject is none of a fold's own, but may be of another fold.
            others = match(each.folder, tested, task.task.target).others
            if others:
                self.plan.notes.append(
                    f"{task.dataset}, {task.task}: {each.method}: "
                    f"{len(others)} of the folder's files and folders belong to no subject that is "
                    f"tested: {few(others, _MOST_NAMED)}"
                )

    def cell(
        self, task: TaskPlan, prep: str, method: Contender, fold: int, seed: int, part: Split
    ) -> Cell:
        made = self.predictions[method.id]
        tested = [name for each in task.division.splits for name in each.test]
        files = match(made.folder, tested, task.task.target).files
        mine = {subject: files[subject] for subject in part.test}
        digests = self.index.digests(path for path in mine.values() if path)
        predict: dict[str, Any] = {
            "stage": "predict",
            "version": versions.PREDICT,
            "outside": {
                name: None if path is None else digests[path] for name, path in mine.items()
            },
            "prep": prep,
            "resample": made.resample,
            "values": None if made.values is None else list(made.values),
        }
        return Cell(
            label=label(task, method, fold, seed),
            dataset=task.dataset,
            task=str(task.task),
            method=method.id,
            fold=fold,
            seed=seed,
            prep=prep,
            recipe={},
            components=(),
            train=(),
            test=tuple(part.test),
            payloads={"predict": predict, **self.scores(digest(predict))},
            outside=Outside(
                files={
                    name: None if path is None else str(path.resolve())
                    for name, path in mine.items()
                },
                resample=made.resample,
                values=made.values,
            ),
        )


def _of_tested(task: TaskPlan) -> TaskPlan:
    """The task without what is prepared for training."""
    names: dict[str, str] = {}
    jobs = {}
    for prep, job in task.jobs.items():
        splits = [
            each for its, each in zip(task.preps, task.division.splits, strict=True) if its == prep
        ]
        tested = {name for each in splits for name in each.test}
        ids = tuple(name for name in job.subjects if name in tested)
        content = {name: job.payload["subjects"][name] for name in ids}
        payload = {**job.payload, "subjects": content}
        names[prep] = digest(payload)
        jobs[names[prep]] = replace(job, subjects=ids, payload=payload)
    return replace(task, preps=[names[prep] for prep in task.preps], jobs=jobs)


def _remarks(made: Predictions) -> tuple[str, ...]:
    text = "volumes made elsewhere"
    if made.values is not None:
        text += ", {:g} and {:g} taken for the target's bounds".format(*made.values)
    if made.resample:
        text += ", resampled where they were on another grid"
    return (text,)
