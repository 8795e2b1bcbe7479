"""The Ljubljana sets as published; files are empty, as listing never reads them."""

import pytest

from synthbench.api import DataError, UsageError
from synthbench_plugins.datasets.open_ms import OpenMs
from tests.plugins.datasets.trees import touch

HISTORY = "N4_noneck_reduced_winsor_regtoFLAIR"


@pytest.fixture
def tree(tmp_path):
    cross, both = "cross_sectional", ("coregistered", "raw")
    names = ("FLAIR", "T1W", "T1WKS", "T2W", "consensus_gt")
    for processing in both:
        touch(tmp_path, *(f"{cross}/{processing}/patient01/{name}.nii.gz" for name in names))
    touch(
        tmp_path,
        f"{cross}/coregistered/patient01/brainmask.nii.gz",
        f"{cross}/coregistered/patient01/T1W_to_FLAIR.txt",
        f"{cross}/coregistered/patient02/patient02_FLAIR.nii.gz",
        f"{cross}/coregistered/patient02/patient02_brainmask.nii.gz",
        *(
            f"{cross}/MNI/patient07/{m}_{HISTORY}_brain_N4_regtoMNI.nii.gz"
            for m in ("T1", "T1POST")
        ),
        f"{cross}/MNI/patient07/GOLD_STANDARD_{HISTORY}_regtoMNI.nii.gz",
    )
    for study in "12":
        stem = f"longitudinal/coregistered/patient01/study{study}"
        touch(tmp_path, *(f"{stem}_{name}.nii.gz" for name in ("FLAIR", "T1W", "T2W")))
    touch(
        tmp_path, *(f"longitudinal/coregistered/patient01/{n}.nii.gz" for n in ("gt", "brainmask"))
    )
    touch(tmp_path, "longitudinal/raw/patient02/study1_FLAIR.nii.gz")
    return tmp_path


def test_cross_sectional(tree):
    dataset = OpenMs()
    first, second = dataset.subjects(tree)
    folder = tree / "cross_sectional/coregistered/patient01"
    assert first.id == first.patient == "patient01"
    assert first.volumes == {
        "flair": folder / "FLAIR.nii.gz",
        "t1": folder / "T1W.nii.gz",
        "t1ce": folder / "T1WKS.nii.gz",
        "t2": folder / "T2W.nii.gz",
    }
    assert (first.label, first.mask) == (
        folder / "consensus_gt.nii.gz",
        folder / "brainmask.nii.gz",
    )
    assert second.volumes["flair"].name == "patient02_FLAIR.nii.gz"
    assert second.mask is not None
    assert dataset.regions == {"lesion": (1,)}


def test_longitudinal_studies_share_patient_mask_and_label(tree):
    dataset = OpenMs(subset="longitudinal")
    first, second = dataset.subjects(tree)
    assert [first.id, second.id] == ["patient01-study1", "patient01-study2"]
    assert first.patient == second.patient == "patient01"
    assert first.label == second.label
    assert first.label.name == "gt.nii.gz"
    assert first.mask == second.mask
    assert second.volumes["t2"].name == "study2_T2W.nii.gz"
    assert dataset.regions == {"lesion_change": (1,)}


def test_mni(tree):
    (found,) = OpenMs(processing="MNI").subjects(tree)
    assert sorted(found.volumes) == ["t1", "t1ce"]
    assert found.volumes["t1ce"].name.startswith("T1POST_")
    assert found.label.name.startswith("GOLD_STANDARD_")


@pytest.mark.parametrize("root", ["cross_sectional", "cross_sectional/coregistered"])
def test_any_folder_on_the_way_is_the_data_folder(tree, root):
    assert len(OpenMs().subjects(tree / root)) == 2


def test_raw_scans_and_the_other_set_are_not_read(tree):
    for root in ("cross_sectional/raw", "longitudinal"):
        with pytest.raises(DataError, match="no subject") as caught:
            OpenMs().subjects(tree / root)
        assert "subset=cross_sectional and processing=coregistered" in caught.value.hint


def test_the_laboratorys_own_archive(tmp_path):
    names = ("FLAIR", "T1W", "brainmask", "consensus_gt")
    touch(tmp_path, *(f"patient03/patient03_{name}.nii.gz" for name in names))
    touch(tmp_path, "patient03/raw/patient03_FLAIR.nii.gz")
    (found,) = OpenMs().subjects(tmp_path)
    assert sorted(found.volumes) == ["flair", "t1"]
    assert found.label.name == "patient03_consensus_gt.nii.gz"


def test_two_files_for_one_modality_are_refused(tree):
    touch(tree, "cross_sectional/coregistered/patient01/patient01_T1W.nii.gz")
    with pytest.raises(DataError, match="Two files for t1 of subject patient01"):
        OpenMs().subjects(tree)


@pytest.mark.parametrize(
    "params",
    [{"subset": "both"}, {"processing": "raw"}, {"subset": "longitudinal", "processing": "MNI"}],
)
def test_what_does_not_exist_is_refused(params):
    with pytest.raises(UsageError, match="open_ms: "):
        OpenMs(**params)
