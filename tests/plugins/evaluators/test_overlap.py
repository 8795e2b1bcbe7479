"""Dice and HD95: golden values, empty masks, rows."""

import math

import numpy as np
import pytest

from synthbench.api import Case
from synthbench_plugins.evaluators.kernels import dice, hausdorff95
from synthbench_plugins.evaluators.overlap import Overlap

GRID = np.indices((40, 40, 40))
UNIT = (1.0, 1.0, 1.0)


def ball(centre, radius):
    return ((GRID - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(0) <= radius**2


REAL = ball((20, 20, 20), 10)
FOUND = ball((20, 21, 22), 9)
FOUND[2:5, 2:5, 2:5] = True  # a stray cube
NOTHING = np.zeros_like(REAL)


def rows(found, real, spacing=UNIT):
    case = Case(
        "s0", np.zeros(REAL.shape), np.zeros(REAL.shape), np.zeros((1, *REAL.shape)), REAL,
        {"lesion": real}, spacing, segmented={"lesion": found},
    )  # fmt: skip
    return {row.metric: row for row in Overlap().evaluate([case])}


def test_golden_values():
    assert dice(FOUND, REAL) == pytest.approx(0.789597, abs=1e-6)
    assert hausdorff95(FOUND, REAL, UNIT) == pytest.approx(3.0)


def test_distances_are_in_millimetres():
    box = np.zeros_like(REAL)
    box[10:20, 10:20, 10:20] = True
    moved = np.roll(box, 4, axis=2)
    assert hausdorff95(moved, box, UNIT) == pytest.approx(4.0)
    assert hausdorff95(moved, box, (1.0, 1.0, 2.5)) == pytest.approx(10.0)


def test_an_identical_mask_is_perfect():
    found = rows(REAL, REAL)
    assert [found[name].value for name in ("dice", "hd95", "fp_volume")] == [1.0, 0.0, 0.0]


def test_a_region_that_a_subject_lacks_has_no_dice_but_a_false_positive_volume():
    assert math.isnan(dice(FOUND, NOTHING))
    assert math.isnan(dice(NOTHING, NOTHING))
    for found in (FOUND, NOTHING):
        (row,) = rows(found, NOTHING, (2.0, 2.0, 1.0)).values()
        assert row.metric == "fp_volume"
        assert row.value == pytest.approx(found.sum() * 4 / 1000)
        assert row.unit == "mL"


def test_a_region_that_was_not_found_scores_zero_and_the_diagonal():
    found = rows(NOTHING, REAL, (1.0, 1.0, 2.0))
    assert found["dice"].value == 0.0
    assert found["hd95"].status == "capped"
    assert found["hd95"].value == pytest.approx(math.hypot(40, 40, 80))
    assert "nothing was segmented" in found["hd95"].detail
