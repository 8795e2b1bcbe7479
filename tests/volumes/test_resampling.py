from __future__ import annotations

import numpy as np
import pytest

from synthbench.api.dataset import Volume
from synthbench.volumes.orientation import voxel_size
from synthbench.volumes.resampling import resample, resample_onto

OBLIQUE = np.array(
    [[0.9, -0.3, 0.1, -20], [0.3, 0.95, 0.05, 11], [-0.1, 0.02, 2.9, 4], [0, 0, 0, 1.0]]
)


def _world(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return index @ affine[:3, :3].T + affine[:3, 3]


def _ramp(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """A linear function of world coordinates: interpolation must reproduce it anywhere."""
    return (_world(shape, affine) @ [1.0, 2.0, -0.5] + 50).astype(np.float32)


@pytest.mark.parametrize("spacing", [(1.5, 1.5, 1.5), (0.6, 0.7, 1.1), (2.0, 1.0, 4.0)])
def test_values_stay_at_their_place_in_the_world(spacing: tuple[float, float, float]) -> None:
    shape = (31, 28, 20)
    found = resample(Volume(_ramp(shape, OBLIQUE), OBLIQUE), spacing)
    assert voxel_size(found.affine) == pytest.approx(spacing)
    expected = _ramp(found.array.shape, found.affine)
    # Away from the border, where there is nothing to interpolate between.
    core = tuple(slice(n // 4, -(n // 4)) for n in found.array.shape)
    np.testing.assert_allclose(found.array[core], expected[core], atol=0.02)


def test_the_centre_of_the_field_of_view_stays() -> None:
    shape = (30, 21, 17)
    found = resample(Volume(_ramp(shape, OBLIQUE), OBLIQUE), (1.7, 1.3, 2.0))
    before = OBLIQUE @ [*(np.array(shape) - 1) / 2, 1]
    after = found.affine @ [*(np.array(found.array.shape) - 1) / 2, 1]
    np.testing.assert_allclose(after, before, atol=1e-9)
    extent = np.array(found.array.shape) * (1.7, 1.3, 2.0)
    assert np.all(
        np.abs(extent - np.array(shape) * voxel_size(OBLIQUE)) <= np.array([1.7, 1.3, 2]) / 2
    )


def test_the_same_spacing_changes_nothing() -> None:
    volume = Volume(_ramp((5, 6, 7), OBLIQUE), OBLIQUE)
    assert resample(volume, voxel_size(OBLIQUE)) is volume


def test_shrinking_averages_instead_of_picking() -> None:
    checkers = (np.indices((24, 24, 24)).sum(0) % 2).astype(np.float32)
    found = resample(Volume(checkers, np.eye(4)), (3.0, 3.0, 3.0)).array
    assert np.ptp(found[1:-1, 1:-1, 1:-1]) < 0.2


def test_cubic_interpolation_does_not_leave_the_range() -> None:
    step = np.zeros((12, 12, 12), dtype=np.float32)
    step[6:] = 1
    found = resample(Volume(step, np.eye(4)), (0.5, 0.5, 0.5)).array
    assert found.dtype == np.float32
    assert (found.min(), found.max()) == (0, 1)


@pytest.mark.parametrize("spacing", [0.4, 2.3])
def test_labels_hold_no_new_values(spacing: float) -> None:
    label = np.random.default_rng(0).choice([0, 1, 4], size=(15, 16, 17)).astype(np.int32)
    found = resample(Volume(label, np.eye(4)), (spacing,) * 3, label=True).array
    assert found.dtype == np.int32
    assert set(np.unique(found)) <= {0, 1, 4}


def test_labels_and_images_get_the_same_grid() -> None:
    volume = Volume(_ramp((13, 14, 3), OBLIQUE), OBLIQUE)
    image, label = (resample(volume, (1.6, 0.7, 5.0), label=flag) for flag in (False, True))
    assert image.array.shape == label.array.shape
    np.testing.assert_array_equal(image.affine, label.affine)


def test_a_single_slice_survives() -> None:
    volume = Volume(np.ones((8, 8, 1), dtype=np.float32), np.diag([1, 1, 3.0, 1]))
    assert resample(volume, (2.0, 2.0, 10.0)).array.shape == (4, 4, 1)


def test_onto_the_same_grid_is_the_identity() -> None:
    array = _ramp((6, 7, 8), OBLIQUE)
    found = resample_onto(array, OBLIQUE, (6, 7, 8), OBLIQUE, fill=-1)
    np.testing.assert_allclose(found, array, rtol=1e-6)


def test_onto_a_finer_grid_reaches_the_edge_and_fills_beyond() -> None:
    # A voxel of 2 mm reaches from -1 to 1; 1 mm voxels with the same edge start at -0.5.
    coarse = np.full((4, 4, 4), 7, dtype=np.float32)
    fine = np.eye(4)
    fine[:3, 3] = -0.5
    found = resample_onto(coarse, np.diag([2.0, 2, 2, 1]), (8, 8, 14), fine, fill=-1)
    assert np.all(found[:, :, :8] == 7)
    assert np.all(found[:, :, -3:] == -1)
