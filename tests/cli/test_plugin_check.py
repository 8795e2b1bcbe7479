"""``synthbench plugin check``: table, JSON and exit codes; the checks have tests of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthbench.cli import main
from tests.fake_plugins import BLUR, Site
from tests.tiny import write_tree

LIGHT = "from synthbench.api import LossSpec, hookimpl\nsynthbench_api_version = '1.0'\n"
HALF_DEAD = """
@hookimpl
def synthbench_losses():
    return [LossSpec(name="l1", target="no_such_module:L1", summary="X.")]
"""
UNREADY = """
@hookimpl
def synthbench_losses():
    return [LossSpec(name="vgg", target="no_such:Vgg", summary="X.", requires=("no_such_package",))]
"""


def test_a_sound_component_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "core/l1"]) == 0
    out = capsys.readouterr().out
    header, first, *_ = out.splitlines()
    assert header.split() == ["of", "check", "verdict", "reason"]
    assert first.split() == ["losses:core/l1", "names", "pass"]
    assert "least-for-equal" in out
    assert out.splitlines()[-1] == "10 passed, 0 failed, 0 skipped"


def test_a_failure_ends_with_5_and_its_reason(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", HALF_DEAD, header=LIGHT)
    assert main(["plugin", "check", "acme", "--level", "0"]) == 5
    out = capsys.readouterr().out
    assert "No module named 'no_such_module'" in out
    assert "1 failed" in out.splitlines()[-1]


def test_a_broken_plugin_fails(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("dead", "import gone")
    assert main(["plugin", "check", "dead"]) == 5
    assert "it is broken: ModuleNotFoundError: No module named 'gone'" in capsys.readouterr().out


def test_nothing_but_skips_fails(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("acme", UNREADY)
    assert main(["plugin", "check", "acme/vgg"]) == 5
    last = [line for line in capsys.readouterr().out.splitlines() if "anything-checked" in line]
    assert len(last) == 1
    assert "every check was skipped: acme/vgg needs the Python package" in last[0]


def test_json_on_standard_output_is_all_there_is(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", BLUR)
    assert main(["plugin", "check", "methods:acme/blur", "--level", "0", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "methods:acme/blur" and found["level"] == 0
    assert found["verdicts"] == {"pass": 3, "fail": 0, "skip": 0, "xfail": 0}
    names = [(row["specimen"], row["check"], row["verdict"]) for row in found["results"]]
    assert names[-1] == ("methods:acme/blur", "recipes", "pass")


def test_json_into_a_file_comes_with_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "checked.json"
    assert main(["plugin", "check", "core/l2", "--level", "0", "--json", str(file)]) == 0
    assert len(json.loads(file.read_text())["results"]) == 4
    assert "4 passed" in capsys.readouterr().out


def test_a_dataset_is_checked_on_the_given_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path / "scans", 2)
    monkeypatch.chdir(tmp_path)
    command = ["plugin", "check", "datasets:folder", "--data-root", "scans", "--json", "-"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    skipped = [row["check"] for row in found["results"] if row["verdict"] == "skip"]
    assert skipped == ["generated"]  # its volumes are files


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lsgn"], "hint: did you mean core/lsgan"),
        (["losses:l11"], "hint: did you mean core/l1"),
        (["core/l1", "--data-root", "."], "0 datasets that read a folder"),
    ],
)
def test_wrong_names_are_usage_errors(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "check", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_group_names_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "--help"]) == 0
    out = capsys.readouterr().out
    assert "check" in out and "new" in out
