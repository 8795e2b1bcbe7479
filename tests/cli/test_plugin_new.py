"""``synthbench plugin new``: what it writes works as it is, from installing to a table."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from synthbench import __version__
from synthbench.api import API_VERSION
from synthbench.cli import main
from tests.fake_plugins import BLUR, Site
from tests.virtual import make_environment, output

#: Its dash is legal in a plugin's name and a distribution's, but not in a package's.
NAME = "dose-net"
DISTRIBUTION, PACKAGE = "synthbench-dose-net", "synthbench_dose_net"


def new(name: str, folder: Path) -> int:
    return main(["plugin", "new", name, "-o", str(folder)])


def test_it_writes_a_distribution_and_says_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = tmp_path / "my work"
    assert new(NAME, parent) == 0
    out = capsys.readouterr().out
    folder = parent / DISTRIBUTION
    assert f"wrote {folder}\n" in out
    assert f"  pip install -e '{folder}[test]'\n  synthbench plugin check {NAME}\n" in out
    written = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert written == {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        f"{PACKAGE}/__init__.py",
        f"{PACKAGE}/losses.py",
        f"{PACKAGE}/networks.py",
        f"{PACKAGE}/plugin.py",
        "tests/test_components.py",
        "tests/test_conformance.py",
    }
    assert [path.name for path in parent.iterdir()] == [DISTRIBUTION]
    project = (folder / "pyproject.toml").read_text()
    assert f'\n{NAME} = "{PACKAGE}.plugin"\n' in project
    assert f'"synthbench>={__version__}"' in project
    assert (
        f'synthbench_api_version = "{API_VERSION}"' in (folder / PACKAGE / "plugin.py").read_text()
    )


def test_without_an_option_it_writes_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", "my_lab"]) == 0
    assert (tmp_path / "synthbench-my-lab" / "synthbench_my_lab" / "plugin.py").is_file()


@pytest.mark.parametrize("name", ["Acme", "a b", "-o", "_lab", "lab-", "../lab", "läb", ""])
def test_a_malformed_name_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "new", "-o", str(tmp_path), "--", name]) == 2
    err = capsys.readouterr().err
    assert f"Error: {name!r} cannot be the name of a plugin" in err
    assert "lower-case letters, digits, _ and -" in err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("identity", "that of the built-in core/identity"),
        ("l1", "that of the built-in core/l1"),
        ("evaluators", "that of a plugin of synthbench"),
        ("all", "reserved"),
        ("core", "reserved"),
        ("plugins", "taken: there is a Python package synthbench_plugins"),
    ],
)
def test_a_taken_name_is_refused(
    name: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new(name, tmp_path) == 2
    assert f"the name {name!r} is {reason}" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_the_name_of_an_installed_plugin_is_refused(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", BLUR)
    assert new("acme", tmp_path / "out") == 2
    assert "the name 'acme' is that of a plugin of synthbench-acme" in capsys.readouterr().err


def test_what_is_there_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / DISTRIBUTION).mkdir()
    assert new(NAME, tmp_path) == 2
    assert f"{tmp_path / DISTRIBUTION} already exists" in capsys.readouterr().err
    assert [*tmp_path.rglob("*")] == [tmp_path / DISTRIBUTION]


def test_what_it_writes_is_linted_and_formatted(tmp_path: Path) -> None:
    assert new("acme-lab", tmp_path) == 0
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select=E,F,W,I,UP,B,SIM,RUF"], ["format", "--check"]):
        done = subprocess.run(
            [*ruff, *command, "--isolated", "."],
            cwd=tmp_path / "synthbench-acme-lab",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_template_is_named_in_the_package_data() -> None:
    import tomllib

    root = Path(__file__).parent.parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["synthbench.cli"]
    package = Path(str(files("synthbench.cli")))
    declared = {path for pattern in patterns for path in package.glob(pattern)}
    there = {p for p in (package / "templates").rglob("*") if p.is_file()}
    assert there and there == declared


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with a generated plugin; the sources are two folders above."""
    folder = tmp_path_factory.mktemp("generated")
    assert new(NAME, folder) == 0
    return make_environment(folder, folder / DISTRIBUTION)


def test_installed_it_passes_every_check(python: Path) -> None:
    found = json.loads(output(python, "-m", "synthbench", "plugin", "check", NAME, "--json", "-"))
    assert found["verdicts"]["fail"] == found["verdicts"]["skip"] == 0
    assert {row["specimen"] for row in found["results"]} == {
        f"plugins:{NAME}",
        f"translators:{NAME}/residual_net",
        f"losses:{NAME}/charbonnier",
        f"methods:{NAME}/{NAME}",
    }


def test_a_method_is_not_blamed_for_what_libraries_leave_in_a_new_home(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    out = output(python, "-m", "synthbench", "plugin", "check", f"methods:{NAME}")
    assert "keeps-to-its-folder" in out and " 0 failed, 0 skipped" in out


def test_its_own_tests_pass(python: Path) -> None:
    source = python.parents[2] / DISTRIBUTION
    out = output(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=source)
    assert " passed in " in out and "skipped" not in out


def test_it_runs_beside_the_built_in_methods(python: Path, tmp_path: Path) -> None:
    chosen = ["--methods", f"{NAME},identity", "--dataset", "phantom", "--preset", "smoke"]
    output(python, "-m", "synthbench", "run", *chosen, "-o", str(tmp_path), "--executor", "inline")
    (run,) = [path for path in (tmp_path / "runs").iterdir() if not path.is_symlink()]
    with (run / "scores.csv").open() as file:
        rows = [row for row in csv.DictReader(file)]
    psnr = {
        method: [
            float(row["value"])
            for row in rows
            if (row["method"], row["metric"], row["region"]) == (method, "psnr", "foreground")
        ]
        for method in (f"{NAME}/{NAME}", "core/identity")
    }
    own, identity = psnr.values()
    assert len(own) == len(identity) > 0
    assert sum(own) > sum(identity)
