import pytest
import torch
import torch.nn.functional as F

from synthbench.api import Batch, Prediction, Recipe, Scores, Setting, UsageError
from synthbench.api.recipe import Inference
from synthbench.api.tensors import Judgement
from synthbench.inference.window import SlidingWindow
from synthbench.registry.recipes import recipe_of, with_changes
from synthbench.training.optimisers import Plan, learning_rate_factor
from synthbench_plugins import resvit
from synthbench_plugins.losses.adversarial import LSGAN
from synthbench_plugins.losses.reconstruction import L1
from synthbench_plugins.pix2pix.discriminator import PatchGAN2D
from synthbench_plugins.resvit.generator import ResidualCNN, ResViT2D
from synthbench_plugins.resvit.layers import ResidualBlock

TINY = {"channels": 4, "hidden": 16, "layers": 2, "heads": 2}


def generator(patch=(32, 32, 1), *, intensity=(-1.0, 1.0), sources=1, **params):
    torch.manual_seed(0)
    setting = Setting(patch=patch, intensity=intensity, source_channels=sources)
    return ResViT2D(setting, **{**TINY, **params})


def published(patch=(256, 256, 1), sources=1, **params):
    with torch.device("meta"):
        return ResViT2D(Setting(patch=patch, source_channels=sources), **params)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


# Sizes


def test_published_sizes():
    network = published()
    assert count(network) == 123_441_537
    assert count(network.cnn) == 11_370_881
    assert count(network.transformer) == 85_056_000
    for place in ("1", "6"):
        branch = network.branches[place]
        assert count(branch) == 13_507_328
        assert count(branch.down) == 5_901_312
        assert count(branch.embedding) + branch.positions.numel() == 983_808
        assert count(branch.up) == 4_720_128
        assert count(branch.compression) == 1_902_080
    assert [count(block) for block in network.cnn.blocks] == [1_180_672] * 9
    encoder, decoder = network.cnn.encoder, network.cnn.decoder
    assert [count(encoder[:4]), count(encoder[4]), count(encoder[5])] == [3_264, 73_984, 295_424]
    assert [count(decoder[0]), count(decoder[1]), count(decoder[2:])] == [295_168, 73_856, 3_137]
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules()) == 37


@pytest.mark.parametrize(("sources", "whole", "cnn"), [(2, 123_444_673, 11_374_017)])
def test_published_sizes_with_several_sources(sources, whole, cnn):
    network = published(sources=sources)
    assert (count(network), count(network.cnn)) == (whole, cnn)


def test_large_transformer():
    assert count(published(hidden=1024, layers=24, heads=16)) == 343_712_129


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, 123_072_897),
        ({"channels": 32, "hidden": 256, "layers": 4, "heads": 4}, 11_952_321),
        ({"channels": 16, "hidden": 128, "layers": 3, "heads": 4}, 2_799_073),
        (
            {
                "channels": 16,
                "hidden": 128,
                "layers": 3,
                "heads": 4,
                "blocks": 6,
                "transformer_at": [1, 4],
            },
            2_577_121,
        ),
    ],
)
def test_sizes_for_small_slices(params, expected):
    assert count(published((64, 64, 1), **params)) == expected


@pytest.mark.parametrize(
    ("sources", "width", "expected"), [(1, 64, 2_764_609), (2, 64, 2_765_633), (1, 16, 175_057)]
)
def test_the_recipes_discriminator_has_the_published_size(sources, width, expected):
    with torch.device("meta"):
        judge = PatchGAN2D(Setting(condition_channels=sources), channels=width)
        for side, logits in ((256, 30), (64, 6)):
            source = torch.empty(1, sources, side, side, 1)
            assert judge([source[:, :1]], source).logits[0].shape == (1, 1, logits, logits, 1)
    assert count(judge) == expected


# Layers


