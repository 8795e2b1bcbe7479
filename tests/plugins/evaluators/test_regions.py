"""Regions depend on the real volumes alone."""

import numpy as np
import pytest

from synthbench_plugins.evaluators.iqa import ImageQuality
from synthbench_plugins.evaluators.regions import hard, regions_of, tissues
from tests.plugins.evaluators.closed_form import case_of

CT = {"scale": 4000.0, "unit": "HU", "low": -1000.0}


def unit(hounsfield):
    return (np.asarray(hounsfield) + 1000.0) / 4000.0


def test_tissues_follow_the_real_targets_hounsfield_units():
    target = unit(np.array([-1000, -201, -199, 40, 249, 251, 1500, 2000]).reshape(2, 2, 2))
    mask = np.ones((2, 2, 2), bool)
    mask[0, 0, 0] = False
    found = tissues(case_of(target, np.zeros((2, 2, 2)), mask, **CT))
    assert {name: int(region.sum()) for name, region in found.items()} == {
        "air": 1,
        "soft_tissue": 3,
        "bone": 3,
    }
    assert sum(region.astype(int) for region in found.values())[mask].tolist() == [1] * 7


def test_voxels_of_exactly_a_threshold_are_on_its_upper_side():
    """As float32 on the scale of [-1024, 3000] HU, 250 HU comes back as 249.9999."""
    hounsfield = np.array([-201, -200, -199, 0, 249, 250, 251, 252], np.float32)
    target = ((hounsfield + 1024) * np.float32(1 / 4024)).reshape(2, 2, 2)
    found = tissues(case_of(target, target, scale=4024.0, unit="HU", low=-1024.0))
    assert found["air"].ravel().tolist() == [True] + 7 * [False]
    assert found["bone"].ravel().tolist() == 5 * [False] + 3 * [True]


@pytest.mark.parametrize("fields", [{}, {"unit": "HU"}, {"low": 0.0}])
def test_without_hounsfield_units_there_are_no_tissues(fields):
    volume = np.zeros((3, 3, 3))
    assert tissues(case_of(volume, volume, **fields)) == {}


def test_hard_voxels_are_the_steepest_tenth_of_the_foreground():
    target = np.zeros((20, 20, 20), np.float32)
    target[10:] = 1.0
    mask = np.ones(target.shape, bool)
    mask[:, :, 10:] = False
    found = hard(target, mask, (1.0, 1.0, 1.0))
    # A step has its gradient in the two slices beside it: exactly a tenth of the twenty.
    assert np.array_equal(found, mask & np.isin(np.arange(20), (9, 10))[:, None, None])


def test_hard_voxels_use_millimetres():
    x, _, z = np.meshgrid(*(np.arange(10.0),) * 3, indexing="ij")
    target = (np.abs(x - 5) + np.abs(z - 5)).astype(np.float32)
    mask = np.ones(target.shape, bool)
    along_x = hard(np.abs(x - 5).astype(np.float32) ** 2, mask, (1.0, 1.0, 1.0))
    assert along_x.any()
    assert not np.array_equal(
        hard(target**2, mask, (1.0, 1.0, 5.0)), hard(target**2, mask, (5.0, 1.0, 1.0))
    )


def test_constant_and_flat_volumes_have_no_hard_voxels():
    mask = np.ones((6, 6, 6), bool)
    assert not hard(np.full((6, 6, 6), 0.5, np.float32), mask, (1.0, 1.0, 1.0)).any()
    assert not hard(np.ones((6, 6, 1), np.float32), mask[:, :, :1], (1.0, 1.0, 1.0)).any()


def test_regions_do_not_depend_on_the_prediction():
    random = np.random.default_rng(0)
    target = random.random((12, 12, 12))
    first, second = (
        regions_of(case_of(target, random.random(target.shape), **CT)) for _ in range(2)
    )
    assert set(first) == {"whole", "foreground", "air", "soft_tissue", "bone", "hard"}
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_label_region_keeps_its_name():
    target = np.random.default_rng(0).random((12, 12, 12))
    bone = np.zeros(target.shape, bool)
    bone[6, 6, 6] = True
    rows = ImageQuality().evaluate([case_of(target, target, regions={"bone": bone}, **CT)])
    assert {row.voxels for row in rows if row.region == "bone"} == {1}
