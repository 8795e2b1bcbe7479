"""LPBA40 as LONI distributes it: Analyze pairs, the image compressed and the header not."""

import gzip
import shutil

import nibabel as nib
import pytest

from synthbench.api import DataError, UsageError
from synthbench.volumes.check import check
from synthbench_plugins.datasets.lpba40 import Lpba40
from tests.plugins.datasets import trees


def write_pair(folder, stem, array, *, compress):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.img"
    nib.save(nib.AnalyzeImage(array, trees.AFFINE), path)
    if compress:
        with path.open("rb") as source, gzip.open(f"{path}.gz", "wb") as target:
            shutil.copyfileobj(source, target)
        path.unlink()


@pytest.mark.parametrize("compress", [False, True])
def test_analyze_pairs_are_read(tmp_path, compress):
    for number in range(2):
        folder, name = tmp_path / f"S{number + 1:02d}", f"S{number + 1:02d}.delineation."
        image, label = (trees.simulate(what, number) for what in ("t1", "label"))
        write_pair(folder, f"{name}skullstripped", image, compress=compress)
        write_pair(folder, f"{name}structure.label", label, compress=compress)
    found = Lpba40().subjects(tmp_path)
    assert [subject.id for subject in found] == ["S01", "S02"]
    assert found[0].volumes["t1"].name.endswith(".img.gz" if compress else ".img")
    assert found[0].label is not None
    for one in check(found):
        assert one.findings == []
        assert one.shape == trees.SHAPE
        assert one.spacing == (1.0, 1.0, 2.5)


def test_spaces_lie_beside_each_other(tmp_path):
    trees.touch(
        tmp_path,
        "native_space/S01/S01.native.mri.img.gz",
        "native_space/S01/S01.native.mri.hdr",
        "native_space/S01/S01.native.brain.mask.img.gz",
        "delineation_space/S01/S01.delineation.skullstripped.img",
    )
    (native,) = Lpba40(space="native").subjects(tmp_path)
    assert native.volumes["t1"].parent.parent.name == "native_space"
    assert native.mask is not None
    (delineation,) = Lpba40().subjects(tmp_path)
    assert delineation.volumes["t1"].name == "S01.delineation.skullstripped.img"
    assert delineation.mask is None


def test_a_subject_without_its_image_is_not_dropped_silently(tmp_path):
    trees.touch(tmp_path, "S01/S01.native.mri.img", "S02/S02.native.brain.mask.img")
    with pytest.raises(DataError, match=r"subject S02 has no native\.mri in "):
        Lpba40(space="native").subjects(tmp_path)


def test_an_image_and_its_conversion_are_two_files(tmp_path):
    trees.touch(tmp_path, "S01/S01.native.mri.img", "S01/S01.native.mri.nii.gz")
    with pytest.raises(DataError, match="Two files for t1 of subject S01"):
        Lpba40(space="native").subjects(tmp_path)


def test_the_other_space_is_pointed_out(tmp_path):
    trees.touch(tmp_path, "S01/S01.native.mri.img")
    with pytest.raises(DataError, match="no subject") as caught:
        Lpba40().subjects(tmp_path)
    assert "delineation space" in caught.value.hint


def test_an_unknown_space_is_refused():
    with pytest.raises(UsageError, match="MNI"):
        Lpba40(space="MNI")
