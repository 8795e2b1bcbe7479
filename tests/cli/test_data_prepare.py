from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from synthbench.cli.data import command as data
from synthbench.cli.run import command as run
from synthbench.execution import stages
from synthbench.volumes import preparing
from tests.tiny import write_tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "data", 4)


def _options(root: Path, *more: str) -> list[str]:
    output = str(root.parent / "out")
    where = ["--dataset", "folder", "--data-root", str(root), "--output", output]
    return [*where, "--source", "t1", "--target", "t2", "--preset", "smoke", *more]


def _prepare(root: Path, *more: str) -> Result:
    return CliRunner().invoke(data, ["prepare", *_options(root, *more)])


def _run(root: Path, *more: str) -> Result:
    arguments = ["--methods", "identity", "--executor", "inline", *_options(root, *more)]
    return CliRunner().invoke(run, arguments, standalone_mode=False)


@pytest.mark.parametrize(
    "choices",
    [
        [],
        ["--spacing", "mean", "--folds", "2"],
        ["--spacing", "1,1,1.5", "--crop", "2"],
        ["--split-counts", "2,1,1"],
    ],
    ids=lambda choices: " ".join(choices) or "default",
)
def test_a_run_has_nothing_left_to_prepare(
    root: Path, monkeypatch: pytest.MonkeyPatch, choices: list[str]
) -> None:
    result = _prepare(root, *choices)
    assert result.exit_code == 0, result.output
    assert "subjects, prepared in" in result.stdout
    monkeypatch.setattr(stages, "run_prep", lambda *_: pytest.fail("prepared again"))
    assert _run(root, *choices).return_value == 0
    again = _prepare(root, *choices)
    assert "was prepared already" in again.stdout


def test_a_suite_file_says_the_same(root: Path) -> None:
    suite = root.parent / "suite.yaml"
    suite.write_text(
        f"datasets: [{{name: folder, root: {root}, tasks: [t1 -> t2, t2 -> t1]}}]\npreset: smoke\n"
    )
    output = ["--output", str(root.parent / "out")]
    result = CliRunner().invoke(data, ["prepare", str(suite), *output, "--jobs", "2"])
    assert result.exit_code == 0, result.output
    assert "t1 -> t2: 4 subjects" in result.stdout
    assert "t2 -> t1: 4 subjects" in result.stdout


def test_bad_subjects_are_named_and_only_they_are_prepared_once_repaired(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {}
    for subject in ("s1", "s3"):
        path = root / subject / f"{subject}_t2.nii.gz"
        good[path] = path.read_bytes()
        path.write_bytes(b"broken " + subject.encode())
    result = _prepare(root)
    assert result.exit_code != 0
    assert "2 of 4 subjects cannot be used" in str(result.exception)
    for path, content in good.items():
        assert str(path) in str(result.exception)
        path.write_bytes(content)
    prepared: list[str] = []
    work = preparing.write_arrays
    monkeypatch.setattr(
        preparing, "write_arrays", lambda s, *more: (prepared.append(s.id), work(s, *more))[1]
    )
    assert _prepare(root).exit_code == 0
    assert sorted(prepared) == ["s1", "s3"]


def test_bad_subjects_are_left_out_on_request(root: Path) -> None:
    (root / "s1" / "s1_t2.nii.gz").write_bytes(b"broken")
    result = _prepare(root, "--leave-out-bad")
    assert result.exit_code == 0, result.output
    assert "t1 -> t2: left out: 1 subject cannot be used: s1: t2 of subject s1" in result.stdout
    assert "3 subjects, prepared in" in result.stdout
    planned = _run(root, "--leave-out-bad", "--dry-run")
    assert "t1 -> t2: left out: 1 subject cannot be used: s1:" in planned.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--spacing", "means"], "--spacing 'means' is not a voxel size"),
        (["--folds", "2", "--test", "0.5"], "--test and --folds contradict"),
        (["--split-counts", "1"], "--split-counts '1'"),
        (["--split-counts", "3,3,3"], "there are 4"),
        (["--split-file", "gone.csv"], "gone.csv"),
        (["--split-by", "site"], "the site of s0, s1, s2, s3 is not known"),
        (["--dataset-set", "manifest"], "has no value"),
        (["--dataset-set", "nonsense=1"], "nonsense"),
    ],
)
def test_options_that_make_no_sense(root: Path, options: list[str], message: str) -> None:
    result = _prepare(root, *options)
    assert message in str(result.exception)
    assert not (root.parent / "out" / "store" / "prep").exists()