def test_layers_are_as_specified():
    network = published()

    def kinds(sequence):
        return [type(module).__name__ for module in sequence]

    down, up = ["Conv2d", "BatchNorm2d", "ReLU"], ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert kinds(network.cnn.encoder[:4]) == ["ReflectionPad2d", *down]
    assert [kinds(each) for each in network.cnn.encoder[4:]] == [down] * 2
    assert [kinds(each) for each in network.cnn.decoder[:2]] == [up] * 2
    assert kinds(network.cnn.decoder[2:]) == ["ReflectionPad2d", "Conv2d"]
    pad = ["ReflectionPad2d", "Conv2d", "BatchNorm2d"]
    for block in network.cnn.blocks:
        assert kinds(block.layers) == [*pad, "ReLU", *pad, "Identity"]
    for branch in network.branches.values():
        assert [kinds(each) for each in branch.down] == [down] * 2
        assert [kinds(each) for each in branch.up] == [up] * 2
        assert kinds(branch.compression.main) == [*down, "Conv2d", "BatchNorm2d"]
        assert kinds(branch.compression.skip) == ["Conv2d", "BatchNorm2d"]
        assert branch.positions.shape == (1, 768, 16, 16)
        assert branch.dropout.p == 0.1
    convolutions = [
        module
        for module in network.modules()
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
    ]
    biased = {network.cnn.decoder[3], *(each.embedding for each in network.branches.values())}
    assert {each for each in convolutions if each.bias is not None} == biased
    norms = [each for each in network.modules() if isinstance(each, torch.nn.LayerNorm)]
    assert len(norms) == 25
    assert {each.eps for each in norms} == {1e-6}


def test_weights_are_drawn_as_published():
    network = generator(hidden=64)
    layer = network.transformer.layers[0]
    assert layer.widen.weight.std().item() == pytest.approx((2 / (64 + 256)) ** 0.5, rel=0.03)
    assert 0 < layer.widen.bias.abs().max() < 1e-5
    assert not any(branch.positions.any() for branch in network.branches.values())


def test_a_transformer_layer_is_attention_and_perceptron():
    network = generator().eval()
    layer = network.transformer.layers[0]
    tokens = torch.randn(2, 5, 16)
    normed = F.layer_norm(
        tokens, (16,), layer.attention_norm.weight, layer.attention_norm.bias, 1e-6
    )
    heads = [part(normed).reshape(2, 5, 2, 8) for part in (layer.query, layer.key, layer.value)]
    attention = torch.einsum("bqhd,bkhd->bhqk", heads[0], heads[1]) / 8**0.5
    mixed = torch.einsum("bhqk,bkhd->bqhd", attention.softmax(-1), heads[2]).reshape(2, 5, 16)
    attended = tokens + layer.out(mixed)
    expected = attended + layer.narrow(F.gelu(layer.widen(layer.mlp_norm(attended))))
    torch.testing.assert_close(layer(tokens), expected)


def test_a_residual_block_has_no_activation_after_the_sum():
    torch.manual_seed(0)
    block = ResidualBlock(4, "instance")
    x = torch.randn(2, 4, 8, 8)
    assert block(x).min() < 0
    torch.testing.assert_close(block(x), x + block.layers(x))


def test_positions_tell_places_apart():
    # Both sides alike and constant: only the table can make the tokens differ.
    branch = generator(dropout=0.0).branches["1"].eval()
    seen = []
    branch.compression = torch.nn.Identity()
    x = torch.zeros(1, 16, 8, 8)
    seen = branch(x, torch.nn.Identity())
    with torch.no_grad():
        branch.positions[..., 0, 1] = 3.0
    moved = (branch(x, torch.nn.Identity()) != seen).any(1)[0]
    assert moved[:3, 2:4].any()
    assert not moved[:, 5:].any()
    assert not moved[4:].any()


# Sharing


def test_the_encoder_is_shared_and_the_rest_is_not():
    network = generator(dropout=0.0).eval()
    names = [name for name in network.state_dict() if "attention_norm.weight" in name]
    assert names == [f"transformer.layers.{layer}.attention_norm.weight" for layer in (0, 1)]
    first, second = network.branches["1"], network.branches["6"]
    assert first.positions is not second.positions
    assert first.embedding.weight is not second.embedding.weight
    x = torch.randn(1, 16, 8, 8)
    before = [branch(x, network.transformer) for branch in (first, second)]
    with torch.no_grad():
        network.transformer.layers[0].query.weight.add_(1.0)
        network.transformer.layers[1].out.bias.add_(1.0)
    after = [branch(x, network.transformer) for branch in (first, second)]
    assert not any(torch.allclose(old, new) for old, new in zip(before, after, strict=True))


