"""The light U-Net learns what is easy to learn."""

from pathlib import Path

import numpy as np

from synthbench.api import SegmenterSetting
from synthbench_plugins.segmenters import remarks
from synthbench_plugins.segmenters.unet import UNetSegmenter
from tests.plugins.segmenters.scans import dice, scan, unlabelled

SMALL = {"steps": 40, "patch": 32, "channels": (8, 16), "batch": 2, "lr": 1e-2}


def fitted(folder: Path, **changes):
    folder.mkdir()
    told: list[float] = []
    segmenter = UNetSegmenter(SegmenterSetting(classes=2), **(SMALL | changes))
    segmenter.fit([scan(0), scan(1)], folder, told.append)
    assert told == sorted(told)
    return next(segmenter.segment(unlabelled(7), folder))


def test_it_finds_both_classes_in_a_scan_it_has_not_seen(tmp_path: Path) -> None:
    found, real = fitted(tmp_path / "a"), scan(7).label
    assert found.dtype == np.uint8
    assert found.shape == real.shape
    assert dice(found > 0, real > 0) > 0.9
    assert dice(found == 2, real == 2) > 0.8


def test_the_same_seed_gives_the_same_segmentation(tmp_path: Path) -> None:
    first, second = (fitted(tmp_path / name, steps=5) for name in "ab")
    assert np.array_equal(first, second)


def test_shortened_training_is_told() -> None:
    assert remarks.unet() == []
    assert remarks.unet(steps=20, patch=32) == ["segmenters trained for 20 of 25000 steps"]
    told = " ".join(remarks.nnunet(epochs=1, iterations=2))
    assert "1 epoch of 2 iterations instead of 1000 of 250" in told
    assert len(remarks.nnunet()) == 1
