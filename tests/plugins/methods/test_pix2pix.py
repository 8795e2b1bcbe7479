import pytest
import torch
import torch.nn.functional as F

from synthbench.api import Batch, Recipe, Scores, Setting, UsageError
from synthbench.registry.recipes import recipe_of
from synthbench_plugins import pix2pix
from synthbench_plugins.losses.adversarial import BCE
from synthbench_plugins.losses.reconstruction import L1
from synthbench_plugins.pix2pix.discriminator import PatchGAN2D
from synthbench_plugins.pix2pix.generator import UNet2D


def generator(patch=(16, 16, 1), *, intensity=(-1.0, 1.0), sources=1, **params):
    torch.manual_seed(0)
    setting = Setting(patch=patch, intensity=intensity, source_channels=sources)
    return UNet2D(setting, **{"channels": 4, **params})


def critic(patch=(16, 16, 1), *, conditions=1, **params):
    torch.manual_seed(0)
    return PatchGAN2D(
        Setting(patch=patch, condition_channels=conditions), **{"channels": 4, **params}
    )


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_published_sizes():
    setting = Setting(
        source_channels=3, target_channels=3, condition_channels=3, patch=(256, 256, 1)
    )
    with torch.device("meta"):
        network, judge = UNet2D(setting), PatchGAN2D(setting)
        image = network(torch.empty(1, 3, 256, 256, 1))
        logits = judge([image], image).logits[0]
    assert count(network) == 54_413_955
    assert count(judge) == 2_768_705
    assert image.shape == (1, 3, 256, 256, 1)
    assert logits.shape == (1, 1, 30, 30, 1)


def test_layers_are_as_specified():
    with torch.device("meta"):
        network = UNet2D(Setting(patch=(256, 256, 1)))
    kinds = [[type(m).__name__ for m in block if type(m).__name__ != "Identity"]
             for block in (*network.encoder, *network.decoder)]  # fmt: skip
    down, up = ["LeakyReLU", "Conv2d", "InstanceNorm2d"], ["ReLU", "ConvTranspose2d"]
    assert kinds[:8] == [["Conv2d"], *[down] * 6, ["LeakyReLU", "Conv2d"]]
    assert kinds[8:] == [[*up, "InstanceNorm2d", "Dropout"]] * 3 + [[*up, "InstanceNorm2d"]] * 4
    widths = [block[1].out_channels for block in (*network.encoder, *network.decoder)]
    assert widths == [64, 128, 256, 512, 512, 512, 512, 512, 512, 512, 512, 512, 256, 128, 64]
    assert [block[1].in_channels for block in network.decoder] == [512, *[1024] * 4, 512, 256]


def test_weights_are_drawn_as_published():
    network = generator(channels=32)
    assert network.encoder[3][1].weight.std().item() == pytest.approx(0.02, rel=0.02)
    scales = torch.cat(
        [m.weight for m in network.modules() if isinstance(m, torch.nn.InstanceNorm2d)]
    )
    assert scales.mean().item() == pytest.approx(1, abs=0.01)
    assert scales.std().item() == pytest.approx(0.02, rel=0.2)
    assert not network.output[1].bias.any()


@pytest.mark.parametrize(
    ("patch", "axis", "halvings", "multiple"),
    [
        ((256, 256, 1), None, 8, (256, 256, 1)),
        ((1, 256, 256), None, 8, (1, 256, 256)),
        ((64, 1, 40), None, 8, (32, 1, 32)),
        ((64, 64, 1), None, 4, (16, 16, 1)),
        ((16, 16, 16), None, 8, (16, 16, 1)),
        ((16, 16, 16), 1, 8, (16, 1, 16)),
        ((0, 24, 1), None, 8, (16, 16, 1)),
        (None, None, 5, (32, 32, 1)),
    ],
)
def test_halves_only_what_is_long_enough(patch, axis, halvings, multiple):
    network = generator(patch, axis=axis, halvings=halvings, channels=1)
    assert network.size_multiple == multiple
    assert len(network.encoder) == max(multiple).bit_length() - 1