def test_the_encoders_gradient_is_the_sum_of_both_paths():
    network = generator(dropout=0.0).eval()
    weight = network.transformer.layers[0].value.weight
    source = torch.randn(1, 1, 32, 32, 1)

    def gradient(*skipped):
        branches = [network.branches[place] for place in skipped]
        originals = [branch.forward for branch in branches]
        for branch, original in zip(branches, originals, strict=True):
            # The encoder's weights as constants on this path; what comes in still has a gradient.
            branch.forward = lambda x, encoder, original=original: torch.func.functional_call(
                _Path(original, encoder),
                {f"encoder.{n}": p.detach() for n, p in encoder.named_parameters()},
                (x,),
            )
        network.zero_grad()
        network(source).square().sum().backward()
        for branch in branches:
            del branch.forward
        return weight.grad.clone()

    both, only_sixth, only_first = gradient(), gradient("1"), gradient("6")
    assert only_first.abs().max() > 0
    assert only_sixth.abs().max() > 0
    torch.testing.assert_close(both, only_first + only_sixth)


class _Path(torch.nn.Module):
    def __init__(self, branch, encoder):
        super().__init__()
        self.branch, self.encoder = branch, encoder

    def forward(self, x):
        return self.branch(x, self.encoder)


def test_without_transformers_it_is_the_cnn():
    network = generator(transformer_at=[]).eval()
    assert isinstance(network.cnn, ResidualCNN)
    source = torch.randn(1, 1, 32, 32, 1)
    assert torch.equal(network(source), network.cnn.eval()(source))
    assert count(network) == count(network.cnn)
    whole = generator()
    missing, unexpected = whole.load_state_dict(network.state_dict(), strict=False)
    assert not unexpected
    assert {name.split(".")[0] for name in missing} == {"branches", "transformer"}


# Phases


def test_convolutions_are_trained_first():
    network = generator(transformer_lr=5e-4)
    first, second = network.stages()
    assert first.module is network.cnn
    assert second.module is network
    assert first.overrides == {}
    recipe = Recipe(**resvit.synthbench_methods()[0].recipe)
    tuned = with_changes(recipe, second.overrides)
    assert (recipe.optimiser.lr, tuned.optimiser.lr) == (2e-4, 5e-4)
    steps = [Plan.of(recipe.budget, stage.share, 25, 1).steps for stage in (first, second)]
    assert steps == [250_000, 125_000]


def test_the_second_learning_rate_follows_the_weights():
    assert generator().stages()[1].overrides == {}
    assert generator(vit_weights="some.npz").stages()[1].overrides == {"optimiser.lr": 1e-3}
    own = generator(vit_weights="some.npz", transformer_lr=2e-4)
    assert own.stages()[1].overrides == {"optimiser.lr": 2e-4}
    assert [stage.module.places for stage in generator(transformer_at=[]).stages()] == [[]]


def test_both_phases_train_what_they_should():
    network = generator()
    batch = Batch(torch.randn(2, 1, 32, 32, 1), torch.randn(2, 1, 32, 32, 1))
    cnn, everything = network.stages()
    L1(network.setting)(cnn.module.predict(batch), {}).backward()
    graded = {name for name, each in network.named_parameters() if each.grad is not None}
    assert graded == {f"cnn.{name}" for name, _ in network.cnn.named_parameters()}
    L1(network.setting)(everything.module.predict(batch), {}).backward()
    assert all(torch.isfinite(each.grad).all() for each in network.parameters())


def test_the_schedule_is_the_published_one():
    recipe = Recipe(**resvit.synthbench_methods()[0].recipe)
    for constant, decaying in ((50, 50), (25, 25)):
        epochs = constant + decaying
        for epoch in range(epochs):
            given = 1 - max(0, epoch + 2 - constant) / (decaying + 1)
            ours = learning_rate_factor(recipe.schedule, epoch / epochs)
            # By steps, without the last epoch at a rate of 0.
            assert ours == pytest.approx(given, abs=2.1 / decaying)
            assert ours > 0
            assert ours == 1 or epoch > constant


def test_losses_on_constant_judgements():
    setting = Setting()
    half = Judgement(logits=[torch.full((1, 1, 6, 6, 1), 0.5)])
    prediction = Prediction([torch.zeros(1, 1, 8, 8, 1)], [torch.full((1, 1, 8, 8, 1), 0.5)])
    (method,) = resvit.synthbench_methods()
    (term,) = Recipe(**method.recipe).losses
    pair = LSGAN(setting)
    judge = PatchGAN2D(setting, channels=2)
    assert pair.discriminator_loss(Scores(half, half), prediction, judge).item() == 0.25
    assert pair.generator_loss(Scores(half)).item() == 0.25
    assert term.weight * L1(setting)(prediction, {}).item() == 50


