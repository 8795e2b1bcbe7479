import math

import pytest
import torch
import torch.nn.functional as F

from synthbench.api import Batch, Judgement, Prediction, Recipe, Scores, Setting, UsageError
from synthbench.registry.recipes import recipe_of
from synthbench_plugins import mdaunet_gan
from synthbench_plugins.losses.reconstruction import L1
from synthbench_plugins.mdaunet_gan.discriminators import Binary3D, MultiresUNet
from synthbench_plugins.mdaunet_gan.generator import (
    AttentionMerge,
    MDAUNet3D,
    ResidualDenseBlock,
)
from synthbench_plugins.mdaunet_gan.relativistic import RelativisticAverage
from synthbench_plugins.mdaunet_gan.resolutions import pyramid

UNIT = Setting(intensity=(0.0, 1.0))
TINY = {"channels": [2, 3, 4, 5], "layers": [1, 1, 2, 2], "growth": [1, 2, 2, 2]}


def build(setting=UNIT, **params):
    torch.manual_seed(0)
    return MDAUNet3D(setting, **{**TINY, **params})


def count(network):
    return sum(p.numel() for p in network.parameters())


def images(sides, channels=1, batch=2, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, channels, *sides, generator=generator)


def pair(side=8):
    """A smooth source and a target that is a nonlinear function of it, in [0, 1]."""
    coarse = images((4, 4, 4), batch=1)
    source = F.interpolate(coarse, size=(side,) * 3, mode="trilinear")
    return source, (2 * source - 1).abs()


