"""Optimisers, and everything that changes over the budget: learning rate, loss ramps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from synthbench.api.recipe import Budget, LossTerm, Optimiser, Schedule


@dataclass(frozen=True)
class Progress:
    """How far training is.

    Attributes:
        step: Steps done.
        fraction: Of the budget, in [0, 1].
        epoch: Passes over the training subjects done.
    """

    step: int
    fraction: float
    epoch: float


@dataclass(frozen=True)
class Plan:
    """A budget made concrete for a training set.

    Attributes:
        steps: Number of steps, or ``None`` when wall-clock minutes decide.
        seconds: Wall-clock limit, or ``None``.
        steps_per_epoch: Batches that hold as many patches as there are training subjects.
    """

    steps: int | None
    seconds: float | None
    steps_per_epoch: float

    @classmethod
    def of(cls, budget: Budget, share: float, subjects: int, batch: int) -> Plan:
        """Spend ``share`` of a budget on ``subjects`` training subjects."""
        per_epoch = subjects / batch
        if budget.minutes is not None:
            return cls(None, budget.minutes * 60 * share, per_epoch)
        if budget.epochs is not None:
            steps = budget.epochs * per_epoch
        elif budget.patches is not None:
            steps = budget.patches / batch
        else:
            steps = budget.steps or 0
        return cls(math.ceil(steps * share), None, per_epoch)

    def progress(self, step: int, elapsed: float) -> Progress:
        """Progress after ``step`` steps and ``elapsed`` seconds."""
        done = elapsed / self.seconds if self.seconds else step / max(self.steps or 0, 1)
        return Progress(step, min(done, 1.0), step / self.steps_per_epoch)

    def finished(self, step: int, elapsed: float) -> bool:
        """Whether the budget is spent."""
        return elapsed >= self.seconds if self.seconds is not None else step >= (self.steps or 0)


def make_optimiser(recipe: Optimiser, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Build the optimiser a recipe asks for; fused kernels where all parameters are on a GPU."""
    trainable = [p for p in parameters if p.requires_grad]
    if recipe.name == "sgd":
        return torch.optim.SGD(
            trainable, lr=recipe.lr, momentum=recipe.betas[0], weight_decay=recipe.weight_decay
        )
    kind = torch.optim.AdamW if recipe.name == "adamw" else torch.optim.Adam
    fused = bool(trainable) and all(p.is_cuda for p in trainable)
    return kind(
        trainable,
        lr=recipe.lr,
        betas=recipe.betas,
        weight_decay=recipe.weight_decay,
        fused=fused or None,
    )


def learning_rate_factor(schedule: Schedule, fraction: float) -> float:
    """Factor on the base learning rate after ``fraction`` of the budget."""
    if schedule.kind == "step":
        return schedule.gamma ** math.floor(fraction / schedule.every + 1e-9)
    if schedule.kind == "linear":
        return min(1.0, (1.0 - fraction) / (1.0 - schedule.start))
    if schedule.kind == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * fraction))
    return 1.0


def loss_weight(term: LossTerm, progress: Progress) -> float:
    """Weight of a loss now, its ramp applied."""
    if term.ramp is None:
        return term.weight
    length, now = (
        (term.ramp.epochs, progress.epoch)
        if term.ramp.epochs is not None
        else (term.ramp.fraction or 1.0, progress.fraction)
    )
    climbed = min(1.0, now / length)
    return term.ramp.initial + (term.weight - term.ramp.initial) * climbed