@pytest.mark.parametrize("patch", [(16, 1, 1), (1, 1, 1)])
def test_a_slice_must_have_two_long_sides(patch):
    with pytest.raises(UsageError, match="cannot halve the slices"):
        generator(patch)


def test_wrong_options_are_named():
    with pytest.raises(UsageError, match="no axis 3"):
        generator(axis=3)
    with pytest.raises(UsageError, match="no axis 3"):
        critic(axis=3)
    with pytest.raises(UsageError, match="halvings: 0"):
        generator(halvings=0)
    with pytest.raises(UsageError, match="stages is 0"):
        critic(stages=0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_slice_is_translated_alone(axis):
    patch = tuple(1 if side == axis else 16 for side in range(3))
    sides = tuple(19 if side == axis else 16 for side in range(3))  # more than fit a chunk
    network = generator(patch, sources=2).eval()
    volume = torch.randn(2, 2, *sides)
    with torch.no_grad():
        whole = network(volume)
        alone = [network(one) for one in volume.split(1, dim=2 + axis)]
    assert whole.shape == (2, 1, *sides)
    torch.testing.assert_close(whole, torch.cat(alone, dim=2 + axis), atol=1e-5, rtol=0)
    assert whole.std(dim=2 + axis).max() > 1e-4


@pytest.mark.parametrize(
    ("patch", "sides"),
    [
        ((16, 16, 1), (16, 16, 1)),
        ((2, 16, 1), (4, 6, 1)),
        ((1, 32, 16), (3, 32, 48)),
        ((16, 16, 16), (16, 16, 16)),
        ((8, 8, 8), (8, 8, 8)),
    ],
)
def test_slices_and_cubes_train(patch, sides):
    network, judge = generator(patch), critic(patch)
    volume = torch.randn(1, 1, *sides)
    fake = network(volume)
    assert fake.shape == volume.shape
    assert fake.abs().max() <= 1
    judgement = judge([fake], volume, features=True)
    assert len(judgement.features) == 4
    weights = torch.randn_like(judgement.logits[0])
    (weights * judgement.logits[0]).sum().backward()
    for parameter in (*network.parameters(), *judge.parameters()):
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


def test_images_fill_the_range_of_the_setting():
    source = torch.randn(1, 1, 16, 16, 1)
    signed, unit = generator(dropout=0.0), generator(dropout=0.0, intensity=(0.0, 1.0))
    torch.testing.assert_close(unit(source), (signed(source) + 1) / 2)
    with torch.no_grad():
        unit.output[1].bias.fill_(20.0)
    assert unit(source).max() == 1


def test_dropout_is_drawn_while_training_only():
    # Full width first meets a halving of full width at the fifth.
    network = generator((32, 32, 1))
    source = torch.randn(1, 1, 32, 32, 1)
    assert not torch.equal(network(source), network(source))
    network.eval()
    assert torch.equal(network(source), network(source))


def test_a_logit_sees_70_pixels():
    torch.manual_seed(0)
    judge = critic(channels=2)
    for norm in [m for m in judge.modules() if isinstance(m, torch.nn.InstanceNorm2d)]:
        norm.forward = lambda x: x  # statistics would carry every pixel into every logit
    image = torch.randn(1, 1, 128, 128, 1, requires_grad=True)
    logits = judge([image], torch.randn(1, 1, 128, 128, 1)).logits[0]
    logits[0, 0, 7, 7, 0].backward()
    reached = image.grad[0, 0, :, :, 0] != 0
    for axis in (0, 1):
        (seen,) = torch.where(reached.any(dim=axis))
        assert seen[-1] - seen[0] + 1 == 70


def test_the_critic_looks_at_the_condition_and_at_the_finest_image():
    judge = critic(conditions=2).eval()
    image, condition = torch.randn(1, 1, 16, 16, 1), torch.randn(1, 2, 16, 16, 1)
    plain = judge([image], condition).logits[0]
    assert not torch.equal(plain, judge([image], condition.flip(2)).logits[0])
    coarse = image[:, :, ::2, ::2]
    assert torch.equal(plain, judge([image, coarse], condition).logits[0])
    with pytest.raises(UsageError, match="has no condition"):
        judge([image], None)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_volumes_are_judged_slice_by_slice(axis):
    judge = critic(axis=axis)
    image, condition = torch.randn(2, 1, 6, 5, 7), torch.randn(2, 1, 6, 5, 7)
    whole = judge([image], condition, features=True)
    alone = [
        judge([one], beside, features=True)
        for one, beside in zip(image.split(1, 2 + axis), condition.split(1, 2 + axis), strict=True)
    ]
    stacked = torch.cat([each.logits[0] for each in alone], 2 + axis)
    torch.testing.assert_close(whole.logits[0], stacked, atol=1e-5, rtol=1e-5)
    stacked = torch.cat([each.features[1] for each in alone], 2 + axis)
    torch.testing.assert_close(whole.features[1], stacked, atol=1e-5, rtol=1e-5)


def test_overfits_one_pair_and_evaluation_keeps_the_quality():
    torch.manual_seed(1)
    source = torch.tanh(F.interpolate(torch.randn(1, 1, 4, 4), size=(16, 16), mode="bilinear"))
    source = source[..., None]
    target = (2 * source.abs() - 1).clamp(-0.9, 0.9)
    network, judge = generator(channels=16, dropout=0.0), critic(channels=8)
    pair, reconstruction = BCE(network.setting), L1(network.setting)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3, betas=(0.5, 0.999))
    judge_optimiser = torch.optim.Adam(judge.parameters(), 2e-4, betas=(0.5, 0.999))
    before = F.l1_loss(network(source), target).item()
    for _ in range(120):
        prediction = network.predict(Batch(source, target))
        scores = Scores(
            fake=judge([prediction.fake[0].detach()], source), real=judge([target], source)
        )
        judge_optimiser.zero_grad()
        pair.discriminator_loss(scores, prediction, judge).backward()
        judge_optimiser.step()
        fooled = pair.generator_loss(Scores(fake=judge(prediction.fake, source)))
        optimiser.zero_grad()
        (fooled + 100 * reconstruction(prediction, {})).backward()
        optimiser.step()
    with torch.no_grad():
        after = F.l1_loss(network.eval()(source), target).item()
    assert after < before / 8


