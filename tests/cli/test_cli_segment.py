"""`synthbench segment` as a user types it, in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthbench.cli import main
from tests.tiny import write_tree


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The folder of a run with two folds."""
    data, output = write_tree(tmp_path / "data", 4), tmp_path / "out"
    code = main(
        [
            *("run", "--dataset", "folder", "--data-root", str(data), "--source", "t1"),
            *("--target", "t2", "--methods", "linear", "--folds", "2", "--preset", "smoke"),
            *("--executor", "inline", "--output", str(output)),
        ]
    )
    assert code == 0
    return output


def segment(output: Path, *more: str) -> int:
    base = ["segment", "--segmenter", "unet", "--preset", "smoke", "--executor", "inline"]
    return main([*base, "--output", str(output), "--set", "steps=2", *more])


def test_it_prints_a_table_that_reports_then_have_too(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert segment(output, "--dry-run") == 0
    planned = capsys.readouterr().out
    assert planned.startswith("unet, smoke, steps = 2: 6 segmenters")
    assert "2 train, 2 test  new" in planned
    assert segment(output, "--modes", "synthetic,real") == 0
    first = capsys.readouterr()
    assert "Dice (unet, smoke, steps = 2)" in first.out
    assert "| real → real" in first.out
    assert "trained for 2 of 25000 steps" in first.out
    assert segment(output, "--modes", "synthetic,real") == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "all 4 segmenters are done already" in second.err
    assert main(["report", "--output", str(output)]) == 0
    report = capsys.readouterr().out
    assert "SSIM" in report
    assert "Dice (unet, smoke, steps = 2)" in report


def test_mistakes_are_told_in_a_line(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more, what in [
        (["--modes", "imaginary"], "there is no mode 'imaginary'"),
        (["--set", "stepz=3"], "has no parameter 'stepz'"),
        (["--set", "steps"], "has no value"),
        (["--segmenter", "unett"], "there is no 'unett'"),
    ]:
        assert segment(output, *more) == 2
        assert what in capsys.readouterr().err
