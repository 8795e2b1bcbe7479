"""Building what a recipe names: translator, discriminators, adversarial pairs and losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from synthbench.api import (
    AdversarialLoss,
    Discriminator,
    Loss,
    PluginError,
    Recipe,
    Setting,
    Stage,
    Translator,
)
from synthbench.api.recipe import DiscriminatorTerm, LossTerm
from synthbench.registry import Kind, Registry


@dataclass
class Critic:
    """A discriminator with its adversarial pair and its term in the recipe."""

    name: str
    term: DiscriminatorTerm
    network: Discriminator
    pair: AdversarialLoss
    features: bool


@dataclass
class Penalty:
    """A loss of the generator with its term in the recipe."""

    name: str
    term: LossTerm
    loss: Loss


def setting_of(recipe: Recipe, source_channels: int) -> Setting:
    """Describe a recipe's surroundings to a translator."""
    return Setting(
        source_channels=source_channels,
        condition_channels=source_channels,
        patch=recipe.patch.size,
        intensity=recipe.intensity,
    )


def build_translator(registry: Registry, recipe: Recipe, source_channels: int) -> Translator:
    """Build a recipe's translator.

    Raises:
        PluginError: If its class refuses the parameters.
    """
    part = recipe.translator
    setting = setting_of(recipe, source_channels)
    translator = _build(registry, "translators", part.name, part.params, setting)
    if not isinstance(translator, Translator):
        raise PluginError(
            f"{part.name} is not a synthbench.api.Translator", "tell the plugin's author"
        )
    return translator


def build_critics(registry: Registry, recipe: Recipe, stage: Stage) -> list[Critic]:
    """Build the discriminators and adversarial pairs that judge one stage."""
    setting = replace(
        stage.module.setting,
        condition_channels=stage.module.condition_channels,
        levels=stage.module.levels,
        patch=stage.module.predicted_sides or recipe.patch.size,
    )
    needs_features = any(
        "features" in registry.get("losses", term.name).spec.needs for term in recipe.losses
    )
    critics = []
    for name, term in _named(recipe.discriminators):
        spec = registry.get("discriminators", term.name).spec
        critics.append(
            Critic(
                name=name,
                term=term,
                network=_build(registry, "discriminators", term.name, term.params, setting),
                pair=_build(
                    registry, "losses", term.adversarial.name, term.adversarial.params, setting
                ),
                features=needs_features and spec.features,
            )
        )
    return critics


def build_penalties(registry: Registry, recipe: Recipe, stage: Stage) -> list[Penalty]:
    """Build the generator's losses of one stage; their own parameters are frozen."""
    penalties = []
    for name, term in _named(recipe.losses):
        loss = _build(registry, "losses", term.name, term.params, stage.module.setting)
        loss.requires_grad_(False)
        penalties.append(Penalty(name=name, term=term, loss=loss))
    return penalties


def count_parameters(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def seed_everything(seed: int) -> None:
    """Seed torch, numpy's and Python's global generators (plugins may use any of them)."""
    import random

    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _named(terms: Any) -> list[tuple[str, Any]]:
    """Short, unique names for terms: the component's own, numbered where it occurs twice."""
    names: dict[str, int] = {}
    named = []
    for term in terms:
        short = term.name.rpartition("/")[2]
        names[short] = names.get(short, 0) + 1
        named.append((short if names[short] == 1 else f"{short}{names[short]}", term))
    return named


def _build(
    registry: Registry, kind: Kind, name: str, params: Mapping[str, Any], setting: Setting
) -> Any:
    entry = registry.get(kind, name)
    try:
        return entry.resolve()(setting, **params)
    except TypeError as error:
        raise PluginError(
            f"{entry.id} cannot be built with {dict(params)}: {error}",
            f"`synthbench info {entry.id}` shows its parameters",
        ) from error