# Slices and volumes


@pytest.mark.parametrize(
    ("patch", "down_steps", "multiple", "grid"),
    [
        ((256, 256, 1), 2, (16, 16, 1), (16, 16)),
        ((64, 96, 1), 2, (16, 16, 1), (4, 6)),
        ((1, 80, 72), 2, (1, 16, 16), (5, 5)),
        ((32, 32, 1), 2, (8, 8, 1), (4, 4)),
        ((32, 1, 32), 2, (8, 1, 8), (4, 4)),
        ((16, 16, 16), 2, (8, 8, 1), (2, 2)),
        ((10, 9, 1), 2, (8, 8, 1), (2, 2)),
        ((128, 128, 1), 3, (32, 32, 1), (4, 4)),
        ((0, 64, 1), 2, (16, 16, 1), (16, 4)),
        (None, 2, (16, 16, 1), (16, 16)),
    ],
)
def test_token_grids(patch, down_steps, multiple, grid):
    network = generator(patch, down_steps=down_steps)
    assert network.size_multiple == network.cnn.size_multiple == multiple
    assert network.branches["1"].positions.shape == (1, 16, *grid)


@pytest.mark.parametrize(
    ("sources", "sides", "params"),
    [
        (2, (64, 64, 1), {}),
        (1, (64, 96, 1), {}),
        (1, (16, 16, 1), {"norm": "instance"}),
        (3, (32, 1, 48), {"axis": 1, "down_steps": 1}),
    ],
)
def test_shapes_and_range(sources, sides, params):
    network = generator(sides, sources=sources, **params)
    image = network(torch.randn(2, sources, *sides))
    assert image.shape == (2, 1, *sides)
    assert image.abs().max() <= 1


def test_images_fill_the_range_of_the_setting():
    source = torch.randn(1, 1, 32, 32, 1)
    signed, unit = generator().eval(), generator(intensity=(0.0, 1.0)).eval()
    torch.testing.assert_close(unit(source), (signed(source) + 1) / 2)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_slice_is_translated_alone_when_evaluated(axis, norm):
    patch = tuple(1 if side == axis else 16 for side in range(3))
    sides = tuple(19 if side == axis else 16 for side in range(3))  # more than fit a chunk
    network = generator(patch, sources=2, norm=norm)
    volume = torch.randn(1, 2, *sides)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # one pass gives it the statistics of the volume
    with torch.no_grad():
        network(volume)
        network.eval()
        whole = network(volume)
        again = network(volume)
        alone = [network(one) for one in volume.split(1, dim=2 + axis)]
    assert whole.shape == (1, 1, *sides)
    assert torch.equal(whole, again)
    torch.testing.assert_close(whole, torch.cat(alone, dim=2 + axis), atol=1e-4, rtol=0)
    assert whole.std(dim=2 + axis).max() > 1e-3


