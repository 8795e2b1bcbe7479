import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from synthbench.api import DataError
from synthbench.store import atomic, claims
from synthbench.store.atomic import read_json, write_json, write_text
from synthbench.store.claims import claimed
from synthbench.store.stage import StageFolder


def test_work_runs_once(tmp_path: Path) -> None:
    calls = []

    def work(folder: Path) -> dict[str, int]:
        calls.append(folder)
        return {"n": len(calls)}

    stage = StageFolder(tmp_path, "train", {"seed": 1})
    assert stage.ensure(work) == ({"n": 1}, True)
    assert StageFolder(tmp_path, "train", {"seed": 1}).ensure(work) == ({"n": 1}, False)
    assert StageFolder(tmp_path, "train", {"seed": 2}).ensure(work) == ({"n": 2}, True)


def test_a_failed_stage_is_not_done_and_can_be_continued(tmp_path: Path) -> None:
    stage = StageFolder(tmp_path, "train", {"seed": 1})

    def fail(folder: Path) -> dict[str, int]:
        (folder / "partial").write_text("kept")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        stage.ensure(fail)
    assert stage.record is None
    assert stage.begun
    assert not (stage.path / "claim.json").exists()
    _, ran = stage.ensure(lambda folder: {"kept": (folder / "partial").exists()})
    assert ran
    assert stage.record == {"kept": True}


def test_what_a_killed_attempt_left_unfinished_is_swept_away(tmp_path: Path) -> None:
    stage = StageFolder(tmp_path, "prep", {"seed": 1})
    half = stage.path / "subjects" / ".unfinished-12-ab"
    half.mkdir(parents=True)
    (half / "volume.npy").write_bytes(b"half")
    (stage.path / ".model.pt.0123.tmp").write_bytes(b"half")
    (stage.path / "last.pt").write_bytes(b"whole")
    stage.ensure(lambda _: {})
    left = sorted(path.name for path in stage.path.rglob("*") if path.is_file())
    assert left == ["done.json", "key.json", "last.pt"]
    assert not half.exists()


def test_a_folder_of_something_else_is_never_reused(tmp_path: Path) -> None:
    stage = StageFolder(tmp_path, "train", {"seed": 1})
    stage.ensure(lambda _: {})
    write_json(stage.path / "key.json", {"seed": 2})
    with pytest.raises(DataError, match="something else"):
        _ = stage.record


def test_two_workers_do_the_work_once(tmp_path: Path) -> None:
    calls = []
    stage = StageFolder(tmp_path, "prep", {"x": 1})

    def work(_: Path) -> dict[str, int]:
        calls.append(1)
        return {}

    threads = [threading.Thread(target=stage.ensure, args=(work,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_the_claim_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from synthbench.store.claims import claimed\n"
        "with claimed(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert (tmp_path / "claim.json").exists()
    with claimed(tmp_path):
        assert json.loads((tmp_path / "claim.json").read_text())["pid"] == os.getpid()


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        write_json(path, {"new": 2})
    assert read_json(path) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(DataError, match=r"cannot write .*file/x\.txt"):
        write_text(blocker / "x.txt", "text")


def test_files_are_as_readable_as_any_other_of_the_user(tmp_path: Path) -> None:
    write_text(tmp_path / "ours.txt", "x")
    (tmp_path / "plain.txt").write_text("x")
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_damaged_json_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "done.json"
    path.write_text('{"a": ')
    with pytest.raises(DataError, match=r"done\.json is not valid JSON"):
        read_json(path)
    assert read_json(tmp_path / "absent.json") is None


def _claim_of(pid: int, started: float, age: float, folder: Path) -> Path:
    path = folder / "claim.json"
    owner = {"host": socket.gethostname(), "pid": pid, "started": started}
    path.write_text(json.dumps(owner))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_a_live_owner_keeps_its_claim_though_the_clock_was_set(tmp_path: Path) -> None:
    started = psutil.Process().create_time()
    assert not claims._is_stale(_claim_of(os.getpid(), started, 500, tmp_path))
    assert not claims._is_stale(_claim_of(os.getpid(), started + 1, 5, tmp_path))
    # Another process that was given the number of a dead one.
    assert claims._is_stale(_claim_of(os.getpid(), started + 1, 500, tmp_path))


def test_the_claim_of_a_process_that_nobody_buried_is_taken_over(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        started = psutil.Process(process.pid).create_time()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        assert claims._is_stale(_claim_of(process.pid, started, 0, tmp_path))


def test_a_claim_that_another_waiter_made_meanwhile_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = _claim_of(os.getpid(), psutil.Process().create_time(), 0, tmp_path)
    held = live.read_text()
    looks, real = iter([True]), claims._is_stale
    monkeypatch.setattr(claims, "_is_stale", lambda path: next(looks, None) or real(path))
    claims._take_away(live)
    assert live.read_text() == held
    assert [path.name for path in tmp_path.iterdir()] == ["claim.json"]
