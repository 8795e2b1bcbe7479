"""BIDS: names, sessions, choices; files are empty, as listing never reads them."""

import pytest

from synthbench.api import DataError
from synthbench.volumes.check import check
from synthbench_plugins.datasets.bids import Bids
from tests.plugins.datasets.trees import touch


def test_with_and_without_sessions(tmp_path):
    touch(
        tmp_path,
        "dataset_description.json",
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/anat/sub-01_T1w.json",
        "sub-01/anat/._sub-01_T1w.nii.gz",
        "sub-01/anat/sub-01_T2w.nii",
        "sub-01/func/sub-01_task-rest_bold.nii.gz",
        "sub-02/ses-a/anat/sub-02_ses-a_FLAIR.nii.gz",
        "sub-02/ses-b/anat/sub-02_ses-b_FLAIR.nii.gz",
        "derivatives/x/sub-01/anat/sub-01_desc-x_T1w.nii.gz",
    )
    found = Bids().subjects(tmp_path)
    assert [subject.id for subject in found] == ["sub-01", "sub-02_ses-a", "sub-02_ses-b"]
    assert [subject.patient for subject in found] == ["sub-01", "sub-02", "sub-02"]
    assert found[0].volumes == {
        "t1": tmp_path / "sub-01/anat/sub-01_T1w.nii.gz",
        "t2": tmp_path / "sub-01/anat/sub-01_T2w.nii",
    }
    assert len(Bids().subjects(tmp_path / "derivatives" / "x")) == 1


def test_what_each_suffix_is(tmp_path):
    names = {
        "anat": ("T1w", "ce-gadolinium_T1w", "PDw", "T2starw", "dseg", "desc-brain_mask", "UNIT1"),
        "ct": ("ct",),
        "pet": ("pet",),
    }
    for folder, suffixes in names.items():
        touch(tmp_path, *(f"sub-1/{folder}/sub-1_{suffix}.nii.gz" for suffix in suffixes))
    touch(tmp_path, "sub-1/anat/sub-1_label-lesion_mask.nii.gz")
    (found,) = Bids().subjects(tmp_path)
    assert sorted(found.volumes) == ["ct", "pd", "pet", "t1", "t1ce", "t2s"]
    assert found.label.name == "sub-1_dseg.nii.gz"
    assert found.mask.name == "sub-1_desc-brain_mask.nii.gz"


def test_of_several_files_one_must_be_chosen(tmp_path):
    stem = "sub-1/anat/sub-1"
    touch(
        tmp_path,
        f"{stem}_run-1_T1w.nii.gz",
        f"{stem}_run-2_T1w.nii.gz",
        f"{stem}_run-3_FLAIR.nii.gz",
        f"{stem}_T2w.nii.gz",
    )
    with pytest.raises(DataError, match="Two files for t1 of subject sub-1") as caught:
        Bids().subjects(tmp_path)
    assert "entities" in caught.value.hint
    (found,) = Bids(entities={"run": 2}).subjects(tmp_path)
    assert found.volumes["t1"].name == "sub-1_run-2_T1w.nii.gz"
    assert sorted(found.volumes) == ["t1", "t2"]  # the only FLAIR is another run


def test_a_file_with_the_entity_is_preferred(tmp_path):
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii.gz", "sub-1/anat/sub-1_space-MNI_T1w.nii.gz")
    (found,) = Bids(entities={"space": "MNI"}).subjects(tmp_path)
    assert found.volumes["t1"].name == "sub-1_space-MNI_T1w.nii.gz"


def test_sites_of_participants(tmp_path):
    for name in ("sub-1", "sub-2", "sub-3"):
        touch(tmp_path, f"{name}/anat/{name}_T1w.nii.gz")
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tage\tsite\nsub-1\t30\tBonn\nsub-2\t40\tn/a\n")
    assert [subject.site for subject in Bids().subjects(tmp_path)] == ["Bonn", "", ""]
    table.write_text("participant_id\tage\nsub-1\t30\n")
    assert {subject.site for subject in Bids().subjects(tmp_path)} == {""}
    table.write_bytes("participant_id\tsite\nsub-1\tKöln\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"cannot read .*participants\.tsv"):
        Bids().subjects(tmp_path)


def test_a_link_whose_file_was_not_fetched_is_listed(tmp_path):
    anat = tmp_path / "sub-01" / "anat"
    anat.mkdir(parents=True)
    (anat / "sub-01_T1w.nii.gz").symlink_to(tmp_path / ".git" / "annex" / "absent")
    (found,) = Bids().subjects(tmp_path)
    (checked,) = check([found])
    assert "sub-01_T1w.nii.gz) does not exist" in checked.fault
