"""The BraTS layouts; files are empty, as listing never reads them."""

from pathlib import Path

import pytest

from synthbench.api import DataError, UsageError
from synthbench_plugins.datasets import files
from synthbench_plugins.datasets.brats import Brats


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def case(subject: str, *parts: str, suffix: str = ".nii.gz") -> list[str]:
    return [f"{subject}/{subject.split('/')[-1]}{part}{suffix}" for part in parts]


CLASSIC = ("_t1", "_t1ce", "_t2", "_flair", "_seg")
RENAMED = ("-t1n", "-t1c", "-t2w", "-t2f", "-seg")


@pytest.mark.parametrize(
    ("subject", "suffix"),
    [
        ("HGG/Brats18_2013_2_1", ".nii.gz"),
        ("MICCAI_BraTS_2018_Data_Training/LGG/Brats18_TCIA09_141_1", ".nii.gz"),
        ("BraTS20_Training_001", ".nii"),
        ("BraTS2021_00000", ".nii.gz"),
    ],
)
def test_2018_to_2021(tmp_path, subject, suffix):
    touch(tmp_path, *case(subject, *CLASSIC, suffix=suffix), "name_mapping.csv")
    dataset = Brats()
    (found,) = dataset.subjects(tmp_path)
    name = subject.split("/")[-1]
    assert found.id == found.patient == name
    assert sorted(found.volumes) == ["flair", "t1", "t1ce", "t2"]
    assert found.volumes["t1ce"] == tmp_path / subject / f"{name}_t1ce{suffix}"
    assert found.label == tmp_path / subject / f"{name}_seg{suffix}"
    assert found.mask is None
    assert dataset.regions == {"whole_tumour": (1, 2, 4), "tumour_core": (1, 4), "enhancing": (4,)}


def test_2023_groups_time_points_and_renames_modalities(tmp_path):
    for name in ("BraTS-GLI-00001-000", "BraTS-GLI-00000-001", "BraTS-GLI-00000-000"):
        touch(tmp_path, *case(name, *RENAMED))
    touch(tmp_path, "BraTS-GLI-00000-000/BraTS-GLI-00000-000-t1n-voided.nii.gz")
    dataset = Brats()
    found = dataset.subjects(tmp_path)
    assert [subject.id[-9:] for subject in found] == ["00000-000", "00000-001", "00001-000"]
    assert [subject.patient for subject in found] == [
        "BraTS-GLI-00000",
        "BraTS-GLI-00000",
        "BraTS-GLI-00001",
    ]
    assert found[0].volumes["flair"].name == "BraTS-GLI-00000-000-t2f.nii.gz"
    assert found[0].volumes["t1"].name == "BraTS-GLI-00000-000-t1n.nii.gz"
    assert dataset.regions["enhancing"] == (3,)


def test_stray_segmentation_of_case_355(tmp_path):
    name = "BraTS20_Training_355"
    touch(tmp_path, *case(name, "_t1", "_t2", suffix=".nii"), f"{name}/W39_1998.09.19_Segm.nii")
    (found,) = Brats().subjects(tmp_path)
    assert found.label == tmp_path / name / "W39_1998.09.19_Segm.nii"


def test_modalities_label_and_mask_are_optional(tmp_path):
    touch(tmp_path, *case("BraTS2021_00001", "_t1"), *case("BraTS2021_00002", "_t2", "_brainmask"))
    first, second = Brats().subjects(tmp_path)
    assert list(first.volumes) == ["t1"]
    assert first.label is None
    assert second.mask == tmp_path / "BraTS2021_00002/BraTS2021_00002_brainmask.nii.gz"


@pytest.mark.parametrize(
    ("one", "two", "together"),
    [
        ("MSL-P01-S1", "MSL-P01-S2", True),
        ("A_ses-1", "A_ses-12", True),
        ("A_ses01", "A_ses02", True),
        ("A-TP1", "A-tp2", True),
        ("set_S01", "set_S02", False),
        ("MSL-P01-S1", "MSL-P02-S1", False),
        ("Brats18_2013_2_1", "Brats18_2013_3_1", False),
    ],
)
def test_sessions_of_one_patient_share_a_group(tmp_path, one, two, together):
    touch(tmp_path, *case(one, "_t1"), *case(two, "_t1"))
    first, second = Brats().subjects(tmp_path)
    assert (first.patient == second.patient) is together


