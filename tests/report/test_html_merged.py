"""The HTML page of several runs: methods, slices, curves and records of all of them."""

import json
import shutil

import numpy as np
import pytest

from synthbench.cli import main
from tests.report.handmade import cell, scores_of, write_run
from tests.report.test_comparison_figure import predict, prepare
from tests.report.test_html_page import HOSTILE, Page

SUBJECTS = ("s00", "s01", "s02")


def make(tmp_path, name, methods, *, created, failed=(), **info):
    """A run with volumes, slices of which can be shown, and a training curve."""
    scores = scores_of({method: [value, value + 1, value - 1] for method, value in methods.items()})
    cells = [
        cell(method, prep_dir="prep", predict_dir=f"out-{method}", train_dir="train")
        for method in methods
    ]
    cells += [cell(method, "oom", message=f"{method} of {name}") for method in failed]
    info = {"command": f"synthbench run {name}", "created": created} | info
    folder = write_run(tmp_path, scores, cells, name=name, **info)
    for subject in SUBJECTS:
        target = prepare(folder, subject)
        for number, method in enumerate(methods):
            predict(folder, f"out-{method}", subject, target * (1 - 0.1 * number))
    (folder / "train").mkdir()
    (folder / "train" / "losses.csv").write_text(
        f"stage,step,seconds,lr,loss_of_{name}\nmain,1,0,0,2\nmain,2,0,0,1\n"
    )
    return folder


@pytest.fixture
def runs(tmp_path):
    return [
        make(tmp_path, "one", {"linear": 20.0, "net": 22.0}, created="2026-01-01"),
        make(
            tmp_path,
            "two",
            {"net": 23.0, "late": 21.0},
            created="2026-02-01",
            failed=["big"],
            preset="quick",
        ),
    ]


def page_of(runs, out, *arguments):
    assert main(["report", *map(str, runs), "--format", "html", "--out", str(out), *arguments]) == 0
    return Page((out / "report.html").read_text(encoding="utf-8"))


def test_methods_slices_curves_and_records_of_all_runs(runs, tmp_path, capsys):
    page = page_of(runs, tmp_path / "out")
    assert capsys.readouterr().err == ""  # no slice is missing
    labels = [text for text in page.all("th", scope="row") if text]
    for label in ("linear", "net", "net (two)", "late", "big"):
        assert label in labels
    strips = [
        attrs["aria-label"]
        for tag, attrs, _ in page.elements
        if tag == "canvas" and attrs["data-what"] == "0" and "axial" in str(attrs["aria-label"])
    ]
    assert strips[:6] == [
        *("t1, axial", "t2, axial", "linear, axial", "net, axial", "net (two), axial"),
        "late, axial",
    ]
    curves = "".join(page.all("ul", **{"class": "legend"}))
    assert "loss_of_one" in curves
    assert "loss_of_two" in curves
    assert "big of two" in page.all("table", **{"class": "failures"})[0]
    records = page.all("summary")
    assert [name for name in records if name.startswith("run.json")] == [
        "run.json of one",
        "run.json of two",
    ]
    (made_by,) = page.all("ul", **{"class": "provenance"})
    for said in ("Run: one, 2026-01-01", "Run: two, 2026-02-01", "synthbench run two"):
        assert said in made_by
    assert page.all("p", **{"class": "lead"}) == ["Run one + two"]
    assert any("one paper, two quick" in line for line in page.all("li"))
    content = json.loads((tmp_path / "out" / "stats.json").read_text())
    assert content["run"] == "one + two"


def test_a_page_of_several_runs_needs_a_place(runs, capsys):
    before = {path: path.stat().st_mtime_ns for run in runs for path in run.iterdir()}
    assert main(["report", *map(str, runs), "--format", "html"]) == 2
    assert "--out" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for run in runs for path in run.iterdir()}


def test_a_run_that_is_named_twice_is_one(runs, tmp_path):
    page = page_of([runs[0], runs[0]], tmp_path / "out")
    (table,) = page.all("table", **{"class": "sortable scores"})
    assert table.count("net") == 1


def test_lost_volumes_of_one_run_leave_those_of_the_other(runs, tmp_path, capsys):
    shutil.rmtree(runs[1] / "out-late")
    page = page_of(runs, tmp_path / "out", "--subject", "s01")
    assert capsys.readouterr().err == ""
    strips = [
        " ".join(texts)
        for tag, attrs, texts in page.elements
        if tag == "div" and attrs.get("class") == "strip method"
    ]
    assert len(strips) == 5
    assert "n/a" in next(text for text in strips if "late" in text)


def test_hostile_run_names_are_shown_as_text(tmp_path):
    runs = [
        make(tmp_path, name, {"net": 20.0 + number}, created=HOSTILE)
        for number, name in enumerate(("one", "two"))
    ]
    for number, run in enumerate(runs):
        content = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps(content | {"name": f"{HOSTILE} {number}"}))
    page = page_of(runs, tmp_path / "out")
    assert not page.all("img")
    assert len(page.all("script", type=None)) == 1
    assert any(f"net ({HOSTILE} 1)" in text for text in page.all("th", scope="row"))


def test_other_tests_of_other_subjects_are_refused(runs, tmp_path, capsys):
    for run, tested in zip(runs, (["s00"], ["s01"]), strict=True):
        split = {"dataset": "core/phantom", "task": "t1 -> t2", "fold": 0}
        split |= {"train": [], "validation": [], "test": tested}
        (run / "splits.json").write_text(json.dumps([split]))
    out = tmp_path / "out"
    assert main(["report", *map(str, runs), "--format", "html", "--out", str(out)]) == 6
    assert "differ in the split" in capsys.readouterr().err
    assert not out.exists()


def test_slices_of_the_second_run_are_its_own(runs, tmp_path):
    """The two runs' folders have the same names below different roots."""
    for subject in SUBJECTS:
        file = runs[1] / "out-net" / f"{subject}.npy"
        np.save(file, np.zeros_like(np.load(file)))
    page = page_of(runs, tmp_path / "out", "--subject", "s00")
    (data,) = [text for text in page.all("script", type="application/json") if "strips" in text]
    strips = json.loads(data)["strips"]
    assert strips[3][0][0] != strips[4][0][0]  # net, net (two)
