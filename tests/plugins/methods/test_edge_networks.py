import pytest
import torch

from synthbench.api import Setting, UsageError
from synthbench_plugins.edge_cascade.critics import CascadeCritic, FoldedEdgesCritic, PatchCritic
from synthbench_plugins.edge_cascade.folding import fold, unfold
from synthbench_plugins.edge_cascade.generators import (
    ResNetGenerator,
    UNetGenerator,
    start_small,
    unet_levels,
)


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def wave(*shape, function=torch.sin):
    length = int(torch.tensor(shape).prod())
    return function(0.1 * torch.arange(length, dtype=torch.float64)).reshape(shape)


def fill(network):
    """Set every parameter tensor to the published test values; return how many there are."""
    network.double()
    scales = {id(m.weight) for m in network.modules() if "Norm" in type(m).__name__}
    tensors = list(network.parameters())
    for i, parameter in enumerate(tensors):
        j = torch.arange(parameter.numel(), dtype=torch.float64)
        values = 0.1 * torch.sin(0.1 * j + i) + (id(parameter) in scales)
        parameter.data.copy_(values.reshape(parameter.shape))
    return len(tensors)


def test_published_parameter_counts():
    with torch.device("meta"):
        assert parameters(ResNetGenerator(1, 64, 6, shrink=True)) == 26_773_697
        assert parameters(ResNetGenerator(2, 64, 6)) == 26_513_089
        assert parameters(UNetGenerator(1, 64, 4)) == 24_650_497
        # The published lowest critic lacks its last convolution, of 16,385.
        assert parameters(FoldedEdgesCritic(1, 64, 3)) == 2_630_876 + 16_385
        assert parameters(PatchCritic(3, 64, (32, 32, 32))) == 2_651_329


@pytest.mark.parametrize(
    ("width", "lowest", "higher", "critic"),
    [
        (8, 422_169, 418_265, 44_697),
        (16, 1_679_921, 1_663_921, 171_313),
        (32, 6_702_177, 6_637_409, 670_305),
    ],
)
def test_parameter_counts_of_narrower_networks(width, lowest, higher, critic):
    with torch.device("meta"):
        assert parameters(ResNetGenerator(1, width, 6, shrink=True)) == lowest
        assert parameters(ResNetGenerator(2, width, 6)) == higher
        assert parameters(PatchCritic(3, width, None)) == critic


def test_a_patch_of_16_gets_one_halving_fewer():
    critic = PatchCritic(3, 16, (16, 16, 16))
    assert parameters(critic) == 38_001
    logits, features = critic(torch.randn(2, 1, 16, 16, 16), torch.randn(2, 2, 16, 16, 16))
    assert [f.shape[-1] for f in features] == [13, 5]
    assert logits.shape == (2, 1, 1, 1, 1)


def test_golden_values_of_the_lowest_generator():
    generator = ResNetGenerator(1, 8, 6, shrink=True, dropout=0.0)
    assert fill(generator) == 74
    image = generator(wave(1, 1, 32, 32, 32)).detach()
    assert image.shape == (1, 1, 16, 16, 16)
    measured = [image.mean(), image.std(correction=0), image.flatten()[0], image.flatten()[-1]]
    golden = [-0.30744946, 0.62215876, 0.20969934, 0.21991979]
    torch.testing.assert_close(torch.stack(measured), torch.tensor(golden).double())


def test_golden_values_of_a_higher_generator():
    generator = ResNetGenerator(2, 8, 6, dropout=0.0)
    assert fill(generator) == 70
    cube = (1, 1, 32, 32, 32)
    image = generator(torch.cat([wave(*cube), wave(*cube, function=torch.cos)], dim=1)).detach()
    assert image.shape == cube
    measured = [image.mean(), image.std(correction=0), image.flatten()[0], image.flatten()[-1]]
    golden = [0.17561174, 0.59707886, 0.36825495, -0.20927799]
    torch.testing.assert_close(torch.stack(measured), torch.tensor(golden).double())


def test_golden_values_of_a_higher_critic():
    critic = PatchCritic(3, 8, (32, 32, 32))
    assert fill(critic) == 12
    sine = wave(2, 1, 32, 32, 32)
    cosine = wave(2, 1, 32, 32, 32, function=torch.cos)
    logits, features = critic(cosine, torch.cat([sine, sine], dim=1))
    golden = torch.tensor([0.97198068, -0.75528595]).double()
    torch.testing.assert_close(logits.detach().flatten(), golden)
    assert [f.shape[-1] for f in features] == [29, 13, 5]


def test_published_shapes():
    with torch.device("meta"):
        edges = torch.empty(1, 1, 128, 128, 128)
        for generator in (ResNetGenerator(1, 8, 1, shrink=True), UNetGenerator(1, 8, 4)):
            assert generator(edges).shape == (1, 1, 64, 64, 64)
        logits, features = FoldedEdgesCritic(1, 8, 3)(
            torch.empty(1, 1, 64, 64, 64), torch.empty(1, 8, 64, 64, 64)
        )
    assert [f.shape[-1] for f in features] == [32, 16, 8]
    assert logits.shape == (1, 1, 7, 7, 7)


