"""Seams and stripes, put there on purpose."""

import math

import numpy as np
import pytest

from synthbench_plugins.evaluators.artefacts import Artefacts
from tests.plugins.evaluators.closed_form import case_of

SHAPE = (32, 30, 28)
GRID = ((8, 16, 24), (15,), ())


def smooth(seed=0):
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), 2.0)
    return 0.5 + 0.15 * noise / noise.std()


def score(prediction, target, mask=None, seams=GRID):
    case = case_of(target, prediction, mask, seams=seams)
    return {row.metric: row for row in Artefacts().evaluate([case])}


def windows(strength, step=8):
    """An offset that changes from window to window along the first axis."""
    offset = np.where(np.arange(SHAPE[0]) // step % 2, strength, -strength)
    return offset[:, None, None]


def test_seams_show_and_grow_with_their_height():
    target = smooth()
    made = target + 0.1 * (smooth(1) - 0.5)
    values = [score(made + windows(height), target)["seam"].value for height in (0, 0.01, 0.03)]
    assert values[0] < 1.6
    assert values[0] < values[1] < values[2]
    assert values[2] > 20


def test_seams_off_the_grid_are_not_the_windows_doing():
    target = smooth()
    made = target + 0.1 * (smooth(1) - 0.5) + windows(0.03, step=5)
    off = score(made, target, seams=((9, 17), (), ()))["seam"].value
    on = score(made, target, seams=((5, 10, 15, 20, 25, 30), (), ()))["seam"].value
    assert off < 1.6
    assert on > 20


def test_edges_of_the_target_are_no_seams():
    target = smooth() * 0.5
    target[16:] += 0.4
    made = target + 0.1 * (smooth(1) - 0.5)
    assert score(made, target)["seam"].value < 1.6


def test_random_errors_have_neither():
    target = smooth()
    made = target + 0.005 * np.random.default_rng(2).standard_normal(SHAPE)
    assert score(made, target)["seam"].value < 1.1
    assert score(target, target)["seam"].value == 1
    assert score(target, target)["slice_jump"].value == 1


def test_without_a_grid_the_seam_score_is_unavailable():
    target = smooth()
    for seams in (None, ((), (), ())):
        row = score(target + 0.01, target, seams=seams)["seam"]
        assert (row.status, math.isnan(row.value)) == ("unavailable", True)
        assert row.detail
    outside = np.zeros(SHAPE, bool)
    outside[:6, :14] = True
    assert score(target, target, outside)["seam"].status == "unavailable"


def test_a_constant_offset_between_two_windows_has_no_ratio():
    target = smooth().astype(np.float32)
    made = np.full(SHAPE, 0.25, np.float32)
    made[16:] += 0.25
    row = score(made, np.full(SHAPE, 0.25), seams=((16,), (), ()))["seam"]
    assert row.status == "undefined"
    assert score(made, target, seams=((16,), (), ()))["seam"].status == "ok"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stripes_show_along_any_axis(axis):
    target = smooth()
    stripes = np.moveaxis(0.02 * (-1.0) ** np.arange(SHAPE[axis])[:, None, None], 0, axis)
    values = [
        score(target + strength * stripes, target)["slice_jump"].value for strength in (0, 1, 3)
    ]
    assert values[0] == 1
    assert 1.05 < values[1] < values[2]


def test_blur_is_no_artefact():
    target = smooth()
    assert score(0.5 * target + 0.25, target)["slice_jump"].value == 1


def test_stripes_outside_the_foreground_do_not_count():
    target = smooth()
    mask = np.ones(SHAPE, bool)
    mask[20:] = False
    made = target.copy()
    made[20::2] += 0.2
    assert score(made, target, mask)["slice_jump"].value == 1


def test_a_constant_target_has_no_jumps():
    row = score(smooth(), np.full(SHAPE, 0.5))["slice_jump"]
    assert (row.status, math.isnan(row.value)) == ("undefined", True)
