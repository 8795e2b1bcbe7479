"""Bad subjects, voxel sizes and splits on their way into a plan, and what planning costs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import DataError, SynthbenchError, UsageError
from synthbench.execution import stages
from synthbench.execution.dispatch import execute
from synthbench.execution.executors import InlineExecutor
from synthbench.execution.planning import make_plan
from synthbench.execution.runs import RunWriter
from synthbench.execution.tasks import plan_tasks
from synthbench.registry import Registry
from synthbench.report import markdown
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from synthbench.store.atomic import read_json
from synthbench.suite import Suite
from synthbench.volumes import hashing
from synthbench.volumes.prepared import Prepared
from tests.tiny import SHAPE, write_subject

MakeSuite = Callable[..., Suite]
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def run(registry: Registry, suite: Suite, output: Path) -> RunWriter:
    plan = make_plan(registry, suite, output / "store")
    writer = RunWriter(output, plan)
    writer.write(plan, registry, ["synthbench", "run"])
    execute(plan, writer, InlineExecutor(writer.store, registry), registry)
    return writer


def volume(root: Path, subject: str, modality: str) -> Path:
    return root / subject / f"{subject}_{modality}.nii.gz"


def lose_a_file(root: Path) -> None:
    volume(root, "s1", "t2").unlink()


def truncate(root: Path) -> None:
    path = volume(root, "s1", "t2")
    path.write_bytes(path.read_bytes()[:-200])


def change_grid(root: Path) -> None:
    array = np.random.default_rng(0).random((9, 9, 9)).astype(np.float32)
    nib.save(nib.Nifti1Image(array, AFFINE), volume(root, "s1", "t2"))


def duplicate(root: Path) -> None:
    volume(root, "s1", "t2").write_bytes(volume(root, "s0", "t2").read_bytes())


def duplicate_packed_again(root: Path) -> None:
    held = gzip.decompress(volume(root, "s0", "t2").read_bytes())
    volume(root, "s1", "t2").write_bytes(gzip.compress(held, 1, mtime=9))


def one_modality_as_another(root: Path) -> None:
    volume(root, "s1", "t2").write_bytes(volume(root, "s1", "t1").read_bytes())


def contents_of(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "spoil", [truncate, change_grid, duplicate, duplicate_packed_again, one_modality_as_another]
)
def test_a_bad_subject_is_refused_or_left_out(
    registry: Registry,
    suite: MakeSuite,
    data_root: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
) -> None:
    spoil(data_root)
    before = contents_of(data_root)
    with pytest.raises(SynthbenchError, match="s1") as caught:
        run(registry, suite(methods=["identity"]), tmp_path / "out")
    assert caught.value.exit_code == 6
    assert not list((tmp_path / "out" / "store").glob("train/*"))

    options = {"methods": ["identity"], "unusable": "leave_out"}
    writer = run(registry, suite(**options), tmp_path / "out")
    info = read_json(writer.path / "run.json")
    (left,) = info["left_out"]
    assert (left["subject"], left["task"]) == ("s1", "t1 -> t2")
    assert left["reason"]
    assert any("s1" in note and left["reason"] in note for note in info["notes"])
    (split,) = read_json(writer.path / "splits.json")
    assert "s1" not in (*split["train"], *split["test"])
    folder = RunFolder.load(writer.path)
    assert left["reason"] in markdown.render(build_tables(folder)[0], folder)
    assert contents_of(data_root) == before


def test_wrong_hounsfield_units_are_refused_or_left_out(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    for n in range(5):
        raw = np.asarray(nib.load(volume(data_root, f"s{n}", "t2")).dataobj)
        shifted = (raw * 2 - (0 if n == 3 else 1000)).astype(np.int16)
        nib.save(nib.Nifti1Image(shifted, AFFINE), volume(data_root, f"s{n}", "ct"))
    data = [{"name": "folder", "root": data_root, "tasks": ["t1 -> ct"]}]
    with pytest.raises(SynthbenchError, match=r"s3_ct.*rescale intercept"):
        run(registry, suite(methods=["identity"], datasets=data), tmp_path / "out")
    plan = make_plan(registry, suite(datasets=data, unusable="leave_out"), tmp_path / "store")
    assert [each["subject"] for each in plan.left_out] == ["s3"]


def test_a_subject_without_a_modality_is_never_an_obstacle(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    lose_a_file(data_root)
    plan = make_plan(registry, suite(), tmp_path / "store")
    assert plan.left_out == [
        {"dataset": "core/folder", "task": "t1 -> t2", "subject": "s1", "reason": "it has no t2"}
    ]


def test_a_file_that_is_not_there(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    rows = [f"s{n},s{n}/s{n}_t1.nii.gz,s{n}/s{n}_t2.nii.gz" for n in range(5)]
    (data_root / "manifest.csv").write_text("subject,t1,t2\n" + "\n".join(rows))
    path = volume(data_root, "s2", "t1")
    path.symlink_to(path.rename(tmp_path / "elsewhere.nii.gz"))
    make_plan(registry, suite(), tmp_path / "store")
    (tmp_path / "elsewhere.nii.gz").unlink()
    with pytest.raises(DataError, match="s2"):
        make_plan(registry, suite(), tmp_path / "store")


def test_what_was_read_once_to_be_judged_is_not_read_again(
    registry: Registry,
    suite: MakeSuite,
    data_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truncate(data_root)
    first = make_plan(registry, suite(unusable="leave_out"), tmp_path / "store")
    monkeypatch.setattr(nib, "load", lambda *_: pytest.fail("read again"))
    second = make_plan(registry, suite(unusable="leave_out"), tmp_path / "store")
    assert first.left_out == second.left_out != []


def test_when_all_are_bad_nothing_is_left_to_run(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    for n in range(5):
        volume(data_root, f"s{n}", "t1").write_bytes(b"broken")
    with pytest.raises(DataError, match="5 subjects cannot be used"):
        make_plan(registry, suite(unusable="leave_out"), tmp_path / "store")


def test_the_others_are_not_prepared_again_when_bad_ones_are_left_out(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    truncate(data_root)
    with pytest.raises(SynthbenchError):
        run(registry, suite(methods=["identity"]), tmp_path / "out")
    writer = run(registry, suite(methods=["identity"], unusable="leave_out"), tmp_path / "out")
    masks = list((writer.store / "prep").rglob("s0/mask.npy"))
    assert len(masks) == 2
    assert masks[0].samefile(masks[1])


def test_the_mean_voxel_size_is_that_of_the_training_subjects(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    sizes = {f"s{n}": 1 + n / 4 for n in range(5)}
    for subject, side in sizes.items():
        for path in (data_root / subject).iterdir():
            array = np.asarray(nib.load(path).dataobj)
            nib.save(nib.Nifti1Image(array, np.diag([side, 1.0, 2.0, 1.0])), path)
    kfold = {"kind": "kfold", "folds": 5}
    asked = suite(methods=["identity"], spacing="mean", split=kfold)
    tasks = plan_tasks(registry, asked, tmp_path / "out" / "store")
    (task,) = tasks
    assert len(task.jobs) == 5
    for fold, split in zip(task.preps, task.division.splits, strict=True):
        mean = round(sum(sizes[name] for name in split.train) / 4, 3)
        assert task.jobs[fold].spacing == (mean, 1.0, 2.0)
    holdout = suite(methods=["identity"], spacing="mean")
    writer = run(registry, holdout, tmp_path / "out")
    (split,) = read_json(writer.path / "splits.json")
    side = round(sum(sizes[name] for name in split["train"]) / len(split["train"]), 3)
    assert split["spacing"] == [side, 1, 2]
    notes = read_json(writer.path / "run.json")["notes"]
    assert any(f"voxel size {side:g} x 1 x 2 mm" in note for note in notes)
    # The same voxel size given as numbers is the same preparation.
    (same,) = plan_tasks(registry, suite(spacing=[side, 1, 2]), tmp_path / "out" / "store")
    (mine,) = plan_tasks(registry, holdout, tmp_path / "out" / "store")
    assert same.preps == mine.preps


def test_cropped_runs_give_volumes_of_the_original_size(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[3:10, 4:12, 2:9] = 1
    for n in range(5):
        nib.save(nib.Nifti1Image(mask, AFFINE), volume(data_root, f"s{n}", "mask"))
    writer = run(registry, suite(methods=["identity"], crop=1.0), tmp_path / "out")
    (job,) = make_plan(registry, suite(crop=1.0), writer.store).preps.values()
    assert job.stage(writer.store).record is not None
    prepared = Prepared(job.stage(writer.store).path)
    assert {prepared[name].shape for name in prepared.subjects} == {(9, 10, 9)}
    written = list((writer.store / "predict").rglob("*.nii.gz"))
    assert written
    for path in written:
        assert nib.load(path).shape == SHAPE
    assert set(make_plan(registry, suite(), writer.store).preps) != {job.stage(writer.store).key}


def test_validation_subjects_are_recorded_and_used_for_nothing(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    split = {"kind": "counts", "train": 2, "validation": 1, "test": 1}
    writer = run(registry, suite(methods=["identity"], split=split), tmp_path / "out")
    (found,) = read_json(writer.path / "splits.json")
    assert [len(found[part]) for part in ("train", "validation", "test")] == [2, 1, 1]
    (cell,) = writer.path.rglob("cell.json")
    assert found["validation"][0] not in json.dumps(read_json(cell))
    (job,) = make_plan(registry, suite(split=split), writer.store).preps.values()
    assert set(job.subjects) == {*found["train"], *found["test"]}
    assert read_json(writer.path / "run.json")["split"]["kind"] == "counts"


def test_planning_a_known_dataset_reads_no_volume_and_few_files(
    registry: Registry, suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "many"
    for n in range(300):  # never opened as images: any bytes do
        (root / f"s{n}").mkdir(parents=True)
        for modality in ("t1", "t2"):
            volume(root, f"s{n}", modality).write_text(f"{n} {modality}")
    data = [{"name": "folder", "root": root, "tasks": ["t1 -> t2"]}]
    make_plan(registry, suite(datasets=data), tmp_path / "store")
    reads: list[Path] = []
    real = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, *a, **k: (reads.append(self), real(self, *a, **k))[1]
    )
    monkeypatch.setattr(hashing, "file_digest", lambda path: pytest.fail(f"read {path}"))
    monkeypatch.setattr(nib, "load", lambda path: pytest.fail(f"read {path}"))
    plan = make_plan(registry, suite(datasets=data), tmp_path / "store")
    assert len(plan.cells[0].train) + len(plan.cells[0].test) == 300
    assert len(reads) < 20


def test_training_reads_each_prepared_subject_a_fixed_number_of_times(
    registry: Registry,
    suite: MakeSuite,
    data_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_subject(data_root, "s5", 5)
    run(registry, suite(methods=["toy/conv"]), tmp_path / "out")
    reads: list[str] = []
    real: Any = stages.Prepared.__getitem__
    monkeypatch.setattr(
        stages.Prepared, "__getitem__", lambda self, i: (reads.append(i), real(self, i))[1]
    )
    monkeypatch.setattr(stages, "run_predict", lambda *_: {})
    monkeypatch.setattr(stages, "run_score", lambda *_: {})
    plan = make_plan(registry, suite(methods=["toy/conv"], seeds=[7]), tmp_path / "out" / "store")
    writer = RunWriter(tmp_path / "out", plan)
    writer.write(plan, registry, ["synthbench", "run"])
    cell = plan.cells[0]
    InlineExecutor(writer.store, registry).submit(writer.cell_folder(cell), lambda _: None)
    assert cell.stage(writer.store, "train").record is not None
    assert max(reads.count(name) for name in cell.train) <= 2


@pytest.mark.parametrize(
    "twice",
    [
        {"seeds": [0, 0]},
        {"datasets": [{"name": "phantom", "params": {"seed": n}} for n in range(2)]},
        {"datasets": [{"name": "phantom", "tasks": ["t1 -> t2", "t1 -> t2"]}]},
    ],
)
def test_cells_that_would_share_a_folder_are_refused(
    registry: Registry, suite: MakeSuite, tmp_path: Path, twice: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="asked for twice"):
        make_plan(registry, suite(**{"methods": ["identity"], **twice}), tmp_path / "store")


def test_a_prepared_subject_that_was_damaged_is_made_again_as_the_hint_says(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    writer = run(registry, suite(methods=["identity"]), tmp_path / "out")
    (stage,) = (tmp_path / "out" / "store" / "prep").glob("*/*")
    subject = Prepared(stage)["s1"]
    array = subject.folder / "volume_t1.npy"
    whole = array.read_bytes()
    array.write_bytes(whole[:-10])
    with pytest.raises(DataError) as caught:
        subject.volume("t1")
    record = stage / "done.json"
    assert f"delete {record} and repeat the command" in caught.value.hint
    record.unlink()
    again = run(registry, suite(methods=["linear"]), tmp_path / "out")
    assert again.store == writer.store
    assert array.read_bytes() == whole


@pytest.mark.parametrize("state", ["oom", "killed"])
def test_where_preparing_ran_out_of_memory_the_hint_is_about_preparing(
    registry: Registry, suite: MakeSuite, tmp_path: Path, state: str
) -> None:
    class Ended:
        slots = 1

        def submit(self, folder: Path, report: object) -> Ended:
            return self

        def poll(self) -> dict[str, Any]:
            return {"state": state, "message": "no memory", "hint": "lower batch"}

        def cancel(self) -> None:
            raise AssertionError

    plan = make_plan(registry, suite(methods=["identity"]), tmp_path / "store")
    writer = RunWriter(tmp_path, plan)
    writer.write(plan, registry, ["synthbench", "run"])
    with pytest.raises(SynthbenchError, match="no memory") as caught:
        execute(plan, writer, Ended(), registry)
    assert "--jobs 1" in caught.value.hint
