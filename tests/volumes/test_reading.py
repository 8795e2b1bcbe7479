from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import DataError
from synthbench.api.dataset import Generated, Volume
from synthbench.volumes.reading import read

from .images import MM, head, save

# Axes of the file run superior-inferior, right-left, posterior-anterior.
PERMUTED = np.array([[0, -2.0, 0, 30], [0, 0, 1.5, -20], [-1.0, 0, 0, 7], [0, 0, 0, 1]])
LAS = np.array([[-1.0, 0, 0, 9], [0, 1, 0, -5], [0, 0, 3, 2], [0, 0, 0, 1]])


@pytest.mark.parametrize("affine", [LAS, PERMUTED])
def test_a_volume_is_turned_to_ras_and_keeps_each_voxel_where_it_is(
    tmp_path: Path, affine: np.ndarray
) -> None:
    array = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    found = read(save(tmp_path / "x.nii.gz", array, affine), what="x")
    assert nib.aff2axcodes(found.volume.affine) == ("R", "A", "S")
    assert found.native_shape == (4, 5, 6)
    np.testing.assert_array_equal(found.native_affine, affine)
    for index in [(0, 0, 0), (3, 1, 2), (1, 4, 5)]:
        world = affine @ [*index, 1]
        ras = np.rint(np.linalg.inv(found.volume.affine) @ world)[:3].astype(int)
        assert found.volume.array[tuple(ras)] == array[index]


def test_images_are_float32_with_the_files_scaling(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), MM)
    image.header.set_slope_inter(0.5, -3)
    nib.save(image, tmp_path / "x.nii")
    raw = nib.load(tmp_path / "x.nii").get_fdata()
    found = read(tmp_path / "x.nii", what="x").volume.array
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, raw)


def test_labels_keep_their_integers(tmp_path: Path) -> None:
    array = np.array([0, 1, 4, 2**24 + 1], dtype=np.int32).reshape(1, 2, 2)
    found = read(save(tmp_path / "x.nii.gz", array), what="x", kind="label").volume.array
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, array)


def test_labels_stored_as_floats_are_integers(tmp_path: Path) -> None:
    array = np.array([0, 2, 4, 1], dtype=np.float32).reshape(1, 2, 2)
    found = read(save(tmp_path / "x.nii.gz", array), what="x", kind="label").volume.array
    assert found.ravel().tolist() == [0, 2, 4, 1]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_masks_are_bool(tmp_path: Path, dtype: type) -> None:
    array = np.array([0, 1, 1, 0], dtype=dtype).reshape(1, 2, 2)
    found = read(save(tmp_path / "x.nii.gz", array), what="x", kind="mask").volume.array
    assert found.ravel().tolist() == [False, True, True, False]


def test_trailing_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    path = save(tmp_path / "x.nii.gz", head()[..., None, None])
    assert read(path, what="x").native_shape == (20, 24, 18)


def test_generated_volumes_go_the_same_way() -> None:
    array = head((4, 5, 6))
    origin = Generated({"seed": 1}, lambda: Volume(array, LAS))
    found = read(origin, what="x")
    np.testing.assert_array_equal(found.volume.array, array[::-1])


def _truncated(folder: Path) -> Path:
    path = save(folder / "x.nii.gz", head())
    path.write_bytes(path.read_bytes()[:-3000])
    return path


def _truncated_plain(folder: Path) -> Path:
    path = save(folder / "x.nii", head())
    path.write_bytes(path.read_bytes()[:-3000])
    return path


def _garbage(folder: Path) -> Path:
    path = folder / "x.nii.gz"
    path.write_bytes(b"<html>404 not found</html>" * 40)
    return path


def _empty(folder: Path) -> Path:
    path = folder / "x.nii.gz"
    path.write_bytes(b"")
    return path


def _foreign(folder: Path) -> Path:
    path = folder / "x.txt"
    path.write_text("not an image")
    return path


def _with(value: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        array = head()
        array[3, 4, 5] = value
        return save(folder / "x.nii.gz", array)

    return make


def _with_affine(affine: np.ndarray) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        image = nib.Nifti1Image(head(), MM)
        header = image.header
        header["sform_code"], header["qform_code"] = 1, 0
        header["srow_x"], header["srow_y"], header["srow_z"] = affine[:3]
        nib.save(nib.Nifti1Image(image.dataobj, None, header), folder / "x.nii.gz")
        return folder / "x.nii.gz"

    return make


def _colour(folder: Path) -> Path:
    pixel = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    return save(folder / "x.nii.gz", np.zeros((4, 4, 4), dtype=pixel))


BAD = {
    "missing": (lambda folder: folder / "x.nii.gz", "does not exist"),
    "truncated": (_truncated, "damaged"),
    "truncated, not packed": (_truncated_plain, "damaged"),
    "garbage": (_garbage, "damaged"),
    "empty": (_empty, "damaged"),
    "foreign": (_foreign, "not an image"),
    "nan": (_with(np.nan), "NaN"),
    "infinite": (_with(np.inf), "NaN or infinite"),
    "constant": (lambda f: save(f / "x.nii.gz", np.full((4, 4, 4), 7.0)), "every voxel is 7"),
    "4D": (lambda f: save(f / "x.nii.gz", np.ones((4, 4, 4, 3))), r"4D.*\(4, 4, 4, 3\)"),
    "2D": (lambda f: save(f / "x.nii.gz", np.ones((4, 4))), "2D"),
    "colour": (_colour, "colours"),
    "two axes coincide": (
        _with_affine(np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0]])),
        "cannot be inverted",
    ),
    "no third axis": (
        _with_affine(np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])),
        "cannot be inverted",
    ),
    "nan in the affine": (
        _with_affine(np.array([[np.nan, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])),
        "cannot be inverted",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_named_with_what_is_wrong(tmp_path: Path, case: str) -> None:
    make, pattern = BAD[case]
    path = make(tmp_path)
    with pytest.raises(DataError, match=pattern) as caught:
        read(path, what="t1 of subject A")
    assert caught.value.message.startswith(f"t1 of subject A ({path})")
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_label_with_fractions_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.nii.gz", np.array([0, 0.4, 1, 2.0]).reshape(1, 2, 2))
    with pytest.raises(DataError, match="fractions"):
        read(path, what="label", kind="label")


def test_an_empty_label_is_fine_and_an_empty_mask_is_not(tmp_path: Path) -> None:
    path = save(tmp_path / "x.nii.gz", np.zeros((2, 2, 2), dtype=np.uint8))
    assert not read(path, what="label", kind="label").volume.array.any()
    with pytest.raises(DataError, match="empty"):
        read(path, what="mask", kind="mask")
