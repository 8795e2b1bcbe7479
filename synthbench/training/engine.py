"""The training loop: stages, steps, checkpoints; the same for every method."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from synthbench.api import Batch, Recipe, Stage, Translator
from synthbench.api.recipe import Patch
from synthbench.registry import Registry
from synthbench.store.atomic import write_atomic
from synthbench.training import checkpoint
from synthbench.training.components import (
    build_critics,
    build_penalties,
    build_translator,
    count_parameters,
    seed_everything,
)
from synthbench.training.losses import LossTable
from synthbench.training.optimisers import Plan
from synthbench.training.precision import Precision, pick_device
from synthbench.training.step import TrainingStep

#: Rows of a stage's loss table, so that long trainings keep it readable.
_ROWS_PER_STAGE = 200


@dataclass
class TrainingJob:
    """What the engine needs to train one method once.

    Attributes:
        recipe: Resolved recipe.
        source_channels: Number of source modalities.
        subjects: Number of training subjects.
        sampler: ``(patch, batch, size_multiple, seed) -> (step -> Batch)``, a pure function of its
            arguments and the step, so that resuming needs only the step.
        volumes: Gives every whole training volume once, for calibration.
        seed: Seed of weights, dropout and patches.
        folder: Where checkpoints, weights and loss curves go.
        override: Applies dotted recipe overrides (a stage's own).
        report: Called now and then with stage, step, number of steps and newest losses.
        should_stop: Polled every step; when true, a checkpoint is written and training stops.
        checkpoint_seconds: Time between checkpoints.
    """

    recipe: Recipe
    source_channels: int
    subjects: int
    sampler: Callable[[Patch, int, Any, int], Callable[[int], Batch]]
    volumes: Callable[[], Iterable[Batch]]
    seed: int
    folder: Path
    override: Callable[[Recipe, Mapping[str, Any]], Recipe]
    report: Callable[[Mapping[str, Any]], None] = field(default=lambda _: None)
    should_stop: Callable[[], bool] = field(default=lambda: False)
    checkpoint_seconds: float = 60.0


class Interrupted(Exception):  # noqa: N818 - a request to stop, not an error
    """Training stopped on request; a checkpoint was written."""


class Engine:
    """Trains one method: every stage of its translator, one after the other.

    Args:
        registry: Where components are found.
        job: What to train.
    """

    def __init__(self, registry: Registry, job: TrainingJob) -> None:
        self.registry = registry
        self.job = job
        self.device = pick_device()
        torch.backends.cudnn.benchmark = True  # patches have one size: the search pays at once
        seed_everything(job.seed)
        self.translator = build_translator(registry, job.recipe, job.source_channels)
        self.translator.to(self.device)
        self.elapsed = 0.0
        self.steps = 0
        self.rows: list[dict[str, Any]] = []
        self.resumed = False

    def run(self) -> dict[str, Any]:
        """Train, or continue training, and write ``model.pt`` and ``losses.csv``.

        Returns:
            JSON-able record: steps, seconds, trainable parameters, precision, whether it resumed.

        Raises:
            Interrupted: If ``should_stop`` asked for it.
            SynthbenchError: If a loss is not finite.
        """
        state = checkpoint.load(self.job.folder)
        self.resumed = state is not None
        if state is None:
            self._calibrate()
        stages = self.translator.stages()
        first = 0
        if state is not None:
            first = state["stage"]
            self.elapsed, self.steps, self.rows = state["elapsed"], state["steps"], state["rows"]
            self.translator.load_state_dict(state["translator"])
        discriminator_parameters = 0
        precision = "fp32"
        for index in range(first, len(stages)):
            stage = stages[index]
            recipe = self.job.override(self.job.recipe, stage.overrides)
            plan = Plan.of(recipe.budget, stage.share, self.job.subjects, recipe.batch)
            if plan.finished(0, 0.0):  # nothing to train, perhaps nothing trainable
                continue
            loop = _StageLoop(self, stage, index, recipe, plan)
            loop.run(state if index == first else None)
            precision = loop.step.precision.effective
            discriminator_parameters = sum(count_parameters(c.network) for c in loop.step.critics)
        weights = {name: value.cpu() for name, value in self.translator.state_dict().items()}
        write_atomic(self.job.folder / "model.pt", lambda path: torch.save(weights, path))
        LossTable(self.rows).write(self.job.folder / "losses.csv")
        return {
            "steps": self.steps,
            "seconds": round(self.elapsed, 3),
            "parameters": count_parameters(self.translator),
            "discriminator_parameters": discriminator_parameters,
            "precision": precision,
            "resumed": self.resumed,
            "device": self.device.type,
        }

    def _calibrate(self) -> None:
        if type(self.translator).calibrate is Translator.calibrate:
            return
        started = time.monotonic()
        with torch.no_grad():
            self.translator.calibrate(self.job.volumes())
        self.elapsed += time.monotonic() - started


class _StageLoop:
    """The loop over one stage's steps."""

    def __init__(
        self, engine: Engine, stage: Stage, index: int, recipe: Recipe, plan: Plan
    ) -> None:
        job = engine.job
        self.engine, self.stage, self.index = engine, stage, index
        self.recipe, self.plan = recipe, plan
        # Each stage starts from its own seed, so a stage does not depend on how the one before it
        # was interrupted.
        seed_everything(job.seed + 1000 * index + 1)
        critics = build_critics(engine.registry, self.recipe, stage)
        penalties = build_penalties(engine.registry, self.recipe, stage)
        for module in (*(c.network for c in critics), *(c.pair for c in critics)):
            module.to(engine.device)
        for penalty in penalties:
            penalty.loss.to(engine.device)
        precision = Precision(self.recipe.precision, engine.device)
        self.step = TrainingStep(stage.module, critics, penalties, self.recipe, precision)
        self.average: AveragedModel | None = None
        if self.recipe.ema is not None:
            self.average = AveragedModel(
                stage.module,
                multi_avg_fn=get_ema_multi_avg_fn(self.recipe.ema),  # type: ignore[no-untyped-call]
                use_buffers=True,
            )
        self.draws = 0
        self.count = 0
        self.started_at = engine.elapsed

    def run(self, state: Mapping[str, Any] | None) -> None:
        """Run the stage, from a checkpoint where there is one."""
        engine, job = self.engine, self.engine.job
        if state is not None:
            self._restore(state)
        every = max(1, (self.plan.steps or 2000) // _ROWS_PER_STAGE)
        table = LossTable(engine.rows)
        sample = job.sampler(
            self.recipe.patch,
            self.recipe.batch,
            self.stage.module.size_multiple,
            job.seed + 1000 * self.index,
        )

        def draw() -> Batch:
            self.draws += 1
            return sample(self.draws - 1)

        self.stage.module.train()
        clock = time.monotonic()
        saved = clock
        base = engine.elapsed
        while not self.plan.finished(self.count, engine.elapsed - self.started_at):
            progress = self.plan.progress(self.count, engine.elapsed - self.started_at)
            table.add(self.step(draw, progress))
            if self.average is not None:
                self.average.update_parameters(self.stage.module)
            self.count += 1
            engine.steps += 1
            now = time.monotonic()
            engine.elapsed = base + now - clock
            if self.count % every == 0 or self.count == self.plan.steps:
                lr = self.step.optimiser.param_groups[0]["lr"]
                means = table.flush(self.stage.name, self.count, engine.elapsed, lr)
                job.report(
                    {
                        "stage": self.stage.name,
                        "step": self.count,
                        "steps": self.plan.steps,
                        "fraction": self.plan.progress(
                            self.count, engine.elapsed - self.started_at
                        ).fraction,
                        "loss": means.get("generator"),
                    }
                )
                if now - saved >= job.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
            if job.should_stop():
                table.flush(self.stage.name, self.count, engine.elapsed, 0.0)
                self._save()
                raise Interrupted
        if self.average is not None:
            self.stage.module.load_state_dict(self.average.module.state_dict())

    def _save(self) -> None:
        engine = self.engine
        checkpoint.save(
            engine.job.folder,
            {
                "stage": self.index,
                "count": self.count,
                "draws": self.draws,
                "steps": engine.steps,
                "elapsed": engine.elapsed,
                "stage_started_at": self.started_at,
                "rows": engine.rows,
                "translator": engine.translator.state_dict(),
                "critics": [c.network.state_dict() for c in self.step.critics],
                "optimiser": self.step.optimiser.state_dict(),
                "critic_optimisers": [o.state_dict() for o in self.step.critic_optimisers],
                "scaler": self.step.precision.scaler.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
                "random": checkpoint.random_state(),
            },
        )

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.count, self.draws = state["count"], state["draws"]
        self.started_at = state["stage_started_at"]
        for critic, saved in zip(self.step.critics, state["critics"], strict=True):
            critic.network.load_state_dict(saved)
        self.step.optimiser.load_state_dict(state["optimiser"])
        for optimiser, saved in zip(
            self.step.critic_optimisers, state["critic_optimisers"], strict=True
        ):
            optimiser.load_state_dict(saved)
        self.step.precision.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        checkpoint.restore_random_state(state["random"])
