"""``synthbench figure --ranks``: which diagram, what is in it, and what is refused."""

import re

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.image import imread

from synthbench.cli import main
from synthbench.report import figure_files, rank_figure
from synthbench.report.ranks import rank_intervals, ranks_over_datasets
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from tests.report.handmade import cell, scores_of, write_run
from tests.statistics.golden import GOLDEN

TEN = np.linspace(20.0, 21.0, 10)
VALUES = {"x/linear": TEN, "x/gan": TEN + 2, "x/net": TEN + 2 + 0.5 * np.cos(np.arange(10))}
NAMES = {"A": {"label": r"$a_b & <c> \d"}, "B": {"label": "b" * 90}}


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(figure_files, "_DPI", 60)


@pytest.fixture
def written(monkeypatch):
    """Every text that is drawn, with its place and alignment."""
    texts = []
    draw = Axes.text

    def note(self, x, y, text, **style):
        texts.append((text, x, style["ha"]))
        return draw(self, x, y, text, **style)

    monkeypatch.setattr(Axes, "text", note)
    return texts


def of_one_task(tmp_path, values=VALUES, **info):
    return write_run(tmp_path, scores_of(values), baselines=["x/linear"], **info)


def of_six_datasets(tmp_path, **info):
    rows = [
        row
        for number in range(6)
        for metric in ("psnr", "mae")
        for row in scores_of(
            {name: values + number for name, values in GOLDEN.items()},
            dataset=f"x/{number}",
            metric=metric,
        )
    ]
    return write_run(tmp_path, rows, **info)


def draw(folder, tmp_path, *arguments):
    return main(["figure", str(folder), "--ranks", "--out", str(tmp_path / "ranks"), *arguments])


def test_one_task_gives_rank_intervals(tmp_path, capsys, written):
    assert draw(of_one_task(tmp_path), tmp_path) == 0
    told = capsys.readouterr()
    assert told.out.startswith(
        "PSNR (foreground): ranks by mean over 10 held-out subjects, t1 → t2 on phantom, 1 is "
        "best; lines: 95% intervals if subjects are drawn again"
    )
    assert told.err == f"wrote {tmp_path / 'ranks.png'}, {tmp_path / 'ranks.pdf'}\n"
    assert imread(tmp_path / "ranks.png").shape[1] == pytest.approx(180 / 25.4 * 60, abs=2)
    labels = [text for text, _, align in written if align == "right" and not text.endswith("%")]
    assert labels == ["P(best)", "x/net", "x/gan", "x/linear"]
    assert [text for text, *_ in written if text.endswith("%")][-1] == "0 %"


def test_ranks_and_intervals_are_those_of_the_report(tmp_path):
    run = RunFolder.load(of_one_task(tmp_path))
    (table,) = build_tables(run)
    (panel,) = rank_intervals(table, run)
    assert [(each.label, each.rank, each.baseline) for each in panel.methods] == [
        ("x/net", 1.0, False),
        ("x/gan", 2.0, False),
        ("x/linear", 3.0, True),
    ]
    assert (panel.methods[0].low, panel.methods[0].high) == (1.0, 2.0)
    assert (panel.methods[2].low, panel.methods[2].high) == (3.0, 3.0)
    assert sum(each.best for each in panel.methods) == pytest.approx(1.0)


def test_six_datasets_give_a_critical_difference(tmp_path, capsys, written):
    assert draw(of_six_datasets(tmp_path), tmp_path) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "mean ranks over 6 tables (t1 → t2 on x/0, " in out
    assert "critical difference 1.91 (Nemenyi, alpha = 0.05)" in out
    shown = {text: (x, align) for text, x, align in written}
    assert shown["B 1.00"][1] == shown["C 2.00"][1] == "right"
    assert shown["D 4.00"][1] == shown["A 3.00"][1] == "left"
    assert shown["B 1.00"][0] < shown["D 4.00"][0]
    assert "CD = 1.91" in shown
    run = RunFolder.load(of_six_datasets(tmp_path / "again"))
    panel, _ = ranks_over_datasets(run, build_tables(run))
    assert panel.groups == ((0, 1), (1, 2), (2, 3))


def test_one_of_six_datasets_and_two_metrics_may_be_chosen(tmp_path, capsys):
    folder = of_six_datasets(tmp_path)
    assert draw(folder, tmp_path, "--dataset", "x/3", "--metrics", "mae,psnr") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("MAE")
    assert second.startswith("PSNR")
    assert "t1 → t2 on x/3" in second


def test_the_best_rank_is_as_far_left_as_its_axis(tmp_path, monkeypatch):
    lines = []
    plot = Axes.plot
    monkeypatch.setattr(
        Axes, "plot", lambda self, *a, **k: lines.append((a, k)) or plot(self, *a, **k)
    )
    assert draw(of_six_datasets(tmp_path), tmp_path) == 0
    bars = [ends for (ends, *_), style in lines if style.get("zorder") == 3]
    elbows = [ends for (ends, *_), _ in lines if len(ends) == 3]
    places = sorted(x for x, *_ in elbows)
    assert len(bars) == 3
    for number, (left, right) in enumerate(bars):
        assert left == pytest.approx(places[number], abs=0.04)
        assert right == pytest.approx(places[number + 1], abs=0.04)


def test_any_name_can_be_drawn_and_long_ones_are_cut(tmp_path, written):
    folder = of_six_datasets(tmp_path, methods=NAMES)
    assert draw(folder, tmp_path, "--width", "88") == 0
    texts = [text for text, *_ in written]
    assert any(text.startswith(r"$a_b & <c> \d") for text in texts)
    (long,) = [text for text in texts if text.startswith("bb")]
    assert re.fullmatch(r"b{4,60}… 1\.00", long)
    assert b"/Type3" not in (tmp_path / "ranks.pdf").read_bytes()


@pytest.mark.parametrize("values", [{"x/a": TEN}, {"x/a": TEN[:1], "x/b": TEN[:1]}])
def test_nothing_to_rank_is_said(tmp_path, capsys, values):
    assert draw(of_one_task(tmp_path, values), tmp_path) == 6
    assert "nothing to rank" in capsys.readouterr().err
    assert not (tmp_path / "ranks.png").exists()


def test_a_run_in_progress_says_so(tmp_path, capsys):
    cells = [*(cell(method) for method in VALUES), cell("x/late", "pending")]
    folder = write_run(tmp_path, scores_of(VALUES), cells)
    assert draw(folder, tmp_path) == 0
    assert "The run is not finished: 1 cell yet to come." in capsys.readouterr().out


def test_equal_methods_share_their_rank(tmp_path):
    assert draw(of_one_task(tmp_path, {"x/a": TEN, "x/b": TEN}), tmp_path) == 0
    run = RunFolder.load(of_one_task(tmp_path / "again", {"x/a": TEN, "x/b": TEN}))
    (panel,) = rank_intervals(build_tables(run)[0], run)
    assert [(each.rank, each.best) for each in panel.methods] == [(1.5, 0.5), (1.5, 0.5)]


def test_what_belongs_to_a_subject_is_refused(tmp_path, capsys):
    assert draw(of_one_task(tmp_path), tmp_path, "--subject", "s00") == 2
    assert "leave out --subject, --methods" in capsys.readouterr().err


def test_labels_are_measured_in_inches():
    assert rank_figure._length("x" * 20) == pytest.approx(20 * 8 * 0.59 / 72, rel=0.05)
    assert rank_figure._cut("abc", 1.0) == "abc"
