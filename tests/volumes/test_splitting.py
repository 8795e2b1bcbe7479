from __future__ import annotations

import pytest

from synthbench.api import DataError, UsageError
from synthbench.volumes.splitting import counted, holdout, kfold

# 12 patients, every third with two sessions.
GROUPS = {
    f"s{i:02d}-{session}": f"p{i:02d}" for i in range(12) for session in range(1 + (i % 3 == 0))
}


def _patients(subjects: tuple[str, ...]) -> set[str]:
    return {GROUPS[subject] for subject in subjects}


@pytest.mark.parametrize("seed", range(5))
def test_holdout_keeps_patients_together(seed: int) -> None:
    split = holdout(GROUPS, 0.25, seed)
    assert sorted(split.train + split.test) == sorted(GROUPS)
    assert not _patients(split.train) & _patients(split.test)
    assert len(_patients(split.test)) == 3
    assert split.validation == ()


def test_holdout_depends_on_nothing_but_patients_fraction_and_seed() -> None:
    # Frozen: the same split on every machine and with every version of every library.
    assert holdout({name: name for name in "abcdefgh"}, 0.25, 0).test == ("a", "d")
    shuffled = dict(reversed(GROUPS.items()))
    assert set(holdout(shuffled, 0.25, 3).test) == set(holdout(GROUPS, 0.25, 3).test)
    assert len({holdout(GROUPS, 0.25, seed).test for seed in range(10)}) > 5


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_someone_trains_and_someone_is_tested(fraction: float) -> None:
    split = holdout({"a": "a", "b": "b", "c": "c"}, fraction, 0)
    assert split.train
    assert split.test


@pytest.mark.parametrize("k", [2, 3, 5, 12])
def test_folds_test_every_subject_once_and_keep_patients_together(k: int) -> None:
    folds = kfold(GROUPS, k, 0)
    assert len(folds) == k
    assert sorted(s for fold in folds for s in fold.test) == sorted(GROUPS)
    for fold in folds:
        assert not _patients(fold.train) & _patients(fold.test)
        assert sorted(fold.train + fold.test) == sorted(GROUPS)
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 1


def test_one_subject_cannot_be_split() -> None:
    for split in (lambda g: holdout(g, 0.5, 0), lambda g: kfold(g, 2, 0)):
        with pytest.raises(DataError, match=r"one subject only \(lonely\)"):
            split({"lonely": "lonely"})


def test_two_sessions_of_one_patient_cannot_be_split() -> None:
    with pytest.raises(DataError, match="2 subjects belong to 1 patients"):
        holdout({"a-1": "a", "a-2": "a"}, 0.5, 0)


def test_no_more_folds_than_patients() -> None:
    with pytest.raises(DataError, match=r"12 patients.*13 parts"):
        kfold(GROUPS, 13, 0)


@pytest.mark.parametrize("fraction", [0, 1, -0.2, 2])
def test_a_fraction_that_is_none(fraction: float) -> None:
    with pytest.raises(UsageError, match="fraction"):
        holdout(GROUPS, fraction, 0)


def test_one_fold_is_no_cross_validation() -> None:
    with pytest.raises(UsageError, match="1 folds"):
        kfold(GROUPS, 1, 0)


def test_counts_are_of_patients_and_the_rest_is_unused() -> None:
    split = counted(GROUPS, train=5, validation=2, test=3, seed=1)
    parts = [_patients(part) for part in (split.train, split.validation, split.test)]
    assert [len(part) for part in parts] == [5, 2, 3]
    assert len(set.union(*parts)) == 10
    every = counted(GROUPS, train=7, validation=2, test=3, seed=1)
    assert sorted(every.train + every.validation + every.test) == sorted(GROUPS)
    # The same order as a hold-out: the patients tested are the same.
    assert set(every.test) == set(holdout(GROUPS, 0.25, 1).test)


def test_more_patients_than_there_are() -> None:
    with pytest.raises(DataError, match=r"200 \+ 60 \+ 94 = 354.*there are 12"):
        counted(GROUPS, train=200, validation=60, test=94, seed=0)
