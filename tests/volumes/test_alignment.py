from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from synthbench.volumes.alignment import find_shift

SHAPE = (48, 56, 40)
SPACING = (3.0, 3.0, 3.0)


@cache
def brain(seed: int = 0) -> np.ndarray:
    """A head with three kinds of smooth structure inside, background 0."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1.3, 1.3, n) for n in SHAPE), indexing="ij"))
    inside = (grid**2).sum(0) < 1
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), 2.5)
    kind = np.digitize(field, np.quantile(field[inside], (0.35, 0.7)))
    return np.where(inside, kind + 1, 0)


def contrast(values: tuple[float, ...], seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed + 1).normal(0, 5, SHAPE)
    return (np.array(values)[brain()] + noise).astype(np.float32)


T1 = (0, 100, 200, 300)
T2 = (0, 300, 180, 120)


def test_registered_volumes_are_left_in_peace() -> None:
    assert find_shift(contrast(T1), contrast(T2, 5), SPACING) is None


@pytest.mark.parametrize(("axis", "voxels"), [(0, 3), (1, -4), (2, 2)])
def test_a_shift_is_found_and_measured(axis: int, voxels: int) -> None:
    moved = np.roll(contrast(T2, 5), voxels, axis=axis)
    assert find_shift(contrast(T1), moved, SPACING) == pytest.approx(3 * abs(voxels))


def test_finer_volumes_are_judged_on_a_coarse_grid() -> None:
    one, other = (np.kron(contrast(c), np.ones((2, 1, 1), np.float32)) for c in (T1, T2))
    assert find_shift(one, other, (1.5, 3.0, 3.0)) is None
    assert find_shift(one, np.roll(other, 6, axis=0), (1.5, 3.0, 3.0)) == pytest.approx(9)


def test_a_shift_of_one_voxel_is_no_finding() -> None:
    assert find_shift(contrast(T1), np.roll(contrast(T2), 1, axis=0), SPACING) is None


def test_of_volumes_that_share_nothing_nothing_is_said() -> None:
    noise = np.random.default_rng(3).standard_normal(SHAPE).astype(np.float32)
    assert find_shift(contrast(T1), noise, SPACING) is None
    thin = np.random.default_rng(4).random((6, 3, 2)).astype(np.float32)
    assert find_shift(thin, thin[::-1], (4.0, 4.0, 4.0)) is None
