"""What the training engine costs: `pix2pix_resunet` against the same networks in a plain loop.

Both train the same generator and discriminator with the same losses, optimisers and pre-drawn
batches; the plain loop is what one would write by hand, without checkpoints, schedules or records.

    python -m benchmarks.speed.step [--side 32] [--steps 30] [--rounds 7]
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import torch
from torch.nn import functional as F

from benchmarks.speed.timing import interleaved, machine, table
from synthbench.api import Batch, Recipe
from synthbench.registry import Registry, load_registry
from synthbench.registry.recipes import recipe_of, with_changes
from synthbench.training.components import build_critics, build_translator
from synthbench.training.engine import Engine, TrainingJob


def make_recipe(registry: Registry, side: int, steps: int) -> Recipe:
    """The method's quick preset, at one patch size and number of steps."""
    entry = registry.get("methods", "pix2pix_resunet")
    return with_changes(
        recipe_of(entry.spec, "quick"),
        {"patch.size": [side] * 3, "budget": {"steps": steps}, "schedule.kind": "constant"},
    )


def engine_loop(
    registry: Registry, recipe: Recipe, batches: list[Batch], folder: Path
) -> Callable[[], object]:
    """Train with the engine; its checkpoints are written as in a real run."""
    job = TrainingJob(
        recipe=recipe,
        source_channels=1,
        subjects=len(batches),
        sampler=lambda patch, batch, multiple, seed: lambda step: batches[step % len(batches)],
        volumes=lambda: [],
        seed=0,
        folder=folder,
        override=with_changes,
    )
    return lambda: Engine(registry, job).run()


def plain_loop(
    registry: Registry, recipe: Recipe, batches: list[Batch], folder: Path
) -> Callable[[], object]:
    """Train by hand, and save the weights at the end as the engine does."""

    def train() -> None:
        torch.manual_seed(0)
        generator = build_translator(registry, recipe, 1)
        critic = build_critics(registry, recipe, generator.stages()[0])[0].network
        optimiser = torch.optim.Adam(generator.parameters(), lr=recipe.optimiser.lr)
        critic_recipe = recipe.discriminator_optimiser or recipe.optimiser
        critic_optimiser = torch.optim.Adam(critic.parameters(), lr=critic_recipe.lr)
        bce = F.binary_cross_entropy_with_logits
        for step in range(recipe.budget.steps or 0):
            batch = batches[step % len(batches)]
            assert batch.target is not None
            fake = generator(batch.source)
            judged = critic([fake.detach()], batch.source).logits[0]
            real = critic([batch.target], batch.source).logits[0]
            critic_loss = bce(real, torch.ones_like(real)) + bce(judged, torch.zeros_like(judged))
            critic_optimiser.zero_grad()
            critic_loss.backward()
            critic_optimiser.step()
            critic.requires_grad_(False)
            judged = critic([fake], batch.source).logits[0]
            loss = bce(judged, torch.ones_like(judged))
            loss = loss + recipe.losses[0].weight * F.l1_loss(fake, batch.target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            critic.requires_grad_(True)
        torch.save(generator.state_dict(), folder / "plain.pt")

    return train


@click.command()
@click.option("--side", default=32, show_default=True, help="Side of a patch, voxels.")
@click.option("--steps", default=30, show_default=True)
@click.option("--rounds", default=7, show_default=True)
def main(side: int, steps: int, rounds: int) -> None:
    """Print the table."""
    registry = load_registry()
    recipe = make_recipe(registry, side, steps)
    assert [term.adversarial.name for term in recipe.discriminators] == ["bce"]
    torch.manual_seed(0)
    batches = [
        Batch(
            source=torch.rand(recipe.batch, 1, side, side, side) * 2 - 1,
            target=torch.rand(recipe.batch, 1, side, side, side) * 2 - 1,
        )
        for _ in range(8)
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        seconds = interleaved(
            {
                "plain PyTorch loop": plain_loop(registry, recipe, batches, folder),
                "synthbench engine": engine_loop(registry, recipe, batches, folder),
            },
            rounds,
        )
    reference = seconds["plain PyTorch loop"]
    print(
        f"pix2pix_resunet (preset quick), {recipe.batch} patches of {side}^3 a step; "
        f"medians of {rounds} interleaved rounds of {steps} steps.\n{machine()}\n"
    )
    rows = [(name, f"{value / reference:.3f}") for name, value in seconds.items()]
    print(table(("training loop", "time per step, relative"), rows))


if __name__ == "__main__":
    main()
