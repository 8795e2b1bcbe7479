"""The dHCP's three releases; files are empty, as listing never reads them."""

import pytest

from synthbench.api import DataError
from synthbench_plugins.datasets.dhcp import Dhcp
from tests.plugins.datasets.trees import touch

SECOND = (
    "desc-restore_T2w",
    "desc-restore_space-T2w_T1w",
    "desc-drawem9_space-T2w_dseg",
    "desc-drawem87_space-T2w_dseg",
    "desc-drawem_space-T2w_brainmask",
    "desc-bet_space-T2w_brainmask",
    "desc-biasfield_T2w",
)
THIRD = ("desc-restore_T2w", "desc-restore_T1w", "desc-drawem9_dseg", "desc-brain_mask", "T1w")
FIRST = ("T2w_restore", "T2w_restore_brain", "T1w_restore", "drawem_tissue_labels")


def session(child: str, number: str, names: tuple[str, ...]) -> list[str]:
    stem = f"sub-{child}/ses-{number}/anat/sub-{child}_ses-{number}"
    return [f"{stem}_{name}.nii.gz" for name in names]


@pytest.mark.parametrize(
    ("names", "t1", "label", "mask"),
    [
        (SECOND, SECOND[1], SECOND[2], SECOND[4]),
        (THIRD, THIRD[1], THIRD[2], THIRD[3]),
        ((*FIRST, "brainmask_drawem"), FIRST[2], FIRST[3], "brainmask_drawem"),
    ],
    ids=["second", "third", "first"],
)
def test_releases(tmp_path, names, t1, label, mask):
    touch(tmp_path, *session("CC00060XX03", "12501", names), "participants.tsv")
    (found,) = Dhcp().subjects(tmp_path)
    stem = "sub-CC00060XX03_ses-12501_"
    assert found.id == stem[:-1]
    assert sorted(found.volumes) == ["t1", "t2"]
    assert found.volumes["t2"].name == f"{stem}{names[0]}.nii.gz"
    assert found.volumes["t1"].name == f"{stem}{t1}.nii.gz"
    assert found.label.name == f"{stem}{label}.nii.gz"
    assert found.mask.name == f"{stem}{mask}.nii.gz"


def test_sessions_without_t1_are_subjects_that_lack_it(tmp_path):
    touch(tmp_path, *session("CC00060XX03", "1", SECOND), *session("CC00061XX04", "2", SECOND[:1]))
    first, second = Dhcp().subjects(tmp_path)
    assert list(first.volumes) == ["t2", "t1"]
    assert list(second.volumes) == ["t2"]
    assert second.label is second.mask is None


def test_sessions_of_a_child_and_twins_stay_together(tmp_path):
    for child, number in [
        ("CC00060XX03", "1"), ("CC00060XX03", "2"), ("CC00087AN14", "3"), ("CC00087BN14", "4"),
    ]:  # fmt: skip
        touch(tmp_path, *session(child, number, SECOND))
    groups = [subject.patient for subject in Dhcp().subjects(tmp_path)]
    assert groups == ["CC00060", "CC00060", "CC00087", "CC00087"]


def test_the_raw_scans_are_not_taken_for_the_derivatives(tmp_path):
    touch(tmp_path, *session("CC00060XX03", "1", ("T1w", "T2w")))
    with pytest.raises(DataError, match="no subject") as caught:
        Dhcp().subjects(tmp_path)
    assert "derivatives" in caught.value.hint
