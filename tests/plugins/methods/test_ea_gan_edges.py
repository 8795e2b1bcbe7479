"""The edge operator and the losses of Ea-GAN."""

import math

import pytest
import torch

from synthbench.api import Judgement, Prediction, Scores, Setting, UsageError
from synthbench_plugins.ea_gan.losses import EdgeL1, SmoothedLSGAN
from synthbench_plugins.ea_gan.sobel import edge_map
from synthbench_plugins.losses.reconstruction import L1


def wave(function, side=6):
    k = torch.arange(side**3, dtype=torch.float64)
    return function(0.1 * k).reshape(1, 1, side, side, side)


def noise(*sides):
    return torch.rand(1, 1, *sides, generator=torch.Generator().manual_seed(0)) * 2 - 1


def along(axis, values):
    """A volume that changes along one axis only."""
    shape = [1] * 5
    shape[axis] = len(values)
    sides = [9] * 3
    sides[axis - 2] = len(values)
    return torch.as_tensor(values, dtype=torch.float64).reshape(shape).expand(1, 1, *sides)


def test_golden_values():
    edges = edge_map(wave(torch.sin))
    assert edges.dtype == torch.float64
    found = [edges.mean(), edges.std(correction=0), edges.flatten()[0], edges.flatten()[-1]]
    expected = [0.90509856, 0.25165237, 0.99563317, 0.99822707]
    assert [value.item() for value in found] == pytest.approx(expected, abs=1e-8)


def test_golden_losses():
    setting = Setting()
    prediction = Prediction(fake=[wave(torch.sin)], real=[wave(torch.cos)])
    l1, edge = L1(setting)(prediction, {}), EdgeL1(setting)(prediction, {})
    assert l1.item() == pytest.approx(0.89478332, abs=1e-8)
    assert edge.item() == pytest.approx(0.20763202, abs=1e-8)
    judged = Scores(fake=Judgement([torch.full((1, 1, 5, 5, 5), 0.3, dtype=torch.float64)]))
    adversarial = SmoothedLSGAN(setting, real=[1.0, 1.0]).generator_loss(judged)
    assert (adversarial + 300 * l1 + 100 * edge).item() == pytest.approx(289.688197, abs=1e-5)


@pytest.mark.parametrize("axis", [2, 3, 4])
@pytest.mark.parametrize(
    ("height", "expected"),
    [(0.05, -0.6052), (0.1, -0.2401), (0.2, 0.3281), (0.5, 0.9281), (1.0, 0.9987)],
)
def test_a_step_has_its_closed_form(axis, height, expected):
    edges = edge_map(along(axis, [0.0] * 4 + [height] * 4))
    centre = edges.movedim(axis, -1)[0, 0, 4, 4]
    assert centre[3].item() == centre[4].item()
    assert centre[3].item() == pytest.approx(2 * math.tanh(4 * height) - 1, abs=1e-5)
    assert centre[3].item() == pytest.approx(expected, abs=5e-5)
    assert centre[[2, 5]].tolist() == [-1, -1]


@pytest.mark.parametrize("axis", [2, 3, 4])
@pytest.mark.parametrize("slope", [0.02, -0.1])
def test_a_ramp_has_its_closed_form(axis, slope):
    edges = edge_map(along(axis, [slope * k for k in range(8)]))
    inside = edges[:, :, 1:-1, 1:-1, 1:-1]
    expected = 2 * math.tanh(8 * abs(slope)) - 1
    torch.testing.assert_close(inside, torch.full_like(inside, expected), atol=1e-5, rtol=0)


def test_background_is_flat_and_gives_no_gradient():
    image = torch.full((2, 1, 5, 4, 6), -1.0, requires_grad=True)
    edges = edge_map(image)
    assert torch.equal(edges, torch.full_like(edges, -1.0))
    edges.sum().backward()
    assert torch.equal(image.grad, torch.zeros_like(image))


def test_a_bright_volume_has_a_frame():
    edges = edge_map(torch.ones(1, 1, 7, 7, 7))
    assert torch.equal(edges[..., 1:-1, 1:-1, 1:-1], torch.full((1, 1, 5, 5, 5), -1.0))
    assert edges[..., 0, :, :].min() > 0.999


