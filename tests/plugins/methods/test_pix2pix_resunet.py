import pytest
import torch
import torch.nn.functional as F

from synthbench.api import Batch, Recipe, Scores, Setting, UsageError
from synthbench_plugins import pix2pix_resunet
from synthbench_plugins.discriminators.patchgan3d import PatchGAN3D
from synthbench_plugins.losses.adversarial import BCE
from synthbench_plugins.losses.reconstruction import L1
from synthbench_plugins.pix2pix_resunet.generator import ResUNet3D, pooling_factors

TINY = (4, 8, 16)


def build(patch=None, *, intensity=(-1.0, 1.0), **params):
    torch.manual_seed(0)
    setting = Setting(patch=patch, intensity=intensity)
    return ResUNet3D(setting, **{"channels": TINY, **params})


def pair(side=16, batch=1):
    """A smooth source and a target that is a nonlinear function of it, in (-1, 1)."""
    torch.manual_seed(1)
    coarse = torch.randn(batch, 1, 4, 4, 4)
    source = torch.tanh(F.interpolate(coarse, size=(side,) * 3, mode="trilinear"))
    return source, (2 * source.abs() - 1).clamp(-0.9, 0.9)


@pytest.mark.parametrize(
    ("patch", "multiple", "poolings"),
    [
        (None, (16, 16, 16), 4),
        ((48, 288, 240), (16, 16, 16), 4),
        ((16, 32, 32), (8, 16, 16), 4),
        ((64, 64, 5), (16, 16, 2), 4),
        ((64, 64, 3), (16, 16, 1), 4),
        ((8, 8, 8), (4, 4, 4), 2),
        ((0, 32, 1), (16, 16, 1), 4),
        ((3, 3, 3), (1, 1, 1), 0),
    ],
)
def test_pools_only_what_is_long_enough(patch, multiple, poolings):
    assert len(pooling_factors(patch, 4)) == poolings
    network = ResUNet3D(Setting(patch=patch), channels=(2, 2, 2, 2, 2))
    assert network.size_multiple == multiple
    assert len(network.encoder) == poolings + 1


@pytest.mark.parametrize(
    ("patch", "sides"),
    [
        ((16, 32, 32), (16, 32, 32)),
        ((32, 32, 3), (32, 32, 3)),
        ((16, 16, 1), (16, 16, 1)),
        (None, (48, 16, 32)),
        (None, (18, 21, 33)),
    ],
)
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_keeps_any_size_and_stays_in_range(patch, sides, norm):
    network = build(patch, norm=norm)
    fake = network(torch.randn(1, 1, *sides))
    assert fake.shape == (1, 1, *sides)
    assert fake.abs().max() <= 1
    fake.mean().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_layers_are_as_specified():
    network = ResUNet3D(Setting(source_channels=2))
    blocks = [*network.encoder, *network.decoder]
    assert [(b.project.in_channels, b.project.out_channels) for b in blocks] == [
        (2, 32), (32, 64), (64, 128), (128, 256), (256, 512),
        (768, 256), (384, 128), (192, 64), (96, 32),
    ]  # fmt: skip
    for block in blocks:
        assert [type(m).__name__ for m in block.body] == ["Conv3d", "BatchNorm3d", "ReLU"] * 2
        assert block.project.kernel_size == (1, 1, 1)
    assert network.output.kernel_size == (1, 1, 1)


def test_the_block_adds_its_projected_input():
    block = build().encoder[0]
    for m in block.body:
        if isinstance(m, torch.nn.BatchNorm3d):
            torch.nn.init.zeros_(m.weight)
    source = torch.randn(1, 1, 8, 8, 8)
    weight, bias = block.project.weight.flatten(), block.project.bias
    expected = source * weight.view(1, -1, 1, 1, 1) + bias.view(1, -1, 1, 1, 1)
    torch.testing.assert_close(block(source), expected)


def test_heads():
    source = torch.randn(1, 1, 8, 8, 8)
    published = build(intensity=(-1.0, 1.0))
    linear = build(head="linear")
    torch.testing.assert_close(published(source), torch.tanh(linear(source)))
    unit = build(intensity=(0.0, 1.0))
    torch.testing.assert_close(unit(source), (published(source) + 1) / 2)
    with torch.no_grad():
        linear.output.bias.fill_(7.0)
    assert linear(source).min() > 1


def test_wrong_options_are_named():
    with pytest.raises(UsageError, match="unknown norm 'layer'"):
        build(norm="layer")
    with pytest.raises(UsageError, match="unknown head 'sigmoid'"):
        build(head="sigmoid")