def test_other_data_in_the_layout_has_no_tumour_regions_unless_asked(tmp_path):
    touch(tmp_path, *case("patient07", *CLASSIC))
    assert Brats().regions == {}
    dataset = Brats()
    dataset.subjects(tmp_path)
    assert dataset.regions == {}
    dataset = Brats(labels="brats2023")
    dataset.subjects(tmp_path)
    assert dataset.regions["tumour_core"] == (1, 3)


def test_both_layouts_at_once_are_refused(tmp_path):
    touch(tmp_path, *case("BraTS2021_00001", *CLASSIC), *case("BraTS-GLI-00000-000", *RENAMED))
    with pytest.raises(DataError, match="mixes"):
        Brats().subjects(tmp_path)
    assert len(Brats(labels="values").subjects(tmp_path)) == 2


def test_what_is_not_the_layout_is_refused(tmp_path):
    with pytest.raises(DataError, match="not a folder"):
        Brats().subjects(tmp_path / "nowhere")
    with pytest.raises(DataError, match="not a folder"):
        Brats().subjects(None)
    with pytest.raises(DataError, match=r"no subject in .*\nExpected"):
        Brats().subjects(tmp_path)
    touch(tmp_path, "1BA001/mr.nii.gz", "t1.nii.gz")
    with pytest.raises(DataError, match="no subject"):
        Brats().subjects(tmp_path)


def test_a_subject_or_file_given_twice_is_refused(tmp_path):
    touch(tmp_path, *case("HGG/a", "_t1"), *case("LGG/a", "_t1"))
    with pytest.raises(DataError, match="Subject a occurs twice"):
        Brats().subjects(tmp_path)
    touch(tmp_path, "HGG/a/a_t1.nii")
    with pytest.raises(DataError, match="Two files for t1 of subject a"):
        Brats().subjects(tmp_path)


def test_unknown_meaning_of_labels_is_refused():
    with pytest.raises(UsageError, match="brats2019"):
        Brats(labels="brats2019")


def test_real_sessions(realset):
    dataset = Brats()
    found = {subject.id: subject for subject in dataset.subjects(realset / "brats")}
    assert len(found) == 8
    assert len({subject.patient for subject in found.values()}) == 6
    assert found["MSL-P01-S1"].patient == found["MSL-P01-S2"].patient
    assert "t1" not in found["MSL-P03-S1"].volumes
    assert all(subject.label for subject in found.values())
    assert sum(subject.mask is not None for subject in found.values()) == 5
    pairs = {("t1", "t2"): 6, ("t1", "flair"): 7, ("t2", "flair"): 7}
    for pair, count in pairs.items():
        assert sum(set(pair) <= set(subject.volumes) for subject in found.values()) == count
    assert dataset.regions == {}  # multiple sclerosis: label 1 is no tumour core


def test_labels_of_the_childrens_challenge_are_not_guessed(tmp_path):
    touch(tmp_path, *case("BraTS-PED-00001-000", *RENAMED))
    dataset = Brats()
    assert [subject.patient for subject in dataset.subjects(tmp_path)] == ["BraTS-PED-00001"]
    assert dataset.regions == {}


def test_folders_of_the_system_are_left_alone_and_closed_ones_named(tmp_path, monkeypatch):
    touch(tmp_path, *case("BraTS2021_00000", *CLASSIC))
    (tmp_path / "lost+found").mkdir()
    closed = tmp_path / "closed"

    def access(path, _):
        return Path(path).name not in ("lost+found", "closed")

    monkeypatch.setattr(files.os, "access", access)
    real = Path.iterdir
    monkeypatch.setattr(
        Path, "iterdir", lambda path: real(path) if access(path, 0) else pytest.fail("listed")
    )
    assert len(Brats().subjects(tmp_path)) == 1
    closed.mkdir()
    with pytest.raises(DataError, match="closed must not be listed"):
        Brats().subjects(tmp_path)
