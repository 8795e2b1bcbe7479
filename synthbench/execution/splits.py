"""Who trains and who tests: as the user asks, else as is usual for the dataset."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from synthbench.api import DataError, PluginError, Subject, UsageError
from synthbench.api.errors import few
from synthbench.suite import SplitChoice
from synthbench.volumes.splitting import Split, counted, holdout, kfold

_PARTS = ("train", "validation", "test")
#: What a split file may say of a subject.
ROLES = (*_PARTS, "unused")
_DEFAULT_TEST, _DEFAULT_FOLDS = 0.25, 5
_MOST_NAMED = 10


@dataclass(frozen=True)
class Division:
    """How a dataset's subjects are divided.

    Attributes:
        choice: What was applied.
        splits: One a fold.
        notes: What the reader of the results must know.
    """

    choice: SplitChoice
    splits: tuple[Split, ...]
    notes: tuple[str, ...] = ()


def divide(
    subjects: Sequence[Subject],
    known: Iterable[str],
    asked: SplitChoice | None,
    usual: Mapping[str, Any],
) -> Division:
    """Divide subjects into training, validation and test parts.

    Args:
        subjects: Those that can be used.
        known: Ids of all subjects of the dataset; a split file may name any of them.
        asked: What the user wants; ``None``, or a seed alone, leaves the rest to ``usual``.
        usual: The dataset's own split (:attr:`~synthbench.api.DatasetSpec.split`). Where it does
            not fit the subjects there are, a quarter is held out, and a note says so.

    Raises:
        DataError: If there are too few patients or sites, or a split file does not fit.
        PluginError: If ``usual`` is not a split.
    """
    if asked is not None and asked.model_fields_set - {"seed"}:
        return _divided(subjects, known, asked)
    seed = {} if asked is None else {"seed": asked.seed}
    plain = SplitChoice(**seed)
    if not usual:
        return _divided(subjects, known, plain)
    try:
        choice = SplitChoice.model_validate({**usual, **seed})
    except ValidationError as error:
        raise PluginError(
            f"the dataset's usual split is not one: {error.errors()[0]['msg']}",
            "report it to the plugin's author, or say how to split: --test 0.25",
        ) from error
    try:
        return _divided(subjects, known, choice)
    except DataError as error:
        found = _divided(subjects, known, plain)
        note = f"the dataset's usual split does not fit, a quarter is held out: {error.message}"
        return Division(found.choice, found.splits, (note, *found.notes))


def _divided(subjects: Sequence[Subject], known: Iterable[str], choice: SplitChoice) -> Division:
    if choice.kind == "file":
        return Division(choice, tuple(_from_file(choice, subjects, set(known))))
    groups = _groups(subjects, choice)
    if choice.kind == "kfold":
        default = len(set(groups.values())) if choice.by == "site" else _DEFAULT_FOLDS
        # At least 2: fewer sites than that are refused with their number, not with that of folds.
        splits = kfold(groups, choice.folds or max(default, 2), choice.seed)
    elif choice.kind == "counts":
        splits = [
            counted(
                groups,
                train=choice.train or 0,
                validation=choice.validation,
                test=int(choice.test or 0),
                seed=choice.seed,
            )
        ]
    else:
        splits = [holdout(groups, choice.test or _DEFAULT_TEST, choice.seed)]
    unused = [s.id for s in subjects if not any(s.id in _used(each) for each in splits)]
    notes = [f"{len(unused)} subjects are in no part of the split"] if unused else []
    return Division(choice, tuple(splits), tuple(notes))


def _used(split: Split) -> tuple[str, ...]:
    return (*split.train, *split.validation, *split.test)


def _groups(subjects: Sequence[Subject], choice: SplitChoice) -> dict[str, str]:
    """What stays together, by subject."""
    if choice.by == "patient":
        return {subject.id: subject.patient for subject in subjects}
    nowhere = [subject.id for subject in subjects if not subject.site]
    if nowhere:
        raise DataError(
            f"the site of {few(nowhere, _MOST_NAMED)} is not known, so sites cannot be kept apart",
            "split by patient, or use a dataset that tells sites (a column 'site' in manifest.csv)",
        )
    sites: dict[str, str] = {}
    for subject in subjects:
        if sites.setdefault(subject.patient, subject.site) != subject.site:
            raise DataError(
                f"patient {subject.patient} was scanned at {sites[subject.patient]} and at "
                f"{subject.site}: sites cannot be kept apart",
                "leave one of the scans out, or split by patient",
            )
    return {subject.id: subject.site for subject in subjects}


def _from_file(choice: SplitChoice, subjects: Sequence[Subject], known: set[str]) -> list[Split]:
    path = choice.file
    assert path is not None
    folds = _csv(path) if path.suffix.lower() == ".csv" else _document(path)
    if not folds:
        raise DataError(f"split file {path} names no subject", "list every subject with its role")
    return [
        _checked(f"{path}, fold {name}" if len(folds) > 1 else str(path), roles, subjects, known)
        for name, roles in folds.items()
    ]


def _csv(path: Path) -> dict[str, list[tuple[str, str]]]:
    """(subject, role) pairs by fold."""
    folds: dict[str, list[tuple[str, str]]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                pair = (row["subject"].strip(), row["role"].strip())
                folds.setdefault((row.get("fold") or "0").strip(), []).append(pair)
    except (OSError, UnicodeDecodeError, KeyError, AttributeError) as error:
        raise DataError(
            f"cannot read split file {path}: {getattr(error, 'strerror', None) or error}",
            "a CSV needs columns subject and role (and fold, where there are several)",
        ) from error
    return folds


def _document(path: Path) -> dict[str, list[tuple[str, str]]]:
    """The same from JSON or YAML: ``{train: [...], test: [...]}``, or a list of these."""
    shape = "write {train: [...], validation: [...], test: [...]}, or a list of these, one a fold"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise DataError(f"cannot read split file {path}: {reason}", shape) from error
    folds = content if isinstance(content, list) else [content]
    found: dict[str, list[tuple[str, str]]] = {}
    for number, fold in enumerate(folds):
        if not isinstance(fold, dict) or not all(isinstance(v, list) for v in fold.values()):
            raise DataError(f"split file {path} is not a split", shape)
        pairs = [(subject, str(role)) for role, ids in fold.items() for subject in ids]
        for subject, _ in pairs:
            if not isinstance(subject, str):
                raise DataError(
                    f"split file {path}: {subject!r} is not text", "put subject ids in quotes"
                )
        found[str(number)] = pairs
    return found


def _checked(
    what: str, pairs: Sequence[tuple[str, str]], subjects: Sequence[Subject], known: set[str]
) -> Split:
    """One fold of a split file, after everything that can be wrong with it."""
    roles: dict[str, str] = {}
    twice = []
    for subject, role in pairs:
        if role not in ROLES:
            raise DataError(
                f"{what}: subject {subject} has the role {role!r}", f"roles are {', '.join(ROLES)}"
            )
        if roles.setdefault(subject, role) != role:
            twice.append(subject)
    _refuse(twice, f"{what}: two roles for", "give every subject one role")
    _refuse(
        [subject for subject in roles if subject not in known],
        f"{what}: the dataset has no subject",
        "correct the ids; `synthbench data check` lists them",
    )
    _refuse(
        [subject.id for subject in subjects if subject.id not in roles],
        f"{what}: no role for",
        "add them, with the role 'unused' where they should stay out",
    )
    parts: dict[str, str] = {}
    torn = []
    for each in subjects:
        role = roles[each.id]
        if role != "unused" and parts.setdefault(each.patient, role) != role:
            torn.append(each.patient)
    _refuse(torn, f"{what}: two roles for patient", "keep the sessions of a patient together")
    ids = {
        part: tuple(subject.id for subject in subjects if roles[subject.id] == part)
        for part in _PARTS
    }
    for part in ("train", "test"):
        if not ids[part]:
            raise DataError(f"{what}: no usable subject to {part} on", f"give some the role {part}")
    return Split(train=ids["train"], test=ids["test"], validation=ids["validation"])


def _refuse(ids: Sequence[str], message: str, hint: str) -> None:
    if ids:
        raise DataError(f"{message} {few(list(dict.fromkeys(ids)), _MOST_NAMED)}", hint)


def parse_counts(text: str) -> dict[str, Any]:
    """Read ``200,60,94`` (training, validation, test) or ``200,94`` as fields of a split.

    Raises:
        UsageError: If it is not two or three whole numbers.
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        raise UsageError(
            f"--split-counts {text!r} is not TRAIN,VALIDATION,TEST", "e.g. --split-counts 200,60,94"
        )
    return {
        "kind": "counts",
        "train": numbers[0],
        "validation": numbers[1] if len(numbers) == 3 else 0,
        "test": numbers[-1],
    }
