import json

import numpy as np
import pytest

from synthbench.api.errors import DataError, UsageError
from synthbench.report.comparison import load_comparison
from synthbench.report.figure import draw
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from tests.report.handmade import cell, scores_of, write_run

SHAPE = (10, 12, 6)


def prepare(folder, subject, low=0.0, high=1.0, label=None):
    home = folder / "prep" / "subjects" / subject
    home.mkdir(parents=True)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3:8, 4:9, 2:5] = True
    target = np.random.default_rng(0).random(SHAPE, dtype=np.float32) * mask
    np.save(home / "volume_t1.npy", 1 - target)
    np.save(home / "volume_t2.npy", target)
    np.save(home / "mask.npy", mask)
    if label is not None:
        np.save(home / "label.npy", label)
    affine = np.diag([1.0, 1.0, 4.0, 1.0]).tolist()
    record = {
        **{"id": subject, "patient": subject, "shape": SHAPE, "affine": affine},
        **{"bounds": {"t1": [0, 1], "t2": [low, high]}, "regions": {}, "warnings": []},
        **{"native": {"shape": SHAPE, "affine": affine}, "label": label is not None},
    }
    (home / "subject.json").write_text(json.dumps(record))
    return target


def predict(folder, method, subject, array):
    path = folder / method / f"{subject}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array.astype(np.float32))


@pytest.fixture
def run_folder(tmp_path):
    values = {"linear": [20.0, 22.0, 30.0], "x_net": [21.0, 23.0, 31.0]}
    cells = [cell(name, prep_dir="prep", predict_dir=name) for name in values]
    cells.append(cell("big", "oom", prep_dir="prep"))
    folder = write_run(tmp_path, scores_of(values), cells, baselines=["linear"])
    for number in range(3):
        target = prepare(folder, f"s{number:02d}")
        predict(folder, "linear", f"s{number:02d}", target * 0.5)
        predict(folder, "x_net", f"s{number:02d}", target)
    return folder


def comparison(folder, subject=None):
    run = RunFolder.load(folder)
    return load_comparison(run, build_tables(run)[0], subject)


def test_figure_is_written(run_folder, tmp_path):
    from matplotlib.image import imread

    path = tmp_path / "out" / "figure.png"
    draw(comparison(run_folder), path)
    image = imread(path)
    assert image.shape[0] > 400
    assert image.shape[1] > 400
    assert np.ptp(image[..., :3]) > 0.9


def test_default_subject_is_the_most_ordinary(run_folder):
    shown = comparison(run_folder)
    assert shown.subject == "s01"
    assert "median PSNR" in shown.why


def test_panels_carry_scores_and_states(run_folder):
    shown = comparison(run_folder, "s02")
    assert [panel.label for panel in shown.panels] == ["linear", "x_net", "big"]
    assert shown.panels[1].scores == ("PSNR 31.00 dB",)
    assert (shown.panels[2].state, shown.panels[2].slices) == ("OOM", ())
    assert shown.why == ""


def test_slices_are_the_expected_ones(run_folder):
    shown = comparison(run_folder, "s00")
    assert [(plane.name, plane.index) for plane in shown.planes] == [
        ("axial", 3),
        ("coronal", 6),
        ("sagittal", 5),
    ]
    target = np.load(run_folder / "prep" / "subjects" / "s00" / "volume_t2.npy")
    # Rows go from inferior (or posterior) to superior (or anterior), columns along +R or +A.
    np.testing.assert_array_equal(shown.target[0], target[0:10, 1:12, 3].T)
    np.testing.assert_array_equal(shown.target[1], target[0:10, 6, 0:6].T)
    np.testing.assert_array_equal(shown.target[2], target[5, 1:12, 0:6].T)
    assert shown.spacing == (1.0, 1.0, 4.0)


def test_planes_pass_through_the_label(run_folder):
    label = np.zeros(SHAPE, dtype=np.int16)
    label[4:6, 7, 4] = 2
    label[4, 7, 3] = 1
    prepare(run_folder / "second", "s00", label=label)
    source = run_folder / "second" / "prep" / "subjects" / "s00"
    for file in source.iterdir():
        file.replace(run_folder / "prep" / "subjects" / "s00" / file.name)
    assert [plane.index for plane in comparison(run_folder, "s00").planes] == [4, 7, 4]


def test_anisotropic_voxels_keep_their_proportions(run_folder):
    from synthbench.report import figure

    shown = comparison(run_folder, "s00")
    coronal = shown.planes[1]
    assert figure.extent_of(coronal, shown) == (10.0, 24.0)


def test_errors_are_in_physical_units_where_there_is_one(tmp_path):
    rows = scores_of({"x_net": [20.0]}, metric="mae", unit="HU")
    folder = write_run(tmp_path, rows, [cell("x_net", prep_dir="prep", predict_dir="x_net")])
    predict(folder, "x_net", "s00", prepare(folder, "s00", -1000.0, 1000.0))
    shown = comparison(folder)
    assert (shown.scale, shown.unit) == (2000.0, "HU")


def test_unknown_subject_is_refused(run_folder):
    with pytest.raises(UsageError, match="tested no subject 's09'"):
        comparison(run_folder, "s09")


def test_a_prediction_on_another_grid_is_refused(run_folder):
    predict(run_folder, "x_net", "s01", np.zeros((3, 3, 3)))
    with pytest.raises(DataError, match=r"has shape \(3, 3, 3\)"):
        comparison(run_folder, "s01")


def test_a_truncated_prediction_is_refused(run_folder):
    (run_folder / "x_net" / "s01.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"s01\.npy cannot be read"):
        comparison(run_folder, "s01")


def test_missing_predictions_leave_a_panel_that_says_so(run_folder, tmp_path):
    for name in ("linear", "x_net"):
        (run_folder / name / "s01.npy").unlink()
    shown = comparison(run_folder, "s01")
    assert [panel.state for panel in shown.panels] == ["n/a", "n/a", "OOM"]
    draw(shown, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
