from __future__ import annotations

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner, Result

from synthbench.api import DataError, Dataset, Subject, UsageError
from synthbench.cli.data import command
from synthbench.volumes.check import check
from synthbench.volumes.exporting import plan_export
from synthbench.volumes.reading import read
from synthbench_plugins.datasets.brats import Brats
from synthbench_plugins.datasets.folder import Folder
from synthbench_plugins.datasets.ixi import Ixi
from synthbench_plugins.datasets.phantom.dataset import Phantom

SMALL = ("--dataset-set", "spacing=8", "--dataset-set", "subjects=2")


def run(layout: str, folder: Path, *more: str, dataset: str = "phantom") -> Result:
    words = ["export", dataset, "--layout", layout, "--to", str(folder), *more]
    return CliRunner().invoke(command, words)


def values(origin, what: str, kind: str = "image") -> np.ndarray:
    return read(origin, what=what, kind=kind).volume.array


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("export") / "brats"
    return folder, run("brats", folder, *SMALL)


def test_phantom_in_the_layout_of_brats_reads_the_same(exported: tuple[Path, Result]) -> None:
    folder, result = exported
    assert result.exit_code == 0, result.output
    reader = Brats()
    found = reader.subjects(folder)
    made = Phantom(subjects=2, spacing=8).subjects(None)
    assert [subject.id for subject in found] == ["BraTS2021_00000", "BraTS2021_00001"]
    assert reader.regions == Phantom().regions
    for copy, original in zip(found, made, strict=True):
        assert sorted(copy.volumes) == ["flair", "t1", "t1ce", "t2"]
        for name, path in copy.volumes.items():
            volume, image = original.volumes[name].make(), nib.load(path)
            assert image.get_data_dtype() == np.float32
            np.testing.assert_array_equal(image.affine, volume.affine)
            np.testing.assert_array_equal(values(path, name), volume.array)
        for what, copied, origin in (
            ("label", copy.label, original.label),
            ("mask", copy.mask, original.mask),
        ):
            assert nib.load(copied).get_data_dtype() == np.uint8
            np.testing.assert_array_equal(values(copied, what, "label"), origin.make().array)
    assert all(each.usable for each in check(found))


def test_it_says_what_has_no_place_and_what_to_try(exported: tuple[Path, Result]) -> None:
    folder, result = exported
    lines = result.stdout.splitlines()
    assert "ct: the layout of brats has no place" in lines
    assert "cbct: the layout of brats has no place" in lines
    assert not any(line.startswith(("t1:", "label:")) for line in lines)
    assert "2 subjects of core/phantom" in result.stdout and "12 files" in result.stdout
    assert lines[-1] == f"try: synthbench run --dataset brats --data-root {folder} --preset smoke"
    record = json.loads((folder / "export.json").read_text())
    assert record["subjects"] == {
        "BraTS2021_00000": "phantom-000",
        "BraTS2021_00001": "phantom-001",
    }
    assert record["complete"] is True


def test_a_pelvis_in_the_layout_of_folder_keeps_whole_hounsfield_units(tmp_path: Path) -> None:
    result = run(
        *("folder", tmp_path / "out", "--subjects", "1", "--modalities", "cbct,ct"),
        *("--dataset-set", "spacing=8", "--dataset-set", "region=pelvis"),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("--source cbct --target ct --preset smoke\n")
    (copy,) = Folder().subjects(tmp_path / "out")
    original = Phantom(region="pelvis", spacing=8).subjects(None)[0]
    assert sorted(copy.volumes) == ["cbct", "ct"]
    for name, path in copy.volumes.items():
        assert nib.load(path).get_data_dtype() == np.int16
        difference = np.abs(values(path, name) - original.volumes[name].make().array)
        assert difference.max() <= 0.5
    label = original.label.make().array
    np.testing.assert_array_equal(values(copy.label, "label", "label"), label)


def test_the_same_command_again_completes_what_is_missing(exported: tuple[Path, Result]) -> None:
    folder, _ = exported
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*.nii.gz")}
    gone = folder / "BraTS2021_00001" / "BraTS2021_00001_t2.nii.gz"
    content = gone.read_bytes()
    gone.unlink()
    (gone.parent / f".{gone.name}.0123.tmp").write_bytes(b"cut")
    again = run("brats", folder, *SMALL)
    assert again.exit_code == 0, again.output
    assert "12 files (11 were there already)" in again.stdout
    assert gone.read_bytes() == content
    assert not list(folder.rglob("*.tmp"))
    assert all(p.stat().st_mtime_ns == time for p, time in files.items() if p != gone)


def test_another_export_into_the_same_folder_is_refused(exported: tuple[Path, Result]) -> None:
    folder, _ = exported
    before = sorted(folder.rglob("*"))
    result = run("brats", folder, "--dataset-set", "spacing=7")
    assert isinstance(result.exception, DataError)
    assert "holds another export (params differ" in result.exception.message
    assert "--to" in result.exception.hint
    assert sorted(folder.rglob("*")) == before


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    result = run("brats", tmp_path, *SMALL)
    assert isinstance(result.exception, DataError)
    assert "is not empty and no export made it" in result.exception.message
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("layout", "more", "message", "hint"),
    [
        ("bratz", (), "there is no layout 'bratz'", "brats, .*folder"),
        ("phantom", (), "in the layout of core/phantom", "brats, .*folder"),
        ("brats", ("--modalities", "t3"), "no subject has 't3'", "there are cbct, ct"),
        ("brats", ("--modalities", "ct"), "no place for any of ct", "--layout"),
        ("brats", ("--dataset-set", "size=3"), "'size'", "synthbench info"),
        ("brats", ("--dataset-set", "spacing"), "has no value", "NAME=VALUE"),
        ("brats", ("--dataset-set", "missing={"), "not a YAML value", "quotes"),
    ],
)
def test_wrong_names_are_refused(
    layout: str, more: tuple[str, ...], message: str, hint: str, tmp_path: Path
) -> None:
    result = run(layout, tmp_path / "out", *more)
    assert isinstance(result.exception, UsageError)
    assert message in result.exception.message
    assert re.search(hint, result.exception.hint)
    assert not (tmp_path / "out").exists()


