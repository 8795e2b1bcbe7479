"""HCP1200: spaces and families; files are empty, as listing never reads them."""

import pytest

from synthbench.api import DataError, UsageError
from synthbench_plugins.datasets.hcp import Hcp
from tests.plugins.datasets.trees import touch


@pytest.fixture
def tree(tmp_path):
    for subject in ("100206", "100307", "100408", "100610"):
        touch(
            tmp_path,
            *(
                f"{subject}/T1w/{name}.nii.gz"
                for name in (
                    "T1w_acpc_dc_restore_brain",
                    "T1w_acpc_dc_restore",
                    "T2w_acpc_dc_restore",
                    "T1w_acpc_dc",
                    "brainmask_fs",
                    "aparc+aseg",
                )
            ),
        )
    touch(tmp_path, "100307/T1w/T2w_acpc_dc_restore_brain.nii.gz")
    touch(tmp_path, "100206/MNINonLinear/T2w_restore_brain.nii")
    touch(tmp_path, "100206/unprocessed/3T/T1w_MPR1/100206_3T_T1w_MPR1.nii.gz", "release.txt")
    return tmp_path


def test_a_subject_may_lack_t2(tree):
    found = {subject.id: subject for subject in Hcp().subjects(tree)}
    assert sorted(found) == ["100206", "100307", "100408", "100610"]
    assert list(found["100206"].volumes) == ["t1"]
    assert list(found["100307"].volumes) == ["t1", "t2"]
    assert found["100307"].volumes["t2"].name == "T2w_acpc_dc_restore_brain.nii.gz"
    assert found["100307"].mask == tree / "100307/T1w/brainmask_fs.nii.gz"


def test_the_whole_head_has_no_brain_mask(tree):
    first, *_ = Hcp(skull_stripped=False).subjects(tree)
    assert first.volumes["t2"] == tree / "100206/T1w/T2w_acpc_dc_restore.nii.gz"
    assert first.mask is None


def test_the_other_space(tree):
    (found,) = Hcp(space="MNINonLinear").subjects(tree)
    assert found.volumes == {"t2": tree / "100206/MNINonLinear/T2w_restore_brain.nii"}


def test_relatives_share_a_group_also_through_one_parent_or_a_third_subject(tree):
    (tree / "restricted.csv").write_text(
        "Subject,Age,Family_ID,Mother_ID,Father_ID,ZygositySR\n"
        "100206,30,51_81,51,81,NotMZ\n"
        "100307,31,52_82,52,82,NotTwin\n"
        "100408,32,51_83,51,83,NotTwin\n"  # the first one's mother
        "999999,33,53_83,53,83,NotTwin\n"  # not downloaded: the third one's father
        "100610,34,53_84,53,84,NotTwin\n",  # that one's mother
        encoding="utf-8",
    )
    groups = {s.id: s.patient for s in Hcp(families="restricted.csv").subjects(tree)}
    assert groups["100206"] == groups["100408"] == groups["100610"]
    assert groups["100307"] not in (groups["100206"], "")


def test_family_ids_alone_will_do(tree):
    (tree / "f.csv").write_text(
        "Subject,Family_ID\n100206,a\n100307,a\n100408,b\n100610,\n", encoding="utf-8"
    )
    groups = {s.id: s.patient for s in Hcp(families="f.csv").subjects(tree)}
    assert groups["100206"] == groups["100307"]
    assert len(set(groups.values())) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read the families from"),
        ("", "does not say who is related"),
        ("Subject,Age\n100206,30\n", "does not say who is related"),
        ("Family_ID\na\n", "does not say who is related"),
        ("Subject,Family_ID\n100206,a\n", "has no row for subject 100307"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tree, text, message):
    if text is not None:
        (tree / "f.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        Hcp(families="f.csv").subjects(tree)
    assert "f.csv" in caught.value.message
    assert caught.value.hint


def test_an_unknown_space_is_refused():
    with pytest.raises(UsageError, match="T2w"):
        Hcp(space="T2w")
