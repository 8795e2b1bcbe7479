from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthbench.volumes.foreground import foreground
from synthbench.volumes.reading import read

SHAPE = (40, 44, 30)
GRID = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
RADIUS = np.sqrt((GRID**2).sum(0))
BODY = RADIUS < 0.8


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_skull_stripped_mr_keeps_its_dark_fluid() -> None:
    random = np.random.default_rng(0)
    brain = np.where(BODY, random.normal(600, 60, SHAPE), 0)
    sulcus = BODY & (np.abs(GRID[0]) < 0.06)  # as dark as fluid in FLAIR, open to the outside
    brain[sulcus] = random.uniform(5, 40, sulcus.sum())
    found = foreground(brain.astype(np.float32))
    assert _dice(found, BODY) > 0.99
    assert found[sulcus].mean() > 0.99


def test_whole_head_mr_leaves_the_noise_out() -> None:
    random = np.random.default_rng(0)
    noise = np.hypot(random.normal(0, 15, SHAPE), random.normal(0, 15, SHAPE))
    image = np.where(BODY, random.normal(600, 60, SHAPE), noise)
    image[RADIUS < 0.3] = 20  # a dark cavity is inside
    assert _dice(foreground(image.astype(np.float32)), BODY) > 0.98


@pytest.mark.parametrize("padded", [False, True])
def test_ct_keeps_lungs_and_leaves_air_and_table_out(padded: bool) -> None:
    random = np.random.default_rng(0)
    image = random.normal(-1000, 15, SHAPE)
    body = np.hypot(GRID[0], GRID[1]) < 0.7  # runs through the whole field of view
    image[body] = random.normal(40, 20, body.sum())
    lung = np.hypot(GRID[0] - 0.3, GRID[1]) < 0.2
    image[lung] = -850
    image[:, 0:1, 10:20] = 100
    if padded:
        image[np.hypot(GRID[0], GRID[1]) > 1] = -3024
    found = foreground(image.astype(np.float32))
    assert _dice(found, body) > 0.98
    assert found[lung].all()
    assert not found[:, 0:1, 10:20].any()


def test_both_legs_are_kept() -> None:
    image = np.zeros(SHAPE, dtype=np.float32)
    for leg in (slice(5, 15), slice(25, 37)):
        image[leg, 10:30] = np.random.default_rng(0).uniform(300, 900, image[leg, 10:30].shape)
    np.testing.assert_array_equal(foreground(image), image > 0)


def test_it_is_never_empty() -> None:
    image = np.full((6, 6, 6), 10, dtype=np.float32)
    image[3, 3, 3] = 9
    assert foreground(image).any()


def test_real_brain_masks_agree(realset: Path) -> None:
    t1 = read(realset / "brats/MS3D-P07/MS3D-P07_t1.nii.gz", what="t1").volume.array
    assert _dice(foreground(t1), t1 > 0) > 0.98


def test_real_head_contains_the_brain_and_not_the_air(realset: Path) -> None:
    folder = realset / "brats/MSL-P01-S1"
    t1 = read(folder / "MSL-P01-S1_t1.nii.gz", what="t1").volume.array
    brain = read(folder / "MSL-P01-S1_brainmask.nii.gz", what="mask", kind="mask").volume.array
    found = foreground(t1)
    assert found[brain].mean() > 0.97
    assert not found[:8, :8].any()
