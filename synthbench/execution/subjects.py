"""Which subjects have what a task needs, and what identifies their content."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthbench.api import DataError, Dataset, Subject, UsageError
from synthbench.api.dataset import Origin
from synthbench.registry import Entry
from synthbench.registry.names import did_you_mean
from synthbench.volumes.hashing import ContentIndex, origin_digest


def build_dataset(entry: Entry, params: Mapping[str, Any]) -> Dataset:
    """Build a dataset reader.

    Raises:
        UsageError: If it has no such parameters.
    """
    try:
        dataset: Dataset = entry.resolve()(**params)
    except TypeError as error:
        raise UsageError(
            f"{entry.id}: {error}", f"`synthbench info {entry.id}` shows its parameters"
        ) from error
    return dataset


def read_groups(path: Path | None) -> Mapping[str, str] | None:
    """Read who is whose session from a CSV with columns ``subject`` and ``patient``.

    Raises:
        DataError: If it cannot be read, lacks a column, or gives a subject two patients.
    """
    if path is None:
        return None
    patients: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                subject, patient = ((row[name] or "").strip() for name in ("subject", "patient"))
                if patients.setdefault(subject, patient) != patient:
                    raise DataError(
                        f"{path} says that subject {subject} is of patient {patients[subject]} "
                        f"and of {patient}",
                        "give every subject one patient",
                    )
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise DataError(
            f"cannot read groups from {path}: {error}",
            "it needs columns subject and patient, separated by commas, in UTF-8",
        ) from error
    return patients


def usable(
    dataset: str, subjects: Sequence[Subject], wanted: Sequence[str]
) -> tuple[list[Subject], dict[str, str]]:
    """Divide subjects into those that have every wanted modality and the others.

    Returns:
        The former, and why each of the others is none of them, by id.

    Raises:
        UsageError: For a modality that no subject has.
        DataError: If no subject has them all.
    """
    known = sorted({modality for subject in subjects for modality in subject.volumes})
    for modality in wanted:
        if modality not in known:
            raise UsageError(
                f"{dataset}: no subject has modality {modality!r}",
                did_you_mean(modality, known, f"there are {', '.join(known)}"),
            )
    complete, lacking = [], {}
    for subject in subjects:
        missing = [modality for modality in wanted if modality not in subject.volumes]
        if missing:
            lacking[subject.id] = f"it has no {', '.join(missing)}"
        else:
            complete.append(subject)
    if not complete:
        raise DataError(
            f"{dataset}: no subject has all of {', '.join(wanted)}",
            "choose another --source and --target; `synthbench data check` lists what there is",
        )
    return complete, lacking


def contents(
    subjects: Sequence[Subject], wanted: Sequence[str], index: ContentIndex
) -> dict[str, dict[str, Any]]:
    """What identifies each subject's volumes, whatever their files are called or lie.

    Args:
        subjects: The subjects.
        wanted: Modalities in use.
        index: Remembers content hashes, so that unchanged files are not read again.

    Returns:
        By subject: digests of ``volumes`` (by modality), ``label``, ``mask`` and ``valid``.

    Raises:
        DataError: If a file cannot be read.
    """
    digests = index.digests(path for subject in subjects for path in files(subject, wanted))

    def of(origin: Origin | None) -> str | None:
        if isinstance(origin, Path):
            return digests[origin]
        return None if origin is None else origin_digest(None, origin)

    return {
        subject.id: {
            "volumes": {m: of(subject.volumes[m]) for m in wanted},
            "label": of(subject.label),
            "mask": of(subject.mask),
            "valid": of(subject.valid),
        }
        for subject in subjects
    }


def files(subject: Subject, wanted: Sequence[str]) -> list[Path]:
    """Files that a subject's volumes of the wanted modalities, label and masks come from."""
    origins = (
        *(subject.volumes[modality] for modality in wanted),
        *(subject.label, subject.mask, subject.valid),
    )
    return [origin for origin in origins if isinstance(origin, Path)]
