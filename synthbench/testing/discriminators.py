"""Level 1: discriminators, in every setting that a translator may put them into."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthbench.api import Discriminator, Judgement, Setting, SynthbenchError
from synthbench.testing import samples
from synthbench.testing.checks import check
from synthbench.testing.specimens import Specimen
from synthbench.testing.verdicts import Failed, demand
from synthbench.training.components import seed_everything

_CUBE = (16, 16, 16)
#: Odd, small, anisotropic, and slices across each axis.
_SIDES = ((13, 9, 11), (6, 5, 7), (16, 16, 4), (16, 14, 1), (1, 16, 14), (14, 1, 16))


def _build(
    specimen: Specimen,
    sides: tuple[int, int, int] = _CUBE,
    conditions: int = 1,
    levels: int = 1,
) -> Discriminator:
    seed_everything(0)
    entry = specimen.component
    setting = Setting(condition_channels=conditions, levels=levels, patch=sides)
    network: Discriminator = entry.resolve()(setting, **specimen.catalogue.params(entry))
    return network.train()


def _images(sides: Sequence[int] = _CUBE, levels: int = 1, seed: int = 0) -> list[Tensor]:
    return samples.levels(samples.images(sides, seed=seed), levels)


def _condition(sides: Sequence[int] = _CUBE, channels: int = 1) -> Tensor:
    return samples.images(sides, channels=channels, seed=50)


def _demand_logits(judgement: Judgement, what: str = "") -> None:
    prefix = f"{what}: " if what else ""
    demand(
        isinstance(judgement, Judgement) and judgement.logits,
        f"{prefix}it must return a Judgement with logits",
    )
    for logits in judgement.logits:
        demand(len(logits) == 2, f"{prefix}logits {tuple(logits.shape)} for a batch of 2")
        demand(logits.is_floating_point(), f"{prefix}logits are {logits.dtype}")
        demand(torch.isfinite(logits).all(), f"{prefix}logits are NaN or infinite")


@check("discriminators", level=1)
def logits(specimen: Specimen) -> None:
    """A batch of patches beside its condition gives finite floating-point logits with the batch's
    length; images and condition stay as they were."""
    images, condition = _images(), _condition()
    before = [images[0].clone(), condition.clone()]
    _demand_logits(_build(specimen)(images, condition))
    same = torch.equal(images[0], before[0]) and torch.equal(condition, before[1])
    demand(same, "it changes its input")


@check("discriminators", level=1)
def raw_logits(specimen: Specimen) -> None:
    """Logits are raw scores, passed through no sigmoid: they are not all within [0, 1] whatever the
    images and the weights are."""
    network = _build(specimen)
    lowest, highest = 1.0, 0.0
    for scale in (1.0, 30.0):
        for sign in (1.0, -1.0):
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.mul_(sign)
                judged = network([scale * _images()[0]], _condition())
                for parameter in network.parameters():
                    parameter.mul_(sign)
            lowest = min(lowest, *(float(each.min()) for each in judged.logits))
            highest = max(highest, *(float(each.max()) for each in judged.logits))
    demand(lowest < 0 or highest > 1, f"they lie in [{lowest:.3g}, {highest:.3g}]: a sigmoid?")


@check("discriminators", level=1)
def resolutions(specimen: Specimen) -> None:
    """Predictions of three resolutions can be judged as well as those of one."""
    _demand_logits(_build(specimen, levels=3)(_images(levels=3), _condition()), "three levels")


@check("discriminators", level=1)
def conditions(specimen: Specimen) -> None:
    """It works beside a condition of three channels, and without one; a conditional discriminator
    may refuse the latter with a `SynthbenchError`."""
    _demand_logits(
        _build(specimen, conditions=3)(_images(), _condition(channels=3)), "three channels"
    )
    try:
        _demand_logits(_build(specimen, conditions=0)(_images(), None), "no condition")
    except SynthbenchError:
        demand(specimen.component.spec.conditional, "not conditional, it wants a condition")


@check("discriminators", level=1)
def sides(specimen: Specimen) -> None:
    """Odd, small and unequal sides and slices (one side of 1) give finite logits, or a
    `SynthbenchError` when it is built or called."""
    for shape in _SIDES:
        shown = "x".join(map(str, shape))
        try:
            judgement = _build(specimen, sides=shape)(_images(shape), _condition(shape))
        except SynthbenchError as error:
            demand(error.message, f"{shown}: the error does not say what the limit is")
        except Exception as error:
            raise Failed(
                f"{shown}: {type(error).__name__}, not a SynthbenchError that names the limit: "
                f"{str(error).splitlines()[0] if str(error) else ''}"
            ) from error
        else:
            _demand_logits(judgement, shown)


@check("discriminators", level=1)
def dense(specimen: Specimen) -> None:
    """It gives one logit a voxel of the finest image if, and only if, it is declared `dense`."""
    declared = specimen.component.spec.dense
    for shape in (_CUBE, (16, 12, 20)):
        judgement = _build(specimen, sides=shape)(_images(shape), _condition(shape))
        maps = [tuple(each.shape[2:]) for each in judgement.logits]
        given = shape in maps
        demand(given == declared, f"dense is {declared}, but a patch {shape} gives maps {maps}")


@check("discriminators", level=1)
def features(specimen: Specimen) -> None:
    """Asked for intermediate features, it returns finite ones if, and only if, it is declared to
    have `features`; the logits do not depend on it."""
    network = _build(specimen).eval()
    images, condition = _images(), _condition()
    asked = network(images, condition, features=True)
    plain = network(images, condition)
    declared = specimen.component.spec.features
    given = bool(asked.features)
    demand(given == declared, f"features is {declared}, but {len(asked.features)} are returned")
    demand(all(torch.isfinite(f).all() for f in asked.features), "features are not finite")
    pairs = zip(asked.logits, plain.logits, strict=True)
    demand(all(torch.equal(a, b) for a, b in pairs), "logits change when features are asked for")


@check("discriminators", level=1)
def gradients(specimen: Specimen) -> None:
    """From the logits, a gradient reaches the finest image and every trainable parameter."""
    network = _build(specimen)
    images = [image.requires_grad_() for image in _images()]
    judgement = network(images, _condition())
    generator = torch.Generator().manual_seed(1)
    total = torch.zeros(())
    for each in judgement.logits:  # weighted at random: normalised logits may have a fixed mean
        total = total + (each * torch.randn(each.shape, generator=generator)).sum()
    torch.autograd.backward(total)
    gradient = images[0].grad
    demand(gradient is not None and gradient.abs().max() > 0, "no gradient reaches the image")
    lost = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    demand(not lost, f"no gradient reaches {', '.join(lost)}")
