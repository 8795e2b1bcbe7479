"""Level 1: dataset readers, on their data where it is there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthbench.api import DataError, Dataset, DatasetSpec, Generated, Subject
from synthbench.api.dataset import Origin
from synthbench.data_roots import find_root, resolve_root
from synthbench.testing import samples
from synthbench.testing.checks import check
from synthbench.testing.guard import Watch, demand_nothing_left, demand_settings_kept
from synthbench.testing.specimens import Specimen
from synthbench.testing.verdicts import Skipped, demand
from synthbench.volumes.check import SubjectCheck
from synthbench.volumes.check import check as read_all
from synthbench.volumes.preparing import prepare

#: Preset whose parameters a dataset is checked with, as it makes the least data.
_PRESET = "smoke"


@dataclass
class _Reading:
    """A dataset, its subjects, and what became of its folder meanwhile."""

    root: Path | None
    dataset: Dataset
    subjects: list[Subject]
    complete: Subject
    check: SubjectCheck
    watch: Watch
    touched: list[str]


def _needs_root(specimen: Specimen) -> bool:
    return bool(specimen.component.spec.needs_root)


def _build(specimen: Specimen) -> Dataset:
    entry = specimen.component
    dataset: Dataset = entry.resolve()(**entry.spec.presets.get(_PRESET, {}))
    return dataset


def _root(specimen: Specimen) -> Path | None:
    entry, given = specimen.component, specimen.catalogue.data_root
    if not _needs_root(specimen):
        return None
    if given is not None:
        given = resolve_root(entry, given, specimen.registry)
    found = given or find_root(entry, specimen.registry)
    if found is None:
        raise Skipped(f"its data is not here: {entry.spec.obtain or 'give --data-root'}")
    return found.absolute()  # the working directory changes while it is read


def _read(specimen: Specimen) -> _Reading:
    root = _root(specimen)
    before = _listing(root)
    dataset = _build(specimen)
    with Watch(samples.scratch(), samples.new_folder()) as watch:
        subjects = dataset.subjects(root)
        demand(subjects, "it lists no subject")
        complete = max(subjects, key=lambda s: (len(s.volumes), s.label is not None))
        (checked,) = read_all([complete])
    after = _listing(root)
    touched = [str(p) for p in {*before, *after} if before.get(p) != after.get(p)]
    return _Reading(root, dataset, subjects, complete, checked, watch, sorted(touched))


def _listing(root: Path | None) -> dict[Path, tuple[int, int]]:
    if root is None:
        return {}
    stats = {path: path.stat() for path in root.rglob("*") if path.exists()}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def _facts(subject: Subject) -> Any:
    """What identifies a subject; how generated volumes are made cannot be compared."""

    def origin(where: Origin | None) -> Any:
        return dict(where.key) if isinstance(where, Generated) else where

    volumes = {name: origin(where) for name, where in subject.volumes.items()}
    others = [origin(where) for where in (subject.label, subject.mask, subject.valid)]
    return (subject.id, volumes, others, subject.group, subject.site)


@check("datasets", level=1, applies=_needs_root)
def refuses_a_foreign_folder(specimen: Specimen) -> None:
    """Given an empty folder, it raises a `DataError` that says what layout it expects."""
    try:
        _build(specimen).subjects(samples.new_folder())
    except DataError as error:
        demand(error.message and error.hint, "its DataError has no hint that says what it expects")
        return
    demand(False, "it accepts an empty folder")


@check("datasets", level=1)
def subjects(specimen: Specimen) -> None:
    """It lists at least one subject, each with an id of its own and at least one volume."""
    found = specimen.once(_read).subjects
    ids = [subject.id for subject in found]
    demand(all(isinstance(i, str) and i.strip() for i in ids), "a subject has no id")
    twice = sorted({i for i in ids if ids.count(i) > 1})
    demand(not twice, f"subject id {', '.join(twice)} occurs more than once")
    empty = [subject.id for subject in found if not subject.volumes]
    demand(not empty, f"subject {', '.join(empty)} has no volume")


@check("datasets", level=1)
def stable(specimen: Specimen) -> None:
    """Listed again, by the same reader and by a new one, the subjects are the same in the same
    order."""
    reading = specimen.once(_read)
    first = [_facts(subject) for subject in reading.subjects]
    for what, dataset in (("again", reading.dataset), ("by a new reader", _build(specimen))):
        other = [_facts(subject) for subject in dataset.subjects(reading.root)]
        demand(first == other, f"listed {what}, the subjects differ")


@check("datasets", level=1)
def tasks(specimen: Specimen) -> None:
    """For each of its `tasks` some subject has every modality."""
    spec, found = specimen.component.spec, specimen.once(_read).subjects
    assert isinstance(spec, DatasetSpec)
    for task in spec.tasks:
        wanted = {*task.source, task.target}
        demand(
            any(wanted <= set(subject.volumes) for subject in found),
            f"task {task}: no subject has {', '.join(sorted(wanted))}",
        )


@check("datasets", level=1)
def readable(specimen: Specimen) -> None:
    """Every volume, label and mask of a subject can be read: three-dimensional, finite, not
    constant, on one grid; its label holds whole numbers; the regions name sets of them."""
    reading = specimen.once(_read)
    wrong = [finding.message for finding in reading.check.findings if finding.severity == "error"]
    demand(not wrong, "; ".join(wrong))
    for region, values in reading.dataset.regions.items():
        whole = values and all(isinstance(value, int) for value in values)
        demand(whole, f"region {region} is {values!r}, not a set of label values")


@check("datasets", level=1)
def generated(specimen: Specimen) -> None:
    """Volumes made on the fly come out the same twice, and their keys are JSON and differ."""
    subject = specimen.once(_read).complete
    made = {n: o for n, o in subject.volumes.items() if isinstance(o, Generated)}
    if not made:
        raise Skipped("its volumes are files")
    keys = [json.dumps(dict(origin.key), sort_keys=True) for origin in made.values()]
    demand(len(set(keys)) == len(keys), "two volumes of a subject have the same key")
    name, origin = next(iter(made.items()))
    one, two = origin.make(), origin.make()
    same = np.array_equal(one.array, two.array) and np.array_equal(one.affine, two.affine)
    demand(same, f"{name} of {subject.id} comes out differently the second time")


@check("datasets", level=1)
def prepares(specimen: Specimen) -> None:
    """A subject can be prepared for a task: its volumes on one grid, in the unit range, with a
    foreground."""
    reading, spec = specimen.once(_read), specimen.component.spec
    subject = reading.complete
    wanted = list(subject.volumes)
    for task in spec.tasks:
        if {*task.source, task.target} <= set(wanted):
            wanted = [*task.source, task.target]
            break
    models = spec.intensities(wanted)
    folder = samples.new_folder()
    done = prepare(
        [subject], models, wanted[:1], spacing=None, folder=folder, regions=reading.dataset.regions
    )[subject.id]
    for name in wanted:
        volume = done.volume(name)
        demand(volume.shape == done.mask.shape, f"{name} has shape {volume.shape}")
        demand(volume.min() >= 0 and volume.max() <= 1, f"{name} is outside the unit range")
    demand(done.mask.any(), "the foreground is empty")


@check("datasets", level=1)
def reads_only(specimen: Specimen) -> None:
    """Listing and reading change nothing in the data folder, leave no file elsewhere, and change no
    setting of the process."""
    reading = specimen.once(_read)
    demand(not reading.touched, f"it changes {', '.join(reading.touched[:3])}")
    demand_nothing_left(reading.watch)
    demand_settings_kept(reading.watch)
