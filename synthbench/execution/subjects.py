"""Which subjects a task can use, what identifies their content, and how they are divided."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthbench.api import DataError, Subject, UsageError
from synthbench.registry.names import did_you_mean
from synthbench.suite import SplitChoice
from synthbench.volumes.hashing import ContentIndex, find_leaks, origin_digest
from synthbench.volumes.splitting import Split, holdout, kfold


def read_groups(path: Path | None) -> Mapping[str, str] | None:
    """Read who is whose session from a CSV with columns ``subject`` and ``patient``.

    Raises:
        DataError: If it cannot be read or lacks a column.
    """
    if path is None:
        return None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["subject"]: row["patient"] for row in csv.DictReader(file)}
    except (OSError, KeyError) as error:
        raise DataError(
            f"cannot read groups from {path}: {error}", "it needs columns subject and patient"
        ) from error


def usable(
    dataset: str, subjects: Sequence[Subject], wanted: Sequence[str]
) -> tuple[list[Subject], list[str]]:
    """Divide subjects into those that have every wanted modality, and the ids of the others.

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
    complete = [s for s in subjects if all(modality in s.volumes for modality in wanted)]
    if not complete:
        raise DataError(
            f"{dataset}: no subject has all of {', '.join(wanted)}",
            "choose another --source and --target; `synthbench data check` lists what there is",
        )
    return complete, [s.id for s in subjects if s not in complete]


def contents(
    subjects: Sequence[Subject], wanted: Sequence[str], store: Path
) -> dict[str, dict[str, Any]]:
    """What identifies each subject's volumes, whatever their files are called or lie.

    Args:
        subjects: The subjects.
        wanted: Modalities in use.
        store: Holds the index of content hashes, so that unchanged files are not read again.

    Returns:
        By subject: digests of ``volumes`` (by modality), ``label``, ``mask`` and ``valid``.
    """
    index = ContentIndex(store)
    files = [
        origin
        for subject in subjects
        for origin in (
            *(subject.volumes[modality] for modality in wanted),
            *(subject.label, subject.mask, subject.valid),
        )
        if isinstance(origin, Path)
    ]
    index.digests(files)  # all at once, so that the index is written once
    return {
        subject.id: {
            "volumes": {m: origin_digest(index, subject.volumes[m]) for m in wanted},
            **{
                name: None if origin is None else origin_digest(index, origin)
                for name, origin in (
                    ("label", subject.label),
                    ("mask", subject.mask),
                    ("valid", subject.valid),
                )
            },
        }
        for subject in subjects
    }


def split(
    subjects: Sequence[Subject], choice: SplitChoice, content: Mapping[str, Mapping[str, Any]]
) -> list[Split]:
    """Divide subjects into training and test parts, patients undivided, one split a fold.

    Raises:
        DataError: If there are too few patients, or one volume is in both parts under two names.
    """
    groups = {subject.id: subject.patient for subject in subjects}
    splits = (
        kfold(groups, choice.folds, choice.seed)
        if choice.kind == "kfold"
        else [holdout(groups, choice.test, choice.seed)]
    )
    volumes = {identity: list(each["volumes"].values()) for identity, each in content.items()}
    for each in splits:
        find_leaks(volumes, each)
    return splits