def test_no_axis_or_direction_is_special():
    image = noise(6, 5, 7)
    edges = edge_map(image)
    for order in ((0, 1, 3, 4, 2), (0, 1, 4, 3, 2)):
        torch.testing.assert_close(edge_map(image.permute(order)), edges.permute(order))
    for axis in (2, 3, 4):
        torch.testing.assert_close(edge_map(image.flip(axis)), edges.flip(axis))


def test_gradients_are_right():
    image = wave(torch.sin, side=3).mul(0.1).requires_grad_()
    assert torch.autograd.gradcheck(edge_map, image)


@pytest.mark.parametrize("axis", [2, 3, 4])
def test_a_slice_has_the_edges_of_a_volume_that_does_not_change_across_it(axis):
    sides = [6, 5, 7]
    sides[axis - 2] = 1
    image = noise(*sides)
    volume = edge_map(image.repeat_interleave(5, axis))
    torch.testing.assert_close(edge_map(image), volume.narrow(axis, 2, 1))


def test_intensity_range_does_not_matter():
    unit = torch.rand(1, 1, 5, 5, 5)
    torch.testing.assert_close(edge_map(unit, (0.0, 1.0)), edge_map(2 * unit - 1))
    pair = Prediction(fake=[unit], real=[unit.flip(2)])
    scaled = Prediction(fake=[2 * unit - 1], real=[2 * unit.flip(2) - 1])
    torch.testing.assert_close(
        EdgeL1(Setting(intensity=(0.0, 1.0)))(pair, {}), EdgeL1(Setting())(scaled, {})
    )


def test_edges_are_computed_in_single_precision():
    image = noise(6, 6, 6).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        edges = edge_map(image)
    assert edges.dtype == torch.float32
    torch.testing.assert_close(edges, edge_map(image.float()), rtol=0, atol=0)


def test_edge_loss_is_the_mean_over_resolutions():
    fine, coarse = noise(6, 6, 6), noise(3, 3, 3)
    loss = EdgeL1(Setting())
    both = loss(Prediction(fake=[fine, coarse], real=[-fine, coarse]), {})
    alone = loss(Prediction(fake=[fine], real=[-fine]), {})
    torch.testing.assert_close(both, alone / 2)
    assert loss(Prediction(fake=[fine], real=[fine]), {}) == 0


def logits(value):
    return Judgement([torch.full((2, 1, 3, 3, 3), value)])


def test_labels_stay_in_their_ranges_and_are_drawn_anew():
    pair = SmoothedLSGAN(Setting())
    certain = SmoothedLSGAN(Setting(), real=[1.0, 1.0])
    nothing = Prediction([], [])

    def draw():
        # Logits of 0 make the root of each square the label itself.
        real = pair.generator_loss(Scores(fake=logits(0.0))).sqrt().item()
        judged = Scores(fake=logits(0.0), real=logits(1.0))
        return real, (2 * certain.discriminator_loss(judged, nothing, None)).sqrt().item()

    torch.manual_seed(0)
    real, fake = zip(*(draw() for _ in range(300)), strict=True)
    assert 0.7 <= min(real) < 0.75 and 1.15 < max(real) < 1.2
    assert 0.0 <= min(fake) < 0.03 and 0.27 < max(fake) < 0.3
    assert len(set(real)) > 250 and len(set(fake)) > 250
    torch.manual_seed(0)
    assert draw() == (real[0], fake[0])


def test_fixed_labels():
    pair = SmoothedLSGAN(Setting(), real=[0.95, 0.95], fake=[0.15, 0.15])
    assert pair.decision_threshold == pytest.approx(0.55)
    scores = Scores(fake=logits(0.4), real=logits(0.5))
    loss = pair.discriminator_loss(scores, Prediction([], []), None)
    assert loss.item() == pytest.approx(0.5 * (0.25**2 + 0.45**2))
    assert pair.generator_loss(scores).item() == pytest.approx(0.55**2)


@pytest.mark.parametrize(
    "params",
    [
        {"real": [1.0]},
        {"real": [1.2, 0.7]},
        {"fake": [0.0, 0.7]},
        {"fake": [0.3, 0.0]},
    ],
)
def test_wrong_labels_are_named(params):
    with pytest.raises(UsageError, match="lsgan_smooth: labels"):
        SmoothedLSGAN(Setting(), **params)
