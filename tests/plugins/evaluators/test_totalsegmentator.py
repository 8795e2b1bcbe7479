"""TotalSegmentator through its Python API, with random weights in its own layout."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from synthbench.api import Case
from synthbench_plugins.evaluators.segmentation import SPECS
from synthbench_plugins.evaluators.totalsegmentator import weights
from synthbench_plugins.evaluators.totalsegmentator.classes import lists_of
from synthbench_plugins.evaluators.totalsegmentator.evaluator import (
    FastTotalSegmentatorDice,
    TotalSegmentatorDice,
)
from synthbench_plugins.evaluators.totalsegmentator.service import Service, ServiceError
from tests.plugins.evaluators import stub_weights

SHAPE = (36, 34, 32)


def image(seed: int) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), 3.0)
    return (0.5 + 0.2 * noise / noise.std()).clip(0, 1).astype(np.float32)


def case(subject: str, prediction: np.ndarray, **facts: object) -> Case:
    target = image(0)
    ct = {"scale": 4024.0, "unit": "HU", "low": -1024.0, "spacing": (3.0, 3.0, 3.0)} | facts
    return Case(subject, prediction, target, target[None], target > 0, **ct)  # type: ignore[arg-type]


@pytest.fixture
def weights_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(folder))
    return folder


@pytest.mark.timeout(900)
def test_it_compares_what_it_finds_in_both_volumes(weights_folder: Path) -> None:
    """The one long test: both volumes are segmented by TotalSegmentator itself."""
    stub_weights.write(weights_folder, "total")
    # A folder of an older version, which TotalSegmentator would delete before it starts.
    old = weights_folder / "nnUNet/3d_fullres/Task256_TotalSegmentator_3mm_1139subj"
    old.mkdir(parents=True)
    before = dict(os.environ)
    rows = list(FastTotalSegmentatorDice().evaluate([case("same", image(0))]))
    assert {name: value for name, value in os.environ.items() if "GDCM" not in name} == {
        name: value for name, value in before.items() if "GDCM" not in name
    }
    assert old.is_dir()
    assert {(row.status, row.detail) for row in rows} == {("ok", "")}
    found = {(row.subject, row.region, row.metric): row for row in rows}
    classes = {region for subject, region, _ in found if subject == "same"} - {"all_classes"}
    assert len(classes) > 1
    for region in classes | {"all_classes"}:
        assert found["same", region, "ts_fast_dice"].value == 1.0
    assert found["same", "all_classes", "ts_fast_extra"].value == 0.0


def test_missing_weights_are_told_with_the_place_where_they_belong(weights_folder: Path) -> None:
    rows = list(TotalSegmentatorDice().evaluate([case("s0", image(1))]))
    assert {row.metric for row in rows} == {metric.name for metric in SPECS[1].metrics}
    assert {row.status for row in rows} == {"unavailable"}
    assert all(math.isnan(row.value) for row in rows)
    assert "Dataset291_TotalSegmentator_part1_organs_1559subj" in rows[0].detail
    assert "unpack Dataset291_TotalSegmentator_part1_organs_1559subj.zip" in rows[0].detail
    assert str(weights_folder) in rows[0].detail
    assert list(weights_folder.iterdir()) == []  # nothing was fetched or made
    told = weights.missing_full()
    assert len(told) == 7  # five models for CT, two for MR
    assert len(weights.missing_fast()) == 2


def test_an_incomplete_model_is_missing(weights_folder: Path) -> None:
    model = stub_weights.write(weights_folder, "total_mr")
    assert weights.lacking("total_mr", fast=True) == []
    (model / "fold_0" / "checkpoint_final.pth").unlink()
    ((what, _),) = weights.lacking("total_mr", fast=True)
    assert what.endswith("checkpoint_final.pth is not there")


@pytest.mark.parametrize(
    ("prediction", "why"),
    [
        (np.full(SHAPE, np.nan, dtype=np.float32), "NaN"),
        (np.zeros((0, 0, 0), dtype=np.float32), "missing"),
    ],
)
def test_a_prediction_that_cannot_be_scored_starts_nothing(
    weights_folder: Path, prediction: np.ndarray, why: str
) -> None:
    rows = list(FastTotalSegmentatorDice().evaluate([case("s0", prediction)]))
    assert {row.status for row in rows} == {"undefined"}
    assert why in rows[0].detail


class Answers:
    """A service that finds what it is told."""

    def __init__(self, find: Callable[[np.ndarray], np.ndarray]) -> None:
        self.find = find
        self.asked: list[tuple[str, float, float]] = []

    def segment(self, volume, spacing, task, fast):
        self.asked.append((task, float(volume.min()), float(volume.max())))
        return self.find(volume)

    def classes(self, task):
        return {1: "liver", 2: "brain", 3: "femur_left"}

    def stop(self) -> None: ...


def scored(monkeypatch: pytest.MonkeyPatch, service: Answers, *cases: Case):
    from synthbench_plugins.evaluators.totalsegmentator import evaluator

    monkeypatch.setattr(evaluator, "lacking", lambda task, fast: [])
    judge = TotalSegmentatorDice()
    judge._service = service  # type: ignore[assignment]
    return {(row.region, row.metric): row for row in judge.evaluate(cases)}


def test_classes_absent_from_the_real_volume_count_by_their_volume(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, real = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    real[:10] = 1
    real[20:30] = 3
    made[:10] = 1
    made[10:12] = 2
    answers = iter([made, real])
    rows = scored(monkeypatch, Answers(lambda _: next(answers)), case("s0", image(1)))
    dices = {region: row.value for (region, metric), row in rows.items() if metric == "ts_dice"}
    assert dices == {"all_classes": 0.5, "synthrad_trunk": 1.0, "liver": 1.0, "femur_left": 0.0}
    stray = int((made == 2).sum()) * 27 / 1000
    assert rows["all_classes", "ts_extra"].value == pytest.approx(stray)


def test_ct_is_handed_over_in_hu_and_mr_so_that_rounding_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Answers(lambda volume: np.ones(volume.shape, np.uint8))
    flat = np.linspace(0, 1, math.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    scored(monkeypatch, service, case("ct", flat), case("mr", flat, unit="", scale=1.0, low=None))
    assert service.asked[0] == ("total", -1024.0, 3000.0)
    assert service.asked[2] == ("total_mr", 0.0, 1000.0)


def test_nothing_found_in_the_real_volume_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Answers(lambda volume: np.zeros(volume.shape, np.uint8))
    rows = scored(monkeypatch, service, case("s0", image(1)))
    assert rows["all_classes", "ts_dice"].status == "undefined"
    assert "finds nothing" in rows["all_classes", "ts_dice"].detail


def test_a_failure_of_one_case_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def find(volume):
        calls.append(1)
        if len(calls) == 1:
            raise ServiceError("out of memory")
        return np.ones(volume.shape, np.uint8)

    from synthbench_plugins.evaluators.totalsegmentator import evaluator

    monkeypatch.setattr(evaluator, "lacking", lambda task, fast: [])
    judge = TotalSegmentatorDice()
    judge._service = Answers(find)  # type: ignore[assignment]
    rows = list(judge.evaluate([case("bad", image(1)), case("good", image(1))]))
    states = {(row.subject, row.status) for row in rows}
    assert states == {("bad", "unavailable"), ("good", "ok")}


def test_a_process_that_died_between_two_volumes_is_told_and_leaves_nothing(
    weights_folder: Path,
) -> None:
    service = Service()
    work = service._start()
    assert service._process is not None
    service._process.kill()
    service._process.wait()
    with pytest.raises(ServiceError, match="exit code -9"):
        service.segment(image(1), (3.0, 3.0, 3.0), "total", fast=True)
    assert not work.exists()


def test_lists_hold_the_classes_that_are_there() -> None:
    names = ["liver", "vertebrae_L1", "spleen", "skull"]
    assert lists_of(names) == {
        "all_classes": names,
        "synthrad_trunk": ["liver", "vertebrae_L1"],
        "synthrad_head_neck": ["vertebrae_L1", "skull"],
    }
    assert lists_of(["spleen"]) == {"all_classes": ["spleen"]}
