from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synthbench.api import MethodSpec, PluginError, hookimpl
from synthbench.registry import load_registry
from tests.fake_plugins import BLUR, Site

LISTENER = """
@hookimpl
def synthbench_run_started(run, pending):
    {body}

@hookimpl
def synthbench_locate_data(dataset):
    {locate}
"""


class Printer:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    @hookimpl
    def synthbench_run_started(self, run: str, cells: int) -> None:
        self.seen.append((run, cells))


def test_one_listener_that_fails_does_not_silence_the_others(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.install("aaa", LISTENER.format(body="raise SystemExit('dead')", locate="return None"))
    site.install("zzz", LISTENER.format(body="raise OSError('disk')", locate="return None"))
    registry = site.registry()
    printer = Printer()
    registry.register_local(printer, "progress")
    registry.notify("synthbench_run_started", run="r1", cells=3, pending=2)
    assert printer.seen == [("r1", 3)]
    assert "plugin aaa failed in synthbench_run_started: SystemExit" in caplog.text
    assert "plugin zzz failed in synthbench_run_started: OSError" in caplog.text


def test_an_interrupt_in_a_listener_gets_through(site: Site) -> None:
    site.install("aaa", LISTENER.format(body="raise KeyboardInterrupt", locate="return None"))
    registry = site.registry()
    with pytest.raises(KeyboardInterrupt):
        registry.notify("synthbench_run_started", run="r", cells=1, pending=1)


def test_the_first_answer_about_data_counts_and_failures_do_not(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.install("aaa", LISTENER.format(body="pass", locate="raise OSError('nfs')"))
    site.install("bbb", LISTENER.format(body="pass", locate="return None"))
    site.install("ccc", LISTENER.format(body="pass", locate="return '/data/' + dataset"))
    registry = site.registry()
    assert registry.locate_data("core/brats") == Path("/data/core/brats")
    assert "plugin aaa failed in synthbench_locate_data" in caplog.text


def test_nobody_knowing_is_none(site: Site) -> None:
    site.install("aaa", BLUR)
    assert site.registry().locate_data("core/brats") is None


def test_a_local_plugin_brings_components_and_replaces_its_namesake(site: Site) -> None:
    def plugin(name: str) -> Any:
        spec = MethodSpec(name=name, summary="", recipe={"translator": "x"})

        @hookimpl
        def synthbench_methods() -> list[MethodSpec]:
            return [spec]

        # pluggy keeps its plugins in a dictionary, so they have to be hashable.
        return type("Local", (), {"synthbench_methods": staticmethod(synthbench_methods)})()

    registry = site.registry()
    registry.register_local(plugin("one"), "mine")
    registry.register_local(plugin("two"), "mine")
    assert [entry.id for entry in registry.all("methods")] == ["mine/two"]
    assert [status.name for status in registry.plugins] == ["mine"]
    with pytest.raises(PluginError, match="illegal name 'No'"):
        registry.register_local(plugin("No"), "other")


def test_the_real_registry_is_loaded_once_and_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = load_registry()
    assert load_registry() is registry
    ours = [status for status in registry.plugins if status.dist == "synthbench"]
    assert ours
    assert {status.name: status.error for status in ours if status.state != "ok"} == {}
    assert all(entry.owner == "core" for entry in registry.all("losses") if not entry.plugin_dist)


def test_the_environment_is_read_when_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    import synthbench.registry as module

    seen: dict[str, Any] = {}

    def fake(candidates: object, **options: Any) -> Any:
        seen.update(options)
        return SimpleNamespace()

    monkeypatch.setattr(module, "Registry", fake)
    monkeypatch.setattr(module, "_cached", None)
    monkeypatch.setenv("SYNTHBENCH_PLUGINS", "acme, other")
    monkeypatch.setenv("SYNTHBENCH_STRICT_PLUGINS", "1")
    module.load_registry(refresh=True)
    assert seen == {"allowed": {"acme", "other"}, "strict": True}
    monkeypatch.setenv("SYNTHBENCH_PLUGINS", "")
    monkeypatch.delenv("SYNTHBENCH_STRICT_PLUGINS")
    module.load_registry(refresh=True)
    assert seen == {"allowed": set(), "strict": False}
