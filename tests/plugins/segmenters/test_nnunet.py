"""nnU-Net, for a few iterations, through its own planning, trainer and predictor."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from synthbench.api import SegmenterSetting
from synthbench_plugins.optional.packages import missing
from synthbench_plugins.segmenters import remarks
from synthbench_plugins.segmenters.nnunet import NNUNet, process
from tests.plugins.segmenters.scans import dice, scan, unlabelled

#: The only long test here: planning and training import torch in five processes.
BUDGET = {"epochs": 1, "iterations": 4, "validation": 1, "processes": 0, "mirror": False}


def settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("nnUNet")}


@pytest.mark.timeout(900)
def test_it_plans_trains_and_predicts_in_its_own_process(tmp_path: Path) -> None:
    before = settings()
    told: list[float] = []
    work = tmp_path / "work"
    work.mkdir()
    segmenter = NNUNet(SegmenterSetting(classes=2, seed=3, unit="HU"), **BUDGET)
    segmenter.fit([scan(n) for n in range(3)], work, told.append)
    (plans,) = (work / "preprocessed").glob("*/nnUNetPlans.json")
    configuration = json.loads(plans.read_text())["configurations"]["3d_fullres"]
    assert configuration["normalization_schemes"] == ["CTNormalization"]
    assert configuration["spacing"] == [1.5, 1.0, 1.0]  # z, y, x
    (first,) = segmenter.segment(unlabelled(7), work)
    assert first.dtype == np.uint8
    assert first.shape == scan(7).image.shape
    assert set(np.unique(first)) <= {0, 1, 2}
    assert dice(first > 0, scan(7).label > 0) > 0.3  # axes kept, and something learnt
    assert settings() == before
    assert told and told[-1] == 1.0


def test_a_checkpoint_that_was_not_finished_leaves_the_one_before(tmp_path: Path) -> None:
    class Trainer:
        epoch = 0

        def save_checkpoint(self, name: str) -> None:
            Path(name).write_text(f"half of {self.epoch}")
            if self.epoch == 1:
                raise KeyboardInterrupt
            Path(name).write_text(f"epoch {self.epoch}")

    trainer, name = Trainer(), str(tmp_path / "checkpoint_latest.pth")
    process.keep_whole_checkpoints(trainer)
    trainer.save_checkpoint(name)
    trainer.epoch = 1
    with pytest.raises(KeyboardInterrupt):
        trainer.save_checkpoint(name)
    assert Path(name).read_text() == "epoch 0"
    assert [path.name for path in tmp_path.glob("checkpoint_*.pth")] == ["checkpoint_latest.pth"]


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert remarks.nnunet_missing(epochs=1) == []
    ((what, fix),) = missing("no_such_package", "pip install 'synthbench[segmentation]'")
    assert "no_such_package" in what
    assert fix == "pip install 'synthbench[segmentation]'"
