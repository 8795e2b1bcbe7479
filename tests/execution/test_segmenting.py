"""Segmenters on the synthetic volumes of tiny runs, in this process."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthbench.api import DataError, UsageError
from synthbench.execution.cells import read_cell, write_job
from synthbench.execution.dispatch import run_jobs
from synthbench.execution.executors import InlineExecutor
from synthbench.execution.segmenting import stages
from synthbench.execution.segmenting.labels import classes_of, encode, masks_of
from synthbench.execution.segmenting.out_of_fold import divide
from synthbench.execution.segmenting.planning import plan_segmentation
from synthbench.execution.segmenting.request import Request, SegmentPlan
from synthbench.execution.segmenting.writer import SegmentWriter
from synthbench.registry import Registry
from synthbench.report.notes import notes
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_table
from synthbench.suite import Suite
from tests.execution import toy_segmenter
from tests.execution.test_runs import run

MakeSuite = Callable[..., Suite]


@pytest.fixture
def registry(registry: Registry) -> Registry:
    registry.register_local(toy_segmenter, "segtoy")
    toy_segmenter.TRAINED.clear()
    return registry


@pytest.fixture
def folds(suite: MakeSuite) -> Suite:
    return suite(methods=["identity", "linear"], split={"kind": "kfold", "folds": 2})


def plan_of(registry: Registry, path: Path, **asked: Any) -> tuple[SegmentPlan, Path]:
    store = path.parent.parent / "store"
    request = Request(segmenter="nearest", **asked)
    return plan_segmentation(registry, RunFolder.load(path), store, request), store


def segment(registry: Registry, path: Path, **asked: Any) -> SegmentWriter:
    plan, store = plan_of(registry, path, **asked)
    writer = SegmentWriter(plan, store)
    writer.write()
    pending = [job for job in plan.jobs if not job.blocked and not job.finished(store)]
    executor = InlineExecutor(store, registry)
    run_jobs(pending, writer, executor, registry, lambda _label, _state: None, {})
    writer.collect("synthbench segment")
    return writer


def rows(writer: SegmentWriter) -> list[dict[str, str]]:
    with (writer.path / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_image_is_out_of_fold_and_bounds_are_scored(
    registry: Registry, folds: Suite, tmp_path: Path
) -> None:
    plan, run_writer, _ = run(registry, folds, tmp_path / "out")
    writer = segment(registry, run_writer.path)
    cells = {(cell.method, cell.fold): cell for cell in plan.cells}
    for job in writer.plan.jobs:
        assert not set(job.train) & set(job.test)
        assert job.test == list(cells["core/identity", job.fold].test)
        for subject, file in job.images.items():
            if job.method.startswith("bound/"):
                assert file == ""
                continue
            (maker,) = (
                cell
                for cell in plan.cells
                if cell.method == job.method
                and file.startswith(f"predict/{cell.stage(writer.store, 'predict').key[:2]}")
                and cell.stage(writer.store, "predict").key in file
            )
            assert subject in maker.test
            assert subject not in maker.train
    found = rows(writer)
    methods = {"core/identity", "core/linear", "bound/real", "bound/source-t1"}
    assert {row["method"] for row in found} == methods
    tested = {s for cell in plan.cells for s in cell.test}
    for method in methods:
        mine = [row for row in found if row["method"] == method and row["metric"] == "dice_nearest"]
        assert {row["subject"] for row in mine} == tested
        assert len(mine) == len(tested)
    # identity's volumes are the sources themselves: both learn the same.
    values = {
        method: [float(r["value"]) for r in found if (r["method"], r["metric"]) == key]
        for method in methods
        for key in [(method, "dice_nearest")]
    }
    assert values["core/identity"] == values["bound/source-t1"]
    assert values["bound/real"] != values["bound/source-t1"]


def test_the_same_again_trains_nothing(registry: Registry, folds: Suite, tmp_path: Path) -> None:
    _, run_writer, _ = run(registry, folds, tmp_path / "out")
    first = rows(segment(registry, run_writer.path))
    count = len(toy_segmenter.TRAINED)
    assert rows(segment(registry, run_writer.path)) == first
    assert len(toy_segmenter.TRAINED) == count
    segment(registry, run_writer.path, changes={"fail": False}, modes=("real",))
    assert len(toy_segmenter.TRAINED) == count + 2  # another request, kept apart


def test_labels_are_encoded_once_however_often_scans_are_asked_for(
    registry: Registry, folds: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run_writer, _ = run(registry, folds, tmp_path / "out")
    made: list[int] = []

    def counted(label: np.ndarray, classes: Any) -> np.ndarray:
        made.append(1)
        return encode(label, classes)

    # Scoring encodes as well, the test subjects.
    monkeypatch.setattr(stages, "encode", counted)
    writer = segment(registry, run_writer.path, modes=("real",))
    jobs = writer.plan.jobs
    assert len(made) == sum(len(job.train) + len(job.test) for job in jobs)
    for job in jobs:  # nothing but what was segmented, the record and the key is kept
        kept = {path.name for path in job.stage(writer.store, "segment").path.iterdir()}
        assert kept == {*(f"{subject}.npy" for subject in job.test), "done.json", "key.json"}


def test_remarks_are_those_of_the_training(
    registry: Registry, folds: Suite, tmp_path: Path
) -> None:
    """The library that trained may have been replaced by another version since."""
    _, run_writer, _ = run(registry, folds, tmp_path / "out")
    writer = segment(registry, run_writer.path, modes=("real",))
    for job in writer.plan.jobs:
        record = job.stage(writer.store, "segment").path / "done.json"
        rewrite(record, lambda fields: fields.update(remarks=["trained by 1.0"]))
    writer.plan.remarks = ["trained by 2.0"]
    writer.collect("synthbench segment")
    notes = json.loads((writer.path / "info.json").read_text())["notes"]
    assert notes[0] == "nearest: trained by 1.0"
    assert not any("2.0" in note for note in notes)


def test_one_split_divides_its_test_subjects_alone(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    plan, run_writer, _ = run(registry, suite(methods=["linear"]), tmp_path / "out")
    segments, _ = plan_of(registry, run_writer.path)
    test = set(plan.cells[0].test)
    assert len(test) == 2
    assert {s for job in segments.jobs for s in (*job.train, *job.test)} == test
    assert {job.fold for job in segments.jobs} == {0, 1}
    assert any("one split" in note for note in segments.notes)


def test_a_generator_that_was_trained_on_a_subject_is_refused(
    registry: Registry, folds: Suite, tmp_path: Path
) -> None:
    plan, run_writer, _ = run(registry, folds, tmp_path / "out")
    folder = run_writer.cell_folder(plan.cells[0])
    cell = read_cell(folder)
    write_job(folder / "cell.json", replace(cell, train=(*cell.train, cell.test[0])))
    with pytest.raises(DataError, match=f"was trained on {cell.test[0]}"):
        plan_of(registry, run_writer.path)


def test_folds_that_test_a_patient_twice_are_refused() -> None:
    with pytest.raises(DataError, match="patient p is tested in the folds 0 and 1"):
        divide({0: ["a", "b"], 1: ["c", "d"]}, ["a", "b", "c", "d"], {"a": "p", "c": "p"})
    with pytest.raises(DataError, match="too few"):
        divide({0: ["a", "b"]}, ["a", "b"], {"a": "p", "b": "p"})
    parts = divide({0: ["a", "b"], 1: ["c", "d"]}, ["a", "c", "d"], {})
    assert [(part.train, part.test) for part in parts] == [
        (("c", "d"), ("a",)),
        (("a",), ("c", "d")),
    ]


def test_without_labels_the_other_protocol_is_named(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    for label in data_root.rglob("*_seg.nii.gz"):
        label.unlink()
    _, run_writer, _ = run(registry, suite(methods=["identity"]), tmp_path / "out")
    with pytest.raises(DataError, match="no labels") as error:
        plan_of(registry, run_writer.path)
    assert "totalsegmentator" in error.value.hint


def test_a_method_with_a_failed_fold_is_blocked_and_the_others_go_on(
    registry: Registry, folds: Suite, tmp_path: Path
) -> None:
    plan, run_writer, _ = run(registry, folds, tmp_path / "out")
    cell = next(cell for cell in plan.cells if cell.method == "core/linear")
    (cell.stage(run_writer.store, "predict").path / "done.json").unlink()
    writer = segment(registry, run_writer.path)
    states = {job.method: bool(job.blocked) for job in writer.plan.jobs}
    assert states == {
        "core/identity": False,
        "core/linear": True,
        "bound/source-t1": False,
        "bound/real": False,
    }
    assert "core/linear" not in {row["method"] for row in rows(writer)}
    notes = json.loads((writer.path / "info.json").read_text())["notes"]
    assert any("core/linear" in note and "blocked" in note for note in notes)


def test_a_failed_segmenter_is_told_and_leaves_what_was_there(
    registry: Registry, folds: Suite, tmp_path: Path
) -> None:
    _, run_writer, _ = run(registry, folds, tmp_path / "out")
    writer = segment(registry, run_writer.path, changes={"fail": True}, modes=("real",))
    assert rows(writer) == []
    with (writer.path / "segmenters.csv").open(newline="") as file:
        assert {row["state"] for row in csv.DictReader(file)} == {"oom"}


def test_wrong_names_are_refused(registry: Registry, folds: Suite, tmp_path: Path) -> None:
    _, run_writer, _ = run(registry, folds, tmp_path / "out")
    for asked, what in [
        ({"methods": ("linaer",)}, "linaer"),
        ({"regions": ("heart",)}, "heart"),
        ({"changes": {"epochs": 3}}, "epochs"),
    ]:
        with pytest.raises(UsageError, match=what):
            plan_of(registry, run_writer.path, **asked)


def test_reports_show_bounds_that_are_neither_ranked_nor_tested(
    registry: Registry, folds: Suite, tmp_path: Path
) -> None:
    _, run_writer, _ = run(registry, folds, tmp_path / "out")
    segment(registry, run_writer.path, preset="smoke")
    loaded = RunFolder.load(run_writer.path)
    table = build_table(loaded, "core/folder", "t1 -> t2")
    names = [column.title for column in table.columns]
    assert names[-2:] == ["Dice (nearest, smoke) ↑", "HD95 (nearest, smoke) ↓ (mm)"]
    assert [row.label for row in table.rows] == ["identity", "linear", "t1 → real", "real → real"]
    for row in table.rows[2:]:
        assert not any(cell.ranked or cell.rank or cell.test for cell in row.cells)
        assert row.cells[0].state == "--"
        assert row.cells[-2].n == 5
    assert {cell.ranked for row in table.rows[:2] for cell in row.cells} == {True}
    assert any(note.startswith("nearest, smoke on core/folder") for note in notes(table, loaded))
    images = build_table(loaded, "core/folder", "t1 -> t2", metrics=["psnr"])
    assert [row.label for row in images.rows] == ["identity", "linear"]
    assert not any("nearest" in note for note in notes(images, loaded))


def test_an_evaluator_of_masks_is_no_evaluator_of_a_run(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="compares segmentations"):
        run(registry, suite(evaluators=["overlap"]), tmp_path / "out")


def test_classes_are_the_finest_that_regions_need() -> None:
    nested = {"whole": [1, 2, 4], "core": [1, 4], "enhancing": [4]}
    assert classes_of(nested) == [[1], [2], [4]]
    assert classes_of({"whole": [1, 2, 4]}) == [[1, 2, 4]]
    label = np.array([0, 1, 2, 3, 4])
    encoded = encode(label, classes_of(nested))
    assert encoded.tolist() == [0, 1, 2, 0, 3]
    masks = masks_of(encoded, classes_of(nested), nested)
    assert masks["core"].tolist() == [False, True, False, False, True]
    assert masks["whole"].tolist() == [False, True, True, False, True]


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_run_from_before_outside_predictions_is_segmented(
    registry: Registry, folds: Suite, tmp_path: Path
) -> None:
    plan, run_writer, _ = run(registry, folds, tmp_path / "out")
    for cell in plan.cells:
        rewrite(run_writer.cell_folder(cell) / "cell.json", lambda fields: fields.pop("outside"))
    assert not any(job.blocked for job in plan_of(registry, run_writer.path)[0].jobs)


def test_cells_of_another_version_say_what_to_do(
    registry: Registry, folds: Suite, tmp_path: Path
) -> None:
    plan, run_writer, _ = run(registry, folds, tmp_path / "out")
    file = run_writer.cell_folder(plan.cells[0]) / "cell.json"
    rewrite(file, lambda fields: (fields.pop("prep"), fields.update(colour=1)))
    with pytest.raises(DataError, match="another version of synthbench") as error:
        plan_of(registry, run_writer.path)
    assert error.value.message.startswith(str(file))
    assert error.value.message.endswith("colour, prep")
    assert "repeat the command" in error.value.hint
    file.unlink()
    with pytest.raises(DataError, match=r"cell\.json is missing"):
        plan_of(registry, run_writer.path)
