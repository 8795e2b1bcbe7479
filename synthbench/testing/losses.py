"""Level 1: losses of the generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from synthbench.api import Discriminator, Judgement, Loss, Prediction, Scores, Setting
from synthbench.api.errors import SynthbenchError
from synthbench.testing import samples
from synthbench.testing.checks import check
from synthbench.testing.specimens import Specimen
from synthbench.testing.verdicts import Failed, Skipped, demand
from synthbench.training.components import seed_everything

#: Sides of the images; the next where a loss refuses the one before.
_CUBES = (16, 24, 32)
_EVERYTHING = ("discriminator", "dense", "features")
_SIDES = ((13, 17, 11), (16, 16, 1), (1, 18, 15))


def is_plain(specimen: Specimen) -> bool:
    """Whether it is a loss of the generator, not an adversarial pair."""
    return specimen.kind == "losses" and not specimen.component.spec.adversarial


class Judge(Discriminator):
    """Offers exactly what is asked of it.

    Args:
        offers: Any of ``dense`` (one logit a voxel, else one a block) and ``features``.
    """

    def __init__(self, offers: Sequence[str]) -> None:
        super().__init__(Setting())
        self.offers = offers
        self.first = nn.Conv3d(2, 4, 3, padding=1)
        self.last = nn.Conv3d(4, 1, 1)

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge every resolution beside the condition, resized."""
        judgement = Judgement(logits=[])
        for image in images:
            if condition is None:
                beside = torch.zeros_like(image)
            else:
                beside = nn.functional.interpolate(condition[:, :1], size=image.shape[2:])
            hidden = nn.functional.softplus(self.first(torch.cat([image, beside], 1)))
            if features and "features" in self.offers:
                judgement.features.append(hidden)
            if "dense" not in self.offers:
                hidden = nn.functional.avg_pool3d(hidden, [min(4, n) for n in hidden.shape[2:]])
            judgement.logits.append(self.last(hidden))
        return judgement


def judges(needs: Sequence[str]) -> dict[str, Judge]:
    """A discriminator that offers what ``needs`` names and nothing else; none for no needs."""
    torch.manual_seed(7)
    return {"judge": Judge(needs)} if needs else {}


def judged(
    prediction: Prediction, by: Mapping[str, Judge], needs: Sequence[str]
) -> dict[str, Scores]:
    """Let discriminators judge a prediction as the generator's step does."""
    features = "features" in needs
    scores = {}
    for name, judge in by.items():
        judge.requires_grad_(False)
        real = None
        if features:
            with torch.no_grad():
                real = judge(prediction.real, prediction.condition, features=True)
        fake = judge(prediction.fake, prediction.condition, features=features)
        scores[name] = Scores(fake=fake, real=real)
    return scores


def prediction(
    sides: Sequence[int], resolutions: int = 1, difference: float = 0.2, seed: int = 0
) -> Prediction:
    """A prediction that differs from its truth, in [-1, 1] but for a little."""
    real = samples.images(sides, seed=seed)
    fake = (real + difference * samples.images(sides, seed=seed + 10)).requires_grad_()
    return Prediction(
        fake=samples.levels(fake, resolutions),
        real=samples.levels(real, resolutions),
        condition=samples.images(sides, seed=seed + 20),
    )


def cube(specimen: Specimen) -> tuple[int, int, int]:
    """The smallest cube that a loss accepts.

    Raises:
        Failed: If it refuses them all.
    """
    reason = ""
    for side in _CUBES:
        try:
            with torch.no_grad():
                _value(specimen, prediction((side, side, side)))
        except SynthbenchError as error:
            reason = error.message
            continue
        return side, side, side
    raise Failed(f"it refuses cubes of {', '.join(map(str, _CUBES))} voxels: {reason}")


def _build(specimen: Specimen) -> Loss:
    seed_everything(0)
    entry = specimen.component
    params = specimen.catalogue.params(entry)
    for what, _ in entry.missing(params):
        raise Skipped(what)
    loss: Loss = entry.resolve()(Setting(), **params)
    return loss.requires_grad_(False)  # as the engine does


def _value(
    specimen: Specimen,
    compared: Prediction,
    by: Mapping[str, Judge] | None = None,
    loss: Loss | None = None,
) -> Tensor:
    needs = specimen.component.spec.needs
    by = judges(_EVERYTHING) if by is None else by  # what it really needs is a check of its own
    loss = _build(specimen) if loss is None else loss
    seed_everything(1)  # losses may draw random patches: the same for every comparison
    value: Tensor = loss(compared, judged(compared, by, needs))
    return value