def test_the_axis_follows_permuted_volumes():
    volume = torch.randn(1, 1, 16, 24, 3)
    axial = generator((16, 24, 1)).eval()
    coronal = generator((16, 1, 24)).eval()
    coronal.load_state_dict(axial.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(coronal(volume.transpose(3, 4)).transpose(3, 4), axial(volume))


@pytest.mark.parametrize("sides", [(13, 17, 5), (40, 27, 3), (32, 32, 4), (1, 50, 2)])
@pytest.mark.parametrize("window", [None, (32, 32, 0)])
def test_volumes_of_any_size_come_back_in_place(sides, window):
    network = generator().eval()
    network.image = lambda slices: slices.atanh()  # so that forward gives back what it gets
    volume = torch.rand(1, 1, *sides) * 1.6 - 0.8
    slide = SlidingWindow(Inference(window=window), (32, 32, 1), network.size_multiple, -1.0)
    image = network.translate(Batch(volume), slide)
    torch.testing.assert_close(image, volume, atol=1e-5, rtol=0)


def test_small_slices_are_translated_as_in_training():
    network = generator().eval()
    volume = torch.randn(1, 1, 20, 27, 2).clamp(-1, 1)
    slide = SlidingWindow(Inference(window=(32, 32, 0)), (32, 32, 1), network.size_multiple, -1.0)
    with torch.no_grad():
        image = network.translate(Batch(volume), slide)
        # A training patch has the volume in its middle.
        patch = network(F.pad(volume, (0, 0, 2, 3, 6, 6), value=-1.0))
    torch.testing.assert_close(image, patch[:, :, 6:26, 2:29])


def test_other_grids_get_interpolated_positions():
    network = generator((32, 32, 1)).eval()
    source = torch.randn(1, 1, 48, 32, 1)
    plain = network(source)
    with torch.no_grad():
        for branch in network.branches.values():
            branch.positions.copy_(torch.randn_like(branch.positions))
    assert plain.shape == source.shape
    assert not torch.allclose(plain, network(source))


def test_dropout_is_drawn_while_training_only():
    network = generator(norm="instance")
    source = torch.randn(1, 1, 32, 32, 1)
    assert not torch.equal(network(source), network(source))
    network.eval()
    assert torch.equal(network(source), network(source))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"patch": (8, 32, 1)}, "8x32 voxels are too small"),
        ({"patch": (1, 1, 32)}, "too small"),
        ({"axis": 3}, "no axis 3"),
        ({"heads": 3}, "with 3 head"),
        ({"layers": 0}, "0 transformer layer"),
        ({"blocks": 5}, r"\[1, 6\] of 5 block"),
        ({"transformer_at": [0]}, r"\[0\] of 9 block"),
        ({"blocks": 0, "transformer_at": []}, "of 0 block"),
        ({"down_steps": 0}, "down_steps is 0"),
        ({"norm": "group"}, "unknown norm 'group'"),
        ({"vit_weights": "some.npz", "transformer_at": []}, "without a transformer"),
    ],
)
def test_wrong_options_are_named(params, message):
    with pytest.raises(UsageError, match=message):
        generator(**params)


# Learning


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_overfits_inverse_contrast_and_transformers_do_not_spoil_it(norm):
    torch.manual_seed(1)
    source = torch.tanh(F.interpolate(torch.randn(8, 1, 4, 4), size=(16, 16), mode="bilinear"))
    batch = Batch(source[..., None], -source[..., None])
    network = generator(
        (16, 16, 1), norm=norm, channels=8, dropout=0.0, blocks=3, transformer_at=[1, 2]
    )
    ends = []
    for stage in network.stages():
        module = stage.module.train()
        optimiser = torch.optim.Adam(module.parameters(), 3e-3, betas=(0.5, 0.999))
        decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, 50)
        for _ in range(50):
            optimiser.zero_grad()
            L1(network.setting)(module.predict(batch), {}).backward()
            optimiser.step()
            decay.step()
        with torch.no_grad():
            ends.append(F.l1_loss(module.eval()(batch.source), batch.target).item())
    assert ends[0] < 0.05
    assert ends[1] < max(0.05, 1.2 * ends[0])


# Recipe


def test_published_recipe():
    (method,) = resvit.synthbench_methods()
    recipe = Recipe(**method.recipe)
    assert (recipe.translator.name, recipe.translator.params) == ("resvit2d", {})
    (judge,) = recipe.discriminators
    assert (judge.name, judge.params, judge.weight) == ("patchgan2d", {}, 1.0)
    assert judge.adversarial.name == "lsgan"
    assert [(term.name, term.weight) for term in recipe.losses] == [("l1", 100.0)]
    assert (recipe.optimiser.lr, recipe.optimiser.betas) == (2e-4, (0.5, 0.999))
    assert recipe.discriminator_optimiser is None  # so the second rate is both networks'
    assert (recipe.patch.size, recipe.patch.flip, recipe.batch) == ((256, 256, 1), (0,), 1)
    assert recipe.patch.foreground == 1
    assert recipe.intensity == (-1.0, 1.0)
    assert recipe.inference.window is None


@pytest.mark.parametrize("preset", ["smoke", "quick"])
def test_presets_make_valid_smaller_recipes(preset):
    (method,) = resvit.synthbench_methods()
    recipe = recipe_of(method, preset)
    network = ResViT2D(Setting(patch=recipe.patch.size), **recipe.translator.params)
    assert network.places == [1, 6]
    assert len(network.cnn.blocks) == 9
    sides = zip(recipe.patch.size, network.size_multiple, strict=True)
    assert all(side % multiple == 0 for side, multiple in sides)
    assert recipe.inference.window == (*recipe.patch.size[:2], 0)
    assert recipe.losses == recipe_of(method).losses
    PatchGAN2D(network.setting, **recipe.discriminators[0].params)
