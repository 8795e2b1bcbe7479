"""The decorator for plugin authors' tests, and what names stand for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthbench.api import PluginError, UsageError
from synthbench.registry import Registry
from synthbench.testing import parametrize_plugin_checks
from synthbench.testing.checks import Result, nothing_checked
from synthbench.testing.specimens import select
from tests.fake_plugins import BLUR, Site
from tests.testing import toys


@pytest.fixture(scope="module")
def registry() -> Registry:
    return toys.registry()


def parameters(*names: str, **options: Any) -> dict[str, Callable[[], None]]:
    mark = parametrize_plugin_checks(*names, **options).mark
    assert mark.args[0] == "check"
    return {parameter.id: parameter.values[0] for parameter in mark.args[1]}


def test_every_check_of_a_component_is_a_parameter(registry: Registry) -> None:
    found = parameters("losses:toys/distance", registry=registry)
    assert [*found] == [
        *(f"losses:toys/distance:{name}" for name in ("names", "json", "target", "versions")),
        *(f"losses:toys/distance:{name}" for name in ("scalar", "resolutions", "sides", "needs")),
        *(f"losses:toys/distance:{name}" for name in ("least-for-equal", "keeps-no-state")),
        "losses:toys/distance:anything-checked",
    ]
    for check in found.values():
        check()


def test_level_0_runs_no_component(registry: Registry) -> None:
    found = parameters("losses:toys/distance", level=0, registry=registry)
    names = [id.rpartition(":")[2] for id in found]
    assert names == ["names", "json", "target", "versions", "anything-checked"]


def test_a_failure_is_an_assertion_error_of_one_line(registry: Registry) -> None:
    check = parameters("losses:toys/distance_nan", registry=registry)
    with pytest.raises(AssertionError, match=r"^one level: it is nan$"):
        check["losses:toys/distance_nan:scalar"]()


def test_a_missing_package_skips_and_nothing_but_skips_fails(registry: Registry) -> None:
    found = parameters("translators:toys/unready", registry=registry)
    with pytest.raises(pytest.skip.Exception, match="no_such_package"):
        found["translators:toys/unready:forward"]()
    with pytest.raises(AssertionError, match=r"every check was skipped: .*no_such_package"):
        found["translators:toys/unready:anything-checked"]()


def test_skips_beside_passes_are_no_failure(registry: Registry) -> None:
    parameters("datasets:toys/folders", registry=registry)[
        "datasets:toys/folders:anything-checked"
    ]()


@pytest.mark.parametrize("key", ["sides", "losses:toys/distance_volumes_only:sides"])
def test_a_declared_failure_is_an_xfail(registry: Registry, key: str) -> None:
    name = "losses:toys/distance_volumes_only"
    found = parameters(name, registry=registry, xfail={key: "volumes only by design"})
    with pytest.raises(pytest.xfail.Exception, match="volumes only by design"):
        found[f"{name}:sides"]()
    found[f"{name}:scalar"]()


def test_a_declared_failure_that_passes_is_a_failure(registry: Registry) -> None:
    found = parameters("losses:toys/distance", registry=registry, xfail={"sides": "once broken"})
    with pytest.raises(AssertionError, match="passes, but is declared to fail: once broken"):
        found["losses:toys/distance:sides"]()


def test_a_declaration_that_means_nothing_is_refused(registry: Registry) -> None:
    with pytest.raises(UsageError, match="'side'") as caught:
        parameters("losses:toys/distance", registry=registry, xfail={"side": "typo"})
    assert "did you mean sides?" in caught.value.hint


def labels(registry: Registry, name: str, root: Path | None = None) -> list[str]:
    return [specimen.label for specimen in select(registry, name, root)]


def test_names(registry: Registry) -> None:
    assert labels(registry, "net") == ["translators:toys/net", "methods:toys/net"]
    assert labels(registry, "methods:net") == ["methods:toys/net"]
    assert labels(registry, "toys/pair_m*") == ["losses:toys/pair_map"]
    plugin = labels(registry, "toys")
    assert plugin[0] == "plugins:toys" and "evaluators:toys/errors" in plugin
    assert labels(registry, "plugins:toys") == plugin == labels(registry, "all")


def test_an_unknown_name_suggests_the_nearest(registry: Registry) -> None:
    with pytest.raises(UsageError, match="nothing is called 'distanc'") as caught:
        select(registry, "distanc")
    assert "toys/distance" in caught.value.hint


def test_a_component_of_a_broken_plugin_names_the_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    site = Site(tmp_path)
    site.install("dead", "import gone")
    site.install("acme", BLUR)
    assert labels(site.registry(), "dead") == ["plugins:dead"]
    with pytest.raises(PluginError, match=r"plugin dead .* is broken"):
        select(site.registry(), "dead/blur")


def test_a_data_folder_belongs_to_one_dataset(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 0 datasets that read a folder"):
        select(registry, "losses:toys/distance", tmp_path)
    assert labels(registry, "datasets:toys/folders", tmp_path) == ["datasets:toys/folders"]


def result(level: Any, verdict: Any) -> Result:
    return Result("losses:a/b", "any", level, verdict, "no weights")


def test_declarations_alone_do_not_count_as_checked() -> None:
    found = nothing_checked("a/b", [result(0, "pass"), result(1, "skip")])
    assert found is not None
    assert (found.verdict, found.reason) == ("fail", "every check was skipped: no weights")
    assert nothing_checked("a/b", [result(1, "skip"), result(1, "xfail")]) is None
    assert nothing_checked("a/b", [result(0, "pass")]) is None
    assert nothing_checked("a/b", []) is not None
