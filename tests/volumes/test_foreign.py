"""Predictions that another program wrote, before anything is scored."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import DataError
from synthbench.testing import samples
from synthbench.volumes.foreign import take_prediction
from synthbench.volumes.intensity import Bounds
from synthbench.volumes.prepared import PreparedSubject


@pytest.fixture
def subject() -> PreparedSubject:
    """Its target has the bounds 0 and 1."""
    return samples.prepared()["a"]


def taken(subject: PreparedSubject, path: Path, array: np.ndarray, **options: object) -> np.ndarray:
    nib.save(nib.Nifti1Image(array, subject.affine), path)
    return take_prediction(  # type: ignore[arg-type]
        path, subject, "target", spacing=None, resampled=False, **options
    )


def test_a_single_voxel_that_overflowed_is_found_where_bounds_are_fixed(
    subject: PreparedSubject, tmp_path: Path
) -> None:
    target = np.asarray(subject.volume("target"))
    wrapped = target.copy()
    wrapped[5, 5, 5] -= 16
    path = tmp_path / "a.nii"
    with pytest.raises(DataError, match=r"reaches from -1\d.*an integer that overflowed"):
        taken(subject, path, wrapped, fixed=True)
    # Bright voxels may lie far beyond percentiles; they are clipped, as the target's are.
    found = taken(subject, path, wrapped)
    assert found[5, 5, 5] == 0
    wrapped[5, 5, 5] = target[5, 5, 5]
    assert np.allclose(taken(subject, path, wrapped, fixed=True), target, atol=1e-6)


def test_an_integer_type_too_narrow_for_the_bounds_is_refused(
    subject: PreparedSubject, tmp_path: Path
) -> None:
    array = np.round(200 * np.asarray(subject.volume("target"))).astype(np.uint8)
    path = tmp_path / "a.nii"
    with pytest.raises(DataError, match="stored as uint8, the target's bounds are 0 and 1000"):
        taken(subject, path, array, values=Bounds(0, 1000))
    assert taken(subject, path, array, values=Bounds(0, 200)).max() <= 1
