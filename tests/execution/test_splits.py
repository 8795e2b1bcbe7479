"""Divisions as the user asks, as is usual for a dataset, and as a file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synthbench.api import DataError, PluginError, Subject, UsageError
from synthbench.execution.splits import divide, parse_counts
from synthbench.suite import SplitChoice
from synthbench.volumes.splitting import Split

#: Patients p0 to p3 with two sessions each, two patients a site.
SUBJECTS = [
    Subject(f"s{n}", {}, group=f"p{n // 2}", site=("Rome", "Lyon")[n // 4]) for n in range(8)
]
KNOWN = [*(subject.id for subject in SUBJECTS), "incomplete"]


def splits(asked: SplitChoice | None, usual: dict[str, Any] | None = None) -> tuple[Split, ...]:
    return divide(SUBJECTS, KNOWN, asked, usual or {}).splits


def from_file(tmp_path: Path, name: str, text: str) -> tuple[Split, ...]:
    (tmp_path / name).write_text(text)
    return splits(SplitChoice(kind="file", file=tmp_path / name))


def test_the_usual_split_is_used_unless_another_is_asked_for() -> None:
    usual = {"kind": "counts", "train": 2, "validation": 1, "test": 1}
    (counted,) = splits(None, usual)
    assert [len(part) for part in (counted.train, counted.validation, counted.test)] == [4, 2, 2]
    assert len(splits(SplitChoice(kind="kfold", folds=4), usual)) == 4
    seeded = [splits(SplitChoice(seed=seed), usual)[0] for seed in range(5)]
    assert {len(each.validation) for each in seeded} == {2}
    assert len({each.test for each in seeded}) > 1


def test_a_usual_split_that_does_not_fit_gives_way_and_says_so() -> None:
    found = divide(SUBJECTS, KNOWN, None, {"kind": "counts", "train": 200, "test": 94})
    assert found.choice.kind == "holdout"
    assert len(found.splits[0].test) == 2
    assert "294" in found.notes[0]
    with pytest.raises(DataError, match="294"):  # asked for, it is refused
        splits(SplitChoice(kind="counts", train=200, test=94))
    with pytest.raises(PluginError, match="usual split"):
        splits(None, {"kind": "thirds"})


def test_subjects_in_no_part_are_counted() -> None:
    found = divide(SUBJECTS, KNOWN, SplitChoice(kind="counts", train=1, test=1), {})
    assert found.notes == ("4 subjects are in no part of the split",)


def test_sites_stay_on_one_side() -> None:
    folds = splits(SplitChoice(kind="kfold", by="site"))
    assert [set(fold.test) for fold in folds] in (
        [{"s0", "s1", "s2", "s3"}, {"s4", "s5", "s6", "s7"}],
        [{"s4", "s5", "s6", "s7"}, {"s0", "s1", "s2", "s3"}],
    )
    (split,) = splits(SplitChoice(by="site"))
    assert len(split.test) == len(split.train) == 4


@pytest.mark.parametrize(
    ("subjects", "message"),
    [
        ([*SUBJECTS, Subject("x", {})], "the site of x is not known"),
        (
            [*SUBJECTS, Subject("x", {}, group="p0", site="Lyon")],
            "p0 was scanned at Rome and at Ly",
        ),
        (SUBJECTS[:4], "4 subjects belong to 1 patients"),
    ],
)
def test_sites_that_cannot_be_kept_apart(subjects: list[Subject], message: str) -> None:
    with pytest.raises(DataError, match=message):
        divide(subjects, KNOWN, SplitChoice(kind="kfold", by="site"), {})


ROLES = ("train", "validation", "test", "unused")
CSV = "subject,role\n" + "".join(f"s{n},{ROLES[n // 2]}\n" for n in range(8))
JSON = json.dumps({role: [f"s{2 * n + 1}", f"s{2 * n}"] for n, role in enumerate(ROLES)})
YAML = "train: [s0, s1]\nvalidation: [s2, s3]\ntest: [s4, s5]\nunused: [s6, s7, incomplete]\n"


@pytest.mark.parametrize(("name", "text"), [("a.csv", CSV), ("a.json", JSON), ("a.yaml", YAML)])
def test_a_file_says_who_trains_and_who_tests(tmp_path: Path, name: str, text: str) -> None:
    expected = Split(train=("s0", "s1"), validation=("s2", "s3"), test=("s4", "s5"))
    assert from_file(tmp_path, name, text) == (expected,)


def test_a_file_may_hold_several_folds(tmp_path: Path) -> None:
    rows = [
        f"s{n},{'test' if n // 4 == fold else 'train'},{fold}" for fold in (0, 1) for n in range(8)
    ]
    folds = from_file(tmp_path, "a.csv", "subject,role,fold\n" + "\n".join(rows))
    assert [fold.test for fold in folds] == [("s0", "s1", "s2", "s3"), ("s4", "s5", "s6", "s7")]
    one = "{train: [s0, s1, s2, s3], test: [s4, s5, s6, s7]}"
    assert len(from_file(tmp_path, "a.yaml", f"- {one}\n- {one}\n")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CSV + "s9,train\n", "no subject s9"),
        (CSV.replace("s7,unused\n", ""), "no role for s7"),
        (CSV + "s0,test\n", "two roles for s0"),
        (CSV.replace("s1,train", "s1,test"), "two roles for patient p0"),
        (CSV.replace("s1,train", "s1,tset"), "s1 has the role 'tset'"),
        (CSV.replace("test", "unused"), "no usable subject to test on"),
        ("id,role\ns0,train\n", "cannot read split file"),
        ("subject,role\n", "names no subject"),
    ],
)
def test_files_that_do_not_fit_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        from_file(tmp_path, "mine.csv", text)
    assert "mine.csv" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [s0", "cannot read"),
        ("just text", "is not a split"),
        ("train: s0\ntest: s1\n", "is not a split"),
        ("train: [007]\ntest: [s1]\n", "7 is not text"),
    ],
)
def test_documents_that_are_no_split(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_file(tmp_path, "mine.yaml", text)


def test_a_missing_split_file(tmp_path: Path) -> None:
    for name in ("gone.csv", "gone.json"):
        with pytest.raises(DataError, match=name):
            splits(SplitChoice(kind="file", file=tmp_path / name))


def test_counts_as_text() -> None:
    assert parse_counts("200, 60,94") == {
        **{"kind": "counts", "train": 200},
        **{"validation": 60, "test": 94},
    }
    assert parse_counts("9,3")["validation"] == 0
    for text in ("9", "1,2,3,4", "a,b"):
        with pytest.raises(UsageError, match="TRAIN,VALIDATION,TEST"):
            parse_counts(text)
