"""Memory of a training step against the side of the volume: the cascade beside whole-volume GANs.

Repeats the comparison of Uzunova et al. 2020, section 3.1 and Fig. 4. Everything is counted on the
meta device, so the figures are the same on every machine.

    python -m benchmarks.memory.edge_cascade
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
import torch
from torch import Tensor, nn

from benchmarks.memory.accounting import count, lower_bound, saved_bytes
from benchmarks.memory.baselines import dcgan, pggan, pix2pix
from benchmarks.speed.timing import table
from synthbench.api import Setting, Stage
from synthbench_plugins.edge_cascade.critics import CascadeCritic
from synthbench_plugins.edge_cascade.translator import EdgeCascade

SIDES = (32, 64, 128, 256)
_LOWEST = 64
_MIB = 2**20


@dataclass(frozen=True)
class Pair:
    """A generator and a discriminator at batch size 1.

    Attributes:
        generator: Maps ``inputs`` to an image.
        discriminator: Its layers are counted.
        judge: Passes an image through the discriminator.
        inputs: Of the generator.
        condition: Elements that the discriminator sees beside the image.
    """

    generator: nn.Module
    discriminator: nn.Module
    judge: Callable[[Tensor], Tensor]
    inputs: Tensor
    condition: int = 0


@dataclass(frozen=True)
class Memory:
    """Bytes of one training step.

    Attributes:
        activations: Elements of all activations.
        least: Lower bound, without the optimiser's state.
        adam: The same with Adam's two moments.
        saved: Kept by autograd between forward and backward pass.
    """

    activations: int
    least: int
    adam: int
    saved: int


def measure(pair: Pair) -> Memory:
    """Count one training step."""
    generator, image = count(
        pair.generator, lambda: pair.generator(pair.inputs), pair.inputs.numel()
    )
    discriminator, _ = count(
        pair.discriminator, lambda: pair.judge(image), image.numel() + pair.condition
    )
    least = lower_bound(generator, discriminator)
    moments = 2 * 4 * (generator.parameters + discriminator.parameters)
    return Memory(
        activations=generator.activations + discriminator.activations,
        least=least,
        adam=least + moments,
        saved=saved_bytes(
            lambda: pair.judge(pair.generator(pair.inputs)), pair.generator, pair.discriminator
        ),
    )


def whole_volume(make: Callable[[int], Any], side: int, *, conditional: bool = False) -> Pair:
    """A baseline, which generates the volume at once."""
    generator, discriminator, shape = make(side)
    inputs = torch.empty(shape)

    def judge(image: Tensor) -> Tensor:
        seen = torch.cat([inputs, image], dim=1) if conditional else image
        result: Tensor = discriminator(seen)
        return result

    return Pair(generator, discriminator, judge, inputs, inputs.numel() if conditional else 0)


def scale(stage: Stage, channels: int, ratio: int) -> Pair:
    """One scale of the cascade with its discriminator."""
    module: Any = stage.module
    patch, conditions = module.predicted_sides, module.condition_channels
    critic = CascadeCritic(Setting(condition_channels=conditions, patch=patch))
    condition = torch.empty(1, conditions, *patch)
    inputs = torch.empty(1, channels, *(ratio * side for side in patch))

    def judge(image: Tensor) -> Tensor:
        return critic([image], condition).logits[0]

    return Pair(module.generator, critic, judge, inputs, condition.numel())


def cascade(side: int, lr_generator: Any) -> Mapping[str, Pair]:
    """The scales that train for a volume of a side; the higher ones are all alike."""
    scales = int(math.log2(side // _LOWEST))
    stages = EdgeCascade(
        Setting(), lr_side=_LOWEST, scales=scales, lr_generator=lr_generator
    ).stages()
    pairs = {"lowest": scale(stages[0], 1, 2)}
    if scales:
        pairs["higher"] = scale(stages[-1], 2, 1)
    return pairs


def contenders(side: int) -> dict[str, Pair]:
    """Everything that can generate a volume of a side, by its name in the table."""
    pairs = {
        "DCGAN-3D": whole_volume(dcgan, side),
        "Pix2Pix-3D": whole_volume(pix2pix, side, conditional=True),
        "PGGAN-3D, channels halved": whole_volume(
            partial(pggan, width=lambda stage: min(512, 8192 // 2**stage)), side
        ),
        "PGGAN-3D, 64 channels": whole_volume(partial(pggan, width=lambda stage: 64), side),
    }
    if side >= _LOWEST:
        for generator in ("unet", "resnet"):
            for name, pair in cascade(side, generator).items():
                label = f"edge_cascade, lowest scale, {generator}"
                pairs[label if name == "lowest" else "edge_cascade, higher scales"] = pair
    return pairs


def exponent(before: int, after: int) -> str:
    """Growth per doubling of the side, as a power of it."""
    return f"{math.log2(after / before):.2f}"


def render(measured: Mapping[str, Mapping[int, Memory]], field: str) -> str:
    """One markdown table of a field of :class:`Memory`."""
    rows: list[tuple[object, ...]] = []
    for name, by_side in measured.items():
        cells = [
            f"{getattr(by_side[side], field) / _MIB:,.0f}" if side in by_side else "-"
            for side in SIDES
        ]
        before, after = by_side[SIDES[-2]], by_side[SIDES[-1]]
        rows.append(
            (
                name,
                *cells,
                exponent(getattr(before, field), getattr(after, field)),
                exponent(before.activations, after.activations),
            )
        )
    header = (
        "network",
        *(f"{side}^3" for side in SIDES),
        f"exponent {SIDES[-2]} to {SIDES[-1]}",
        "of the activations",
    )
    return table(header, rows)


@click.command()
def main() -> None:
    """Print the tables."""
    measured: dict[str, dict[int, Memory]] = {}
    with torch.device("meta"):
        for side in SIDES:
            for name, pair in contenders(side).items():
                measured.setdefault(name, {})[side] = measure(pair)
    measured = dict(sorted(measured.items()))
    print(f"MiB of one training step, batch size 1, float32, torch {torch.__version__}.\n")
    for title, field in (
        ("Lower bound: activations and parameters twice (values, gradients), images once", "least"),
        ("The same with Adam's moments", "adam"),
        ("Cross-check: kept by autograd between forward and backward pass", "saved"),
    ):
        print(f"## {title}\n\n{render(measured, field)}\n")


if __name__ == "__main__":
    main()
