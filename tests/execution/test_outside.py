"""Volumes made elsewhere, as a run."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import DataError, UsageError
from synthbench.execution.dispatch import execute
from synthbench.execution.evaluating import Predictions, evaluators_of, plan_evaluation
from synthbench.execution.executors import InlineExecutor
from synthbench.execution.outside import match, parse_values
from synthbench.execution.planning import Plan
from synthbench.execution.runs import RunWriter
from synthbench.registry import Registry
from synthbench.report.joining import join
from synthbench.report.markdown import render
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from synthbench.suite import Suite
from tests.execution.test_runs import MakeSuite, run
from tests.tiny import write_subject

Volume = tuple[np.ndarray, np.ndarray]


def target(data_root: Path, subject: str) -> Volume:
    image = nib.load(data_root / subject / f"{subject}_t2.nii.gz")
    return image.get_fdata().astype(np.float32), image.affine


def save(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def predict(
    data_root: Path, folder: Path, change: Callable[[str, np.ndarray], np.ndarray] | None = None
) -> Path:
    """Every subject's own target, a little darker."""
    for number in range(5):
        subject = f"s{number}"
        array, affine = target(data_root, subject)
        made = 0.9 * array if change is None else change(subject, array)
        save(folder / f"{subject}.nii.gz", made, affine)
    return folder


def evaluate(
    registry: Registry, suite: Suite, output: Path, *made: Predictions
) -> tuple[Plan, RunWriter]:
    plan = plan_evaluation(registry, suite, output / "store", made)
    writer = RunWriter(output, plan)
    writer.write(plan, registry, ["synthbench", "evaluate"])
    states = execute(plan, writer, InlineExecutor(writer.store, registry), registry)
    assert states == {"done": len(plan.cells)}
    return plan, writer


