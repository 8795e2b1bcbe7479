import math

import pytest
import torch
from torch import nn

from synthbench.api import Discriminator, Judgement, Prediction, Scores, Setting, UsageError
from synthbench_plugins.losses.adversarial import Hinge
from synthbench_plugins.losses.wasserstein import WGANGP, gradient_norms


def image(*values):
    return torch.tensor(values).view(1, 1, len(values), 1, 1)


FAKE = Judgement([image(0.5), image(-3.0, 2.0)])
REAL = Judgement([image(3.0), image(1.0, 0.0)])


class Linear(Discriminator):
    """One logit a sample: a fixed direction's inner product with each resolution."""

    def __init__(self, *directions):
        super().__init__(Setting())
        self.directions = nn.ParameterList(directions)

    def forward(self, images, condition=None, *, features=False):
        pairs = zip(images, self.directions, strict=False)
        score = sum((each * direction).flatten(1).sum(1) for each, direction in pairs)
        return Judgement([score.view(-1, 1, 1, 1, 1)])


class Watching(Discriminator):
    """Remembers what it was shown; its map of logits is the convolved finest image."""

    def __init__(self, norm=None, levels=1):
        super().__init__(Setting())
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv3d(1, 3, 3, padding=1), norm or nn.Identity(), nn.Tanh())
        self.last = nn.Conv3d(3, 1, 1)
        self.levels = levels
        self.shown = []

    def forward(self, images, condition=None, *, features=False):
        self.shown.append((images, condition))
        beside = 0.0 if condition is None else condition.mean(1, keepdim=True)
        maps = [self.last(self.layers(images[0] + beside))]
        maps += [self.last(self.layers(other)) for other in images[1 : self.levels]]
        return Judgement(maps)


def unit(*shape):
    torch.manual_seed(3)
    direction = torch.randn(shape)
    return direction / direction.norm()


