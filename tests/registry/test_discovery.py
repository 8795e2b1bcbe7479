"""What plugins can do wrong, and that it stays their own problem."""

from __future__ import annotations

import pytest

from synthbench.api import PluginError
from synthbench.registry import PluginStatus, Registry
from tests.fake_plugins import BLUR, HEADER, Site


def status_of(registry: Registry, name: str) -> PluginStatus:
    (found,) = [status for status in registry.plugins if status.name == name]
    return found


def one_method(name: str, **fields: object) -> str:
    values = {"name": name, "summary": "", "recipe": {"translator": "x"}, **fields}
    arguments = ", ".join(f"{key}={value!r}" for key, value in values.items())
    return f"@hookimpl\ndef synthbench_methods():\n    return [MethodSpec({arguments})]\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import surely_not_installed", "ModuleNotFoundError: No module named 'surely_not_inst"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def half(:", "SyntaxError"),
        ("@hookimpl\ndef synthbench_methods():\n    raise OSError('disk gone')", "OSError: disk"),
        ("@hookimpl\ndef synthbench_methods():\n    raise SystemExit", "SystemExit"),
        ("@hookimpl\ndef synthbench_methods():\n    return None", None),
        ("@hookimpl\ndef synthbench_methods():\n    return 'blur'", "must return a list, not str"),
        ("@hookimpl\ndef synthbench_losses():\n    return [1]", "must return LossSpec objects"),
        ("@hookimpl\ndef synthbench_methods(wrong):\n    return []", "wrong"),
        (one_method("Blur 3D"), "illegal name 'Blur 3D'"),
        (
            one_method("b", recipe={"translator": "x", "steps": 3}),
            "b: recipe: steps: a recipe has no such",
        ),
        (one_method("b", presets={"fast": {}}), "unknown preset 'fast'"),
        (one_method("b", presets={"smoke": {"optimiser.lr": -1}}), "b: preset smoke: optimiser.lr"),
        (
            "@hookimpl\ndef synthbench_methods():\n"
            "    return [MethodSpec(name='b', summary='', recipe={'translator': len})]",
            "not a JSON type",
        ),
        (
            "@hookimpl\ndef synthbench_translators():\n"
            "    return [TranslatorSpec(name='b', summary='', target='package.module.Class')]",
            "is not 'package.module:name'",
        ),
        (
            "@hookimpl\ndef synthbench_evaluators():\n"
            "    return [EvaluatorSpec(name='b', summary='', target='a:B')]",
            "at least one metric",
        ),
    ],
)
def test_a_plugin_that_misbehaves_is_broken_and_takes_nothing_down(
    site: Site, source: str, reason: str | None
) -> None:
    site.install("aaa", source)
    site.install("good", BLUR)
    registry = site.registry()
    status = status_of(registry, "aaa")
    if reason is None:  # declaring nothing is allowed
        assert status.state == "ok"
    else:
        assert status.state == "broken"
        assert reason in status.error
        assert "\n" not in status.error
        assert "synthbench-aaa" in status.hint
        assert "Traceback" in status.traceback
    assert [entry.id for entry in registry.all("methods")] == ["good/blur"]


def test_interrupting_the_load_is_not_swallowed(site: Site) -> None:
    site.install("aaa", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.registry()


def test_two_distributions_with_one_name_are_a_conflict_and_neither_is_loaded(site: Site) -> None:
    site.install("acme", BLUR, dist="first-acme")
    site.install("acme", "raise RuntimeError('was imported')", dist="second-acme")
    site.install("good", BLUR)
    registry = site.registry()
    clashing = [status for status in registry.plugins if status.name == "acme"]
    assert [status.state for status in clashing] == ["conflict", "conflict"]
    assert all("first-acme and second-acme" in status.error for status in clashing)
    assert [status.hint for status in clashing] == [
        "keep one of them: pip uninstall first-acme",
        "keep one of them: pip uninstall second-acme",
    ]
    assert [entry.id for entry in registry.all("methods")] == ["good/blur"]


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("2.0", "pip install --upgrade synthbench"),
        ("1.7", "pip install --upgrade synthbench"),
        ("0.9", "pip install --upgrade synthbench-acme"),
    ],
)
def test_a_plugin_for_another_interface_is_incompatible(
    site: Site, version: str, hint: str
) -> None:
    site.install("acme", BLUR + f"\nsynthbench_api_version = {version!r}\n")
    registry = site.registry()
    status = status_of(registry, "acme")
    assert (status.state, status.hint) == ("incompatible", hint)
    assert version in status.error and "1.0" in status.error
    assert registry.all("methods") == []


