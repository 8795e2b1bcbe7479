"""Level 1: adversarial pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synthbench.api import AdversarialLoss, Judgement, Prediction, Scores, Setting
from synthbench.testing.checks import check
from synthbench.testing.losses import Judge, is_plain, judges, prediction
from synthbench.testing.specimens import Specimen
from synthbench.testing.verdicts import demand
from synthbench.training.components import seed_everything

_CUBE = (16, 16, 16)
#: Distance of the made-up logits from the pair's threshold.
_MARGIN = 0.5


def is_pair(specimen: Specimen) -> bool:
    """Whether it is an adversarial pair."""
    return not is_plain(specimen)


def _build(specimen: Specimen) -> AdversarialLoss:
    seed_everything(0)
    entry = specimen.component
    pair: AdversarialLoss = entry.resolve()(Setting(), **specimen.catalogue.params(entry))
    return pair


def _judge(specimen: Specimen) -> Judge:
    return judges(specimen.component.spec.needs or ("discriminator",))["judge"]


def _for_discriminator(
    pair: AdversarialLoss, judge: Judge, compared: Prediction
) -> tuple[Tensor, Prediction]:
    """The discriminator's half of a step, as the engine makes it."""
    detached = Prediction(
        [image.detach() for image in compared.fake], compared.real, compared.condition
    )
    scores = Scores(
        fake=judge(detached.fake, detached.condition),
        real=judge(detached.real, detached.condition),
    )
    return pair.discriminator_loss(scores, detached, judge), detached


def _for_generator(pair: AdversarialLoss, judge: Judge, compared: Prediction) -> Tensor:
    """The generator's half."""
    judge.requires_grad_(False)
    real = None
    if pair.generator_needs_real:
        with torch.no_grad():
            real = judge(compared.real, compared.condition)
    value = pair.generator_loss(Scores(judge(compared.fake, compared.condition), real))
    judge.requires_grad_(True)
    return value


def used(specimen: Specimen) -> tuple[nn.Module, dict[str, Tensor]]:
    """A pair after one step of both sides, and its state before."""
    pair, judge, compared = _build(specimen), _judge(specimen), prediction(_CUBE)
    before = {name: value.detach().clone() for name, value in pair.state_dict().items()}
    torch.autograd.backward(_for_discriminator(pair, judge, compared)[0])
    torch.autograd.backward(_for_generator(pair, judge, compared))
    return pair, before


def _demand_scalar(value: Tensor, what: str) -> None:
    demand(isinstance(value, Tensor), f"{what} is a {type(value).__name__}, not a tensor")
    demand(value.shape == (), f"{what} has shape {tuple(value.shape)}, not a scalar's")
    demand(torch.isfinite(value), f"{what} is {value.item()}")


@check("losses", level=1, applies=is_pair)
def scalars(specimen: Specimen) -> None:
    """Both losses are finite scalars, for logit maps of one and of three resolutions."""
    for resolutions in (1, 3):
        pair, judge = _build(specimen), _judge(specimen)
        compared = prediction(_CUBE, resolutions)
        value, _ = _for_discriminator(pair, judge, compared)
        _demand_scalar(value, f"discriminator_loss of {resolutions} level(s)")
        value = _for_generator(pair, judge, compared)
        _demand_scalar(value, f"generator_loss of {resolutions} level(s)")


@check("losses", level=1, applies=is_pair)
def gradients(specimen: Specimen) -> None:
    """The discriminator's loss gives every parameter of the discriminator a finite gradient and the
    synthetic image none; the generator's loss gives the synthetic image one, and none to the real
    image or the discriminator."""
    pair, judge, compared = _build(specimen), _judge(specimen), prediction(_CUBE)
    fake = compared.fake[0]
    compared.real[0].requires_grad_()
    value, _ = _for_discriminator(pair, judge, compared)
    torch.autograd.backward(value)
    for name, parameter in judge.named_parameters():
        gradient = parameter.grad
        # The bias of the logits cancels out where only their difference counts.
        demand(
            gradient is not None and torch.isfinite(gradient).all(),
            f"discriminator_loss gives {name} no finite gradient",
        )
    moved = any(p.grad is not None and p.grad.abs().max() > 0 for p in judge.parameters())
    demand(moved, "discriminator_loss gives the discriminator a gradient of zero")
    demand(fake.grad is None, "discriminator_loss gives the synthetic image a gradient")
    compared.real[0].grad = None
    judge.zero_grad()
    torch.autograd.backward(_for_generator(pair, judge, compared))
    gradient = fake.grad
    reached = gradient is not None and gradient.abs().max() > 0 and torch.isfinite(gradient).all()
    demand(reached, "generator_loss gives the synthetic image no gradient")
    demand(compared.real[0].grad is None, "generator_loss gives the real image a gradient")
    kept = all(parameter.grad is None for parameter in judge.parameters())
    demand(kept, "generator_loss gives the discriminator a gradient")


@check("losses", level=1, applies=is_pair)
def separation(specimen: Specimen) -> None:
    """Logits on the right side of `decision_threshold` (real above, synthetic below) cost the
    discriminator less than on the wrong side, and synthetic images called real cost the generator
    less than those called synthetic."""
    pair = _build(specimen)
    above, below = pair.decision_threshold + _MARGIN, pair.decision_threshold - _MARGIN
    right = _discriminators(specimen, pair, real=above, fake=below)
    wrong = _discriminators(specimen, pair, real=below, fake=above)
    demand(right < wrong, f"discriminator_loss is {right:.4g} when right, {wrong:.4g} when wrong")
    fooled = _generators(pair, fake=above)
    caught = _generators(pair, fake=below)
    demand(fooled < caught, f"generator_loss is {fooled:.4g} when called real, {caught:.4g} else")


def _discriminators(specimen: Specimen, pair: AdversarialLoss, real: float, fake: float) -> float:
    judge, compared = _judge(specimen), prediction(_CUBE)
    detached = Prediction(
        [image.detach() for image in compared.fake], compared.real, compared.condition
    )
    logits = judge(detached.real, detached.condition).logits
    seed_everything(2)  # gradient penalties draw where they look: the same places each time
    scores = Scores(fake=_all(logits, fake), real=_all(logits, real))
    return pair.discriminator_loss(scores, detached, judge).item()


def _generators(pair: AdversarialLoss, fake: float) -> float:
    logits = [torch.zeros(2, 1, 4, 4, 4)]
    real = _all(logits, pair.decision_threshold) if pair.generator_needs_real else None
    return pair.generator_loss(Scores(_all(logits, fake), real)).item()


def _all(logits: list[Tensor], value: float) -> Judgement:
    return Judgement([torch.full_like(each, value).requires_grad_() for each in logits])
