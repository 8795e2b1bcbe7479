"""The data side of a plan: a dataset's tasks, who trains and tests, and what has to be prepared.

``synthbench data prepare`` and ``synthbench run`` both start here: one finds what the other made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synthbench.api import (
    Dataset,
    DatasetSpec,
    Intensity,
    NothingSelectedError,
    Subject,
    UsageError,
)
from synthbench.data_roots import resolve_root
from synthbench.execution.cells import PrepJob
from synthbench.execution.faults import sort_out, told
from synthbench.execution.splits import Division, divide
from synthbench.execution.subjects import build_dataset, read_groups, usable
from synthbench.registry import Entry, Registry
from synthbench.store import versions
from synthbench.store.keys import digest
from synthbench.suite import DatasetChoice, Suite, TaskChoice
from synthbench.volumes.grouping import group_subjects
from synthbench.volumes.hashing import find_leaks

_NAMED_SUBJECTS = 10

_Sides = tuple[float, float, float]


@dataclass
class TaskPlan:
    """One task on one dataset.

    Attributes:
        dataset: Canonical dataset id.
        task: What is translated.
        division: Who trains and who tests, fold by fold.
        preps: Name of the prep job of each fold.
        jobs: Prep jobs by name.
        patients: Patient of every subject that is not one by itself.
        left_out: Why subjects of the dataset take no part, by id.
        notes: What the reader of the results must know.
    """

    dataset: str
    task: TaskChoice
    division: Division
    preps: list[str] = field(default_factory=list)
    jobs: dict[str, PrepJob] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Source:
    """A dataset that was found and listed."""

    entry: Entry
    dataset: Dataset
    root: Path | None
    params: dict[str, Any]
    subjects: list[Subject]


def plan_tasks(registry: Registry, suite: Suite, store: Path) -> list[TaskPlan]:
    """Plan every dataset and task of a suite.

    Args:
        registry: Where datasets are found.
        suite: What to run.
        store: Root of the content-addressed store (holds the index of content hashes).

    Raises:
        UsageError: For unknown names.
        DataError: If data is missing, or unusable and not to be left out.
        NothingSelectedError: If the suite has no dataset.
    """
    if not suite.datasets:
        raise NothingSelectedError("no dataset was given", "add --dataset phantom")
    plans = []
    for choice in suite.datasets:
        source = _find(registry, suite, choice)
        tasks = choice.tasks or tuple(
            TaskChoice(source=task.source, target=task.target)
            for task in source.entry.spec.tasks[:1]
        )
        if not tasks:
            raise UsageError(
                f"{source.entry.id} has no default task",
                "say what to translate with --source and --target",
            )
        plans += [_plan(source, task, suite, store) for task in tasks]
    return plans


def _find(registry: Registry, suite: Suite, choice: DatasetChoice) -> _Source:
    entry = registry.get("datasets", choice.name)
    spec: DatasetSpec = entry.spec
    root = resolve_root(entry, choice.root, registry)
    params = {**spec.presets.get(suite.preset, {}), **choice.params}
    dataset = build_dataset(entry, params)
    subjects = group_subjects(
        dataset.subjects(root),
        pattern=choice.group_pattern,
        column=read_groups(choice.group_file),
    )
    return _Source(entry, dataset, root, params, subjects)


def _plan(source: _Source, task: TaskChoice, suite: Suite, store: Path) -> TaskPlan:
    entry, spec, wanted = source.entry, source.entry.spec, (*task.source, task.target)
    complete, lacking = usable(entry.id, source.subjects, wanted)
    models = spec.intensities(wanted)
    good, content, bad = sort_out(
        complete, wanted, models, store, leave_out=suite.unusable == "leave_out"
    )
    known = (subject.id for subject in source.subjects)
    division = divide(good, known, suite.split, spec.split)
    volumes = {identity: list(each["volumes"].values()) for identity, each in content.items()}
    for each in division.splits:
        find_leaks(volumes, each)
    plan = TaskPlan(
        entry.id,
        task,
        division,
        patients={s.id: s.patient for s in source.subjects if s.patient != s.id},
        left_out={**lacking, **bad},
    )
    prefix = f"{entry.id}, {task}: "
    if lacking:
        plan.notes.append(
            f"{prefix}{len(lacking)} of {len(source.subjects)} subjects left out because they lack "
            f"a modality: {_names(list(lacking))}"
        )
    if bad:
        plan.notes.append(f"{prefix}left out: {told(bad)}")
    plan.notes += [f"{prefix}{note}" for note in division.notes]
    if suite.crop is not None:
        plan.notes.append(
            f"{prefix}volumes are cut to the foreground's bounding box and {suite.crop:g} mm "
            "around it: scores of the whole volume are of that box"
        )
    _add_jobs(plan, source, models, {subject.id: subject for subject in good}, content, suite)
    return plan


def _add_jobs(
    plan: TaskPlan,
    source: _Source,
    models: Mapping[str, Intensity],
    subjects: Mapping[str, Subject],
    content: Mapping[str, dict[str, Any]],
    suite: Suite,
) -> None:
    """One prep job for all folds that need the same voxel size."""
    task, entry = plan.task, source.entry
    intensities = {name: asdict(model) for name, model in models.items()}
    folds: dict[float | _Sides | None, list[int]] = {}
    for fold, size in enumerate(_spacings(suite, plan, subjects)):
        folds.setdefault(size, []).append(fold)
    names: dict[int, str] = {}
    for size, numbers in folds.items():
        splits = [plan.division.splits[number] for number in numbers]
        used = {name for each in splits for name in (*each.train, *each.test)}
        ids = tuple(name for name in subjects if name in used)
        payload: dict[str, Any] = {
            "stage": "prep",
            "version": versions.PREP,
            "dataset": entry.id,
            "code_version": entry.spec.code_version,
            "source": list(task.source),
            "target": task.target,
            "intensities": intensities,
            "spacing": list(size) if isinstance(size, tuple) else size,
            "regions": {name: list(values) for name, values in source.dataset.regions.items()},
            "subjects": {name: content[name] for name in ids},
        }
        if suite.crop is not None:
            payload["crop"] = suite.crop
        prep = digest(payload)
        names |= dict.fromkeys(numbers, prep)
        plan.jobs[prep] = PrepJob(
            dataset=entry.id,
            root=None if source.root is None else str(source.root.absolute()),
            params=source.params,
            source=task.source,
            target=task.target,
            intensities=intensities,
            subjects=ids,
            spacing=size,
            payload=payload,
            crop=suite.crop,
        )
    plan.preps = [names[fold] for fold in range(len(plan.division.splits))]


def _spacings(
    suite: Suite, plan: TaskPlan, subjects: Mapping[str, Subject]
) -> list[float | _Sides | None]:
    """The voxel size of each fold; a mean is taken over those it trains on, and noted."""
    splits = plan.division.splits
    if suite.spacing != "mean":
        return [suite.spacing] * len(splits)
    from synthbench.volumes.headers import spacing_of

    first = plan.task.source[0]
    sizes = {
        name: spacing_of(subjects[name].volumes[first], f"{first} of subject {name}")
        for name in dict.fromkeys(name for each in splits for name in each.train)
    }
    found: list[float | _Sides | None] = []
    for fold, each in enumerate(splits):
        mean = [
            sum(sizes[name][axis] for name in each.train) / len(each.train) for axis in range(3)
        ]
        x, y, z = (round(side, 3) for side in mean)
        found.append((x, y, z))
        which = f", fold {fold}" if len(splits) > 1 else ""
        plan.notes.append(
            f"{plan.dataset}, {plan.task}{which}: voxel size {x:g} x {y:g} x {z:g} mm, the mean "
            f"over {len(each.train)} training subjects"
        )
    return found


def _names(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_NAMED_SUBJECTS]) + (", ..." if len(ids) > _NAMED_SUBJECTS else "")
