"""``synthbench figure``: what it shows, and what it refuses."""

import numpy as np
import pytest
from matplotlib.image import imread

from synthbench.api.errors import UsageError
from synthbench.cli import main
from synthbench.report import figure_files, paper_figure, paper_layout
from synthbench.report.comparison import load_comparison
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from synthbench.report.zoom import free_corner, zooms
from tests.report.handmade import cell, scores_of, write_run
from tests.report.test_comparison_figure import SHAPE, predict, prepare, run_folder  # noqa: F401


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Few pixels are enough to see what is drawn."""
    monkeypatch.setattr(figure_files, "_DPI", 100)


def load(folder, subject="s00", **choices):
    run = RunFolder.load(folder)
    return load_comparison(run, build_tables(run)[0], subject, **choices)


def test_png_and_pdf_are_written_with_the_caption(run_folder, tmp_path, capsys):  # noqa: F811
    out = tmp_path / "out" / "brain"
    assert main(["figure", str(run_folder), "--subject", "s02", "--out", str(out), "--errors"]) == 0
    image = imread(f"{out}.png")
    # Five columns across a page of 180 mm, at 100 dots an inch.
    assert image.shape[1] == pytest.approx(180 / 25.4 * 100, abs=2)
    assert np.ptp(image[..., :3]) > 0.9
    assert out.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    told = capsys.readouterr()
    assert told.out.startswith("t1 → t2, subject s02.")
    assert "Insets: 2 mm where the methods' errors differ most" in told.out
    assert "absolute error, on one scale up to 0.48 of the unit range" in told.out
    assert told.err == f"wrote {out}.png, {out}.pdf\n"


def test_the_pdf_is_the_same_each_time_and_embeds_its_fonts(run_folder, tmp_path):  # noqa: F811
    shown = load(run_folder)
    for name in ("a.pdf", "b.pdf"):
        paper_figure.draw_paper_figure(shown, [tmp_path / name])
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()


def test_methods_and_views_are_chosen_in_order(run_folder):  # noqa: F811
    shown = load(run_folder, methods=["x_net", "linear"], views=["sagittal", "axial"])
    assert [panel.label for panel in shown.panels] == ["x_net", "linear"]
    assert [plane.name for plane in shown.planes] == ["sagittal", "axial"]
    assert [image.shape for image in shown.target] == [(6, 11), (11, 10)]


def test_a_point_is_what_the_planes_pass_through(run_folder):  # noqa: F811
    shown = load(run_folder, at=(4.2, 7.0, 16.0))  # voxels of 1 x 1 x 4 mm
    assert shown.at == (4, 7, 4)
    assert [plane.index for plane in shown.planes] == [4, 7, 4]
    axial = zooms(shown, side=3.0)[0]
    assert (axial.left, axial.bottom, axial.side) == (4 + 0.5 - 1.5, 7 - 1 + 0.5 - 1.5, 3.0)
    with pytest.raises(UsageError, match="the point 4, 7, 99 is outside subject s00") as caught:
        load(run_folder, at=(4.0, 7.0, 99.0))
    assert "z 0 to 20 mm" in caught.value.hint


def test_regions_lie_around_the_label_and_stay_inside(tmp_path):
    label = np.zeros(SHAPE, dtype=np.int16)
    label[9, 11, 5] = 1
    folder = write_run(
        tmp_path,
        scores_of({"x_net": [20.0]}),
        [cell("x_net", prep_dir="prep", predict_dir="x_net")],
    )
    predict(folder, "x_net", "s00", prepare(folder, "s00", label=label))
    shown = load(folder)
    assert shown.label[0].sum() == 1
    found = zooms(shown, side=4.0)
    assert {each.why for each in found} == {"around the label"}
    assert (found[0].left, found[0].bottom) == (10 - 4, 11 - 4)
    # A region larger than the slices is cut to them.
    assert zooms(shown, side=500.0)[0].side == 10.0


def test_regions_lie_where_methods_differ(run_folder):  # noqa: F811
    target = np.load(run_folder / "prep" / "subjects" / "s00" / "volume_t2.npy")
    changed = target.copy()
    changed[6, 5, 3] += 5
    predict(run_folder, "linear", "s00", target)
    predict(run_folder, "x_net", "s00", changed)
    axial = zooms(load(run_folder), side=1.0)[0]
    assert (axial.left, axial.bottom) == (6, 5 - 1)
    assert axial.why == "where the methods' errors differ most"


@pytest.mark.parametrize(
    ("hidden", "box", "corner"),
    [
        ((slice(0, 4), slice(6, 10)), (0.4, 0.4, 0.1, 0.1), (False, False)),
        ((slice(0, 4), slice(0, 10)), (0.4, 0.4, 0.1, 0.1), (True, True)),
        # The region itself is never covered.
        ((slice(0, 0), slice(0, 0)), (0.8, 0.1, 0.1, 0.1), (False, False)),
    ],
)
def test_enlargements_hide_the_least(hidden, box, corner):
    inside = np.zeros((10, 10), dtype=bool)
    inside[hidden] = True
    assert free_corner(inside, box, (0.4, 0.4)) == corner


def test_many_methods_continue_below(tmp_path):
    values = {f"m{number:02d}_with_a_long_name": [20.0] for number in range(14)}
    cells = [cell(name, prep_dir="prep", predict_dir="all") for name in values]
    folder = write_run(tmp_path, scores_of(values), cells)
    predict(folder, "all", "s00", prepare(folder, "s00"))
    layout = paper_layout.arrange(load(folder), errors=False, page=180 / 25.4)
    assert [len(block) for block in layout.blocks] == [8, 8]
    assert layout.width <= 180 / 25.4 + 1e-9
    few = paper_layout.arrange(load(folder, methods=[next(iter(values))]), False, 180 / 25.4)
    assert few.column == 1.8


def test_names_break_after_punctuation():
    assert paper_layout.wrap("dual_d_attention", 0.8) == ["dual_d_", "attention"]
    assert paper_layout.wrap("x" * 30, 0.8) == ["x" * 12, "x" * 12, "x" * 6]
    assert paper_layout.wrap("$\\frac$ <b>", 2.0) == ["$\\frac$ <b>"]


def test_hostile_names_are_printed_as_they_are(tmp_path):
    name = r"$\frac{&_%<script>"
    folder = write_run(
        tmp_path,
        scores_of({name: [20.0]}),
        [cell(name, prep_dir="prep", predict_dir="p")],
        methods={name: {"label": name}},
    )
    predict(folder, "p", "s00", prepare(folder, "s00"))
    out = tmp_path / "figure.pdf"
    assert main(["figure", str(folder), "--out", str(out)]) == 0
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--views", "axal"], "there is no view 'axal'"),
        (["--methods", "x_nut"], "no method 'x_nut'"),
        (["--zoom", "1,2"], "neither auto nor off nor X,Y,Z"),
        (["--subject", "s77"], "tested no subject 's77'"),
        (["--task", "t2 -> t1"], "has no such task"),
        (["--out", "figure.jpg"], "figures are written as png and pdf"),
    ],
)
def test_wrong_choices_are_usage_errors(
    run_folder,  # noqa: F811
    tmp_path,
    monkeypatch,
    capsys,
    options,
    message,
):
    monkeypatch.chdir(tmp_path)
    assert main(["figure", str(run_folder), *options]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("figure*"))


def test_of_several_tasks_one_is_chosen(tmp_path, capsys):
    rows = scores_of({"x": [20.0]}) + scores_of({"x": [21.0]}, task="t2 -> t1")
    folder = write_run(tmp_path, rows)
    assert main(["figure", str(folder)]) == 2
    told = capsys.readouterr().err
    assert "has several such tasks" in told
    assert "--task 't2 -> t1'" in told
    # The right one is found, and lacks its volumes here.
    assert main(["figure", str(folder), "--task", "t2->t1"]) == 6
    assert "nothing is prepared for t2 -> t1" in capsys.readouterr().err


def test_patterns_choose_methods(run_folder, tmp_path, capsys):  # noqa: F811
    out = tmp_path / "figure.png"
    options = ["--methods", "*net,big", "--zoom", "off", "--out", str(out)]
    assert main(["figure", str(run_folder), *options]) == 0
    assert "Insets" not in capsys.readouterr().out
    assert out.exists()
