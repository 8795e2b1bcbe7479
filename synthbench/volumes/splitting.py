"""Who trains and who tests: by patient, reproducible, independent of library versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256

from synthbench.api import DataError, UsageError


@dataclass(frozen=True)
class Split:
    """Subject ids by role, each in the order of the dataset."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()


def holdout(groups: Mapping[str, str], fraction: float, seed: int) -> Split:
    """Keep a random part of the patients for testing.

    Args:
        groups: Patient of each subject id.
        fraction: Part of the patients to test on, in (0, 1); at least one patient, and at least
            one is left for training.
        seed: Another seed, other patients.

    Raises:
        DataError: If there are fewer than two patients.
        UsageError: If the fraction is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise UsageError(f"test fraction {fraction:g} is not between 0 and 1", "e.g. 0.25")
    patients = _shuffled(groups, seed, at_least=2)
    count = min(max(int(fraction * len(patients) + 0.5), 1), len(patients) - 1)
    return _split(groups, set(patients[:count]))


def kfold(groups: Mapping[str, str], k: int, seed: int) -> list[Split]:
    """Divide the patients so that each subject is tested once.

    Args:
        groups: Patient of each subject id.
        k: Number of folds; they differ as little as possible in their number of subjects.
        seed: Another seed, other folds.

    Raises:
        DataError: If there are fewer patients than folds.
        UsageError: If ``k`` is below 2.
    """
    if k < 2:
        raise UsageError(f"{k} folds are too few", "ask for at least 2, or for a holdout split")
    sessions = Counter(groups.values())
    patients = _shuffled(groups, seed, at_least=k)
    folds: list[set[str]] = [set() for _ in range(k)]
    # Patients with most sessions first, each to the fold that has fewest; sorting is stable.
    for patient in sorted(patients, key=lambda name: -sessions[name]):
        min(folds, key=lambda fold: sum(sessions[p] for p in fold)).add(patient)
    return [_split(groups, fold) for fold in folds]


def _shuffled(groups: Mapping[str, str], seed: int, *, at_least: int) -> list[str]:
    patients = set(groups.values())
    if len(groups) == 1:
        raise DataError(
            f"there is one subject only ({next(iter(groups))}): nobody is left to test on",
            "add subjects",
        )
    if len(patients) < at_least:
        raise DataError(
            f"{len(groups)} subjects belong to {len(patients)} patients: too few to split into "
            f"{at_least} parts, as sessions of a patient stay together",
            "add subjects, ask for fewer folds, or check how subjects are grouped",
        )
    # Ordered by hash, not by a generator: the same everywhere, now and later.
    return sorted(patients, key=lambda name: sha256(f"{seed}\n{name}".encode()).digest())


def _split(groups: Mapping[str, str], test: Collection[str]) -> Split:
    return Split(
        train=tuple(subject for subject, patient in groups.items() if patient not in test),
        test=tuple(subject for subject, patient in groups.items() if patient in test),
    )
