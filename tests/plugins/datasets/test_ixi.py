"""IXI: sites, and contrasts that share no grid; files are empty, as listing never reads them."""

import pytest

from synthbench.api import DataError
from synthbench_plugins.datasets.ixi import Ixi
from tests.plugins.datasets.trees import touch


def scans(subject: str, *names: str, folder: str = "IXI-{}/") -> list[str]:
    return [f"{folder.format(name)}{subject}-{name}.nii.gz" for name in names]


@pytest.fixture
def tree(tmp_path):
    touch(
        tmp_path,
        *scans("IXI002-Guys-0828", "T1", "T2", "PD", "MRA"),
        *scans("IXI014-HH-1236", "T1", "T2"),
        *scans("IXI600-IOP-1170", "T1"),
        "IXI-DTI/IXI002-Guys-0828-DTI-00.nii.gz",
        "IXI.xls",
    )
    return tmp_path


def test_only_scans_on_one_grid_are_listed(tree):
    first, second = Ixi().subjects(tree)
    assert (first.id, first.patient, first.site) == ("IXI002-Guys-0828", "IXI002", "Guys")
    assert list(first.volumes) == ["t2", "pd"]
    assert list(second.volumes) == ["t2"]
    assert second.site == "HH"


def test_all_are_listed_once_they_are_registered(tree):
    found = Ixi(registered=True).subjects(tree)
    assert [list(subject.volumes) for subject in found] == [
        ["t2", "pd", "t1", "mra"], ["t2", "t1"], ["t1"],
    ]  # fmt: skip


def test_all_files_may_lie_in_one_folder(tmp_path):
    touch(tmp_path, *scans("IXI002-Guys-0828", "T2", "PD", folder=""))
    (found,) = Ixi().subjects(tmp_path)
    assert found.volumes["pd"] == tmp_path / "IXI002-Guys-0828-PD.nii.gz"


def test_one_contrast_alone_says_what_is_missing(tree, tmp_path):
    with pytest.raises(DataError, match="holds t1 alone") as caught:
        Ixi().subjects(tree / "IXI-T1")
    assert f"Give {tmp_path} as the data folder" in caught.value.hint
    touch(tmp_path / "other", *scans("IXI002-Guys-0828", "T1", "T2"))
    with pytest.raises(DataError, match="holds t1, t2 alone") as caught:
        Ixi().subjects(tmp_path / "other")
    assert "need registering first" in caught.value.hint


def test_a_scan_in_two_folders_is_refused(tree):
    touch(tree, *scans("IXI002-Guys-0828", "T2", folder="again/"))
    with pytest.raises(DataError, match="Two files for t2 of subject IXI002"):
        Ixi().subjects(tree)