def scores(writer: RunWriter, metric: str = "psnr") -> dict[str, dict[str, str]]:
    with (writer.path / "scores.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if (r["metric"], r["region"]) == (metric, "whole")]
    return {row["subject"]: row for row in rows}


def test_volumes_made_elsewhere_become_a_run(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    made = Predictions("Acme 2", predict(data_root, tmp_path / "made"))
    plan, writer = evaluate(registry, suite(), tmp_path / "out", made)
    (cell,) = plan.cells
    found = scores(writer)
    assert set(found) == set(cell.test)
    for subject, row in found.items():
        array, _ = target(data_root, subject)
        low, high = np.percentile(array, (0.1, 99.9))
        one, other = (np.clip((a - low) / (high - low), 0, 1) for a in (array, 0.9 * array))
        expected = -10 * np.log10(np.mean((one - other) ** 2))
        assert float(row["value"]) == pytest.approx(expected, rel=1e-4)
        assert row["method"] == "outside/Acme 2"
    (table,) = build_tables(RunFolder.load(writer.path))
    assert [row.label for row in table.rows] == ["Acme 2"]
    notes = json.loads((writer.path / "run.json").read_text())["notes"]
    assert any("3 of the folder's files and folders belong to no subject" in note for note in notes)


def test_only_tested_subjects_are_prepared(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    made = Predictions("acme", predict(data_root, tmp_path / "made"))
    plan, _ = evaluate(registry, suite(), tmp_path / "out", made)
    (job,) = plan.preps.values()
    assert set(job.subjects) == set(plan.cells[0].test)


def test_everything_that_can_be_wrong_has_a_row_and_stops_nobody(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    folder = predict(data_root, tmp_path / "made")
    array, affine = target(data_root, "s0")
    shifted = affine.copy()
    shifted[0, 3] += 3
    wrong = {
        "good": (array, affine),
        "nan": (np.where(array > 700, np.nan, array), affine),
        "grid": (array[:-1], affine),
        "moved": (array, shifted),
        "range": (array / array.max(), affine),
        "far": (array * 20, affine),
        "wrapped": (array.astype(np.uint8), affine),
        "constant": (np.full_like(array, 300), affine),
    }
    why = {
        "nan": "NaN or infinite",
        "grid": "shape (13, 16, 12) is not (14, 16, 12)",
        "moved": "up to 3 mm apart",
        "range": "another range",
        "far": "another range",
        "wrapped": "stored as uint8",
        "text": "damaged or not an image",
        "missing": "the prediction is missing",
    }
    for seed, name in enumerate((*wrong, "text", "missing"), start=10):
        write_subject(data_root, name, seed)
    for name, (content, grid) in wrong.items():
        kept = content if content.dtype == np.uint8 else content.astype(np.float32)
        save(folder / f"{name}.nii.gz", kept, grid)
    (folder / "text.nii.gz").write_text("no image")
    split = tmp_path / "split.csv"
    roles = {"s0": "train", **{f"s{n}": "unused" for n in range(1, 5)}}
    roles |= dict.fromkeys((*wrong, "text", "missing"), "test")
    split.write_text("subject,role\n" + "".join(f"{s},{r}\n" for s, r in roles.items()))
    chosen = suite(split={"kind": "file", "file": split})
    _, writer = evaluate(registry, chosen, tmp_path / "out", Predictions("acme", folder))
    found = scores(writer)
    assert set(found) == {*wrong, "text", "missing"}
    for name, row in found.items():
        if name in why:
            assert row["status"] == "undefined" and row["value"] == ""
            assert why[name] in row["detail"], name
        else:
            assert row["status"] == "ok" and float(row["value"]) > 0
    assert found["constant"]["detail"] == "the prediction is constant"


def test_another_grid_is_resampled_when_told(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "made"
    for number in range(5):
        array, affine = target(data_root, f"s{number}")
        # The same volume with a border of zeros, stored with its first axis flipped.
        padded = np.pad(array, 2)[::-1]
        grid = affine @ np.array([[-1, 0, 0, 15], [0, 1, 0, -2], [0, 0, 1, -2], [0, 0, 0, 1]])
        save(folder / f"s{number}_t2.nii", padded.copy(), grid)
    _, plain = evaluate(registry, suite(), tmp_path / "out", Predictions("acme", folder))
    assert all("--resample" in row["detail"] for row in scores(plain).values())
    told = Predictions("acme", folder, resample=True)
    _, writer = evaluate(registry, suite(), tmp_path / "out", told)
    assert {row["status"] for row in scores(writer).values()} == {"capped"}  # identical
    assert writer.path != plain.path


def test_predictions_follow_the_targets_voxel_size_and_crop(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    made = predict(data_root, tmp_path / "made", lambda _, array: array[::1])
    chosen = suite(spacing=1.5, crop=2)
    _, writer = evaluate(registry, chosen, tmp_path / "out", Predictions("acme", made))
    assert {row["status"] for row in scores(writer).values()} == {"capped"}


def test_values_are_mapped_to_the_targets_bounds(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    def normalised(_: str, array: np.ndarray) -> np.ndarray:
        low, high = np.percentile(array, (0.1, 99.9))
        return 2 * np.clip((array - low) / (high - low), 0, 1) - 1

    folder = predict(data_root, tmp_path / "made", normalised)
    made = Predictions("acme", folder, values=(-1, 1))
    _, writer = evaluate(registry, suite(), tmp_path / "out", made)
    assert {row["status"] for row in scores(writer).values()} == {"capped"}


def test_an_outside_method_stands_in_the_table_of_a_run(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    _, first, _ = run(registry, suite(methods=["identity"]), output)
    made = Predictions("acme", predict(data_root, tmp_path / "made"))
    _, second = evaluate(registry, suite(), output, made)
    joined = join([RunFolder.load(first.path), RunFolder.load(second.path)])
    (table,) = build_tables(joined)
    assert [row.label for row in table.rows] == ["identity", "acme"]
    assert all(cell.ranked for row in table.rows for cell in row.cells)
    assert table.rows[1].cells[0].rank == 1
    assert "acme: volumes made elsewhere." in render(table, joined)
    # What both runs share stands there once.
    again = join([joined, RunFolder.load(first.path)])
    assert [row.label for row in build_tables(again)[0].rows] == ["identity", "acme"]


def test_methods_of_the_same_name_are_told_apart(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    runs = [
        RunFolder.load(evaluate(registry, suite(), output, Predictions("acme", folder))[1].path)
        for folder in (
            predict(data_root, tmp_path / "one"),
            predict(data_root, tmp_path / "two", lambda _, array: 0.8 * array),
        )
    ]
    (table,) = build_tables(join(runs))
    assert [row.label for row in table.rows] == ["acme", f"acme ({runs[1].name})"]
    assert table.rows[0].cells[0].mean != table.rows[1].cells[0].mean


def test_runs_prepared_differently_are_not_joined(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    made = Predictions("acme", predict(data_root, tmp_path / "made"))
    runs = [
        RunFolder.load(evaluate(registry, chosen, output, made)[1].path)
        for chosen in (suite(), suite(spacing=1.5))
    ]
    with pytest.raises(DataError, match="differ in spacing of t1 -> t2"):
        join(runs)


def test_other_definitions_of_a_metric_are_not_joined(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    made = Predictions("acme", predict(data_root, tmp_path / "made"))
    _, writer = evaluate(registry, suite(), tmp_path / "out", made)
    copy = shutil.copytree(writer.path, writer.path.with_name("copy"))
    one, other = RunFolder.load(writer.path), RunFolder.load(copy)
    metrics = {name: {**about, "version": 99} for name, about in other.metrics.items()}
    other.info["metrics"] = metrics  # type: ignore[index]
    with pytest.raises(DataError, match="ssim of core/iqa was defined otherwise"):
        join([one, other])


@pytest.mark.parametrize("name", ["a.nii.gz", "a_t2.nii", "a/whatever.mgz"])
def test_files_are_matched_by_subject_id(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "b.nii").touch()
    matches = match(tmp_path, ["a", "c"], "t2")
    assert matches.files == {"a": path, "c": None}
    assert matches.others == ("b.nii",)


def test_an_id_goes_before_an_id_with_the_target(tmp_path: Path) -> None:
    (tmp_path / "a_t2.nii").touch()
    assert match(tmp_path, ["a", "a_t2"], "t2").files == {
        "a": None,
        "a_t2": tmp_path / "a_t2.nii",
    }


def test_ambiguous_or_foreign_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        match(tmp_path / "nowhere", ["a"], "t2")
    (tmp_path / "x.nii").touch()
    with pytest.raises(DataError, match=r"no file in .* is named after a subject") as error:
        match(tmp_path, ["a"], "t2")
    assert "a_t2.nii.gz" in error.value.hint
    for name in ("a.nii", "a_t2.nii.gz"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match="could all be the prediction of a"):
        match(tmp_path, ["a"], "t2")


def test_values_names_and_protocols_are_checked(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    assert parse_values("-1,1") == (-1.0, 1.0)
    assert parse_values(None) is None
    for wrong in ("1,-1", "1", "a,b"):
        with pytest.raises(UsageError, match="not a range"):
            parse_values(wrong)
    for names, told in ((["a/b"], "cannot name"), (["a", "a"], "two methods")):
        with pytest.raises(UsageError, match=told):
            plan_evaluation(registry, suite(), tmp_path, [Predictions(n, tmp_path) for n in names])
    assert evaluators_of(registry, ["fastmri"]) == ["core/fastmri"]
    with pytest.raises(UsageError, match="no metric protocol") as error:
        evaluators_of(registry, ["fastmr"])
    assert "fastmri" in error.value.hint


def test_scores_unavailable_for_want_of_weights_are_made_once_these_are_there(
    registry: Registry,
    suite: MakeSuite,
    data_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    made = Predictions("acme", predict(data_root, tmp_path / "made"))
    chosen = suite(evaluators=["lpips", "kid"])
    plan, writer = evaluate(registry, chosen, tmp_path / "out", made)
    (row,) = {(r["status"], r["detail"]) for r in scores(writer, "lpips_vgg").values()}
    assert row[0] == "unavailable" and "vgg16-397923af.pth" in row[1]
    (of_set,) = scores(writer, "kid_inception_v3_axial32").values()
    assert of_set["subject"] == "" and of_set["status"] == "unavailable"
    assert "unavailable" in "".join(
        render(table, RunFolder.load(writer.path))
        for table in build_tables(RunFolder.load(writer.path))
    )
    payload = plan.cells[0].payloads["score/core/lpips"]
    assert payload["lacking"]
    monkeypatch.setattr("synthbench.registry.entries.Entry.missing", lambda *_: [])
    later = plan_evaluation(registry, chosen, tmp_path / "out" / "store", [made])
    assert "lacking" not in later.cells[0].payloads["score/core/lpips"]
