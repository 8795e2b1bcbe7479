"""Charts of the HTML page: scales, and that what is drawn stands where it should."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from synthbench.report.html.charts import differences, distribution, ranks
from synthbench.report.html.critical import critical_difference
from synthbench.report.html.curves import training_curves
from synthbench.report.html.svg import Drawing, Scale, shorten
from synthbench.report.run_folder import RunFolder
from synthbench.report.stats import stats
from synthbench.report.tables import build_tables
from synthbench.report.testing import Testing
from tests.report.handmade import cell, scores_of, write_run

BASE = np.linspace(20, 24, 9)
VALUES = {
    "x/low": BASE.tolist(),
    "x/high": (BASE + 2 + 0.05 * np.arange(9)).tolist(),
    "x/mid": (BASE + 1 + 0.02 * np.arange(9)).tolist(),
}


@pytest.fixture
def run(tmp_path):
    return RunFolder.load(write_run(tmp_path, scores_of(VALUES), baselines=["x/low"]))


def elements(drawing, tag, style):
    root = ElementTree.fromstring(drawing.__html__())
    return [each for each in root.iter(tag) if style in each.get("class", "").split()]


def points(path):
    found = re.findall(r"M(\S+) (\S+)h0", path.get("d"))
    return np.array(found, dtype=float)


def test_scale_maps_linearly_and_leaves_a_margin():
    scale = Scale.over([2.0, 10.0, float("nan")], 100, 200)
    assert 100 < scale(2.0) < scale(10.0) < 200
    assert scale(6.0) == pytest.approx((scale(2.0) + scale(10.0)) / 2)


def test_log_scale_maps_ratios_to_distances():
    scale = Scale.over([0.01, 100.0], 0, 100, log=True)
    assert scale(1.0) - scale(0.1) == pytest.approx(scale(10.0) - scale(1.0))
    assert [label for _, label in scale.ticks()] == ["0.01", "0.1", "1", "10", "100"]


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0], [], [0.0], [float("nan")]])
def test_scale_of_next_to_nothing_is_finite(values):
    scale = Scale.over(values, 0, 100)
    assert np.isfinite(scale(3.0))
    assert scale.ticks()


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 1.0], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([-1000.0, 1000.0], ["-1000", "-500", "0", "500", "1000"]),
        ([0.00001, 0.00003], ["1e-05", "1.5e-05", "2e-05", "2.5e-05", "3e-05"]),
    ],
)
def test_ticks_are_round(values, labels):
    assert [label for _, label in Scale.over(values, 0, 100).ticks()][: len(labels)] == labels


def test_less_than_a_decade_still_has_ticks():
    assert len(Scale.over([0.13, 0.44], 0, 100, log=True).ticks()) > 1


def test_text_and_attributes_are_escaped():
    drawing = Drawing(10, 10, '"><script>', kind="<&'\"")
    drawing.text(1, 2, "<b>&", title="</title>")
    markup = drawing.__html__()
    assert "<script" not in markup
    assert "&lt;b&gt;&amp;" in markup
    assert ElementTree.fromstring(markup).get("data-kind") == "<&'\""


def test_long_labels_are_cut():
    assert shorten("abcdefghij", 33) == "abcd…"
    assert shorten("abc", 33) == "abc"


def test_methods_stand_from_best_to_worst(run):
    (table,) = build_tables(run)
    labels = [each.text for each in elements(distribution(table, 0), "text", "label")]
    assert labels == ["x/high", "x/mid", "x/low"]
    assert elements(distribution(table, 0), "text", "value")[0].text == "24.20"


def test_one_dot_a_case_at_its_value(run):
    (table,) = build_tables(run)
    paths = elements(distribution(table, 0), "path", "dots")
    assert [len(points(path)) for path in paths] == [9, 9, 9]
    x = points(paths[2])[:, 0]
    steps = np.diff(x)
    np.testing.assert_allclose(steps, steps.mean(), atol=0.11)  # equal steps of BASE
    # The same case has the same height within each row.
    heights = [points(path)[:, 1] - points(path)[0, 1] for path in paths]
    np.testing.assert_allclose(heights[0], heights[1], atol=0.11)


def test_differences_are_to_the_best_and_keep_the_verdict(run):
    (table,) = build_tables(run)
    drawing = differences(table, 0)
    (zero,) = elements(drawing, "line", "zero")
    estimates = elements(drawing, "circle", "estimate")
    assert len(estimates) == 2
    assert all(float(each.get("cx")) < float(zero.get("x1")) for each in estimates)
    assert len(elements(drawing, "circle", "worse")) == 2
    titles = [each.text for each in elements(drawing, "text", "title")]
    assert titles == ["PSNR (dB) minus that of x/high: right is better"]


def test_a_reference_and_a_margin_are_shown(run):
    (table,) = build_tables(run, testing=Testing(reference="x/mid", margins={"psnr": 0.5}))
    drawing = differences(table, 0)
    (zero,) = elements(drawing, "line", "zero")
    (margin,) = elements(drawing, "rect", "margin")
    left, width = float(margin.get("x")), float(margin.get("width"))
    assert left + width / 2 == pytest.approx(float(zero.get("x1")), abs=0.2)
    assert len(elements(drawing, "circle", "better")) == 1


def test_nothing_to_test_gives_no_chart(tmp_path):
    run = RunFolder.load(write_run(tmp_path, scores_of({"x/a": [1.0, 2.0]})))
    (table,) = build_tables(run)
    assert differences(table, 0) is None
    methods = stats([table], run)["tables"][0]["columns"][0]["methods"]
    assert ranks(table, 0, methods) is None


def test_rank_intervals_of_a_clear_order_are_points(run):
    (table,) = build_tables(run)
    drawing = ranks(table, 0, stats([table], run)["tables"][0]["columns"][0]["methods"])
    for line in elements(drawing, "line", "interval"):
        assert line.get("x1") == line.get("x2")
    centres = [float(each.get("cx")) for each in elements(drawing, "circle", "estimate")]
    assert centres == sorted(centres)
    assert [e.text for e in elements(drawing, "text", "value")] == ["100 %", "0 %", "0 %"]


def test_critical_difference_has_a_bar_for_each_group():
    found = {
        "metric": "psnr",
        "region": "whole",
        "friedman": {"mean_ranks": {"a": 1.5, "b": 1.7, "c": 3.0, "d": 3.8}},
        "critical_difference": 1.4,
        "not_separable": [["a", "b"], ["b", "c"], ["c", "d"]],
    }
    drawing = critical_difference(found, {name: f"method {name}" for name in "abcd"})
    bars = elements(drawing, "line", "group")
    assert len(bars) == 3
    spans = [float(bar.get("x2")) - float(bar.get("x1")) for bar in bars]
    # Ranks 0.2, 1.3 and 0.8 apart, and the same overhang everywhere.
    overhang = spans[0] - (spans[1] - spans[0]) / 1.1 * 0.2
    assert spans[2] - overhang == pytest.approx((spans[1] - overhang) / 1.3 * 0.8, abs=0.3)
    labels = [each.text for each in elements(drawing, "text", "label")]
    assert labels == ["method a 1.50", "method b 1.70", "3.00 method c", "3.80 method d"]


def losses(folder, rows):
    folder.mkdir(parents=True)
    text = "stage,step,seconds,lr,l1,critic.d\n" + "\n".join(rows)
    (folder / "losses.csv").write_text(text)


def curves_of(tmp_path, **cells):
    rows = scores_of({"x/a": [1.0, 2.0]})
    folder = write_run(tmp_path, rows, [cell("x/a", **each) for each in cells.values()])
    return folder


def test_curves_count_steps_through_stages(tmp_path):
    folder = curves_of(tmp_path, first={"train_dir": "train"})
    losses(folder / "train", ["cnn,1,0,0,4,1", "cnn,2,0,0,2,1", "gan,1,0,0,2,1", "gan,2,0,0,1,1"])
    (found,) = training_curves(RunFolder.load(folder), "core/phantom", "t1 -> t2")
    assert (found.label, found.terms, found.note) == ("x/a", ("l1", "critic.d"), "")
    path = elements(found.drawing, "path", "c0")[0].get("d")
    x, y = np.array(re.findall(r"[ML](\S+) ([^L]+)", path), dtype=float).T
    np.testing.assert_allclose(np.diff(x), np.diff(x).mean(), atol=0.11)
    # Halving twice, with a pause between, on a logarithmic scale.
    assert y[1] - y[0] == pytest.approx(y[3] - y[2], abs=0.11)
    assert [each.text for each in elements(found.drawing, "text", "tick")][-1] == "cnn"


def test_losses_below_zero_are_drawn_on_a_linear_scale(tmp_path):
    folder = curves_of(tmp_path, first={"train_dir": "train"})
    losses(folder / "train", ["main,1,0,0,4,-1", "main,2,0,0,2,-3"])
    (found,) = training_curves(RunFolder.load(folder), "core/phantom", "t1 -> t2")
    assert "step (losses)" in [each.text for each in elements(found.drawing, "text", "title")]


def test_several_trainings_are_thinned_and_counted(tmp_path):
    cells = {str(seed): {"train_dir": f"train{seed}", "seed": seed} for seed in range(7)}
    folder = curves_of(tmp_path, **cells)
    for seed in range(7):
        losses(folder / f"train{seed}", [f"main,{step},0,0,2,1" for step in range(1, 401)])
    (found,) = training_curves(RunFolder.load(folder), "core/phantom", "t1 -> t2")
    assert found.note == (
        "5 of 7 trainings, the first one drawn stronger; each point is the mean of 5 logged values"
    )
    paths = elements(found.drawing, "path", "curve")
    assert len(paths) == 10
    assert paths[0].get("d").count("L") == 79


def test_missing_or_empty_curves_are_left_out(tmp_path):
    folder = curves_of(tmp_path, first={"train_dir": "gone"}, second={"train_dir": "empty"})
    losses(folder / "empty", [])
    assert training_curves(RunFolder.load(folder), "core/phantom", "t1 -> t2") == []
