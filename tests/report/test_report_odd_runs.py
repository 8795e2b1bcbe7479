"""Runs that leave little to compare: every format still comes out whole and says what is amiss."""

import json
import math
import shutil
import subprocess

import pytest

from synthbench.cli import main
from tests.report.handmade import cell, scores_of, write_run

NAN = math.nan
#: Scores, cells that have none, and what the table must say.
ODD = {
    "in progress": (
        {"x/a": [20.0, 21.0, 22.0]},
        [cell("x/b", "running"), cell("x/c", "pending")],
        "PARTIAL TABLE: 1 of 3 cells finished",
    ),
    "nothing yet": ({}, [cell("x/a", "pending")], "PARTIAL TABLE: 0 of 1 cell finished"),
    "all failed": ({}, [cell("x/a", "failed", message="no GPU")], "x/a: 1 of 1 cell failed: no G"),
    "one method": ({"x/a": [20.0, 21.0]}, [], "One method only: nothing to rank or test."),
    "one subject": ({"x/a": [20.0], "x/b": [21.0]}, [], "One subject only: no standard deviation"),
    "all equal": (
        {"x/a": [20.0] * 8, "x/b": [20.0] * 8, "x/c": [20.0] * 8},
        [],
        "No method is told apart from another in any column.",
    ),
    "some NaN": (
        {"x/a": [20.0, 21.0, 22.0], "x/b": [19.0, NAN, 21.0]},
        [],
        "left out: 1 case from PSNR",
    ),
    "only NaN": ({"x/a": [20.0, 21.0], "x/b": [NAN, NAN]}, [], "One method only"),
    "no case in common": (
        {"x/a": [20.0, NAN], "x/b": [NAN, 21.0]},
        [],
        "neither ranked nor tested",
    ),
    "names": (
        {"x/<b>&amp;": [20.0, 21.0], "x/$_%#{": [22.0, 24.0]},
        [cell(r"x/\end{document}", "oom", message="<script>alert(1)</script>")],
        "Cannot reach significance with n = 2",
    ),
}


def make(tmp_path, name):
    values, without, _ = ODD[name]
    return write_run(tmp_path, scores_of(values), [*(cell(key) for key in values), *without])


@pytest.mark.parametrize("name", ODD)
def test_every_format_comes_out_and_says_what_is_amiss(tmp_path, capsys, monkeypatch, name):
    monkeypatch.setattr("synthbench.statistics.bootstrap.RESAMPLES", 99)
    folder, told = make(tmp_path, name), ODD[name][2]
    for form, file in (("markdown", "table.md"), ("latex", "table.tex"), ("csv", "table.csv")):
        out = tmp_path / form
        assert main(["report", str(folder), "--format", form, "--out", str(out)]) == 0
        text = (out / file).read_text(encoding="utf-8")
        assert capsys.readouterr().out in text
        assert not {"nan", "inf"} & set(text.replace("|", " ").replace("&", " ").split())
        if form == "markdown":
            assert told in text
            assert "<script>" not in text.replace(r"\<", "")
    json.loads((out / "stats.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_odd_tables_compile(tmp_path, capsys):
    text = ""
    for number, name in enumerate(ODD):
        assert main(["report", str(make(tmp_path / str(number), name)), "--format", "latex"]) == 0
        text += capsys.readouterr().out
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n"
        f"\\begin{{document}}\n{text}\n\\end{{document}}\n"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
    )
    assert done.returncode == 0, done.stdout[-2000:]
