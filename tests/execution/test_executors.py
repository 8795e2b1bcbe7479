from pathlib import Path

import pytest

from synthbench.execution import executors
from synthbench.execution.executors import LocalExecutor
from synthbench.volumes import parallel

TWO = [("GPU-a", "Big card"), ("GPU-b", "Big card")]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(parallel, "cores", lambda: 8)


def devices(executor: LocalExecutor) -> list[str | None]:
    return [e.get("CUDA_VISIBLE_DEVICES") for e in executor._environments]


@pytest.mark.parametrize(
    ("slots", "expected"),
    [(None, ["GPU-a", "GPU-b"]), (1, ["GPU-a"]), (3, ["GPU-a", "GPU-b", "GPU-a"])],
)
def test_every_slot_has_a_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slots: int | None, expected: list[str]
) -> None:
    monkeypatch.setattr(executors, "gpus", lambda: TWO)
    assert devices(LocalExecutor(tmp_path, slots)) == expected


@pytest.mark.parametrize(("visible", "expected"), [("1", ["1"]), ("3,2", ["3", "2"]), ("", [""])])
def test_the_users_choice_of_gpus_is_respected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, visible: str, expected: list[str]
) -> None:
    monkeypatch.setattr(executors, "gpus", lambda: TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices(LocalExecutor(tmp_path)) == expected


def test_without_gpus_slots_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(executors, "gpus", lambda: [])
    alone = LocalExecutor(tmp_path)
    assert alone.slots == 1
    assert "OMP_NUM_THREADS" not in alone._environments[0]
    four = LocalExecutor(tmp_path, 4)
    assert {e["OMP_NUM_THREADS"] for e in four._environments} == {"2"}
    assert {e["OMP_WAIT_POLICY"] for e in four._environments} == {"PASSIVE"}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert {e["OMP_NUM_THREADS"] for e in LocalExecutor(tmp_path, 4)._environments} == {"1"}


@pytest.mark.parametrize(
    ("cells", "gigabytes", "expected"),
    [(13, 512, 8), (3, 512, 3), (13, 25, 3), (13, 4, 1), (1, 512, 1)],
)
def test_without_gpus_there_is_a_cell_a_core_while_memory_lasts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cells: int, gigabytes: int, expected: int
) -> None:
    class Memory:
        total = gigabytes * 2**30

    monkeypatch.setattr(executors, "gpus", lambda: [])
    monkeypatch.setattr(parallel.psutil, "virtual_memory", Memory)
    assert LocalExecutor(tmp_path, cells=cells).slots == expected
    assert LocalExecutor(tmp_path, 2, cells=cells).slots == 2
