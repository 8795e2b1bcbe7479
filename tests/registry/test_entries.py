from __future__ import annotations

import json

import pytest

from synthbench.api import PluginError
from synthbench.registry import Entry
from synthbench.registry.entries import _is_editable, _source_digest
from tests.fake_plugins import Site

LOSSES = """
@hookimpl
def synthbench_losses():
    def loss(name, target="{module}:Sum", **fields):
        return LossSpec(name=name, target=target, summary="", **fields)

    return [
        loss("sum"),
        loss("pair", adversarial=True),
        loss("gone", "{module}:Gone"),
        loss("text", "{module}:LABEL"),
        loss("nowhere", "no_such_package.module:X"),
        loss("exits", "{module}_exits:X"),
        loss("needy", requires=("json", "no_such_package", "no.such.child")),
        loss("checked", preflight="{module}:check", remarks="{module}:remark"),
        loss("crashing", preflight="{module}:crash", remarks="{module}:crash"),
    ]

LABEL = "not a class"

def check(weights="none"):
    return [] if weights == "here" else [("weights of " + weights, "download them")]

def crash():
    raise ValueError("no")

def remark(weights="none"):
    return ["weights are " + weights] if weights != "here" else []

def __getattr__(name):
    if name == "Sum":
        from synthbench.api import Loss
        return type("Sum", (Loss,), {{}})
    raise AttributeError(name)
"""


@pytest.fixture
def losses(site: Site) -> dict[str, Entry]:
    _is_editable.cache_clear()
    _source_digest.cache_clear()
    site.install("acme", "")
    module = site.modules["acme"]
    file = site.folder / f"{module}.py"
    file.write_text(file.read_text() + LOSSES.format(module=module))
    (site.folder / f"{module}_exits.py").write_text("raise SystemExit('bye')")
    registry = site.registry()
    assert registry.plugins[0].error == ""
    return {entry.name: entry for entry in registry.all("losses")}


def test_an_entry_knows_where_it_comes_from(losses: dict[str, Entry]) -> None:
    entry = losses["sum"]
    assert (entry.id, entry.owner, entry.plugin) == ("acme/sum", "acme", "acme")
    assert (entry.plugin_dist, entry.plugin_version) == ("synthbench-acme", "1.0")


def test_resolving_gives_the_class(losses: dict[str, Entry]) -> None:
    from synthbench.api import Loss

    assert issubclass(losses["sum"].resolve(), Loss)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("pair", "is not a synthbench.api.AdversarialLoss"),
        ("gone", "AttributeError"),
        ("text", "is not a synthbench.api.Loss"),
        ("nowhere", "No module named 'no_such_package'"),
        ("exits", "SystemExit: bye"),
    ],
)
def test_what_cannot_be_resolved_names_component_and_plugin(
    losses: dict[str, Entry], name: str, reason: str
) -> None:
    with pytest.raises(PluginError, match=reason) as error:
        losses[name].resolve()
    assert error.value.message.startswith(f"acme/{name}: ")
    assert error.value.hint == "report it to the authors of synthbench-acme 1.0"


def test_a_method_has_no_class(site: Site) -> None:
    site.install(
        "acme",
        "@hookimpl\ndef synthbench_methods():\n"
        "    return [MethodSpec(name='m', summary='', recipe={'translator': 'x'})]",
    )
    (method,) = site.registry().all("methods")
    assert method.missing({}) == []
    with pytest.raises(TypeError, match="acme/m is a recipe"):
        method.resolve()


def test_missing_packages_are_found_without_importing(losses: dict[str, Entry]) -> None:
    assert losses["sum"].missing({}) == []
    assert losses["needy"].missing({}) == [
        ("acme/needy needs the Python package 'no_such_package'", "pip install no_such_package"),
        ("acme/needy needs the Python package 'no.such.child'", "pip install no.such.child"),
    ]


def test_the_preflight_gets_the_parameters(losses: dict[str, Entry]) -> None:
    assert losses["checked"].missing({"weights": "here"}) == []
    assert losses["checked"].missing({"weights": "vgg"}) == [("weights of vgg", "download them")]


@pytest.mark.parametrize(("name", "params"), [("crashing", {}), ("checked", {"unknown": 1})])
def test_a_preflight_that_fails_is_itself_what_is_missing(
    losses: dict[str, Entry], name: str, params: dict[str, int]
) -> None:
    ((what, fix),) = losses[name].missing(params)
    assert what.startswith(f"acme/{name}: the check for what it needs failed: ")
    assert "synthbench-acme" in fix


def test_remarks_get_the_parameters_and_must_not_fail(losses: dict[str, Entry]) -> None:
    assert losses["checked"].remarks({"weights": "random"}) == ["weights are random"]
    assert losses["checked"].remarks({"weights": "here"}) == []
    assert losses["sum"].remarks({}) == []
    with pytest.raises(PluginError, match=r"acme/crashing: .*:crash failed: ValueError: no"):
        losses["crashing"].remarks({})


def test_only_editable_installs_have_a_source_digest(site: Site, losses: dict[str, Entry]) -> None:
    entry = losses["sum"]
    assert entry.editable_digest is None

    record = site.folder / "synthbench_acme-1.0.dist-info" / "direct_url.json"
    record.write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": True}}))
    _is_editable.cache_clear()
    before = entry.editable_digest
    assert before is not None and len(before) == 64

    source = site.folder / f"{site.modules['acme']}.py"
    source.write_text(source.read_text() + "\n# changed\n")
    _source_digest.cache_clear()
    assert entry.editable_digest not in (None, before)


def test_the_digest_of_a_package_covers_all_its_modules(site: Site) -> None:
    package = site.folder / "acme_digest"
    (package / "nets").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text("")
    net = package / "nets" / "unet.py"
    digests = []
    for text in ("a = 1", "a = 2", "a = 1"):
        net.write_text(text)
        _source_digest.cache_clear()
        digests.append(_source_digest(("acme_digest.plugin",)))
    assert digests[0] == digests[2] != digests[1]
