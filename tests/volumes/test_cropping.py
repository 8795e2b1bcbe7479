from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import DataError, Intensity
from synthbench.api.dataset import Subject, Volume
from synthbench.volumes.cropping import cut, foreground_box, uncut
from synthbench.volumes.prepared import PreparedSubject
from synthbench.volumes.preparing import prepare
from synthbench.volumes.writing import write_prediction

from .images import save, subject
from .test_reading import LAS, PERMUTED

MODELS = {"t1": Intensity(), "t2": Intensity()}


def masked(folder: Path, affine: np.ndarray) -> Subject:
    given = np.zeros((20, 24, 18), dtype=np.uint8)
    given[4:11, 6:20, 5:9] = 1
    one = subject(folder, affine=affine)
    return replace(one, mask=save(folder / "mask.nii.gz", given, affine))


def cropped(one: Subject, folder: Path, margin: float, spacing: float | None) -> PreparedSubject:
    done = prepare([one], MODELS, ["t1"], spacing=spacing, folder=folder, regions={}, crop=margin)
    return done[one.id]


def test_a_box_holds_the_mask_and_its_margin_within_the_volume() -> None:
    mask = np.zeros((10, 10, 10), dtype=bool)
    mask[3:5, 0:2, 9] = True
    box = foreground_box(Volume(mask, np.diag([1.0, 2.0, 3.0, 1.0])), 3.0, "mask")
    assert box == (slice(0, 8), slice(0, 4), slice(8, 10))
    exact = foreground_box(Volume(mask, np.eye(4)), 0.0, "mask")
    assert mask[exact].all()
    assert mask[exact].sum() == mask.sum()


def test_an_empty_mask_has_no_box() -> None:
    with pytest.raises(DataError, match="nothing to crop to"):
        foreground_box(Volume(np.zeros((2, 2, 2), dtype=bool), np.eye(4)), 0.0, "mask")


def test_cut_and_uncut_keep_voxels_where_they_are() -> None:
    array = np.arange(60.0).reshape(3, 4, 5)
    box = (slice(1, 3), slice(0, 2), slice(2, 5))
    part = cut(Volume(array, LAS), box)
    assert np.allclose(part.affine @ [0, 0, 0, 1], LAS @ [1, 0, 2, 1])
    back = uncut(part.array, box, (3, 4, 5), fill=-1)
    np.testing.assert_array_equal(back[box], array[box])
    assert (back == -1).sum() == array.size - part.array.size


@pytest.mark.parametrize("affine", [LAS, PERMUTED], ids=["LAS", "permuted"])
def test_a_cropped_volume_comes_back_exactly_where_it_was(
    tmp_path: Path, affine: np.ndarray
) -> None:
    one = masked(tmp_path, affine)
    ready = cropped(one, tmp_path / "out", 0.0, None)
    mask = nib.load(str(one.mask)).get_fdata() > 0
    assert sorted(ready.shape) == [4, 7, 14]
    assert np.asarray(ready.mask).all()
    assert ready.label is not None
    assert ready.label.shape == ready.shape
    path = tmp_path / "back.nii.gz"
    write_prediction(ready.volume("t2"), ready, ready.bounds["t2"], path, integer=False)
    back, original = nib.load(path), nib.load(str(one.volumes["t2"]))
    np.testing.assert_allclose(back.affine, original.affine)
    np.testing.assert_allclose(back.get_fdata()[mask], original.get_fdata()[mask], atol=1e-3)
    assert (back.get_fdata()[~mask] == ready.bounds["t2"].low).all()


def test_intensities_do_not_depend_on_the_crop(tmp_path: Path) -> None:
    one = masked(tmp_path, LAS)
    whole = prepare([one], MODELS, ["t1"], spacing=None, folder=tmp_path / "whole", regions={})["A"]
    part = cropped(one, tmp_path / "part", 2.0, None)
    assert part.bounds == whole.bounds
    assert part.regions == whole.regions
    assert part.box is not None
    assert whole.box is None
    np.testing.assert_array_equal(part.volume("t1"), whole.volume("t1")[part.box])


def test_a_crop_and_another_voxel_size_together(tmp_path: Path) -> None:
    one = masked(tmp_path, LAS)
    ready = cropped(one, tmp_path / "out", 3.0, 2.0)
    assert ready.spacing == pytest.approx((2, 2, 2))
    path = tmp_path / "back.nii.gz"
    write_prediction(
        np.ones(ready.shape, np.float32), ready, ready.bounds["t2"], path, integer=False
    )
    mask = nib.load(str(one.mask)).get_fdata() > 0
    back = nib.load(path).get_fdata()
    assert back.shape == mask.shape
    np.testing.assert_allclose(back[mask], ready.bounds["t2"].high, rtol=1e-5)
    assert (back == ready.bounds["t2"].low).mean() > 0.3