@pytest.mark.parametrize("side", [96, 64, 32])
def test_the_default_generator_has_four_levels_and_24_million_parameters(side):
    with torch.device("meta"):
        network = MDAUNet3D(Setting(intensity=(0.0, 1.0)))
        batch = Batch(torch.empty(3, 1, side, side, side), torch.empty(3, 1, side, side, side))
        prediction = network.predict(batch)
        assert network(batch.source).shape == batch.source.shape
    assert count(network) == 24_355_835
    assert (network.levels, network.size_multiple) == (4, 8)
    expected = [(3, 1, *(side // 2**level,) * 3) for level in range(4)]
    assert [tuple(image.shape) for image in prediction.fake] == expected
    assert [tuple(image.shape) for image in prediction.real] == expected


def test_layers_are_as_specified():
    with torch.device("meta"):
        network = MDAUNet3D(Setting(source_channels=2))
    widths = [32, 64, 128, 256]
    assert [(s.in_channels, s.out_channels) for s in network.stems] == [(2, w) for w in widths]
    assert [len(block.dense) for block in network.encoder] == [2, 3, 4, 5]
    assert [block.dense[0][0].out_channels for block in network.encoder] == [16, 32, 64, 128]
    assert [block.dense[0][0].in_channels for block in network.encoder] == [32, 96, 192, 384]
    assert isinstance(network.encoder[0].project, torch.nn.Identity)
    assert network.encoder[1].project.kernel_size == (1, 1, 1)
    assert [stage[1][0].in_channels for stage in network.decoder] == [96, 192, 384]
    assert network.decoder[0][0].perceptron[0].out_channels == 96 // 16
    assert network.decoder[0][0].spatial.kernel_size == (7, 7, 7)
    assert [head.in_channels for head in network.heads] == widths


@pytest.mark.parametrize(
    ("switches", "levels"),
    [
        ({}, 4),
        ({"multires_input": False}, 4),
        ({"multires_output": False}, 1),
        ({"multires_input": False, "multires_output": False}, 1),
        ({"channels": [3], "layers": [1], "growth": [1]}, 1),
        ({"channels": [2, 3], "layers": None, "growth": None}, 2),
    ],
)
def test_levels_can_be_switched_and_every_parameter_gets_a_gradient(switches, levels):
    network = build(**switches)
    source = images((16, 16, 16))
    prediction = network.predict(Batch(source, 1 - source))
    assert network.levels == len(prediction.fake) == len(prediction.real) == levels
    assert prediction.condition is source
    sum(image.square().mean() for image in prediction.fake).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []
    if not switches.get("multires_input", True):
        assert len(network.stems) == 1


def test_coarser_levels_see_the_source_at_their_own_resolution():
    network = build()
    source = images((16, 16, 16), batch=1)
    with torch.no_grad():
        before = network.predict(Batch(source, source)).fake
        network.stems[3].weight.zero_()
        after = network.predict(Batch(source, source)).fake
    assert not torch.equal(before[3], after[3])


def test_the_target_is_halved_by_taking_every_other_voxel():
    target = images((8, 8, 8), batch=1)
    real = build().predict(Batch(target, target)).real
    assert torch.equal(real[1], target[..., ::2, ::2, ::2])
    assert torch.equal(real[3], target[..., ::8, ::8, ::8])


@pytest.mark.parametrize("sides", [(16, 16, 1), (1, 16, 8), (9, 13, 6), (1, 1, 8), (2, 2, 2)])
def test_any_sides(sides):
    source = images(sides)
    network = build()
    fake = network(source)
    assert fake.shape == source.shape
    prediction = network.predict(Batch(source, source))
    assert [f.shape for f in prediction.fake] == [r.shape for r in prediction.real]
    assert tuple(prediction.fake[3].shape[2:]) == tuple(-(-side // 8) for side in sides)


def test_only_translating_clamps():
    network = build(Setting(intensity=(-0.5, 0.25)))
    source = images((8, 8, 8))
    with torch.no_grad():
        network.heads[0].bias.fill_(3.0)
        assert torch.equal(network(source), torch.full_like(source, 0.25))
        assert network.predict(Batch(source, source)).fake[0].min() > 0.25
        network.heads[0].bias.fill_(-3.0)
        assert torch.equal(network(source), torch.full_like(source, -0.5))


def test_the_dense_block_adds_its_projected_input():
    torch.manual_seed(0)
    block = ResidualDenseBlock(2, 3, layers=2, growth=1)
    x = images((4, 4, 4), channels=2)
    first = block.dense[0](x)
    second = block.dense[1](torch.cat([x, first], dim=1))
    fused = block.fuse(torch.cat([x, first, second], dim=1))
    torch.testing.assert_close(block(x), fused + block.project(x))


def test_attention_weighs_channels_then_voxels():
    block = AttentionMerge(4, reduction=2, kernel=3)
    x = images((4, 4, 4), channels=4)
    with torch.no_grad():
        for layer in (block.perceptron[0], block.perceptron[2], block.spatial):
            layer.weight.zero_()
            layer.bias.zero_()
        torch.testing.assert_close(block(x), x / 4)  # sigmoid(0) twice
        block.perceptron[2].bias.copy_(torch.tensor([0.5, 0.0, 0.0, -20.0]))
        block.spatial.bias.fill_(100.0)
        weights = torch.sigmoid(torch.tensor([1.0, 0.0, 0.0, -40.0])).view(1, 4, 1, 1, 1)
        torch.testing.assert_close(block(x), x * weights)
        block.spatial.weight[0, 1, 1, 1, 1] = 1e6  # on the maximum over channels
        block.spatial.bias.fill_(-1e6 * 0.5)
        on = (x * weights).amax(1, keepdim=True) > 0.5
        torch.testing.assert_close(block(x)[:, :3], (x * weights * on)[:, :3], atol=1e-3, rtol=0)


def test_wrong_options_are_named():
    with pytest.raises(UsageError, match="2 channels, 4 layers"):
        build(channels=[2, 3])
    with pytest.raises(UsageError, match="growth"):
        build(growth=[1, 2, 0, 2])
    with pytest.raises(UsageError, match="attention_kernel 4"):
        build(attention_kernel=4)
    for kind in (MultiresUNet, Binary3D):
        with pytest.raises(UsageError, match=r"channels \[\]"):
            kind(UNIT, channels=[])


@pytest.mark.parametrize("sides", [(16, 16, 16), (9, 13, 6), (16, 14, 1), (1, 5, 7), (1, 1, 2)])
def test_the_discriminator_gives_one_logit_a_voxel_of_each_resolution(sides):
    torch.manual_seed(0)
    network = MultiresUNet(UNIT, channels=[2, 3, 4])
    levels = pyramid(images(sides), 3)
    judgement = network(levels)
    assert [logit.shape for logit in judgement.logits] == [image.shape for image in levels]
    sum(logit.square().sum() for logit in judgement.logits).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


def test_the_discriminator_makes_the_levels_that_it_is_not_given():
    torch.manual_seed(0)
    network = MultiresUNet(UNIT, channels=[2, 3, 4]).eval()
    levels = pyramid(images((12, 10, 7)), 4)
    whole = network(levels[:3]).logits
    for given in (levels[:1], levels[:2], levels):
        made = network(given).logits
        assert all(torch.equal(a, b) for a, b in zip(whole, made, strict=True))
    halved_otherwise = [levels[0], F.avg_pool3d(levels[0], 2)]  # 3 voxels of 7, not 4
    assert network(halved_otherwise).logits[1].shape[2:] == (6, 5, 3)


@pytest.mark.parametrize("sides", [(16, 16, 16), (9, 13, 6), (16, 14, 1), (1, 1, 2)])
def test_the_binary_discriminator_gives_one_logit_an_image(sides):
    torch.manual_seed(0)
    network = Binary3D(UNIT, channels=[2, 3, 4]).eval()
    levels = pyramid(images(sides), 2)
    (logits,) = network(levels).logits
    assert logits.shape == (2, 1, 1, 1, 1)
    assert torch.equal(network(levels[:1]).logits[0], logits)
    logits.sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("kind", [MultiresUNet, Binary3D])
def test_every_convolution_is_spectrally_normalised(kind):
    torch.manual_seed(0)
    network = kind(UNIT, channels=[4, 6])
    for _ in range(100):  # one power iteration each
        network([images((4, 4, 4))])
    network.eval()
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)]
    assert len(convolutions) == {MultiresUNet: 2 + 4 + 2 + 2, Binary3D: 3}[kind]
    for convolution in convolutions:
        norm = torch.linalg.matrix_norm(convolution.weight.detach().flatten(1), 2)
        assert norm.item() == pytest.approx(1, abs=0.02)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_the_relativistic_pair_is_that_of_the_paper():
    # Level 0 by hand, level 1 all zero: it adds log 2 twice, and the mean over levels halves.
    real, fake = [2.0, 1.0], [-1.0, 3.0]
    mean_real, mean_fake = 1.5, 1.0
    critic = sum(-math.log(sigmoid(r - mean_fake)) for r in real) / 2
    critic += sum(-math.log(1 - sigmoid(f - mean_real)) for f in fake) / 2
    generator = sum(-math.log(sigmoid(f - mean_real)) for f in fake) / 2
    generator += sum(-math.log(1 - sigmoid(r - mean_fake)) for r in real) / 2
    assert critic != pytest.approx(generator)

    def judgement(values):
        return Judgement([torch.tensor(values).view(1, 1, 2, 1, 1), torch.zeros(1, 1, 1, 1, 1)])

    loss = RelativisticAverage(UNIT)
    scores = Scores(fake=judgement(fake), real=judgement(real))
    neither = 2 * math.log(2)
    for value, expected in (
        (loss.discriminator_loss(scores, None, None), critic),
        (loss.generator_loss(scores), generator),
    ):
        assert value.item() == pytest.approx((expected + neither) / 2)


def test_the_expectation_goes_over_the_batch_and_both_halves_reach_the_generator():
    loss = RelativisticAverage(UNIT)
    fake = torch.tensor([[0.0], [2.0]], requires_grad=True)
    real = torch.tensor([[1.0], [5.0]])
    value = loss.generator_loss(Scores(Judgement([fake]), Judgement([real])))
    by_hand = F.softplus(3 - fake).mean() + F.softplus(real - fake.mean()).mean()
    torch.testing.assert_close(value, by_hand)
    (given,) = torch.autograd.grad(value, fake)
    (wanted,) = torch.autograd.grad(by_hand, fake)
    torch.testing.assert_close(given, wanted)
    assert loss.generator_needs_real


def test_the_pair_stays_finite_for_large_logits_in_half_precision():
    fake = torch.full((1, 1, 2, 2, 2), 6e4, dtype=torch.float16)
    scores = Scores(fake=Judgement([fake]), real=Judgement([-fake]))
    value = RelativisticAverage(UNIT).discriminator_loss(scores, None, None)
    assert value.item() == pytest.approx(4 * 6e4, rel=1e-3)


def test_overfits_one_pair():
    source, target = pair()
    network = build(channels=[16, 16], layers=[2, 2], growth=[8, 8])
    critic = MultiresUNet(network.setting, channels=[2, 2])
    loss, reconstruction = RelativisticAverage(UNIT), L1(UNIT)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    critic_optimiser = torch.optim.Adam(critic.parameters(), 1e-3)
    before = None
    for _ in range(120):
        prediction = network.predict(Batch(source, target))
        detached = Prediction([image.detach() for image in prediction.fake], prediction.real)
        critic_optimiser.zero_grad()
        scores = Scores(critic(detached.fake), critic(detached.real))
        loss.discriminator_loss(scores, detached, critic).backward()
        critic_optimiser.step()
        critic.requires_grad_(False)
        distance = reconstruction(prediction, {})
        before = distance.item() if before is None else before
        scores = Scores(critic(prediction.fake), critic(prediction.real))
        optimiser.zero_grad()
        (distance + 1e-4 * loss.generator_loss(scores)).backward()
        optimiser.step()
        critic.requires_grad_(True)
    with torch.no_grad():
        after = F.l1_loss(network.eval()(source), target).item()
    assert after < before / 6


def test_published_recipe():
    published, *variants = mdaunet_gan.synthbench_methods()
    recipe = Recipe(**published.recipe)
    assert (recipe.translator.name, recipe.translator.params) == ("mdaunet3d", {})
    (critic,) = recipe.discriminators
    assert (critic.name, critic.adversarial.name) == ("multires_unet", "relativistic_average")
    assert (critic.weight, critic.params) == (1e-4, {})
    terms = [(term.name, term.weight, term.params) for term in recipe.losses]
    assert terms == [("l1", 1.0, {}), ("perceptual_2_5d", 1.0, {})]
    assert (recipe.patch.size, recipe.batch, recipe.precision) == ((96, 96, 96), 3, "fp16")
    assert (recipe.optimiser.name, recipe.optimiser.lr) == ("adam", 1e-4)
    assert (recipe.schedule.kind, recipe.schedule.gamma) == ("step", 0.5)
    assert (recipe.inference.window, recipe.inference.blend) == (None, "gaussian")
    assert recipe.intensity == (0.0, 1.0)
    assert [variant.name for variant in variants] == [f"mdaunet_gan_{row}" for row in "abcde"]
    assert {variant.variant_of for variant in variants} == {published.name}


def test_each_row_of_the_ablation_takes_one_thing_away():
    whole, *rows = (Recipe(**m.recipe) for m in mdaunet_gan.synthbench_methods())
    a, b, c, d, e = rows
    assert a.translator.params == {"multires_input": False}
    assert b.translator.params == {"multires_output": False}
    assert (c.discriminators[0].name, d.discriminators[0].adversarial.name) == ("binary3d", "bce")
    assert e == whole
    for row in (a, b):
        assert row.model_copy(update={"translator": whole.translator}) == whole
    for row in (c, d):
        assert row.model_copy(update={"discriminators": whole.discriminators}) == whole
    assert c.discriminators[0].adversarial == whole.discriminators[0].adversarial
    assert d.discriminators[0].name == whole.discriminators[0].name


@pytest.mark.parametrize("preset", ["smoke", "quick"])
@pytest.mark.parametrize("method", mdaunet_gan.synthbench_methods(), ids=lambda m: m.name)
def test_presets_keep_the_ablation_and_maps_that_half_precision_can_take(preset, method):
    recipe = recipe_of(method, preset)
    published = Recipe(**method.recipe)
    setting = Setting(patch=recipe.patch.size, intensity=recipe.intensity)
    network = MDAUNet3D(setting, **recipe.translator.params)
    assert min(recipe.patch.size) // network.size_multiple >= 4
    assert network.multires_input == published.translator.params.get("multires_input", True)
    assert (network.levels > 1) == published.translator.params.get("multires_output", True)
    (critic,), (wanted,) = recipe.discriminators, published.discriminators
    assert (critic.name, critic.adversarial, critic.weight) == (
        wanted.name,
        wanted.adversarial,
        wanted.weight,
    )
    kind = {"multires_unet": MultiresUNet, "binary3d": Binary3D}[critic.name]
    assert kind(setting, **critic.params)(pyramid(images((32, 32, 32)), network.levels)).logits
    assert recipe.losses[1].params["backbone"] == "random"
    assert recipe.budget.steps <= 400
