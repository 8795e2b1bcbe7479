"""What starting a run and its workers costs before anything is computed."""

import gc
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthbench.execution import worker
from synthbench.execution.cells import Outside, write_job
from synthbench.execution.planning import make_plan
from synthbench.registry import Registry
from synthbench.suite import Suite

HEAVY = ("torch", "monai", "nibabel", "pandas", "matplotlib", "scipy", "skimage", "nilearn")


def test_a_run_imports_nothing_heavy_before_its_first_worker(
    data_root: Path, tmp_path: Path
) -> None:
    """A process that only plans and waits must not import what its workers import again."""
    command = ["run", "--methods", "identity", "--dataset", "folder", "--data-root", str(data_root)]
    command += ["--source", "t1", "--target", "t2", "--preset", "smoke"]
    command += ["--output", str(tmp_path / "output")]
    code = f"""
import subprocess, sys
from synthbench.cli import main
start = subprocess.Popen
def popen(arguments, **options):
    if "synthbench.execution.worker" not in arguments:
        return start(arguments, **options)
    print("worker", *sorted(set({HEAVY!r}) & set(sys.modules)))
    sys.exit()
subprocess.Popen = popen
main({command!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "worker\n", done.stderr


def test_importing_for_training_leaves_the_collector_on_and_what_it_imported_out() -> None:
    try:
        worker._import_for_training()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
        assert "torch._dynamo" in sys.modules
    finally:
        gc.unfreeze()


def test_a_broken_installation_is_left_to_the_stage_that_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)
    try:
        worker._import_for_training()
        assert gc.isenabled()
    finally:
        gc.unfreeze()


def test_only_a_cell_that_is_not_trained_yet_imports_for_training(
    registry: Registry, suite: Callable[..., Suite], tmp_path: Path
) -> None:
    cell = make_plan(registry, suite(), tmp_path).cells[0]
    folder, store = tmp_path / "cell", tmp_path / "store"
    folder.mkdir()
    assert not worker._will_train(folder, store)  # a preparation
    write_job(folder / "cell.json", cell)
    assert worker._will_train(folder, store)
    cell.stage(store, "train").ensure(lambda path: {})
    assert not worker._will_train(folder, store)
    outside = replace(cell, outside=Outside({}), payloads={**cell.payloads, "train": {"seed": 9}})
    write_job(folder / "cell.json", outside)
    assert not worker._will_train(folder, store)
