import os
from pathlib import Path

import pytest

from synthbench.api.errors import DataError
from synthbench.cli import main
from synthbench.report.run_folder import RunFolder, find_run
from synthbench.store.paths import output_root
from tests.report.handmade import cell, scores_of, write_run
from tests.report.test_comparison_figure import run_folder  # noqa: F401

VALUES = {"x/a": [20.0, 21.0], "x/b": [22.0, 23.0]}


def test_latest_run_is_the_default(tmp_path, capsys):
    write_run(tmp_path, scores_of(VALUES), name="older", created="2026-01-01")
    write_run(tmp_path, scores_of({"x/c": [1.0]}), name="newer", created="2026-02-01")
    assert main(["report", "--output", str(tmp_path)]) == 0
    assert "x/c" in capsys.readouterr().out
    assert main(["report", "older", "--output", str(tmp_path)]) == 0
    assert "x/b" in capsys.readouterr().out


def test_run_may_be_a_path(tmp_path, capsys):
    folder = write_run(tmp_path, scores_of(VALUES))
    assert main(["report", str(folder), "--format", "csv", "--metrics", "psnr"]) == 0
    assert capsys.readouterr().out.startswith("dataset,task,")


def test_environment_names_the_output_folder(tmp_path, monkeypatch, capsys):
    write_run(tmp_path, scores_of(VALUES))
    monkeypatch.setenv("SYNTHBENCH_OUTPUT", str(tmp_path))
    assert main(["report"]) == 0
    assert "PSNR" in capsys.readouterr().out


def test_output_root_prefers_the_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTHBENCH_OUTPUT", raising=False)
    assert output_root(None) == tmp_path / "synthbench-output"
    monkeypatch.setenv("SYNTHBENCH_OUTPUT", "elsewhere")
    assert output_root(None) == tmp_path / "elsewhere"
    assert output_root(Path("given")) == tmp_path / "given"


def test_files_are_written(run_folder, tmp_path, capsys):  # noqa: F811
    out = tmp_path / "out"
    assert main(["report", str(run_folder), "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        *("caption.txt", "figure.png", "stats.json", "table.md")
    ]
    text = (out / "table.md").read_text()
    assert "![Source, target, every method and its error map](figure.png)" in text
    assert capsys.readouterr().out in text
    assert main(["report", str(run_folder), "--out", str(out), "--format", "latex"]) == 0
    assert (out / "table.tex").stat().st_size > 500


def test_a_table_without_a_figure_is_still_written(tmp_path, capsys):
    folder = write_run(tmp_path, scores_of(VALUES))
    out = tmp_path / "out"
    assert main(["report", str(folder), "--out", str(out)]) == 0
    assert "no figure of t1 -> t2" in capsys.readouterr().err
    assert "![" not in (out / "table.md").read_text()


def test_unknown_subject_is_a_usage_error(run_folder, tmp_path, capsys):  # noqa: F811
    arguments = ["report", str(run_folder), "--out", str(tmp_path / "o"), "--subject", "s9"]
    assert main(arguments) == 2
    assert "tested no subject 's9'" in capsys.readouterr().err


def test_unknown_run_suggests_the_nearest(tmp_path, capsys):
    write_run(tmp_path, scores_of(VALUES), name="brats-quick")
    assert main(["report", "brats-quik", "--output", str(tmp_path)]) == 2
    assert "did you mean brats-quick?" in capsys.readouterr().err


def test_no_run_at_all(tmp_path, capsys):
    assert main(["report", "--output", str(tmp_path)]) == 6
    assert "no run in" in capsys.readouterr().err


def test_a_folder_that_is_no_run(tmp_path, capsys):
    assert main(["report", str(tmp_path), "--output", str(tmp_path)]) == 6
    assert "has no run.json" in capsys.readouterr().err


def test_damaged_files_are_named(tmp_path):
    folder = write_run(tmp_path, scores_of(VALUES))
    (folder / "scores.csv").write_text("dataset,task\na,b\n")
    with pytest.raises(DataError, match=r"scores\.csv has no column method"):
        RunFolder.load(folder)
    (folder / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json cannot be read"):
        RunFolder.load(folder)


def test_a_run_that_has_just_begun(tmp_path, capsys):
    folder = write_run(tmp_path, [], [])
    for name in ("scores.csv", "cells.csv"):
        (folder / name).unlink()
    assert main(["report", str(folder)]) == 6
    assert "has no cells yet" in capsys.readouterr().err


def test_odd_subject_names_survive(tmp_path):
    rows = scores_of(VALUES)
    for row in rows:
        row["subject"] = {"s00": "007", "s01": "NA"}[row["subject"]]
    run = RunFolder.load(write_run(tmp_path, rows, [cell("x/a"), cell("x/b")]))
    assert sorted(set(run.scores["subject"])) == ["007", "NA"]


def test_the_latest_run_is_the_one_written_last(tmp_path: Path) -> None:
    """Not the one created last: running an old one again makes it the latest."""
    first = write_run(tmp_path, scores_of(VALUES), name="first", created="2026-01-01")
    second = write_run(tmp_path, scores_of(VALUES), name="second", created="2026-02-01")
    os.utime(first / "run.json", (2_000_000_000, 2_000_000_000))
    assert find_run(tmp_path, None) == first
    os.utime(second / "run.json", (2_000_000_001, 2_000_000_001))
    assert find_run(tmp_path, None) == second
