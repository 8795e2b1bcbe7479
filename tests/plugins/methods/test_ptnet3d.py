import math

import pytest
import torch
import torch.nn.functional as F

from synthbench.api import Batch, Recipe, Setting, UsageError
from synthbench.api.recipe import Schedule
from synthbench.inference.window import SlidingWindow
from synthbench.registry.recipes import recipe_of
from synthbench.training.optimisers import learning_rate_factor
from synthbench_plugins import ptnet3d
from synthbench_plugins.ptnet3d.attention import TokenPerformer, TransformerBlock
from synthbench_plugins.ptnet3d.generator import PyramidTransformer
from synthbench_plugins.ptnet3d.tokens import neighbourhoods, sinusoids, to_volume, voxels

TINY = {
    "channels": (4, 6, 8),
    "global_channels": 4,
    "width": 16,
    "depth": 1,
    "heads": 2,
    "global_width": 8,
    "global_depth": 1,
}
SMALL = {
    "channels": (8, 16, 32),
    "global_channels": 16,
    "width": 128,
    "depth": 4,
    "global_width": 32,
    "global_depth": 4,
}
MICRO = {**SMALL, "width": 64, "depth": 3, "global_depth": 3}


def generator(patch=(16, 16, 16), *, sources=1, intensity=(-1.0, 1.0), **params):
    torch.manual_seed(0)
    setting = Setting(patch=patch, source_channels=sources, intensity=intensity)
    return PyramidTransformer(setting, **{**TINY, **params})


def performer(inputs=12, outputs=8, **params):
    torch.manual_seed(0)
    return TokenPerformer(inputs, outputs, **params)


def count(module):
    trained = sum(p.numel() for p in module.parameters())
    return trained, sum(b.numel() for b in module.buffers())


def methods():
    return {method.name: method for method in ptnet3d.synthbench_methods()}


# Tokens


@pytest.mark.parametrize("stride", [1, 2])
def test_neighbourhoods_are_torchs_own_unfolding_order(stride):
    torch.manual_seed(0)
    volume = torch.randn(2, 3, 4, 6, 8)
    padded = F.pad(volume, (1,) * 6)
    for axis in (2, 3, 4):
        padded = padded.unfold(axis, 3, stride)
    expected = padded.permute(0, 2, 3, 4, 1, 5, 6, 7).flatten(4).flatten(1, 3)
    assert torch.equal(neighbourhoods(volume, stride), expected)


def test_voxels_and_back():
    volume = torch.randn(2, 3, 4, 5, 6)
    tokens = voxels(volume)
    assert torch.equal(tokens[1, (1 * 5 + 2) * 6 + 3], volume[1, :, 1, 2, 3])
    assert torch.equal(to_volume(tokens, (4, 5, 6)), volume)


