from __future__ import annotations

from collections.abc import Iterator

import pytest

from synthbench.api import PluginError, UsageError
from synthbench.registry import Registry
from synthbench.registry.names import did_you_mean, is_legal, nearest
from tests.fake_plugins import BLUR, Site

METHODS = """
@hookimpl
def synthbench_methods():
    def method(name, **fields):
        return MethodSpec(name=name, summary="", recipe={"translator": "identity"}, **fields)

    return [method("unet"), method("unet_small", variant_of="unet"), method("diffusion")]
"""


@pytest.fixture
def registry(site: Site) -> Iterator[Registry]:
    site.install("builtin", METHODS, dist="synthbench")
    site.install("acme", METHODS)
    site.install("zeta", BLUR)
    site.install("other", BLUR)
    site.install("dead", "import gone")
    site.install(
        "withheld",
        """
        @hookimpl
        def synthbench_methods():
            return [MethodSpec(name="promising", summary="", recipe={"translator": "x"})]

        @hookimpl
        def synthbench_translators():
            return "nothing"
        """,
    )
    return site.registry()


def ids(registry: Registry, *patterns: str) -> list[str]:
    return [entry.id for entry in registry.select("methods", patterns)]


def test_canonical_names_are_exact(registry: Registry) -> None:
    assert registry.get("methods", "acme/unet").id == "acme/unet"


def test_a_short_name_means_core_first(registry: Registry) -> None:
    assert registry.get("methods", "unet").id == "core/unet"


def test_a_recipes_short_names_mean_its_own_plugin_first(registry: Registry) -> None:
    assert registry.get("methods", "unet", owner="acme").id == "acme/unet"
    assert registry.get("methods", "blur", owner="zeta").id == "zeta/blur"


def test_an_ambiguous_name_lists_the_candidates(registry: Registry) -> None:
    with pytest.raises(UsageError, match="'blur' is ambiguous") as error:
        registry.get("methods", "blur")
    assert error.value.hint == "write one of other/blur, zeta/blur"


def test_an_unknown_name_suggests_the_nearest(registry: Registry) -> None:
    with pytest.raises(UsageError, match="methods: there is no 'difusion'") as error:
        registry.get("methods", "difusion")
    assert "did you mean acme/diffusion or core/diffusion?" in error.value.hint
    assert "dead" in error.value.hint  # it may have been that plugin's


@pytest.mark.parametrize("name", ["dead", "dead/anything"])
def test_a_name_of_a_broken_plugin_is_the_plugins_fault(registry: Registry, name: str) -> None:
    with pytest.raises(PluginError, match=r"dead \(synthbench-dead 1.0\) is broken") as error:
        registry.get("methods", name)
    assert error.value.exit_code == 5
    assert "pip uninstall synthbench-dead" in error.value.hint


@pytest.mark.parametrize("name", ["withheld/promising", "withheld/whatever"])
def test_what_a_rejected_plugin_would_have_brought_is_the_plugins_fault(
    registry: Registry, name: str
) -> None:
    with pytest.raises(PluginError, match="withheld"):
        registry.get("methods", name)


def test_all_leaves_variants_out_and_patterns_reach_them(registry: Registry) -> None:
    assert ids(registry, "all") == [
        "acme/diffusion",
        "acme/unet",
        "core/diffusion",
        "core/unet",
        "other/blur",
        "zeta/blur",
    ]
    assert ids(registry, "core/unet*") == ["core/unet", "core/unet_small"]
    assert ids(registry, "unet_?mall") == ["acme/unet_small", "core/unet_small"]
    assert ids(registry, "unet_small") == ["core/unet_small"]


def test_selection_keeps_the_order_asked_for_without_duplicates(registry: Registry) -> None:
    assert ids(registry, "unet", "core/*", "acme/unet", "unet") == [
        "core/unet",
        "core/diffusion",
        "core/unet_small",
        "acme/unet",
    ]


def test_a_pattern_that_matches_nothing_is_an_error(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"nothing matches 'resnet\*'"):
        registry.select("methods", ["resnet*"])


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("unet", True),
        ("3d-unet_x", True),
        ("Unet", False),
        ("-x", False),
        ("a/b", False),
        ("", False),
    ],
)
def test_legal_ids(name: str, legal: bool) -> None:
    assert is_legal(name) is legal


def test_nearest_matches_short_and_canonical_spellings() -> None:
    known = ["core/pix2pix", "core/resvit", "acme/resvit"]
    assert nearest("pix2pxi", known) == ["core/pix2pix"]
    assert nearest("cor/resvit", known)[0] == "core/resvit"
    assert did_you_mean("zzz", known, otherwise="look it up") == "look it up"