def save(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def test_data_on_disk_keeps_grid_and_integers_and_one_session_a_patient(tmp_path: Path) -> None:
    affine = np.array([[-2.0, 0, 0, 5], [0, 0, 3, 6], [0, 1, 0, 7], [0, 0, 0, 1]])
    random = np.random.default_rng(0)
    arrays = {}
    for name, modalities in (("p-S1", ["t1"]), ("p-S2", ["t1", "t2"]), ("q", ["t1", "t2"])):
        for modality in modalities:
            arrays[name, modality] = random.integers(0, 900, (4, 5, 6)).astype(np.int16)
            file = tmp_path / "mine" / name / f"{name}_{modality}.nii.gz"
            save(file, arrays[name, modality], affine)
    result = run(
        *("brats", tmp_path / "out", "--data-root", str(tmp_path / "mine")), dataset="folder"
    )
    assert result.exit_code == 0, result.output
    assert "left out, further sessions of a patient of core/folder: p-S1" in result.stdout
    first, second = Brats().subjects(tmp_path / "out")
    for copy, name in ((first, "p-S2"), (second, "q")):
        for modality, path in copy.volumes.items():
            image = nib.load(path)
            assert image.get_data_dtype() == np.int16
            np.testing.assert_array_equal(image.affine, affine)
            np.testing.assert_array_equal(np.asarray(image.dataobj), arrays[name, modality])


def test_a_damaged_source_is_named_and_the_rest_can_be_completed(tmp_path: Path) -> None:
    for name in "ab":
        array = np.random.default_rng(ord(name)).random((4, 5, 6)).astype(np.float32)
        save(tmp_path / "mine" / name / f"{name}_t1.nii.gz", array, np.eye(4))
    bad = tmp_path / "mine" / "b" / "b_t1.nii.gz"
    good = bad.read_bytes()
    bad.write_bytes(good[:150])
    options = ("--data-root", str(tmp_path / "mine"))
    result = run("brats", tmp_path / "out", *options, dataset="folder")
    assert isinstance(result.exception, DataError)
    assert str(bad) in result.exception.message
    assert json.loads((tmp_path / "out" / "export.json").read_text())["complete"] is False
    bad.write_bytes(good)
    result = run("brats", tmp_path / "out", *options, dataset="folder")
    assert result.exit_code == 0
    assert "2 files (1 were there already)" in result.stdout


class Alternating(Dataset):
    """Every other subject has a CBCT instead of an MR; both would be stored under one name."""

    def subjects(self, root: Path | None) -> list[Subject]:
        raise NotImplementedError

    def example_id(self, number: int) -> str:
        return f"{number % 2 + 1}P{number:03d}"

    def place(self, subject: str, what: str) -> Path | None:
        source = "mr" if subject[0] == "1" else "cbct"
        if what in ("t1", "t2", source):
            return Path(subject, f"{'mr' if what == 't1' else what}.nii.gz")
        return None


class Outside(Alternating):
    def place(self, subject: str, what: str) -> Path | None:
        return Path("..", subject, f"{what}.nii.gz")


def test_layouts_that_differ_between_subjects() -> None:
    made = Phantom(subjects=4, region="pelvis").subjects(None)
    plan = plan_export(made, Alternating())
    assert list(plan.names.values()) == ["1P000", "2P001", "1P002", "2P003"]
    # t1 would overwrite mr in those that have it.
    assert plan.unplaced == {"t1": 2, "cbct": 2, "mr": 2, "ct": 4, "label": 4, "mask": 4}
    plan = plan_export(made, Alternating(), ["cbct"])
    assert list(plan.names) == ["phantom-001", "phantom-003"]
    assert plan.empty == ["phantom-000", "phantom-002"]
    with pytest.raises(UsageError, match="Outside would put a volume at"):
        plan_export(made, Outside())


def test_a_layout_with_a_modality_that_the_phantom_lacks_gets_the_others(tmp_path: Path) -> None:
    result = run("ixi", tmp_path / "out", *SMALL)
    assert result.exit_code == 0, result.output
    found = Ixi(registered=True).subjects(tmp_path / "out")
    assert [sorted(subject.volumes) for subject in found] == [["t1", "t2"]] * 2
    # By default ixi reads PD and T2 alone.
    assert "ixi with its default parameters does not read it: " in result.stdout
    assert "registered=true" in result.stdout.splitlines()[-1]
