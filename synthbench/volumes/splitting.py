"""Who trains and who tests: by patient or site, reproducible, independent of library versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256

from synthbench.api import DataError, UsageError


@dataclass(frozen=True)
class Split:
    """Subject ids by role, each in the order of the dataset.

    Attributes:
        train: Subjects to train on.
        test: Subjects to score.
        validation: Subjects kept apart from both.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()


def holdout(groups: Mapping[str, str], fraction: float, seed: int) -> Split:
    """Keep a random part of the groups for testing.

    Args:
        groups: What stays together, by subject id: its patient, or its site.
        fraction: Part of the groups to test on, in (0, 1); at least one group, and at least one is
            left for training.
        seed: Another seed, other groups.

    Raises:
        DataError: If there are fewer than two groups.
        UsageError: If the fraction is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise UsageError(f"test fraction {fraction:g} is not between 0 and 1", "e.g. 0.25")
    names = _shuffled(groups, seed, at_least=2)
    count = min(max(int(fraction * len(names) + 0.5), 1), len(names) - 1)
    return _split(groups, set(names[:count]))


def kfold(groups: Mapping[str, str], k: int, seed: int) -> list[Split]:
    """Divide the groups so that each subject is tested once.

    Args:
        groups: What stays together, by subject id: its patient, or its site.
        k: Number of folds; they differ as little as possible in their number of subjects.
        seed: Another seed, other folds.

    Raises:
        DataError: If there are fewer groups than folds.
        UsageError: If ``k`` is below 2.
    """
    if k < 2:
        raise UsageError(f"{k} folds are too few", "ask for at least 2, or for a holdout split")
    sizes = Counter(groups.values())
    names = _shuffled(groups, seed, at_least=k)
    folds: list[set[str]] = [set() for _ in range(k)]
    # Groups with most subjects first, each to the fold that has fewest; sorting is stable.
    for group in sorted(names, key=lambda name: -sizes[name]):
        min(folds, key=lambda fold: sum(sizes[g] for g in fold)).add(group)
    return [_split(groups, fold) for fold in folds]


def counted(
    groups: Mapping[str, str], *, train: int, validation: int, test: int, seed: int
) -> Split:
    """Divide into fixed numbers of groups; groups beyond their sum are in no part.

    Args:
        groups: What stays together, by subject id: its patient, or its site.
        train: Groups to train on, at least 1.
        validation: Groups to keep apart from both.
        test: Groups to test on, at least 1.
        seed: Another seed, other groups.

    Raises:
        DataError: If there are fewer groups than asked for.
    """
    names = _shuffled(groups, seed, at_least=2)
    wanted = train + validation + test
    if wanted > len(names):
        raise DataError(
            f"{train} + {validation} + {test} = {wanted} are asked for training, validation and "
            f"testing, but there are {len(names)}",
            "ask for fewer, or for a fraction: --test 0.25",
        )
    testing, kept = set(names[:test]), set(names[test : test + validation])
    return _split(groups, testing, kept, set(names[wanted:]))


def _shuffled(groups: Mapping[str, str], seed: int, *, at_least: int) -> list[str]:
    names = set(groups.values())
    if len(groups) == 1:
        raise DataError(
            f"there is one subject only ({next(iter(groups))}): nobody is left to test on",
            "add subjects",
        )
    if len(names) < at_least:
        raise DataError(
            f"{len(groups)} subjects belong to {len(names)} patients (or sites, where these are "
            f"kept together): too few to split into {at_least} parts",
            "add subjects, ask for fewer folds, or check how subjects are grouped",
        )
    # Ordered by hash, not by a generator: the same everywhere, now and later.
    return sorted(names, key=lambda name: sha256(f"{seed}\n{name}".encode()).digest())


def _split(
    groups: Mapping[str, str],
    test: Collection[str],
    validation: Collection[str] = (),
    unused: Collection[str] = (),
) -> Split:
    rest = {*test, *validation, *unused}
    return Split(
        train=tuple(subject for subject, group in groups.items() if group not in rest),
        test=tuple(subject for subject, group in groups.items() if group in test),
        validation=tuple(subject for subject, group in groups.items() if group in validation),
    )
