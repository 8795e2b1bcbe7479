"""Every translator with every discriminator, adversarial pair and reconstruction loss.

Each combination is planned as a user's own method. It is either refused there, for a reason that
the declarations of its parts predict, or it can be trained. Of those, as many train two steps as
bring any three parts together at least once; every translator and discriminator translates too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthbench.api import Batch, LossSpec, Recipe
from synthbench.api.recipe import Patch
from synthbench.execution.methods import Method, resolve_methods
from synthbench.inference.translate import translate
from synthbench.registry import Entry, Registry, load_registry
from synthbench.registry.recipes import with_changes
from synthbench.suite import Suite
from synthbench.training.engine import Engine, TrainingJob
from synthbench_plugins.mdaunet_gan import vgg
from synthbench_plugins.ptnet3d import perceptual as r3d18

SIDE = 16
SLICES = [SIDE, SIDE, 1]

#: Parameters that make each part tiny, and what else of a recipe a translator needs: a patch
#: that is no cube, another batch, few steps of inference.
TRANSLATORS: dict[str, dict[str, Any]] = {
    "conditional_diffusion": {
        "params": {
            "channels": [4, 8],
            "attention": [False, False],
            "blocks": 1,
            "groups": 2,
            "head_channels": 4,
        },
        "inference": {"steps": 2},
    },
    "edge_cascade": {
        "params": {
            "lr_side": 8,
            "scales": 1,
            "patch": 8,
            "width": 2,
            "blocks": 1,
            "patches_per_step": 2,
        },
        "patch": None,
        "batch": 1,
    },
    "fcn3d": {"params": {"channels": [2, 4]}},
    "mdaunet3d": {"params": {"channels": [2, 4], "layers": [1, 1], "growth": [2, 2]}},
    "pyramid_transformer": {
        "params": {
            "channels": [4, 4, 8],
            "global_channels": 4,
            "width": 16,
            "depth": 1,
            "heads": 2,
            "global_width": 8,
            "global_depth": 1,
        },
    },
    "resunet3d": {"params": {"channels": [4, 8], "norm": "instance"}},
    "resvit2d": {
        "params": {
            "channels": 2,
            "blocks": 2,
            "transformer_at": [1, 2],
            "hidden": 8,
            "layers": 1,
            "heads": 2,
        },
        "patch": SLICES,
    },
    "strided_unet3d": {"params": {"channels": 4, "halvings": 2, "norm": "instance"}},
    "unet2d": {"params": {"channels": 2, "halvings": 2}, "patch": SLICES},
    "unet3d": {"params": {"channels": [2, 4]}},
}
DISCRIMINATORS: dict[str, dict[str, Any]] = {
    "binary3d": {"channels": [2, 4]},
    "cascade_critic": {"width": 2},
    "edge_patchgan3d": {"channels": 2, "stages": 1, "norm": "instance"},
    "global_critic": {"channels": [2, 2, 2, 2], "units": [4, 4], "grid": 2},
    "local_fcn": {"channels": [2, 2, 2, 2]},
    "multires_unet": {"channels": [2, 4]},
    "multiscale_patchgan3d": {"channels": 4, "scales": 2},
    "patchgan2d": {"channels": 2, "stages": 1},
    "patchgan3d": {"channels": 4, "stages": 2},
    "strided_patchgan3d": {"channels": 2, "stages": 1, "norm": "instance"},
}
LOSSES: dict[str, dict[str, Any]] = {
    "perceptual_2_5d": {"backbone": "random", "slices_per_view": 1},
    "perceptual_r3d18": {"weights": "random"},
}


@pytest.fixture(autouse=True)
def narrow_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Perceptual losses have no parameter that makes their networks tiny."""
    monkeypatch.setattr(vgg, "_GROUPS", ((2,), (4,), (4,), (4,), (4,)))
    monkeypatch.setattr(r3d18, "_WIDTHS", (2, 4, 4, 4))


@cache
def registry() -> Registry:
    return load_registry()


def built_in(kind: Any) -> list[Entry]:
    return [entry for entry in registry().all(kind) if entry.owner == "core"]


def names(kind: Any, **declared: Any) -> list[str]:
    return [
        entry.name
        for entry in built_in(kind)
        if all(getattr(entry.spec, field) == value for field, value in declared.items())
    ]


PAIRS = names("losses", adversarial=True)
RECONSTRUCTIONS = names("losses", adversarial=False)


def planned(translator: str, discriminator: str, pair: str, loss: str, sources: int = 1) -> Method:
    """A method of these four parts, as `synthbench run` would resolve it from a suite."""
    tiny = TRANSLATORS.get(translator, {})
    changes: dict[str, Any] = {
        "translator": {"name": translator, "params": tiny.get("params", {})},
        "discriminators": [
            {
                "name": discriminator,
                "params": DISCRIMINATORS[discriminator],
                "adversarial": pair,
                "weight": 0.1,
            }
        ],
        "losses": [{"name": loss, "params": LOSSES.get(loss, {})}],
        "patch.size": tiny.get("patch", [SIDE, SIDE, SIDE]),
        "batch": tiny.get("batch", 2),
        "inference.params": tiny.get("inference", {}),
        "budget.steps": 2,
    }
    suite = Suite.model_validate(
        {"methods": [{"name": "combination", "base": "pix2pix_resunet", "set": changes}]}
    )
    (method,) = resolve_methods(registry(), suite, sources=sources)
    return method