def _demand_loss(value: Tensor, compared: Prediction, what: str) -> None:
    demand(isinstance(value, Tensor), f"{what}: it returns {type(value).__name__}, not a tensor")
    demand(value.shape == (), f"{what}: shape {tuple(value.shape)}, not a scalar")
    demand(torch.isfinite(value), f"{what}: it is {value.item()}")
    demand(value.requires_grad, f"{what}: it does not depend on the synthetic image")
    (gradient,) = torch.autograd.grad(value, compared.fake[0], allow_unused=True)
    reached = gradient is not None and gradient.abs().max() > 0
    demand(reached, f"{what}: no gradient reaches the synthetic image")
    assert gradient is not None
    demand(torch.isfinite(gradient).all(), f"{what}: its gradient is not finite")


@check("losses", level=1, applies=is_plain)
def scalar(specimen: Specimen) -> None:
    """It gives a finite scalar, whose finite gradient reaches the synthetic image; the images stay
    as they were."""
    compared = prediction(specimen.once(cube))
    before = [compared.fake[0].detach().clone(), compared.real[0].clone()]
    _demand_loss(_value(specimen, compared), compared, "one level")
    same = torch.equal(compared.fake[0], before[0]) and torch.equal(compared.real[0], before[1])
    demand(same, "it changes its input")


@check("losses", level=1, applies=is_plain)
def resolutions(specimen: Specimen) -> None:
    """The same for predictions of three resolutions."""
    compared = prediction(specimen.once(cube), resolutions=3)
    _demand_loss(_value(specimen, compared), compared, "three levels")


@check("losses", level=1, applies=is_plain)
def sides(specimen: Specimen) -> None:
    """The same for odd sides and for slices (one side of 1), or a `SynthbenchError`."""
    for shape in _SIDES:
        compared = prediction(shape)
        try:
            value = _value(specimen, compared)
        except SynthbenchError:
            continue
        _demand_loss(value, compared, "x".join(map(str, shape)))


@check("losses", level=1, applies=is_plain)
def needs(specimen: Specimen) -> None:
    """It works with a discriminator that offers what `needs` names and nothing more (none, if that
    is empty), also beside others that offer more or less."""
    shape, wanted = specimen.once(cube), specimen.component.spec.needs
    exact = judges(wanted)
    torch.manual_seed(8)
    company = {"rich": Judge(_EVERYTHING), "blunt": Judge(())}
    for what, by in {"exactly that": exact, "in company": {**exact, **company}}.items():
        compared = prediction(shape)
        try:
            value = _value(specimen, compared, by)
        except SynthbenchError:
            raise
        except Exception as error:
            offered = ", ".join(wanted) or "no discriminator"
            raise Failed(
                f"needs is ({', '.join(wanted)}), but with {offered} ({what}): "
                f"{type(error).__name__}: {error}"
            ) from error
        _demand_loss(value, compared, what)


@check("losses", level=1, applies=is_plain)
def least_for_equal(specimen: Specimen) -> None:
    """It is never larger where synthetic and real image are equal than where they differ. (A loss
    that is no distance between the two is declared an expected failure.)"""
    shape = specimen.once(cube)
    loss = _build(specimen)
    for seed in (0, 1):
        with torch.no_grad():
            equal = float(_value(specimen, prediction(shape, difference=0.0, seed=seed), loss=loss))
            for difference in (0.1, 0.5):
                other = prediction(shape, difference=difference, seed=seed)
                value = float(_value(specimen, other, loss=loss))
                slack = 1e-6 * max(1.0, abs(value))
                demand(equal <= value + slack, f"{equal:.4g} for equal images, {value:.4g} else")


@check("losses", level=1)
def keeps_no_state(specimen: Specimen) -> None:
    """Nothing of it changes while it is used: checkpoints do not hold losses, so a state of their
    own would be lost when a training is resumed. Frozen networks belong into eval mode."""
    if is_plain(specimen):
        loss: nn.Module = _build(specimen)
        before = _state(loss)
        compared = prediction(specimen.once(cube))
        torch.autograd.backward(_value(specimen, compared, loss=_as_loss(loss)))
    else:
        from synthbench.testing.adversarial import used

        loss, before = used(specimen)
    changed = [name for name, value in _state(loss).items() if not torch.equal(value, before[name])]
    demand(not changed, f"using it changes {', '.join(changed)}")
    trained = [name for name, parameter in loss.named_parameters() if parameter.grad is not None]
    demand(
        not trained, f"its parameters {', '.join(trained)} receive gradients, but are not trained"
    )


def _as_loss(module: nn.Module) -> Loss:
    assert isinstance(module, Loss)
    return module


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
