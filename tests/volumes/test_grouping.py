from __future__ import annotations

import pytest

from synthbench.api import DataError, UsageError
from synthbench.api.dataset import Subject
from synthbench.volumes.grouping import group_subjects

SUBJECTS = [Subject(name, {}) for name in ("MSL-P01-S1", "MSL-P01-S2", "MSL-P03-S1")]


def test_by_pattern() -> None:
    found = group_subjects(SUBJECTS, pattern=r"-(P\d+)-", column=None)
    assert [s.id for s in found] == [s.id for s in SUBJECTS]
    assert [s.patient for s in found] == ["P01", "P01", "P03"]


def test_by_column() -> None:
    column = {subject.id: subject.id[-1] for subject in SUBJECTS}
    found = group_subjects(SUBJECTS, pattern=None, column=column)
    assert [s.patient for s in found] == ["1", "2", "1"]


def test_by_nothing() -> None:
    assert group_subjects(SUBJECTS, pattern=None, column=None) == SUBJECTS


def test_ids_that_the_pattern_or_the_table_does_not_know() -> None:
    with pytest.raises(DataError, match="MSL-P03-S1"):
        group_subjects(SUBJECTS, pattern="(P01)", column=None)
    with pytest.raises(DataError, match="MSL-P01-S2"):
        group_subjects(SUBJECTS, pattern=None, column={"MSL-P01-S1": "x"})


@pytest.mark.parametrize(
    ("pattern", "complaint"), [("(P", "regular expression"), ("P.", "0 groups"), ("(P)(.)", "2")]
)
def test_patterns_that_cannot_work(pattern: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        group_subjects(SUBJECTS, pattern=pattern, column=None)


def test_one_way_only() -> None:
    with pytest.raises(UsageError, match="both"):
        group_subjects(SUBJECTS, pattern="(P..)", column={})
