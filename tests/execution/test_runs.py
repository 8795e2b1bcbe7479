"""Whole runs, in this process, on tiny volumes."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import DataError, NothingSelectedError, SynthbenchError, UsageError
from synthbench.execution import stages
from synthbench.execution.dispatch import execute
from synthbench.execution.executors import InlineExecutor
from synthbench.execution.planning import Plan, make_plan
from synthbench.execution.runs import RunWriter
from synthbench.registry import Registry
from synthbench.report import latex, markdown
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from synthbench.store.atomic import read_json
from synthbench.suite import Suite

MakeSuite = Callable[..., Suite]


def run(registry: Registry, suite: Suite, output: Path) -> tuple[Plan, RunWriter, dict[str, int]]:
    plan = make_plan(registry, suite, output / "store")
    writer = RunWriter(output, plan)
    writer.write(plan, registry, ["synthbench", "run"])
    states = execute(plan, writer, InlineExecutor(writer.store, registry), registry)
    return plan, writer, states


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_ends_in_scores_and_volumes(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    plan, writer, states = run(registry, suite(), tmp_path / "out")
    assert states == {"done": 2}
    scores = table(writer.path / "scores.csv")
    assert {row["method"] for row in scores} == {"toy/conv", "core/identity"}
    assert {row["subject"] for row in scores} == set(plan.cells[0].test)
    assert {"whole", "foreground"} < {row["region"] for row in scores}
    cells = {row["method"]: row for row in table(writer.path / "cells.csv")}
    trained = cells["toy/conv"]
    assert trained["state"] == "done"
    assert int(trained["steps"]) == 8
    assert float(trained["peak_rss_train_mb"]) > 50
    assert float(trained["peak_rss_predict_mb"]) > 50
    volumes = writer.path / trained["predict_dir"]
    for subject in plan.cells[0].test:
        image = nib.load(volumes / f"{subject}.nii.gz")
        assert image.shape == (14, 16, 12)
        assert np.array_equal(image.affine, np.diag([1, 1, 2, 1]))
        unit = np.load(volumes / f"{subject}.npy")
        assert unit.shape == image.shape
        assert 0 <= unit.min() <= unit.max() <= 1
    info = json.loads((writer.path / "run.json").read_text())
    assert info["methods"]["core/identity"]["baseline"]
    assert info["metrics"]["psnr"]["better"] == "higher"
    assert list(info["methods"]) == ["toy/conv", "core/identity"]


def test_the_same_again_does_no_work(
    registry: Registry, suite: MakeSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first, _ = run(registry, suite(), tmp_path / "out")
    before = (first.path / "scores.csv").read_text()
    for name in ("run_prep", "run_train", "run_predict", "run_score"):
        monkeypatch.setattr(stages, name, lambda *_, **__: pytest.fail("worked again"))
    _, second, states = run(registry, suite(), tmp_path / "out")
    assert second.path == first.path
    assert states == {"done": 2}
    assert (second.path / "scores.csv").read_text() == before


@pytest.mark.parametrize(
    ("change", "worked"),
    [
        ({"methods": ["toy/conv", "identity", "linear"]}, {"train": 1, "predict": 1, "score": 1}),
        ({"set_for": {"conv": {"inference.overlap": 0.25}}}, {"predict": 1, "score": 1}),
        ({"set_for": {"conv": {"optimiser.lr": 0.02}}}, {"train": 1, "predict": 1, "score": 1}),
        ({"seeds": [0, 1]}, {"train": 2, "predict": 2, "score": 2}),
        ({"spacing": 2.0}, {"prep": 1, "train": 2, "predict": 2, "score": 2}),
    ],
)
def test_only_what_a_change_touches_runs_again(
    registry: Registry,
    suite: MakeSuite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    worked: dict[str, int],
) -> None:
    run(registry, suite(), tmp_path / "out")
    counts: dict[str, int] = {}
    for name in ("prep", "train", "predict", "score"):
        work = getattr(stages, f"run_{name}")

        def counting(*args: Any, _name: str = name, _work: Any = work) -> Any:
            counts[_name] = counts.get(_name, 0) + 1
            return _work(*args)

        monkeypatch.setattr(stages, f"run_{name}", counting)
    run(registry, suite(**change), tmp_path / "out")
    assert counts == worked


def test_one_failing_cell_leaves_the_others_untouched(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    methods = ["toy/nan", "toy/oom", "toy/shape", "toy/unready", "toy/undense", "toy/unmatched"]
    _, writer, states = run(registry, suite(methods=[*methods, "identity"]), tmp_path / "out")
    assert states == {"done": 1, "failed": 2, "oom": 1, "blocked": 3}
    rows = {row["method"]: row for row in table(writer.path / "cells.csv")}
    assert rows["core/identity"]["state"] == "done"
    assert "diverged" in rows["toy/nan"]["message"]
    assert rows["toy/oom"]["state"] == "oom"
    assert "returned shape" in rows["toy/shape"]["message"]
    assert "no_such_package" in rows["toy/unready"]["message"]
    assert "one logit a voxel" in rows["toy/undense"]["message"]
    assert "intermediate features" in rows["toy/unmatched"]["message"]
    log = next(writer.path.glob("cells/*/*/toy__nan/*/log.txt"))
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("undense", "toy/dense_only needs one logit a voxel, which toy/critic does not give"),
        ("unmatched", "toy/matching needs intermediate features, which toy/blunt does not give"),
        ("untrainable", "toy/calibrated has nothing to train"),
        ("unpaired", "toy/l1 is not an adversarial pair and cannot train toy/critic"),
        ("unjudged", "toy/squared is an adversarial pair and no loss by itself"),
        ("matched", None),  # one of its two discriminators offers what the loss needs
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused_at_plan_time(
    registry: Registry, suite: MakeSuite, tmp_path: Path, method: str, reason: str | None
) -> None:
    plan = make_plan(registry, suite(methods=[f"toy/{method}"]), tmp_path)
    blocked = plan.cells[0].blocked
    assert (blocked and blocked[0]) == reason


def test_remarks_of_components_reach_the_run_and_its_report(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    _, writer, _ = run(registry, suite(methods=["toy/remarkable", "identity"]), tmp_path / "out")
    methods = read_json(writer.path / "run.json")["methods"]
    assert methods["toy/remarkable"]["remarks"] == ["a remark of this loss"]
    assert methods["core/identity"]["remarks"] == []
    folder = RunFolder.load(writer.path)
    for render in (markdown.render, latex.render):
        (text,) = [render(each, folder) for each in build_tables(folder)]
        assert "remarkable: a remark of this loss." in text


def test_a_failed_cell_is_tried_again_and_its_attempts_stay_listed(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    for _ in range(2):
        plan, writer, states = run(registry, suite(methods=["toy/nan"]), tmp_path / "out")
        assert states == {"done": 0, "failed": 1}
    attempts = read_json(writer.cell_folder(plan.cells[0]) / "attempts.json")
    assert [attempt["state"] for attempt in attempts] == ["failed", "failed"]


def test_folds_test_every_subject_once(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    plan, _, states = run(
        registry, suite(methods=["identity"], split={"kind": "kfold", "folds": 5}), tmp_path / "out"
    )
    assert states == {"done": 5}
    assert sorted(s for cell in plan.cells for s in cell.test) == [f"s{n}" for n in range(5)]
    for cell in plan.cells:
        assert not set(cell.train) & set(cell.test)


def test_a_subject_without_a_modality_is_left_out_and_named(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    (data_root / "s3" / "s3_t2.nii.gz").unlink()
    plan = make_plan(registry, suite(), tmp_path / "store")
    assert not any("s3" in (*cell.train, *cell.test) for cell in plan.cells)
    assert any("1 of 5 subjects" in note and "s3" in note for note in plan.notes)


def test_one_volume_under_two_names_is_refused(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    plan = make_plan(registry, suite(), tmp_path / "store")
    test, train = plan.cells[0].test[0], plan.cells[0].train[0]
    copy = data_root / train / f"{train}_t1.nii.gz"
    copy.write_bytes((data_root / test / f"{test}_t1.nii.gz").read_bytes())
    with pytest.raises(DataError) as caught:
        make_plan(registry, suite(), tmp_path / "store")
    assert test in str(caught.value)
    assert train in str(caught.value)


def test_patients_stay_together(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("subject,patient\n" + "".join(f"s{n},p{n // 2}\n" for n in range(5)))
    datasets = [{"name": "folder", "root": data_root, "tasks": ["t1 -> t2"], "group_file": groups}]
    for seed in range(6):
        split = {"test": 0.4, "seed": seed}
        plan = make_plan(registry, suite(datasets=datasets, split=split), tmp_path / "store")
        patients = [
            {int(s[1]) // 2 for s in ids} for ids in (plan.cells[0].train, plan.cells[0].test)
        ]
        assert not patients[0] & patients[1]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("s1/s1_t1.nii.gz", None, "s1_t1"),
        ("s1/s1_t2.nii.gz", b"not a gzip file", "s1_t2"),
    ],
)
def test_a_damaged_volume_stops_the_run_before_training(
    registry: Registry,
    suite: MakeSuite,
    data_root: Path,
    tmp_path: Path,
    file: str,
    content: bytes | None,
    message: str,
) -> None:
    path = data_root / file
    path.write_bytes(path.read_bytes()[:-200] if content is None else content)
    with pytest.raises(SynthbenchError) as caught:
        run(registry, suite(), tmp_path / "out")
    assert message in caught.value.message
    assert caught.value.exit_code == 6
    assert caught.value.hint
    assert not list((tmp_path / "out" / "store").glob("train/*"))


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"methods": ["identitty"]}, "identitty", "identity"),
        ({"evaluators": ["iqqa"]}, "iqqa", "iqa"),
        ({"set": {"optimiser.learning_rate": 1}}, "learning_rate", "lr"),
        ({"set_for": {"nobody": {"batch": 2}}}, "nobody", "conv"),
        ({"set": {"batch": 0}}, "batch", ""),
        ({"set": {"discriminators": "patchgan4d:lsgan@1"}}, "", ""),
    ],
)
def test_wrong_names_are_found_while_planning(
    registry: Registry,
    suite: MakeSuite,
    tmp_path: Path,
    change: dict[str, Any],
    message: str,
    hint: str,
) -> None:
    if "discriminators" in str(change):  # inside one recipe: that cell is blocked, others run
        plan = make_plan(registry, suite(**change), tmp_path / "store")
        assert all("patchgan4d" in (cell.blocked or [""])[0] for cell in plan.cells)
        return
    with pytest.raises(UsageError) as caught:
        make_plan(registry, suite(**change), tmp_path / "store")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_an_unknown_modality_suggests_the_nearest(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    datasets = [{"name": "folder", "root": data_root, "tasks": ["t1 -> t22"]}]
    with pytest.raises(UsageError, match="t22") as caught:
        make_plan(registry, suite(datasets=datasets), tmp_path / "store")
    assert "t2" in caught.value.hint


def test_too_many_sources_are_refused_at_plan_time(
    registry: Registry, suite: MakeSuite, data_root: Path, tmp_path: Path
) -> None:
    for n in range(5):
        image = nib.load(data_root / f"s{n}" / f"s{n}_t1.nii.gz")
        other = nib.Nifti1Image(np.sqrt(image.get_fdata()), image.affine)
        nib.save(other, data_root / f"s{n}" / f"s{n}_flair.nii.gz")
    datasets = [{"name": "folder", "root": data_root, "tasks": ["t1,flair -> t2"]}]
    plan = make_plan(registry, suite(datasets=datasets), tmp_path / "store")
    blocked = {cell.method: cell.blocked for cell in plan.cells}
    assert blocked["core/identity"] is None
    assert "no more than 1 source" in (blocked["toy/conv"] or ("",))[0]


def test_nothing_selected_is_an_error(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(NothingSelectedError):
        make_plan(registry, Suite(), tmp_path)


def test_a_suites_own_method_is_an_installed_one_changed(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    own = {"name": "plain", "base": "toy/conv", "set": {"discriminators": []}}
    plan = make_plan(registry, suite(methods=[own, "toy/conv"]), tmp_path / "store")
    mine, theirs = plan.cells
    assert mine.method == "suite/plain"
    assert mine.recipe["discriminators"] == []
    assert len(theirs.recipe["discriminators"]) == 1


def test_plans_of_the_same_request_share_a_name_and_others_do_not(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    names = [
        make_plan(registry, suite(**change), tmp_path / "store").name
        for change in ({}, {}, {"seeds": [1]}, {"methods": ["identity"]})
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3
