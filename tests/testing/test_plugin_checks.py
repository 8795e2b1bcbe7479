"""The checks of plugins as a whole, on plugins that are installed for the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthbench.registry import Registry
from synthbench.testing.checks import Result, checks_of, run
from synthbench.testing.specimens import select
from tests.fake_plugins import Site
from tests.testing import toys

#: Not `import *`, which fetches everything there is, torch included.
NO_VERSION = "from synthbench.api import LossSpec, hookimpl\n"
LIGHT = f"{NO_VERSION}synthbench_api_version = '1.0'\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    return Site(tmp_path)


def results(registry: Registry, name: str) -> dict[str, Result]:
    specimen = select(registry, name)[0]
    assert specimen.kind == "plugins"
    return {check.name: run(check, specimen) for check in checks_of(specimen, 0)}


def failures(registry: Registry, name: str) -> dict[str, str]:
    found = results(registry, name)
    return {check: r.reason for check, r in found.items() if r.verdict == "fail"}


def test_a_sound_plugin_passes(site: Site) -> None:
    site.install("acme", "import json", header=LIGHT)
    assert {r.verdict for r in results(site.registry(), "acme").values()} == {"pass"}


def test_one_that_raises_does_not_load(site: Site) -> None:
    site.install("acme", "import gone")
    found = failures(site.registry(), "acme")
    assert found == {"loads": "it is broken: ModuleNotFoundError: No module named 'gone'"}


def test_importing_numpy_is_not_light(site: Site) -> None:
    site.install("acme", "import numpy.linalg", header=LIGHT)
    (reason,) = failures(site.registry(), "acme").values()
    assert reason == f"importing {site.modules['acme']} imports numpy"


def test_what_runs_at_plan_time_must_be_light_too(site: Site) -> None:
    (site.folder / "acme_weights.py").write_text("import numpy\ndef check(): return []\n")
    site.install(
        "acme",
        """
        @hookimpl
        def synthbench_losses():
            return [LossSpec(name="x", target="a:B", summary="X.", preflight="acme_weights:check")]
        """,
        header=LIGHT,
    )
    (reason,) = failures(site.registry(), "acme").values()
    assert reason.endswith("imports numpy")


def test_a_slow_import_is_not_light(site: Site) -> None:
    site.install(
        "acme",
        "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: 0",
        header=LIGHT,
    )
    (reason,) = failures(site.registry(), "acme").values()
    assert "takes 0." in reason


def test_the_interface_version_must_be_stated(site: Site) -> None:
    site.install("acme", "", header=NO_VERSION)
    found = failures(site.registry(), "acme")
    assert [*found] == ["api-version"]
    assert "does not state" in found["api-version"]


def test_another_interface_version_names_the_remedy(site: Site) -> None:
    site.install("acme", "synthbench_api_version = '9.0'")
    found = failures(site.registry(), "acme")
    assert [*found] == ["loads", "api-version"]
    assert "pip install --upgrade synthbench" in found["api-version"]


def test_misspelt_and_unmarked_hooks_are_found(site: Site) -> None:
    site.install(
        "acme",
        """
        @hookimpl
        def synthbench_metods(): return []
        def synthbench_losses(): return []
        """,
        header=LIGHT,
    )
    found = failures(site.registry(), "acme")
    assert [*found] == ["hooks"]
    assert "synthbench_methods" in found["hooks"] and "not marked" in found["hooks"]


def test_a_plugin_of_the_running_program_cannot_be_measured() -> None:
    found = results(toys.registry(), "toys")
    assert {check: r.verdict for check, r in found.items()} == {
        "loads": "pass",
        "light": "skip",
        "api-version": "pass",
        "hooks": "pass",
    }


def test_a_disabled_plugin_is_skipped(site: Site) -> None:
    site.install("acme", "")
    site.allowed = set()
    assert {r.verdict for r in results(site.registry(), "acme").values()} == {"skip"}