def test_a_version_that_is_none_is_broken_and_a_missing_one_only_a_warning(site: Site) -> None:
    site.install("odd", 'synthbench_api_version = "new"')
    site.install("silent", BLUR, header=HEADER.replace("synthbench_api_version", "unused"))
    registry = site.registry()
    assert "'new'" in status_of(registry, "odd").error
    silent = status_of(registry, "silent")
    assert silent.state == "ok"
    assert "treated as 1.0" in silent.warnings[0]
    assert [entry.id for entry in registry.all("methods")] == ["silent/blur"]


def test_names_repeated_inside_one_plugin_break_it(site: Site) -> None:
    site.install(
        "acme",
        """
        @hookimpl
        def synthbench_methods():
            return [MethodSpec(name="a", summary="", recipe={"translator": "x"})] * 2
        """,
    )
    assert "'a' is declared twice" in status_of(site.registry(), "acme").error


def test_the_same_name_in_two_kinds_is_fine(site: Site) -> None:
    site.install("acme", BLUR)
    registry = site.registry()
    assert registry.get("methods", "blur").id == registry.get("translators", "blur").id


def test_a_second_part_of_core_may_not_repeat_an_id(site: Site) -> None:
    site.install("parts", BLUR, dist="synthbench")
    info = site.folder / "synthbench-1.0.dist-info" / "entry_points.txt"
    first = site.modules["parts"]
    (site.folder / "again.py").write_text((site.folder / f"{first}.py").read_text())
    info.write_text(f"[synthbench]\nparts = {first}\nagain = again\n")
    registry = site.registry()
    assert {entry.id for entry in registry.all("methods")} == {"core/blur"}
    states = {status.name: status.state for status in registry.plugins}
    assert sorted(states.values()) == ["broken", "ok"]


def test_a_misspelt_hook_is_pointed_out_with_the_nearest_one(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.install(
        "acme",
        BLUR
        + """
@hookimpl
def synthbench_method():
    return []

def synthbench_losses():
    return []
""",
    )
    registry = site.registry()
    status = status_of(registry, "acme")
    assert status.state == "ok"
    assert any(
        "'synthbench_method'; did you mean synthbench_methods" in note for note in status.warnings
    )
    assert "synthbench_losses is not marked with @hookimpl and never called" in status.warnings
    assert "did you mean synthbench_methods" in caplog.text


def test_broken_plugins_are_mentioned_once_when_loading(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.install("one", "raise ValueError('oops')")
    site.install("two", "raise ValueError('argh')")
    site.registry()
    (record,) = caplog.records
    assert "one (broken: ValueError: oops); two (broken: ValueError: argh)" in record.getMessage()


def test_only_allowed_third_party_plugins_are_imported(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.install("wanted", BLUR)
    site.install("unwanted", "raise RuntimeError('was imported')")
    site.install("builtin", BLUR, dist="synthbench")
    site.allowed = {"wanted", "wantet"}
    registry = site.registry()
    assert status_of(registry, "unwanted").state == "disabled"
    assert [entry.id for entry in registry.all("methods")] == ["core/blur", "wanted/blur"]
    assert "wantet" in caplog.text and "did you mean wanted" in caplog.text


def test_no_third_party_plugin_takes_the_name_of_core(site: Site) -> None:
    site.install("core", BLUR, dist="impostor")
    registry = site.registry()
    assert status_of(registry, "core").state == "broken"
    assert registry.all("methods") == []


def test_a_third_party_plugin_may_be_called_like_a_built_in_one(site: Site) -> None:
    site.install("losses", BLUR, dist="synthbench")
    site.install("losses", BLUR, dist="synthbench-losses")
    assert [entry.id for entry in site.registry().all("methods")] == ["core/blur", "losses/blur"]


def test_strict_mode_raises_what_happened(site: Site) -> None:
    site.install("acme", "raise ValueError('oops')")
    site.strict = True
    with pytest.raises(
        PluginError, match=r"acme \(synthbench-acme 1\.0\) is broken: ValueError"
    ) as e:
        site.registry()
    assert isinstance(e.value.__cause__, ValueError)


def test_what_a_plugin_prints_while_loading_stays_off_standard_output(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("chatty", "print('hello from acme')\n" + BLUR)
    site.registry()
    out, err = capsys.readouterr()
    assert out == ""
    assert "hello from acme" in err
