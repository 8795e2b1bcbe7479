from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from synthbench.api import Batch, Recipe
from synthbench.registry import Registry
from synthbench.registry.recipes import with_changes
from synthbench.training.engine import TrainingJob
from tests import toy


@pytest.fixture
def registry() -> Registry:
    registry = Registry([])
    registry.register_local(toy, "toy")
    return registry


def random_batch(step: int, seed: int, batch: int = 2) -> Batch:
    """A pure function of seed and step, as the engine asks of its sampler."""
    generator = torch.Generator().manual_seed(1000 * seed + step)
    source = torch.rand(batch, 1, 8, 8, 8, generator=generator)
    return Batch(source=source, target=1 - source.square())


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., TrainingJob]:
    def make(folder: str = "train", **changes: Any) -> TrainingJob:
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        recipe = changes.pop("recipe", {})
        data = {**toy.RECIPE, "translator": "conv", **recipe}

        def override(base: Recipe, values: Mapping[str, Any]) -> Recipe:
            return with_changes(base, values)

        fields: dict[str, Any] = {
            "recipe": Recipe.model_validate(data),
            "source_channels": 1,
            "subjects": 4,
            "sampler": lambda patch, batch, multiple, seed: (
                lambda step: random_batch(step, seed, batch)
            ),
            "volumes": lambda: (random_batch(n, 99, 1) for n in range(3)),
            "seed": 7,
            "folder": path,
            "override": override,
        }
        return TrainingJob(**{**fields, **changes})

    return make
