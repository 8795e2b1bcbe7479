from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import DataError
from synthbench.api.dataset import Generated, Volume
from synthbench.volumes.headers import header_doubts, spacing_of
from synthbench.volumes.reading import read

from .images import head, save

#: Axes of the file: superior, right, anterior; sides 3, 1, 2 mm.
TURNED = np.array([[0, 1, 0, 0], [0, 0, 2, 0], [3, 0, 0, 0], [0, 0, 0, 1.0]])


def test_spacing_is_that_of_ras_axes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", head(), TURNED)
    assert spacing_of(path, "t1") == pytest.approx((1, 2, 3))
    made = Generated({}, lambda: Volume(head(), TURNED))
    assert spacing_of(made, "t1") == pytest.approx((1, 2, 3))


def test_voxels_need_not_be_readable(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", head((40, 40, 40)), TURNED)
    path.write_bytes(path.read_bytes()[:3000])
    assert spacing_of(path, "t1") == pytest.approx((1, 2, 3))
    with pytest.raises(DataError, match="nowhere"):
        spacing_of(tmp_path / "nowhere.nii", "t1")


@pytest.mark.parametrize("side", [1e-4, 1000.0])
def test_an_absurd_voxel_size_is_refused(tmp_path: Path, side: float) -> None:
    path = save(tmp_path / "a.nii.gz", head(), np.diag([1, 1, side, 1]))
    for look in (lambda: read(path, what="t1"), lambda: spacing_of(path, "t1")):
        with pytest.raises(DataError, match=r"a\.nii\.gz.*voxels of"):
            look()


def _image(sform: np.ndarray, qform: np.ndarray, codes: tuple[int, int]) -> nib.Nifti1Image:
    image = nib.Nifti1Image(head(), sform)
    image.set_sform(sform, codes[0])
    image.set_qform(qform, codes[1])
    return image


@pytest.mark.parametrize(
    ("qform", "codes", "doubt"),
    [
        (np.eye(4), (1, 1), ""),
        (np.diag([-1, 1, 1, 1.0]), (1, 1), "which side is left"),
        (np.array([[1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), (1, 1), "9 mm"),
        # Another meaning (scanner and template): another place is as it should be.
        (np.array([[1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), (4, 1), ""),
    ],
)
def test_transforms_that_contradict_each_other(
    tmp_path: Path, qform: np.ndarray, codes: tuple[int, int], doubt: str
) -> None:
    nib.save(_image(np.eye(4), qform, codes), tmp_path / "a.nii")
    found = header_doubts(tmp_path / "a.nii", "t1")
    assert len(found) == (1 if doubt else 0)
    assert all(doubt in line and "a.nii" in line for line in found)


def test_a_stated_voxel_size_that_the_affine_does_not_have(tmp_path: Path) -> None:
    image = _image(np.diag([1, 1, 2.5, 1.0]), np.eye(4), (1, 0))
    image.header["pixdim"][1:4] = 1
    nib.save(image, tmp_path / "a.nii")
    (found,) = header_doubts(tmp_path / "a.nii", "t1")
    assert "1 x 1 x 1 mm" in found
    assert "1 x 1 x 2.5 mm" in found


def test_a_qform_that_is_no_rotation_is_a_doubt(tmp_path: Path) -> None:
    image = _image(np.eye(4), np.eye(4), (1, 1))
    for part in ("quatern_b", "quatern_c", "quatern_d"):
        image.header[part] = 1
    nib.save(image, tmp_path / "a.nii")
    (found,) = header_doubts(tmp_path / "a.nii", "t1")
    assert "a.nii" in found
    assert "no rotation" in found