def expected_refusal(discriminator: str, loss: str) -> str | None:
    judge = registry().get("discriminators", discriminator).spec
    spec: LossSpec = registry().get("losses", loss).spec
    for need, what in (("dense", "one logit a voxel"), ("features", "intermediate features")):
        if need in spec.needs and not getattr(judge, need):
            return what
    return None


@cache
def walk() -> frozenset[tuple[str, ...]]:
    """Combinations to train: each brings three parts together that no earlier one did."""
    kinds = (names("translators", trained=True), names("discriminators"), PAIRS, RECONSTRUCTIONS)
    met: set[tuple[tuple[int, str], ...]] = set()
    chosen = set()
    # Losses turn with the other parts: few combinations then bring many parts together first.
    for turn in range(len(RECONSTRUCTIONS)):
        for places in product(*(range(len(kind)) for kind in kinds[:3])):
            loss = RECONSTRUCTIONS[(sum(places) + turn) % len(RECONSTRUCTIONS)]
            parts = (*(kind[place] for kind, place in zip(kinds, places, strict=False)), loss)
            if expected_refusal(parts[1], loss) is not None:
                continue
            threes = set(combinations(enumerate(parts), 3))
            if not threes <= met:
                met |= threes
                chosen.add(parts)
    return frozenset(chosen)


def batch(sides: tuple[int, ...], count: int, step: int, sources: int = 1) -> Batch:
    """A smooth bright blob on dark ground, another one every step; further sources are dimmer."""
    axes = [torch.linspace(-1, 1, side) if side > 1 else torch.zeros(1) for side in sides]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    centre = 0.2 * torch.tensor([step % 3 - 1.0, 0.5, -0.5]).view(3, 1, 1, 1)
    unit = (1 - (grid - centre).square().sum(0)).clamp(0, 1)[None, None].repeat(count, 1, 1, 1, 1)
    return Batch(
        source=torch.cat([2 * unit / channel - 1 for channel in range(1, sources + 1)], dim=1),
        target=1 - 2 * (unit - 0.5).abs() - (unit == 0).float(),
        mask=unit > 0,
    )


def train(recipe: Recipe, folder: Path, sources: int = 1) -> Engine:
    def sampler(patch: Patch, count: int, multiple: Any, seed: int) -> Any:
        sides = tuple(side or SIDE for side in patch.size or (0, 0, 0))
        return lambda step: batch(sides, count, step, sources)

    def override(base: Recipe, changes: Mapping[str, Any]) -> Recipe:
        return with_changes(base, changes)

    engine = Engine(
        registry(),
        TrainingJob(
            recipe=recipe,
            source_channels=sources,
            subjects=2,
            sampler=sampler,
            volumes=lambda: iter([batch((SIDE, SIDE, SIDE), 1, 0, sources)]),
            seed=0,
            folder=folder,
            override=override,
        ),
    )
    engine.run()
    return engine


@pytest.mark.parametrize(
    ("translator", "discriminator"),
    list(product(names("translators", trained=True), names("discriminators"))),
)
def test_trains_and_translates_or_is_refused_at_plan_time(
    translator: str, discriminator: str, tmp_path: Path
) -> None:
    trained = 0
    for number, (pair, loss) in enumerate(product(PAIRS, RECONSTRUCTIONS)):
        method = planned(translator, discriminator, pair, loss)
        reason = expected_refusal(discriminator, loss)
        if reason is not None:
            assert method.blocked is not None
            assert reason in method.blocked[0]
            continue
        assert method.blocked is None, (pair, loss, method.blocked)
        if (translator, discriminator, pair, loss) not in walk():
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        engine = train(method.recipe, folder)
        assert engine.steps >= 2
        values = [value for row in engine.rows for value in row.values() if value != row["stage"]]
        assert np.isfinite([float(value) for value in values]).all(), (pair, loss)
        trained += 1
        if trained > 1:
            continue
        whole = batch((SIDE, SIDE - 3, SIDE + 2), 1, 0)
        image = translate(engine.translator.eval(), method.recipe, whole, seed=0)
        assert image.shape == (SIDE, SIDE - 3, SIDE + 2)
        assert image.min() >= 0
        assert image.max() <= 1
    assert trained > 0


@pytest.mark.parametrize("translator", names("translators", trained=True))
def test_takes_two_sources_or_is_refused_at_plan_time(translator: str, tmp_path: Path) -> None:
    spec = registry().get("translators", translator).spec
    method = planned(translator, "patchgan3d", "lsgan", "l1", sources=2)
    if spec.max_sources == 1:
        assert method.blocked is not None
        assert "takes no more than 1 source modality" in method.blocked[0]
        return
    assert method.blocked is None, method.blocked
    network = train(method.recipe, tmp_path, sources=2).translator.eval()
    both = batch((SIDE, SIDE, SIDE), 1, 0, sources=2)
    first = Batch(source=both.source.clone(), mask=both.mask)
    first.source[:, 1] = -1
    image = translate(network, method.recipe, both, seed=0)
    assert image.shape == (SIDE, SIDE, SIDE)
    assert not np.array_equal(image, translate(network, method.recipe, first, seed=0))


def test_every_part_is_in_the_walk() -> None:
    """A new built-in joins by its tiny parameters here."""
    assert sorted(TRANSLATORS) == names("translators", trained=True)
    assert sorted(DISCRIMINATORS) == names("discriminators")
    assert set(LOSSES) <= set(RECONSTRUCTIONS)


@pytest.mark.parametrize("translator", names("translators", trained=False))
def test_closed_forms_have_nothing_to_train(translator: str) -> None:
    method = planned(translator, "patchgan3d", "lsgan", "l1")
    assert method.blocked is not None
    assert "has nothing to train" in method.blocked[0]