def compared(batch=3, sides=(6, 5, 4), condition=None, levels=1):
    torch.manual_seed(1)
    shapes = [(batch, 1, *(max(1, side // 2**level) for side in sides)) for level in range(levels)]
    return Prediction(
        fake=[torch.randn(shape) for shape in shapes],
        real=[torch.randn(shape) for shape in shapes],
        condition=condition,
    )


def loss(critic, prediction, **params):
    scores = Scores(
        fake=critic(prediction.fake, prediction.condition),
        real=critic(prediction.real, prediction.condition),
    )
    return WGANGP(Setting(), **params).discriminator_loss(scores, prediction, critic)


def distance(critic, prediction):
    return loss(critic, prediction, penalty=0.0)


@pytest.mark.parametrize("norm", [1.0, 0.25, 3.0])
def test_penalty_of_a_linear_critic_in_closed_form(norm):
    prediction = compared()
    critic = Linear(norm * unit(6, 5, 4))
    torch.testing.assert_close(gradient_norms(critic, prediction), torch.full((3,), norm))
    penalty = loss(critic, prediction) - distance(critic, prediction)
    assert penalty.item() == pytest.approx(10 * (norm - 1) ** 2, abs=1e-5)
    twice = loss(critic, prediction, penalty=20.0) - distance(critic, prediction)
    assert twice.item() == pytest.approx(20 * (norm - 1) ** 2, abs=1e-5)


def test_resolutions_count_as_one_vector():
    prediction = compared(sides=(6, 4, 4), levels=2)
    critic = Linear(3.0 * unit(6, 4, 4), 4.0 * unit(3, 2, 2))
    torch.testing.assert_close(gradient_norms(critic, prediction), torch.full((3,), 5.0))


def test_a_critic_may_overlook_coarser_resolutions():
    prediction = compared(sides=(6, 4, 4), levels=2)
    critic = Linear(2.0 * unit(6, 4, 4))
    torch.testing.assert_close(gradient_norms(critic, prediction), torch.full((3,), 2.0))


def test_a_map_of_logits_counts_by_its_mean():
    class Doubled(Discriminator):
        def forward(self, images, condition=None, *, features=False):
            return Judgement([2 * images[0]])

    # Every one of the 120 voxels has the gradient 2/120.
    norms = gradient_norms(Doubled(Setting()), compared())
    torch.testing.assert_close(norms, torch.full((3,), 2 / math.sqrt(120)))


def test_maps_of_several_resolutions_are_averaged():
    prediction = compared(sides=(6, 4, 4), levels=2)
    one, both = Watching(), Watching(levels=2)
    both.load_state_dict(one.state_dict())
    judged = [distance(one, Prediction([f], [r])) for f, r in zip(
        prediction.fake, prediction.real, strict=True
    )]  # fmt: skip
    torch.testing.assert_close(distance(both, prediction), (judged[0] + judged[1]) / 2)


def test_looks_between_the_images_at_the_same_place_of_every_resolution():
    condition = torch.randn(3, 2, 6, 4, 4)
    prediction = compared(sides=(6, 4, 4), levels=2, condition=condition)
    critic = Watching()
    gradient_norms(critic, prediction)
    ((between, beside),) = critic.shown
    torch.testing.assert_close(beside, condition)
    shares = [
        (x - fake) / (real - fake)
        for x, fake, real in zip(between, prediction.fake, prediction.real, strict=True)
    ]
    own = shares[0][:, 0, 0, 0, 0]
    assert own.min() > 0
    assert own.max() < 1
    assert len(set(own.tolist())) == 3
    for share in shares:
        torch.testing.assert_close(
            share, own.detach().view(3, 1, 1, 1, 1).expand_as(share), atol=1e-3, rtol=1e-3
        )


def test_places_are_uniform():
    torch.manual_seed(0)
    critic = Linear(unit(1))
    ones, zeros = torch.ones(4000, 1, 1, 1, 1), torch.zeros(4000, 1, 1, 1, 1)
    seen = []
    critic.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0].detach()))
    gradient_norms(critic, Prediction([zeros], [ones]))
    quartiles = torch.quantile(seen[0].flatten(), torch.tensor([0.25, 0.5, 0.75]))
    torch.testing.assert_close(quartiles, torch.tensor([0.25, 0.5, 0.75]), atol=0.03, rtol=0)


@pytest.mark.parametrize(
    ("norm", "independent"),
    [(nn.InstanceNorm3d(3), True), (nn.Identity(), True), (nn.BatchNorm3d(3), False)],
)
def test_samples_are_independent_unless_the_batch_is_normalised(norm, independent):
    critic = Watching(norm)
    prediction = compared(batch=2)
    torch.manual_seed(5)
    before = gradient_norms(critic, prediction)
    prediction.fake[0][1] = 5 * prediction.fake[0][1]
    torch.manual_seed(5)
    after = gradient_norms(critic, prediction)
    assert not torch.isclose(before[1], after[1])
    assert bool(torch.isclose(before[0], after[0])) is independent


def test_trains_the_critic_and_nothing_else():
    critic = Watching()
    prediction = compared()
    prediction.fake[0].requires_grad_()
    prediction.real[0].requires_grad_()
    norms = gradient_norms(critic, prediction)
    (norms - 1).square().mean().backward()
    assert prediction.fake[0].grad is None
    assert prediction.real[0].grad is None
    assert critic.layers[0].weight.grad.abs().max() > 0


def test_a_flat_critic_gives_finite_gradients():
    critic = Linear(torch.zeros(6, 5, 4))
    value = loss(critic, compared())
    value.backward()
    assert value.item() == pytest.approx(10.0)
    assert torch.isfinite(critic.directions[0].grad).all()


def test_the_penalty_raises_gradients_to_one():
    critic = Linear(0.1 * unit(6, 5, 4))
    optimiser = torch.optim.Adam(critic.parameters(), 0.02)
    prediction = compared()
    for _ in range(100):
        optimiser.zero_grad()
        (gradient_norms(critic, prediction) - 1).square().mean().backward()
        optimiser.step()
    torch.testing.assert_close(gradient_norms(critic, prediction), torch.ones(3), atol=0.02, rtol=0)


def test_the_penalty_is_computed_in_float32_within_autocast():
    prediction = compared()
    critic = Watching()
    torch.manual_seed(2)
    expected = gradient_norms(critic, prediction)
    torch.manual_seed(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = Prediction([prediction.fake[0].bfloat16().float()], prediction.real)
        norms = gradient_norms(critic, prediction)
        value = loss(critic, half)
    assert torch.equal(norms, expected)
    assert value.dtype == torch.float32


def test_wasserstein_values_by_hand():
    pair = WGANGP(Setting(), penalty=0.0)
    fake, real = (0.5 - 0.5) / 2, (3.0 + 0.5) / 2
    value = pair.discriminator_loss(Scores(fake=FAKE, real=REAL), compared(), Linear())
    assert value.item() == pytest.approx(fake - real)
    assert pair.generator_loss(Scores(fake=FAKE)).item() == pytest.approx(-fake)


def test_hinge_values_by_hand():
    pair = Hinge(Setting())
    # real: max(0, 1 - 3) | mean(0, 1); fake: max(0, 1 + 0.5) | mean(max(0, -2), 3)
    expected = (0 + 0.5) / 2 + (1.5 + 1.5) / 2
    value = pair.discriminator_loss(Scores(fake=FAKE, real=REAL), compared(), Linear())
    assert value.item() == pytest.approx(expected)
    assert pair.generator_loss(Scores(fake=FAKE)).item() == pytest.approx(0.0)
    raised = Judgement([image(0.5), image(3.0, 2.0)])
    assert pair.generator_loss(Scores(fake=raised)).item() == pytest.approx(-(0.5 + 2.5) / 2)


def test_hinge_leaves_alone_what_keeps_the_margin():
    fake, real = image(-1.5, 0.0).requires_grad_(), image(1.5, 0.0).requires_grad_()
    scores = Scores(fake=Judgement([fake]), real=Judgement([real]))
    Hinge(Setting()).discriminator_loss(scores, compared(), Linear()).backward()
    assert fake.grad.flatten().tolist() == [0.0, 0.5]
    assert real.grad.flatten().tolist() == [0.0, -0.5]


@pytest.mark.parametrize("pair", [Hinge(Setting()), WGANGP(Setting(), penalty=0.0)])
def test_half_precision_scores_are_averaged_in_float32(pair):
    half = Scores(fake=Judgement([image(0.1).bfloat16()]), real=Judgement([image(0.1).bfloat16()]))
    assert pair.discriminator_loss(half, compared(), Linear()).dtype == torch.float32
    assert pair.generator_loss(half).dtype == torch.float32


def test_a_negative_penalty_is_refused():
    with pytest.raises(UsageError, match="penalty is -1"):
        WGANGP(Setting(), penalty=-1)