def test_published_recipe():
    (method,) = pix2pix.synthbench_methods()
    recipe = Recipe(**method.recipe)
    assert (recipe.translator.name, recipe.translator.params) == ("unet2d", {})
    (judge,) = recipe.discriminators
    assert (judge.name, judge.params, judge.weight) == ("patchgan2d", {}, 1.0)
    assert judge.adversarial.name == "bce"
    assert [(term.name, term.weight) for term in recipe.losses] == [("l1", 100.0)]
    assert (recipe.optimiser.lr, recipe.optimiser.betas) == (2e-4, (0.5, 0.999))
    assert recipe.discriminator_optimiser is None
    assert (recipe.patch.size, recipe.patch.flip, recipe.batch) == ((256, 256, 1), (0,), 1)
    assert recipe.intensity == (-1.0, 1.0)


@pytest.mark.parametrize("preset", ["smoke", "quick"])
def test_presets_make_valid_smaller_recipes(preset):
    (method,) = pix2pix.synthbench_methods()
    recipe = recipe_of(method, preset)
    setting = Setting(patch=recipe.patch.size)
    network = UNet2D(setting, **recipe.translator.params)
    sides = zip(recipe.patch.size, network.size_multiple, strict=True)
    assert all(side % multiple == 0 for side, multiple in sides)
    assert recipe.inference.window == (*recipe.patch.size[:2], 0)
    assert recipe.losses == recipe_of(method).losses
    published = UNet2D(Setting(patch=(256, 256, 1)), channels=16)
    assert count(network) < count(published)
    PatchGAN2D(setting, **recipe.discriminators[0].params)
