"""Methods that ran elsewhere: their volumes take the place of a translator's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthbench.api import DataError, UsageError
from synthbench.api.errors import few
from synthbench.execution.cells import Cell, PrepJob
from synthbench.execution.environment import versions
from synthbench.execution.stages import FAULTS, progress_of, write_array
from synthbench.store.atomic import write_json
from synthbench.volumes.intensity import Bounds
from synthbench.volumes.prepared import Prepared

#: Endings of files that hold volumes, as nibabel reads them.
SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh", ".img.gz", ".img")
_MOST_NAMED = 5


@dataclass(frozen=True)
class Matches:
    """Which files are whose.

    Attributes:
        files: By subject; ``None`` where there is none.
        others: Files and folders that belong to none of the subjects.
    """

    files: Mapping[str, Path | None]
    others: tuple[str, ...]


def match(folder: Path, subjects: Iterable[str], target: str) -> Matches:
    """Find the prediction of each subject by its id.

    It is ``<id>.nii.gz``, ``<id>_<target>.nii.gz``, or the one volume in a folder ``<id>``; the
    ending may be any of :data:`SUFFIXES`.

    Args:
        folder: Where the predictions are.
        subjects: Whose predictions are wanted.
        target: The modality they are predictions of.

    Raises:
        DataError: If there is no such folder, two files could be a subject's, or there is no
            prediction of any subject.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "check --predictions")
    stems: dict[str, list[Path]] = {}
    folders: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            folders[path.name] = path
        elif stem := _stem(path):
            stems.setdefault(stem, []).append(path)
    found: dict[str, Path | None] = {}
    subjects = list(subjects)
    for subject in subjects:
        mine = stems.pop(subject, [])
        if (longer := f"{subject}_{target}") not in subjects:
            mine = [*mine, *stems.pop(longer, [])]
        if (inner := folders.pop(subject, folder / subject)).is_dir():
            mine += [path for path in sorted(inner.iterdir()) if _stem(path)]
        if len(mine) > 1:
            names = [str(path.relative_to(folder)) for path in mine]
            raise DataError(
                f"{folder}: {few(names, _MOST_NAMED)} could all be the prediction of {subject}",
                "keep one file a subject",
            )
        found[subject] = mine[0] if mine else None
    others = (*(path.name for paths in stems.values() for path in paths), *folders)
    if found and not any(found.values()):
        first = next(iter(found))
        raise DataError(
            f"no file in {folder} is named after a subject that is tested: "
            f"{few(list(found), _MOST_NAMED)}",
            f"name them by subject, e.g. {first}.nii.gz or {first}_{target}.nii.gz, or test other "
            "subjects (--split-file)",
        )
    return Matches(found, others)


def _stem(path: Path) -> str:
    """The name without its ending; ``""`` for what is no volume."""
    if path.name.startswith("."):
        return ""
    return next((path.name.removesuffix(s) for s in SUFFIXES if path.name.endswith(s)), "")


def parse_values(text: str | None) -> tuple[float, float] | None:
    """Read ``LOW,HIGH``.

    Raises:
        UsageError: If it is not two rising numbers.
    """
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = 0.0
    if not low < high:
        raise UsageError(f"--values {text!r} is not a range", "write LOW,HIGH, e.g. --values=-1,1")
    return low, high


def take_over(
    cell: Cell,
    job: PrepJob,
    prepared_folder: Path,
    folder: Path,
    report: Callable[[Mapping[str, Any]], None],
) -> dict[str, Any]:
    """Stage ``predict`` of a method that ran elsewhere: its volumes as unit-range arrays.

    One that is missing or cannot be used gets a reason instead, and stops nobody.
    """
    assert cell.outside is not None
    started = time.monotonic()
    prepared = Prepared(prepared_folder)
    faults: dict[str, str] = {}
    for number, subject in enumerate(cell.test):
        report(progress_of("predict", number, len(cell.test)))
        file = cell.outside.files[subject]
        if file is None:
            faults[subject] = "the prediction is missing"
            continue
        try:
            array = _take(cell, job, prepared, subject, Path(file))
        except DataError as error:
            faults[subject] = f"{error.message} ({error.hint})"
        else:
            write_array(folder / f"{subject}.npy", array)
    write_json(folder / FAULTS, faults)
    return {
        "faults": len(faults),
        "seconds_reading": round(time.monotonic() - started, 3),
        "versions": versions(),
    }


def _take(cell: Cell, job: PrepJob, prepared: Prepared, subject: str, file: Path) -> Any:
    from synthbench.volumes.foreign import take_prediction

    assert cell.outside is not None
    values = cell.outside.values
    spacing = (job.spacing,) * 3 if isinstance(job.spacing, int | float) else job.spacing
    return take_prediction(
        file,
        prepared[subject],
        job.target,
        spacing=spacing,
        resampled=cell.outside.resample,
        values=None if values is None else Bounds(*values),
        fixed=job.intensity(job.target).kind == "window",
    )
