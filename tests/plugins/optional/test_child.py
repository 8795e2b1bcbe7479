"""Programs in processes of their own."""

import os
from pathlib import Path

import pytest

from synthbench_plugins.optional import child


def test_it_gets_its_own_environment_and_is_watched(tmp_path: Path) -> None:
    polls: list[int] = []
    child.run(
        "platform",
        [],
        changes={"SYNTHBENCH_ONLY_THERE": "1"},
        log=tmp_path / "log.txt",
        poll=lambda: polls.append(1),
    )
    assert "SYNTHBENCH_ONLY_THERE" not in os.environ
    assert (tmp_path / "log.txt").read_text()
    assert polls


def test_a_failure_names_the_last_line_and_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with pytest.raises(RuntimeError, match=r"No module named.*\(exit code 1\); see .*log.txt"):
        child.run("synthbench_plugins.no_such_program", [], changes={}, log=log)