def test_positions():
    table = sinusoids(50, 6)
    assert table.shape == (1, 50, 6)
    for position, feature in [(0, 0), (7, 1), (49, 4), (30, 5)]:
        angle = position / 10_000 ** (2 * (feature // 2) / 6)
        expected = math.cos(angle) if feature % 2 else math.sin(angle)
        assert table[0, position, feature].item() == pytest.approx(expected, abs=1e-6)


# Layers


@pytest.mark.parametrize("stable", [False, True])
def test_linear_attention_is_the_explicit_average(stable):
    layer = performer(stable=stable)
    keys, queries, values = torch.randn(3, 2, 50, 8)

    def features(tokens):
        exponents = tokens @ layer.projection.T - tokens.square().sum(-1, keepdim=True) / 2
        return exponents.exp() / math.sqrt(4)

    weights = features(queries) @ features(keys).transpose(1, 2)
    expected = weights @ values / (weights.sum(-1, keepdim=True) + 1e-8)
    attended = layer.attend(keys, queries, values)
    torch.testing.assert_close(attended, expected, rtol=0, atol=1e-3 if stable else 1e-5)


def test_the_residual_of_a_performer_is_its_values():
    layer = performer()
    with torch.no_grad():
        for part in (layer.mix, layer.mlp[-1]):
            part.weight.zero_()
            part.bias.zero_()
    tokens = torch.randn(2, 5, 12)
    values = layer.project(layer.norm(tokens))[..., 16:]
    assert torch.equal(layer(tokens), values)


def test_a_performer_does_not_see_the_order():
    layer = performer()
    tokens, order = torch.randn(1, 40, 12), torch.randperm(40)
    torch.testing.assert_close(layer(tokens[:, order]), layer(tokens)[:, order])


def test_features_are_orthogonal_frozen_and_saved():
    layer, other = performer(outputs=16), TokenPerformer(12, 16)
    torch.testing.assert_close(layer.projection @ layer.projection.T, 8 * torch.eye(8))
    assert not layer.projection.requires_grad
    assert not torch.equal(layer.projection, other.projection)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(layer.projection, other.projection)


def test_large_queries_and_keys_silence_only_the_published_form():
    keys, queries, values = torch.randn(3, 2, 50, 8, generator=torch.Generator().manual_seed(1))
    keys, queries = 10 * keys, 10 * queries
    stable = performer().attend(keys, queries, values)
    assert torch.isfinite(stable).all()
    assert (stable.abs().sum(-1) > 0.01).float().mean() > 0.5
    published = performer(stable=False).attend(keys, queries, values)
    assert (published.abs().sum(-1) < 1e-6).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_finite(dtype):
    network = generator()
    source = 2 * torch.rand(1, 1, 16, 16, 16) - 1
    with torch.autocast("cpu", dtype=dtype), torch.no_grad():
        fake = network(source)
    assert (fake - network(source)).abs().max() < 0.05


def test_block_is_softmax_attention():
    torch.manual_seed(0)
    block, tokens = TransformerBlock(8, 2), torch.randn(2, 5, 8)
    q, k, v = F.linear(block.attention_norm(tokens), block.project.weight).split(8, -1)
    heads = [slice(0, 4), slice(4, 8)]
    attended = torch.cat(
        [(q[..., h] @ k[..., h].mT / 2).softmax(-1) @ v[..., h] for h in heads], dim=-1
    )
    middle = tokens + block.mix(attended)
    torch.testing.assert_close(block(tokens), middle + block.mlp(middle))
    with torch.device("meta"):
        assert count(TransformerBlock(256, 4)) == (526_336, 0)


# Generator


def test_published_sizes():
    with torch.device("meta"):
        network = PyramidTransformer(Setting(patch=(64, 64, 64)))
        assert count(network) == (5_987_721, 396_800)
        assert count(network.distant) == (303_392, 565_536 - 303_392)
        assert [count(layer)[0] for layer in network.down] == [2_246, 45_664, 180_416]
        assert [count(layer)[0] for layer in network.up] == [22_144, 4_096, 2_496, 1_746]
        assert count(network.bottleneck.blocks)[0] == 4_737_024
        assert count(network.bottleneck.embed)[0] == 663_808
        assert count(network.bottleneck.output)[0] == 24_672
        assert count(network.head)[0] == 17
    projections = [layer.projection.numel() for layer in (*network.down, *network.up)]
    assert sum(projections) == 3_584


@pytest.mark.parametrize(
    ("params", "trained", "frozen"),
    [({}, 5_987_721, 52_736), (SMALL, 802_081, 25_472), (MICRO, 279_009, 21_376)],
)
def test_sizes_at_half_the_patch(params, trained, frozen):
    with torch.device("meta"):
        network = PyramidTransformer(Setting(patch=(32, 32, 32)), **params)
    assert count(network) == (trained, frozen)


@pytest.mark.parametrize(
    ("patch", "sources", "sides"),
    [
        ((16, 16, 16), 1, (16, 16, 16)),
        ((32, 24, 16), 1, (32, 24, 16)),
        ((8, 8, 8), 2, (8, 8, 8)),
        ((13, 16, 9), 1, (16, 16, 16)),
    ],
)
def test_keeps_the_patchs_size_and_range(patch, sources, sides):
    network = generator(patch, sources=sources)
    source = 2 * torch.rand(2, sources, *sides) - 1
    fake = network(source)
    assert fake.shape == (2, 1, *sides)
    assert fake.abs().max() <= 1
    assert torch.equal(network.eval()(source), fake)
    unit = generator(patch, sources=sources, intensity=(0.0, 1.0))
    torch.testing.assert_close(unit(source), (fake + 1) / 2)


def test_every_source_voxel_and_every_parameter_takes_part():
    network = generator(sources=2)
    source = (2 * torch.rand(1, 2, 16, 16, 16) - 1).requires_grad_()
    network(source).square().mean().backward()
    assert (source.grad != 0).all()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_the_global_branch_sees_far():
    network = generator((32, 16, 16))
    source = 2 * torch.rand(1, 1, 32, 16, 16) - 1
    before = network(source)
    with torch.no_grad():
        network.distant.output.weight.zero_()
        network.distant.output.bias.zero_()
    assert (network(source) - before).abs().max() > 1e-4


def test_other_sizes_are_refused():
    with pytest.raises(UsageError, match=r"built for patches of \(16, 16, 16\), not \(16, 16, 24"):
        generator()(torch.zeros(1, 1, 16, 16, 24))
    for patch in (None, (0, 16, 16), (16, 16, 1)):
        with pytest.raises(UsageError, match="needs patches of one size"):
            generator(patch)


def test_wrong_widths_are_named():
    with pytest.raises(UsageError, match=r"channels is \[4, 8\]"):
        generator(channels=[4, 8])
    with pytest.raises(UsageError, match="global_heads is 3, global_width 8"):
        generator(global_heads=3)


@pytest.mark.parametrize("side", [64, 70, 100, 160, 40])
def test_windows_give_every_voxel_back(side):
    recipe = Recipe(**methods()["ptnet3d"].recipe)
    inference = recipe.inference.model_copy(update={"batch": 1})
    window = SlidingWindow(inference, (64, 8, 8), PyramidTransformer.size_multiple, -1.0)
    starts = []

    def identity(volume):
        assert volume.shape[2:] == (64, 8, 8)
        starts.append(volume[0, 0, 0, 0, 0].item())
        return volume.clone()

    volume = torch.arange(float(side)).reshape(1, 1, side, 1, 1).repeat(1, 1, 1, 8, 8)
    torch.testing.assert_close(window(identity, volume), volume)
    if side == 160:
        assert starts == [0, 32, 64, 96]
    # Each window a constant, its number: their plain mean where two of them overlap.
    numbers = iter(range(len(starts)))
    mean = window(lambda volume: torch.full_like(volume, next(numbers)), volume)
    if side == 160:
        assert mean[0, 0, ::32, 0, 0].tolist() == [0, 0.5, 1.5, 2.5, 3]


def test_learns_one_pair():
    torch.manual_seed(1)
    coarse = torch.randn(1, 1, 4, 4, 4)
    source = torch.tanh(F.interpolate(coarse, size=(16, 16, 16), mode="trilinear"))
    batch = Batch(source, -0.8 * source)
    network = generator(**{**MICRO, "depth": 1, "global_depth": 1})
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(60):
        prediction = network.predict(batch)
        loss = F.mse_loss(prediction.fake[0], prediction.real[0])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        error = F.mse_loss(network.eval()(source), batch.target)
    assert error < 0.03 * batch.target.var()


# Recipes


def test_published_recipe():
    recipe = recipe_of(methods()["ptnet3d"])
    assert recipe.translator.name == "pyramid_transformer" and recipe.translator.params == {}
    (critic,) = recipe.discriminators
    assert (critic.name, critic.params) == ("multiscale_patchgan3d", {})
    assert (critic.adversarial.name, critic.weight) == ("lsgan_sum", 1)
    assert {term.name: term.weight for term in recipe.losses} == {
        "l2": 100,
        "feature_matching": 10,
        "perceptual_r3d18": 10,
    }
    assert (recipe.optimiser.name, recipe.optimiser.lr) == ("adam", 2e-4)
    assert (recipe.optimiser.betas, recipe.optimiser.weight_decay) == ((0.9, 0.999), 0)
    assert (recipe.patch.size, recipe.batch) == ((64, 64, 64), 4)
    assert recipe.budget.patches == 500_000
    assert recipe.discriminator_optimiser is None and recipe.precision == "fp32"
    assert (recipe.inference.window, recipe.inference.overlap) == (None, 0.5)
    assert recipe.inference.blend == "constant"


def test_learning_rate_is_constant_then_falls_epoch_by_epoch():
    assert recipe_of(methods()["ptnet3d"]).schedule == Schedule(kind="linear", start=0.5)
    schedule = Schedule(kind="linear", start=2 / 6)  # 2 epochs of 6 before the decay
    factors = [learning_rate_factor(schedule, epoch / 6) for epoch in range(6)]
    assert factors == pytest.approx([1, 1, 1, 0.75, 0.5, 0.25])


def test_variants_differ_in_their_losses():
    published = Recipe(**methods()["ptnet3d"].recipe)
    names = {
        name: [term.name for term in Recipe(**method.recipe).losses]
        for name, method in methods().items()
    }
    assert names["ptnet3d_no_perceptual"] == ["l2", "feature_matching"]
    assert names["ptnet3d_mse"] == ["l2"]
    assert Recipe(**methods()["ptnet3d_mse"].recipe).discriminators == ()
    for name in ("ptnet3d_no_perceptual", "ptnet3d_mse"):
        assert methods()[name].variant_of == "ptnet3d"
        changed = Recipe(**methods()[name].recipe)
        same = {"losses": published.losses, "discriminators": published.discriminators}
        assert changed.model_copy(update=same) == published


@pytest.mark.parametrize("preset", ["smoke", "quick"])
@pytest.mark.parametrize("name", sorted(methods()))
def test_presets_train_without_a_download(name, preset):
    recipe = recipe_of(methods()[name], preset)
    assert "perceptual_r3d18" not in {term.name for term in recipe.losses}
    setting = Setting(patch=recipe.patch.size)
    with torch.device("meta"):
        network = PyramidTransformer(setting, **recipe.translator.params)
    assert network.patch == recipe.patch.size
    assert count(network)[0] < 1_000_000