@pytest.mark.parametrize(("edges", "levels"), [(128, 4), (80, 4), (40, 3), (24, 3), (16, 3)])
def test_unet_halves_as_often_as_its_sides_allow(edges, levels):
    assert unet_levels(edges) == levels
    with torch.device("meta"):
        image = UNetGenerator(1, 2, levels)(torch.empty(1, 1, edges, edges, edges))
    assert image.shape == (1, 1, edges // 2, edges // 2, edges // 2)


def test_images_are_in_range_and_every_weight_learns():
    for generator, inputs in (
        (ResNetGenerator(3, 2, 1), 3),
        (ResNetGenerator(1, 2, 1, shrink=True), 1),
        (UNetGenerator(1, 2, 3), 1),
    ):
        image = generator(torch.randn(2, inputs, 16, 16, 16))
        assert image.abs().max() < 1
        image.square().mean().backward()
        assert all(p.grad is not None for p in generator.parameters())


def test_higher_networks_start_small():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv3d(16, 32, 3),
        torch.nn.BatchNorm3d(2000),
        torch.nn.InstanceNorm3d(4, affine=True),
    )
    start_small(network)
    convolution, batch_norm, instance_norm = network
    assert 0.0009 < convolution.weight.std() < 0.0011
    assert convolution.bias.abs().max() == 0
    assert 0.018 < batch_norm.weight.std() < 0.022
    assert abs(batch_norm.weight.mean() - 1) < 0.002
    assert torch.equal(instance_norm.weight, torch.ones(4))


def test_folding_loses_nothing_and_keeps_places():
    edges = torch.randn(2, 1, 8, 4, 6)
    folded = fold(edges)
    assert folded.shape == (2, 8, 4, 2, 3)
    assert torch.equal(unfold(folded), edges)
    block = edges[0, 0, 2:4, 0:2, 4:6]
    assert torch.equal(folded[0, :, 1, 0, 2], block.flatten())


def test_the_lowest_critic_sees_edges_of_twice_the_resolution():
    torch.manual_seed(0)
    critic = CascadeCritic(Setting(condition_channels=8, patch=(16, 16, 16)), width=4)
    assert isinstance(critic.network, FoldedEdgesCritic)
    image, edges = torch.randn(1, 1, 16, 16, 16), torch.randn(1, 1, 32, 32, 32)
    seen = []
    critic.network.shrink.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    critic([image], fold(edges))
    assert torch.equal(seen[0], edges)


def test_the_lowest_critic_can_call_real_and_synthetic_by_their_level():
    """The published one ends in batch norm, which gives any image the same mean score."""
    torch.manual_seed(0)
    critic = CascadeCritic(Setting(condition_channels=8, patch=(16, 16, 16)), width=4)
    condition = torch.randn(1, 8, 16, 16, 16)
    optimiser = torch.optim.Adam(critic.parameters(), 1e-2)
    bright, dark = torch.full((1, 1, 16, 16, 16), 0.5), torch.full((1, 1, 16, 16, 16), -0.5)
    for _ in range(30):
        loss = (critic([bright], condition).logits[0] - 1).square().mean()
        loss = loss + critic([dark], condition).logits[0].square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.2


@pytest.mark.parametrize(
    ("patch", "sides"),
    [
        ((32, 32, 32), (32, 32, 32)),
        ((16, 16, 16), (16, 16, 16)),
        ((8, 8, 8), (8, 8, 8)),
        ((4, 4, 4), (4, 4, 4)),
        ((24, 24, 1), (24, 24, 1)),
        ((40, 16, 5), (40, 16, 5)),
        ((0, 32, 1), (20, 32, 1)),
        (None, (20, 33, 18)),
        (None, (24, 24, 1)),
    ],
)
@pytest.mark.parametrize("conditions", [1, 3, 8])
def test_the_critic_judges_any_translator(patch, sides, conditions):
    setting = Setting(condition_channels=conditions, levels=2, patch=patch)
    critic = CascadeCritic(setting, width=2)
    image = torch.randn(1, 1, *sides, requires_grad=True)
    condition = torch.randn(1, conditions, *sides)
    judgement = critic([image, image[:, :, ::2, ::2]], condition, features=True)
    assert len(judgement.logits) == 1
    assert torch.isfinite(judgement.logits[0]).all()
    assert judgement.features
    judgement.logits[0].sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
    assert all(p.grad is not None for p in critic.parameters())


def test_without_a_condition():
    critic = CascadeCritic(Setting(condition_channels=0, patch=(8, 8, 8)), width=2)
    assert critic([torch.randn(2, 1, 8, 8, 8)]).logits[0].shape == (2, 1, 1, 1, 1)
    critic = CascadeCritic(Setting(patch=(8, 8, 8)), width=2)
    with pytest.raises(UsageError, match="has no condition"):
        critic([torch.randn(2, 1, 8, 8, 8)])