def train(network, source, target, *, steps, l1=100.0, adversarial=True):
    """One plain training loop; the losses and their order are those of the recipe."""
    setting = network.setting
    critic = PatchGAN3D(setting, channels=4, stages=2, norm="instance")
    pair, reconstruction = BCE(setting), L1(setting)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    critic_optimiser = torch.optim.Adam(critic.parameters(), 1e-3)
    for _ in range(steps):
        prediction = network.predict(Batch(source, target))
        loss = l1 * reconstruction(prediction, {})
        if adversarial:
            scores = Scores(
                fake=critic([prediction.fake[0].detach()], prediction.condition),
                real=critic(prediction.real, prediction.condition),
            )
            critic_optimiser.zero_grad()
            pair.discriminator_loss(scores, prediction, critic).backward()
            critic_optimiser.step()
            loss = loss + pair.generator_loss(
                Scores(fake=critic(prediction.fake, prediction.condition))
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_overfits_one_pair_and_evaluation_keeps_the_quality(norm):
    source, target = pair()
    network = build((16, 16, 16), norm=norm)
    before = F.l1_loss(network(source), target).item()
    train(network, source, target, steps=80)
    with torch.no_grad():
        training = F.l1_loss(network.train()(source), target).item()
        evaluation = F.l1_loss(network.eval()(source), target).item()
    assert training < before / 8
    assert evaluation < 1.5 * training + 0.01


def test_running_statistics_serve_patches_of_tissue_and_of_air():
    source, target = pair(24)
    source[..., 12:, :, :], target[..., 12:, :, :] = -1.0, -1.0
    network = build((8, 8, 8))
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    torch.manual_seed(2)

    def patches():
        cuts = [[slice(o, o + 8) for o in torch.randint(0, 17, (3,)).tolist()] for _ in range(2)]
        stacked = [torch.cat([v[:, :, x, y, z] for x, y, z in cuts]) for v in (source, target)]
        return stacked[0], stacked[1]

    for _ in range(150):
        x, y = patches()
        optimiser.zero_grad()
        F.l1_loss(network(x), y).backward()
        optimiser.step()
    with torch.no_grad():
        drawn = [patches() for _ in range(20)]
        errors = []
        for mode in (False, True):  # evaluation first: the other one moves the statistics
            network.train(mode)
            errors.append(sum(F.l1_loss(network(x), y).item() for x, y in drawn) / len(drawn))
    constant = sum((y - target.median()).abs().mean().item() for _, y in drawn) / len(drawn)
    evaluation, training = errors
    assert evaluation < 1.2 * training
    assert evaluation < 0.7 * constant


def test_first_step_loss_is_the_published_sum():
    source, target = pair(8)
    network = build((8, 8, 8))
    critic = PatchGAN3D(network.setting, channels=4, stages=2)
    prediction = network.predict(Batch(source, target))
    judgement = critic(prediction.fake, source)
    total = BCE(network.setting).generator_loss(Scores(fake=judgement)) + L1(network.setting)(
        prediction, {}
    )
    by_hand = (target - prediction.fake[0]).abs().mean() - torch.log(
        torch.sigmoid(judgement.logits[0])
    ).mean()
    torch.testing.assert_close(total, by_hand)


def test_published_recipe():
    published, variant = pix2pix_resunet.synthbench_methods()
    recipe = Recipe(**published.recipe)
    assert recipe.translator.name == "resunet3d" and recipe.translator.params == {}
    (critic,) = recipe.discriminators
    assert (critic.name, critic.adversarial.name, critic.weight) == ("patchgan3d", "bce", 1.0)
    assert [(term.name, term.weight) for term in recipe.losses] == [("l1", 1.0)]
    assert (recipe.optimiser.name, recipe.optimiser.lr) == ("adam", 1e-4)
    assert (recipe.patch.size, recipe.batch, recipe.budget.epochs) == (None, 1, 100)
    assert recipe.intensity == (-1.0, 1.0)
    assert variant.variant_of == published.name
    changed = Recipe(**variant.recipe)
    assert changed.losses[0].weight == 100.0
    assert changed.model_copy(update={"losses": recipe.losses}) == recipe


@pytest.mark.parametrize("preset", ["smoke", "quick"])
def test_presets_make_valid_smaller_recipes(preset):
    for method in pix2pix_resunet.synthbench_methods():
        document = dict(Recipe(**method.recipe).model_dump())
        for path, value in method.presets[preset].items():
            *parents, leaf = path.split(".")
            node = document
            for parent in parents:
                node[parent] = node[parent] or {}
                node = node[parent]
            node[leaf] = value
        recipe = Recipe(**document)
        assert recipe.budget.steps <= 600
        network = ResUNet3D(Setting(patch=recipe.patch.size), **recipe.translator.params)
        assert all(
            side % multiple == 0
            for side, multiple in zip(recipe.patch.size, network.size_multiple, strict=True)
        )
        PatchGAN3D(Setting(patch=recipe.patch.size), **recipe.discriminators[0].params)
