"""Every spec of the built-in components names something that exists and can be built."""

from importlib import import_module

import pytest

from synthbench.api import (
    AdversarialLoss,
    Discriminator,
    Evaluator,
    Loss,
    Recipe,
    Setting,
    Translator,
)

FOLDERS = ("discriminators", "losses", "pix2pix_resunet", "reference", "evaluators")


def specs(kind):
    for folder in FOLDERS:
        plugin = import_module(f"synthbench_plugins.{folder}")
        assert plugin.synthbench_api_version == "1.0"
        yield from getattr(plugin, f"synthbench_{kind}", list)()


def resolve(spec):
    module, _, name = spec.target.partition(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        ("translators", Translator),
        ("discriminators", Discriminator),
        ("evaluators", Evaluator),
    ],
)
def test_targets_are_what_their_kind_says(kind, base):
    found = list(specs(kind))
    assert found
    for spec in found:
        assert issubclass(resolve(spec), base), spec.name
        resolve(spec)(*([] if base is Evaluator else [Setting()]))


def test_losses_are_adversarial_as_declared():
    for spec in specs("losses"):
        base = AdversarialLoss if spec.adversarial else Loss
        assert isinstance(resolve(spec)(Setting()), base), spec.name


def test_recipes_name_declared_components():
    names = {kind: {s.name for s in specs(kind)} for kind in ("translators", "losses")}
    critics = {s.name for s in specs("discriminators")}
    for method in specs("methods"):
        recipe = Recipe(**method.recipe)
        assert recipe.translator.name in names["translators"]
        assert {term.name for term in recipe.losses} <= names["losses"]
        for term in recipe.discriminators:
            assert term.name in critics and term.adversarial.name in names["losses"]
