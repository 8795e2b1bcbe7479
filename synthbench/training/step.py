"""One training step of any method: discriminators first, then the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from synthbench.api import Batch, Prediction, Recipe, Scores, Translator
from synthbench.training.components import Critic, Penalty
from synthbench.training.optimisers import (
    Progress,
    learning_rate_factor,
    loss_weight,
    make_optimiser,
)
from synthbench.training.precision import Precision


class TrainingStep:
    """Updates one stage's translator and its discriminators.

    The generator's forward pass is shared: the discriminators see its detached images, then the
    generator is updated through the same graph.

    Args:
        network: The stage's translator.
        critics: Discriminators with their pairs; may be empty.
        penalties: Losses of the generator.
        recipe: The stage's recipe.
        precision: Mixed precision.
    """

    def __init__(
        self,
        network: Translator,
        critics: list[Critic],
        penalties: list[Penalty],
        recipe: Recipe,
        precision: Precision,
    ) -> None:
        self.network = network
        self.critics = critics
        self.penalties = penalties
        self.recipe = recipe
        self.precision = precision
        self.optimiser = make_optimiser(recipe.optimiser, network.parameters())
        critic_recipe = recipe.discriminator_optimiser or recipe.optimiser
        self.critic_optimisers = [
            make_optimiser(critic_recipe, critic.network.parameters()) for critic in critics
        ]

    def __call__(self, draw: Callable[[], Batch], progress: Progress) -> dict[str, Tensor]:
        """Run one step.

        Args:
            draw: Gives the next batch.
            progress: How far training is, for schedules.

        Returns:
            Detached scalar losses by name: ``generator`` (the weighted sum), every term of it
            unweighted, and ``<discriminator>.d`` for the discriminators.
        """
        self._set_learning_rates(progress)
        values: dict[str, Tensor] = {}
        batch = draw()
        if self.critics:
            for _ in range(1, self.recipe.discriminator_steps):
                with torch.no_grad(), self.precision.autocast():
                    prediction = self.network.predict(batch)
                self._update_critics(prediction)
                batch = draw()
            if self.recipe.separate_batches:
                with torch.no_grad(), self.precision.autocast():
                    prediction = self.network.predict(batch)
                values |= self._update_critics(prediction)
                batch = draw()
        with self.precision.autocast():
            prediction = self.network.predict(batch)
        if self.critics and not self.recipe.separate_batches:
            values |= self._update_critics(prediction)
        return values | self._update_generator(prediction, progress)

    def _update_critics(self, prediction: Prediction) -> dict[str, Tensor]:
        detached = Prediction(
            fake=[image.detach() for image in prediction.fake],
            real=prediction.real,
            condition=None if prediction.condition is None else prediction.condition.detach(),
        )
        values = {}
        for critic, optimiser in zip(self.critics, self.critic_optimisers, strict=True):
            with self.precision.autocast():
                scores = Scores(
                    fake=critic.network(detached.fake, detached.condition),
                    real=critic.network(detached.real, detached.condition),
                )
                loss = critic.pair.discriminator_loss(scores, detached, critic.network)
            values[f"{critic.name}.d"] = loss.detach()
            if critic.term.max_accuracy is None or _accuracy(critic, scores) <= (
                critic.term.max_accuracy
            ):
                self._descend(loss, optimiser, critic.network.parameters())
        return values

    def _update_generator(self, prediction: Prediction, progress: Progress) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        total: Tensor | float = 0.0
        for critic in self.critics:
            critic.network.requires_grad_(False)
        with self.precision.autocast():
            judged = {critic.name: self._judge(critic, prediction) for critic in self.critics}
            for critic in self.critics:
                value = critic.pair.generator_loss(judged[critic.name])
                total = total + critic.term.weight * value
                values[f"{critic.name}.g"] = value.detach()
            for penalty in self.penalties:
                value = penalty.loss(prediction, judged)
                total = total + loss_weight(penalty.term, progress) * value
                values[penalty.name] = value.detach()
        if isinstance(total, Tensor):
            self._descend(total, self.optimiser, self.network.parameters())
            values["generator"] = total.detach()
        for critic in self.critics:
            critic.network.requires_grad_(True)
        return values

    def _judge(self, critic: Critic, prediction: Prediction) -> Scores:
        fake = critic.network(prediction.fake, prediction.condition, features=critic.features)
        real = None
        if critic.pair.generator_needs_real or critic.features:
            with torch.no_grad():
                real = critic.network(
                    prediction.real, prediction.condition, features=critic.features
                )
        return Scores(fake=fake, real=real)

    def _descend(
        self, loss: Tensor, optimiser: torch.optim.Optimizer, parameters: Iterable[nn.Parameter]
    ) -> None:
        scaler = self.precision.scaler
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip_norm is not None:
            scaler.unscale_(optimiser)
            nn.utils.clip_grad_norm_(parameters, self.recipe.clip_norm)
        scaler.step(optimiser)
        scaler.update()

    def _set_learning_rates(self, progress: Progress) -> None:
        factor = learning_rate_factor(self.recipe.schedule, progress.fraction)
        critic_recipe = self.recipe.discriminator_optimiser or self.recipe.optimiser
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.optimiser.lr * factor
        for optimiser in self.critic_optimisers:
            for group in optimiser.param_groups:
                group["lr"] = critic_recipe.lr * factor


def _accuracy(critic: Critic, scores: Scores) -> float:
    """Fraction of logits on the right side of the pair's threshold, real and fake together."""
    assert scores.real is not None
    threshold = critic.pair.decision_threshold
    right = [(logits > threshold).float().mean() for logits in scores.real.logits]
    right += [(logits <= threshold).float().mean() for logits in scores.fake.logits]
    return float(torch.stack(right).mean())
