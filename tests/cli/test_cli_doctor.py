from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from synthbench.cli import main
from tests.fake_plugins import Site


@pytest.fixture(autouse=True)
def quiet_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHBENCH_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.setenv("SYNTHBENCH_OUTPUT", str(tmp_path / "results" / "here"))
    monkeypatch.delenv("SYNTHBENCH_DATA", raising=False)


def test_a_healthy_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for text in ("Python 3.", "torch ", "monai ", "CPU cores", "plugin losses (synthbench"):
        assert text in out
    assert f"results go to {tmp_path / 'results' / 'here'}" in out
    assert "\nfail" not in out
    assert not (tmp_path / "results").exists()  # looking changes nothing


def test_a_broken_plugin_ends_with_5(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("dead", "import gone")
    assert main(["doctor"]) == 5
    out = capsys.readouterr().out
    assert "fail  plugin dead (synthbench-dead 1.0): broken: ModuleNotFoundError" in out
    assert "pip uninstall synthbench-dead" in out


def test_results_that_cannot_be_written_end_with_6(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["doctor", "--output", str(tmp_path / "file" / "below")]) == 6
    assert "results cannot be written to" in capsys.readouterr().out


def test_a_full_disk_ends_with_6(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 2**29))
    assert main(["doctor"]) == 6
    assert "only 0.5 GiB free" in capsys.readouterr().out


DATASET = """
@hookimpl
def synthbench_datasets():
    return [DatasetSpec(name="scans", target="a:B", summary="")]
"""


def test_datasets_are_looked_for(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", DATASET)
    assert main(["doctor"]) == 0
    assert "note  dataset acme/scans: no folder known" in capsys.readouterr().out
    (tmp_path / "data" / "scans").mkdir(parents=True)
    monkeypatch.setenv("SYNTHBENCH_DATA", str(tmp_path / "data"))
    assert main(["doctor"]) == 0
    assert f"ok    dataset acme/scans: {tmp_path / 'data' / 'scans'}" in capsys.readouterr().out


def test_a_configured_folder_that_is_gone_ends_with_6(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", DATASET)
    (tmp_path / "config.yaml").write_text("data: {scans: /no/such/folder}\n")
    assert main(["doctor"]) == 6
    assert "/no/such/folder does not exist" in capsys.readouterr().out
