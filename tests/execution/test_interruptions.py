"""Real processes, killed in every way a machine can kill them; results must not differ."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

STEPS = 150


#: Adds a cell that has nothing to do with the one that is disturbed.
WITH_ANOTHER = ("--methods", "pix2pix_resunet,identity")
#: Spares a process where nothing is disturbed; executors never change a score.
INLINE = ("--executor", "inline")


def command(data_root: Path, output: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "synthbench", "run", "--dataset", "folder"),
        *("--data-root", str(data_root), "--source", "t1", "--target", "t2", "--preset", "smoke"),
        *("--methods", "pix2pix_resunet", "--output", str(output), "--test", "0.4"),
        *("--set", f"pix2pix_resunet.budget.steps={STEPS}"),
        *("--set", "pix2pix_resunet.patch.size=[8,8,8]"),
        *("--set", "pix2pix_resunet.translator.params.channels=[4,8]"),
        # One window holds a whole volume here, which spares every process the import of MONAI.
        *("--set", "pix2pix_resunet.inference.window=[16,16,16]"),
        *more,
    ]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "SYNTHBENCH_CHECKPOINT_SECONDS": "0.2"}


def listen_to_ctrl_c() -> None:
    """Undo what a job in the background of a shell inherits: that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(data_root: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(data_root, output, *more),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def scores(output: Path) -> list[dict[str, str]]:
    (path,) = output.glob("runs/*/scores.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def cells(output: Path) -> dict[str, dict[str, str]]:
    (path,) = output.glob("runs/*/cells.csv")
    with path.open(newline="") as file:
        return {row["method"]: row for row in csv.DictReader(file)}


@pytest.fixture
def start(data_root: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(output: Path, *more: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command(data_root, output, *more),
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=listen_to_ctrl_c,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def training(output: Path) -> bool:
    """Whether a checkpoint of an unfinished training lies there."""
    return any(output.glob("store/train/*/*/last.pt"))


def training_worker(output: Path) -> psutil.Process:
    """Wait until a run trains; the process that does it."""
    wait_for(lambda: training(output))
    (claim,) = output.glob("store/train/*/*/claim.json")
    return psutil.Process(json.loads(claim.read_text())["pid"])


def test_killed_at_any_moment_the_same_command_gives_the_same_scores(
    data_root: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    undisturbed = tmp_path / "undisturbed"
    done = finish(data_root, undisturbed, *INLINE)
    assert done.returncode == 0, done.stderr
    disturbed = tmp_path / "disturbed"
    moments = random.Random()  # a new moment in every session: none may matter
    for _ in range(2):
        process = start(disturbed)
        wait_for(lambda: training(disturbed))
        time.sleep(moments.uniform(0.0, 1.0))
        family = [psutil.Process(process.pid)]
        family += family[0].children(recursive=True)
        for member in family:
            member.kill()
        process.wait()
    again = finish(data_root, disturbed)
    assert again.returncode == 0, again.stderr
    assert scores(disturbed) == scores(undisturbed)
    last = finish(data_root, disturbed, *INLINE)
    assert "nothing to run" in last.stderr


def test_ctrl_c_keeps_a_checkpoint_and_the_next_run_continues(
    data_root: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    output = tmp_path / "out"
    process = start(output)
    wait_for(lambda: training(output))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert cells(output)["core/pix2pix_resunet"]["state"] == "interrupted"
    assert training(output)
    assert not list(output.glob("store/train/*/*/claim.json"))
    assert finish(data_root, output).returncode == 0
    row = cells(output)["core/pix2pix_resunet"]
    assert (row["state"], row["resumed"], row["steps"]) == ("done", "True", str(STEPS))


@pytest.mark.parametrize("seconds", [0.4, 1.5, 3.0])
def test_ctrl_c_at_any_moment_loses_nothing(
    data_root: Path,
    tmp_path: Path,
    start: Callable[..., subprocess.Popen[bytes]],
    seconds: float,
) -> None:
    output = tmp_path / "out"
    process = start(output)
    time.sleep(seconds)  # while importing, planning, preparing or in the first cell
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) in (130, -signal.SIGINT)  # the latter before Python is up
    assert not list(output.rglob("claim.json"))
    short = ("--set", "pix2pix_resunet.budget.steps=2", *INLINE)
    assert finish(data_root, output, *short).returncode == 0


def test_an_orphaned_worker_stops_by_itself(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    output = tmp_path / "out"
    process = start(output)
    worker = training_worker(output)
    process.kill()
    process.wait()
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert not list(output.glob("store/train/*/*/claim.json"))


def test_a_killed_worker_is_one_failed_cell(
    data_root: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    output = tmp_path / "out"
    process = start(output, *WITH_ANOTHER)
    worker = training_worker(output)
    worker.kill()
    assert process.wait(timeout=60) == 3
    rows = cells(output)
    assert rows["core/pix2pix_resunet"]["state"] == "killed"
    assert "SIGKILL" in rows["core/pix2pix_resunet"]["message"]
    assert rows["core/identity"]["state"] == "done"
    assert finish(data_root, output, *INLINE, *WITH_ANOTHER).returncode == 0


def test_a_time_limit_ends_a_cell_and_a_longer_one_continues_it(
    data_root: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    endless = (*WITH_ANOTHER, "--set", "pix2pix_resunet.budget.steps=100000")
    limited = finish(data_root, output, *endless, "--time-limit", "0.25")
    assert limited.returncode == 3, limited.stderr
    rows = cells(output)
    assert rows["core/pix2pix_resunet"]["state"] == "timeout"
    assert rows["core/identity"]["state"] == "done"
    assert training(output)
    assert "timeout" in limited.stdout  # the table keeps the row and its reason
