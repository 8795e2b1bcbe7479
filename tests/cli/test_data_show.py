from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib.image import imread

from synthbench.api import Intensity, Subject, UsageError
from synthbench.cli.data import command
from synthbench.cli.data_show import _choose
from synthbench.report.montage import load_montage
from synthbench.report.montage_figure import _label_colours, _shared_window, draw_montage

MR = Intensity(kind="percentile")
CT = Intensity(kind="window", low=-1024, high=3000, unit="HU")


def save(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([1, 2, 3, 1.0]) if affine is None else affine), path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three subjects of a free-form folder; `b` lacks its t2."""
    for seed, name in enumerate("abc"):
        random = np.random.default_rng(seed)
        image = random.random((12, 10, 8), dtype=np.float32)
        folder = tmp_path / "data" / name
        save(folder / f"{name}_t1.nii.gz", image)
        if name != "b":
            save(folder / f"{name}_t2.nii.gz", 1 - image)
        label = np.zeros((12, 10, 8), np.uint8)
        label[2:5, 6:9, 5:7] = 3
        save(folder / f"{name}_seg.nii.gz", label)
    return tmp_path / "data"


def show(data: Path, *more: str) -> Result:
    to = () if "--to" in more else ("--to", str(data.parent / "out" / "montage.png"))
    words = ["show", "--dataset", "folder", "--data-root", str(data), *more, *to]
    return CliRunner().invoke(command, words)


def test_a_montage_is_written(data: Path) -> None:
    result = show(data)
    assert result.exit_code == 0, result.output
    assert "3 of 3 subjects" in result.stdout
    image = imread(data.parent / "out" / "montage.png")
    assert image.shape[0] > 400 and image.shape[1] > 400
    assert np.ptp(image[..., :3]) > 0.9
    coloured = np.ptp(image[..., :3], axis=-1) > 0.4
    assert coloured.sum() > 50  # the outlines of the label
    one = show(data, "--subjects", "1", "--to", str(data.parent / "one.png"))
    assert one.exit_code == 0
    assert imread(data.parent / "one.png").shape[0] < 0.6 * image.shape[0]


def test_a_broken_file_is_named_and_the_figure_is_there(data: Path) -> None:
    bad = data / "c" / "c_t2.nii.gz"
    bad.write_bytes(bad.read_bytes()[:100])
    label = data / "a" / "a_seg.nii.gz"
    label.write_bytes(b"nothing")
    result = show(data)
    assert result.exit_code == 6
    assert str(bad) in result.stderr and str(label) in result.stderr
    image = imread(data.parent / "out" / "montage.png")
    pink = np.all(np.isclose(image[..., :3], np.array([255, 228, 225]) / 255, atol=0.01), -1)
    assert pink.sum() > 5000


def test_so_many_subjects_come_from_all_over_the_list() -> None:
    listed = [Subject(f"s{number}", {}) for number in range(9)]
    assert [subject.id for subject in _choose(listed, "4")] == ["s0", "s2", "s4", "s6"]
    assert _choose(listed, "12") == listed


def test_chosen_subjects_of_a_generated_dataset(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command,
        [
            *("show", "--dataset", "phantom", "--dataset-set", "spacing=8"),
            *("--dataset-set", "missing={ct: 1.0}", "--subjects", "phantom-002,phantom-000"),
            *("--to", str(tmp_path / "m.png")),
        ],
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == f"2 of 24 subjects: {tmp_path / 'm.png'}\n"
    assert (tmp_path / "m.png").is_file()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--subjects", "d"), "no subject 'd'"),
        (("--subjects", "0"), "asks for 0 subjects"),
        (("--to", "figure.pdf"), "not the name of a PNG file"),
    ],
)
def test_wrong_options_are_refused(data: Path, more: tuple[str, ...], message: str) -> None:
    result = show(data, *more)
    assert isinstance(result.exception, UsageError)
    assert message in result.exception.message and result.exception.hint
    assert not (data.parent / "out").exists()


def test_the_slice_passes_through_the_label_in_ras_and_millimetres(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((12, 10, 8), dtype=np.float32)
    label = np.zeros(array.shape, np.uint8)
    label[2:5, 6:9, 6] = 1
    flipped = np.diag([-1.0, 2, 3, 1])  # the file runs from right to left
    subject = Subject(
        "s",
        {"t1": save(tmp_path / "t1.nii", array, flipped)},
        label=save(tmp_path / "l.nii", label, flipped),
        site="here",
    )
    montage = load_montage("d", [subject], {"t1": MR})
    (row,) = montage.rows
    picture = row.pictures["t1"]
    np.testing.assert_array_equal(picture.image, array[::-1, :, 6].T)
    np.testing.assert_array_equal(picture.label, label[::-1, :, 6].T)
    assert picture.extent == (12.0, 20.0)
    assert row.details == "1 x 2 x 3 mm, 12 x 10 x 8, here"
    assert list(_label_colours(montage)) == [1]


def test_a_volume_on_another_grid_has_a_slice_of_its_own_and_no_label(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    volumes = {
        name: save(tmp_path / f"{name}.nii", random.random(shape, dtype=np.float32))
        for name, shape in (("t1", (12, 10, 8)), ("t2", (6, 7, 5)))
    }
    label = save(tmp_path / "l.nii", np.eye(12, 10, dtype=np.uint8)[..., None].repeat(8, -1))
    (row,) = load_montage("d", [Subject("s", volumes, label=label)], {"t1": MR, "t2": MR}).rows
    assert row.pictures["t1"].label is not None and not row.pictures["t1"].grid
    assert row.pictures["t2"].label is None and "(6, 7, 5)" in row.pictures["t2"].grid
    assert row.pictures["t2"].image.shape == (7, 6)


def test_a_scan_in_other_units_does_not_change_the_window_of_the_others(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    subjects = []
    for name, scale in (("a", 1), ("b", 1), ("c", 40)):
        array = (scale * random.uniform(-1000, 1000, (12, 10, 8))).astype(np.float32)
        subjects.append(Subject(name, {"ct": save(tmp_path / f"{name}.nii", array)}))
    counts = Intensity(kind="window", low=-1024, high=3000)
    window = _shared_window(load_montage("d", subjects, {"ct": counts}), "ct")
    assert -1000 < window.vmin < -900 and 900 < window.vmax < 1000
    assert _shared_window(load_montage("d", subjects, {"ct": MR}), "ct") is None
    hounsfield = _shared_window(load_montage("d", subjects, {"ct": CT}), "ct")
    fat, muscle = hounsfield([-100, 50])
    assert muscle - fat > 0.25


def test_label_values_have_the_names_of_their_regions(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((12, 10, 8), dtype=np.float32)
    subject = Subject("s", {"t1": save(tmp_path / "t1.nii", array)})
    regions = {"whole": (1, 2, 4), "enhancing": (4,)}
    assert load_montage("d", [subject], {"t1": MR}, regions).names == {4: "enhancing"}


def test_many_label_values_are_outlined_together(tmp_path: Path) -> None:
    array = np.arange(960, dtype=np.float32).reshape(12, 10, 8)
    label = save(tmp_path / "l.nii", (array // 40).astype(np.uint8))
    subject = Subject("s", {"t1": save(tmp_path / "t1.nii", array)}, label=label)
    assert list(_label_colours(load_montage("d", [subject], {"t1": MR}))) == [0]


def test_names_of_labels_are_no_formulas(tmp_path: Path) -> None:
    array = np.arange(960, dtype=np.float32).reshape(12, 10, 8)
    label = save(tmp_path / "l.nii", (array > 500).astype(np.uint8))
    subject = Subject("s", {"t1": save(tmp_path / "t1.nii", array)}, label=label)
    montage = load_montage("d", [subject], {"t1": MR}, {r"$\x$": (1,)})
    draw_montage(montage, tmp_path / "m.png")
    assert (tmp_path / "m.png").is_file()
