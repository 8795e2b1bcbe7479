import pytest
import torch
import torch.nn.functional as F

from synthbench.api import Batch, Judgement, Prediction, Scores, Setting, UsageError
from synthbench.registry import load_registry
from synthbench.registry.recipes import recipe_of
from synthbench.training.components import (
    build_critics,
    build_penalties,
    build_translator,
    count_parameters,
)
from synthbench.training.optimisers import Progress
from synthbench.training.precision import Precision
from synthbench.training.step import TrainingStep
from synthbench_plugins import dual_d_attention
from synthbench_plugins.dual_d_attention.attention import AttentionL1
from synthbench_plugins.dual_d_attention.discriminators import GlobalCritic, LocalFCN
from synthbench_plugins.dual_d_attention.generators import FCN3D, UNet3D
from synthbench_plugins.dual_d_attention.sides import halvings

METHODS = {method.name: method for method in dual_d_attention.synthbench_methods()}
CRITIC = {"channels": [2, 2, 4, 4]}
SIDES = [(16, 16, 16), (18, 13, 9), (16, 16, 1), (1, 24, 16), (12, 16, 5)]


def image(*sides, seed=0, batch=1):
    torch.manual_seed(seed)
    return torch.rand(batch, 1, *sides)


@pytest.mark.parametrize(
    ("patch", "multiple", "kernel"),
    [
        (None, (8, 8, 8), (3, 3, 3)),
        ((64, 64, 64), (8, 8, 8), (3, 3, 3)),
        ((0, 64, 16), (8, 8, 4), (3, 3, 3)),
        ((64, 64, 1), (8, 8, 1), (3, 3, 1)),
        ((64, 64, 5), (8, 8, 1), (3, 3, 3)),
        ((1, 20, 16), (1, 4, 4), (1, 3, 3)),
        ((4, 4, 4), (1, 1, 1), (3, 3, 3)),
    ],
)
@pytest.mark.parametrize("network", [UNet3D, FCN3D])
def test_translators_follow_the_patch(network, patch, multiple, kernel):
    built = network(Setting(source_channels=2, patch=patch), channels=[2, 3, 4, 5])
    assert built.size_multiple == multiple
    assert built.encoder[0][0].kernel_size == kernel
    sides = [n if n == 1 else 2 * m for n, m in zip(patch or (0, 0, 0), multiple, strict=True)]
    source = torch.rand(1, 2, *[max(side, 4) if side > 1 else 1 for side in sides])
    fake = built(source)
    assert fake.shape == (1, 1, *source.shape[2:])
    fake.square().mean().backward()
    assert all(p.grad is not None for p in built.parameters())


def test_a_side_of_1_is_a_2d_network():
    """Every slice of a stack is translated as it is alone, but for the statistics of the norm."""
    network = UNet3D(Setting(patch=(16, 16, 1)), channels=[2, 4])
    for module in network.modules():
        if isinstance(module, torch.nn.Conv3d | torch.nn.ConvTranspose3d):
            assert module.kernel_size[2] == module.stride[2] == 1
    for block in (*network.encoder, *network.decoder):
        block[1] = block[4] = torch.nn.Identity()
    stack = image(16, 16, 3)
    alone = torch.cat([network(stack[..., i : i + 1]) for i in range(3)], dim=-1)
    torch.testing.assert_close(network(stack), alone)


def test_widths_are_as_specified():
    assert halvings(None, 3) == [(2, 2, 2)] * 3
    with torch.device("meta"):
        unet, fcn = UNet3D(Setting()), FCN3D(Setting())
        critic, local = GlobalCritic(Setting()), LocalFCN(Setting())
    encoder = [(b[0].in_channels, b[3].out_channels) for b in unet.encoder]
    assert encoder == [(1, 32), (32, 64), (64, 128), (128, 256)]
    decoder = [(b[0].in_channels, b[3].out_channels) for b in unet.decoder]
    assert decoder == [(256, 128), (128, 64), (64, 32)]
    assert [b[0].in_channels for b in fcn.decoder] == [128, 64, 32]
    assert unet.output.out_channels == 1
    for network in (critic, local):
        convolutions = [stage[0] for stage in network.trunk.stages] + [network.trunk.last[0]]
        assert [c.out_channels for c in convolutions] == [32, 64, 128, 256]
    linear = [m for m in critic.head if isinstance(m, torch.nn.Linear)]
    assert [m.out_features for m in linear] == [512, 128, 1]
    # As the page of the method says.
    found = [round(count_parameters(n) / 1e6, 1) for n in (unet, fcn, critic, local)]
    assert found == [5.6, 5.0, 9.6, 1.2]


def test_only_the_unet_sees_fine_detail_past_the_bottleneck():
    one, other = image(16, 16, 16), image(16, 16, 16, seed=1)
    for network, sees in ((UNet3D, True), (FCN3D, False)):
        torch.manual_seed(0)
        built = network(Setting(), channels=[2, 4])
        for up in built.up:
            torch.nn.init.zeros_(up.weight)
        assert torch.equal(built(one), built(other)) is not sees


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_discriminators_judge_any_patch(sides, norm):
    images = [image(*sides, batch=2), image(3, 3, 3, batch=2)]
    setting = Setting(patch=sides, levels=2)
    score = GlobalCritic(setting, **CRITIC, units=[4, 3], grid=2, norm=norm)(images)
    assert [logits.shape for logits in score.logits] == [(2, 1, 1, 1, 1)]
    local = LocalFCN(setting, **CRITIC, norm=norm)(images)
    assert [logits.shape for logits in local.logits] == [(2, 1, *sides)]
    (score.logits[0].sum() + local.logits[0].sum()).backward()


def test_the_critic_judges_sizes_it_was_not_built_for():
    critic = GlobalCritic(Setting(patch=(32, 32, 32)), **CRITIC, units=[4, 3])
    for sides in ((16, 16, 16), (40, 24, 9)):
        assert critic([image(*sides)]).logits[0].numel() == 1


def test_scores_are_kept_in_float32():
    critic = GlobalCritic(Setting(), **CRITIC, units=[4, 3], grid=2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert critic([image(32, 32, 32)]).logits[0].dtype == torch.float32


def test_the_local_discriminator_judges_locally():
    torch.manual_seed(0)
    local = LocalFCN(Setting(), **CRITIC, norm="none")
    one = image(64, 16, 16)
    other = one.clone()
    other[:, :, :4] += 1
    changed = (local([one]).logits[0] - local([other]).logits[0]).abs().amax(dim=(0, 1, 3, 4))
    assert changed[:4].min() > 0
    assert changed[40:].max() == 0


def test_wrong_options_are_named():
    with pytest.raises(UsageError, match="unknown norm 'layer'"):
        GlobalCritic(Setting(), norm="layer")
    with pytest.raises(UsageError, match="3 widths"):
        LocalFCN(Setting(), channels=[2, 2, 2])
    with pytest.raises(UsageError, match="1 widths are given in units"):
        GlobalCritic(Setting(), units=[4])
    with pytest.raises(UsageError, match="channels is empty"):
        UNet3D(Setting(), channels=[])
    with pytest.raises(UsageError, match="p is 3"):
        AttentionL1(Setting(), p=3)
    with pytest.raises(UsageError, match="beta is -1"):
        AttentionL1(Setting(), beta=-1)


def attention(fake, real, logits, **params):
    scores = {
        "coarse": Scores(fake=Judgement([torch.full((1, 1, 1, 1, 1), 50.0)])),
        "dense": Scores(fake=Judgement([logits])),
    }
    return AttentionL1(Setting(), **params)(Prediction([fake], [real]), scores)


@pytest.mark.parametrize(("p", "beta"), [(1, 2), (2, 2), (1, 0), (2, 0.5)])
def test_attention_by_hand(p, beta):
    fake, real, logits = image(4, 3, 2), image(4, 3, 2, seed=1), image(4, 3, 2, seed=2) - 0.5
    expected = ((1 - torch.sigmoid(logits)) ** beta * (real - fake).abs() ** p).mean()
    torch.testing.assert_close(attention(fake, real, logits, p=p, beta=beta), expected)


@pytest.mark.parametrize("p", [1, 2])
def test_attention_is_full_where_nothing_is_believed_and_none_where_all_is(p):
    fake, real = image(4, 3, 2), image(4, 3, 2, seed=1)
    none, all_of_it = torch.full_like(fake, -200.0), torch.full_like(fake, 200.0)
    plain = (real - fake).abs().pow(p).mean()
    torch.testing.assert_close(attention(fake, real, none, p=p), plain)
    assert attention(fake, real, all_of_it, p=p).item() == 0
    half = torch.where(torch.arange(4).view(1, 1, 4, 1, 1) < 2, none, all_of_it)
    fake[:, :, 2:] += 7  # where it is believed, errors do not count
    torch.testing.assert_close(
        attention(fake, real, half, p=p), (real - fake)[:, :, :2].abs().pow(p).mean() / 2
    )


def test_attention_reaches_no_discriminator_and_no_generator_through_it():
    local = LocalFCN(Setting(), **CRITIC)
    fake, real = image(16, 16, 16).requires_grad_(), image(16, 16, 16, seed=1)
    judgement = local([fake])
    judgement.logits[0].retain_grad()
    value = AttentionL1(Setting())(Prediction([fake], [real]), {"d2": Scores(fake=judgement)})
    value.backward()
    assert judgement.logits[0].grad is None
    assert all(p.grad is None for p in local.parameters())
    weight = (1 - torch.sigmoid(judgement.logits[0].detach())) ** 2
    torch.testing.assert_close(fake.grad, weight * (fake - real).detach().sign() / fake.numel())


def test_attention_of_coarser_resolutions_is_averaged():
    logits = torch.tensor([-200.0, 200.0]).view(1, 1, 2, 1, 1)
    prediction = Prediction(
        fake=[torch.tensor([3.0, 5.0]).view(1, 1, 2, 1, 1), torch.full((1, 1, 1, 1, 1), 8.0)],
        real=[torch.zeros(1, 1, 2, 1, 1), torch.zeros(1, 1, 1, 1, 1)],
    )
    value = AttentionL1(Setting())(prediction, {"d2": Scores(fake=Judgement([logits]))})
    assert value.item() == pytest.approx((1.5 + 0.5**2 * 8) / 2)


def test_attention_asks_for_a_dense_discriminator():
    fake = image(8, 8, 8)
    coarse = {"d1": Scores(fake=Judgement([torch.zeros(1, 1, 1, 1, 1)]))}
    with pytest.raises(UsageError, match="one logit a voxel"):
        AttentionL1(Setting())(Prediction([fake], [fake]), coarse)


GLOBAL = ("global_critic", "wgan_gp", 0.001)
LOCAL = ("local_fcn", "bce", 0.01)


@pytest.mark.parametrize(
    ("name", "translator", "critics", "loss"),
    [
        ("dual_d_attention", "unet3d", [GLOBAL, LOCAL], "attention_l1"),
        ("dual_d", "unet3d", [GLOBAL, LOCAL], "l1"),
        ("sgan_global", "unet3d", [GLOBAL], "l1"),
        ("sgan_local", "unet3d", [LOCAL], "l1"),
        ("unet", "unet3d", [], "l1"),
        ("fcn", "fcn3d", [], "l1"),
    ],
)
def test_recipes(name, translator, critics, loss):
    method = METHODS[name]
    assert method.variant_of == ("" if name == "dual_d_attention" else "dual_d_attention")
    published = recipe_of(method)
    assert published.translator.name == translator
    found = [(t.name, t.adversarial.name, t.weight) for t in published.discriminators]
    assert found == critics
    assert [(term.name, term.weight) for term in published.losses] == [(loss, 1.0)]
    assert published.separate_batches == bool(critics)
    assert published.intensity == (0.0, 1.0)
    registry = load_registry()
    for preset in ("smoke", "quick"):
        recipe = recipe_of(method, preset)
        network = build_translator(registry, recipe, 1)
        (stage,) = network.stages()
        assert [c.term.name for c in build_critics(registry, recipe, stage)] == [
            critic for critic, _, _ in critics
        ]
        pairs = zip(recipe.patch.size, network.size_multiple, strict=True)
        assert all(side % multiple == 0 for side, multiple in pairs)


def test_methods_are_all_covered():
    assert len(METHODS) == 6


def step_of(name, **changes):
    registry = load_registry()
    recipe = recipe_of(METHODS[name], "smoke").model_copy(update={"precision": "fp32", **changes})
    torch.manual_seed(0)
    network = build_translator(registry, recipe, 1)
    (stage,) = network.stages()
    return network, TrainingStep(
        network,
        build_critics(registry, recipe, stage),
        build_penalties(registry, recipe, stage),
        recipe,
        Precision("fp32", torch.device("cpu")),
    )


def smooth_pair():
    coarse = image(4, 4, 4, seed=3)
    source = F.interpolate(coarse, size=(16,) * 3, mode="trilinear")
    return Batch(source=source, target=(1 - source).square())


@pytest.mark.parametrize("name", sorted(METHODS))
def test_overfits_one_pair(name):
    network, step = step_of(name)
    pair = smooth_pair()
    before = F.l1_loss(network(pair.source), pair.target).item()
    for number in range(60):
        values = step(lambda: pair, Progress(number, 0.0, 0.0))
    with torch.no_grad():
        after = F.l1_loss(network.eval()(pair.source), pair.target).item()
    assert after < before / 5
    assert all(torch.isfinite(value) for value in values.values())


def test_both_sides_see_batches_of_their_own():
    _, step = step_of("dual_d_attention")
    drawn, seen = [], {"critic": [], "generator": []}

    def draw():
        drawn.append(image(16, 16, 16, seed=len(drawn)))
        return Batch(source=drawn[-1], target=drawn[-1])

    step.critics[1].network.register_forward_pre_hook(
        lambda _, inputs: seen["critic"].append(inputs[0][0])
    )
    step.penalties[0].loss.register_forward_pre_hook(
        lambda _, inputs: seen["generator"].append(inputs[0].real[0])
    )
    step(draw, Progress(0, 0.0, 0.0))
    assert len(drawn) == 2
    assert torch.equal(seen["critic"][1], drawn[0])
    assert torch.equal(seen["generator"][0], drawn[1])


def test_more_critic_steps_by_option():
    _, step = step_of("sgan_global", discriminator_steps=5)
    draws = []

    def draw():
        draws.append(1)
        return smooth_pair()

    step(draw, Progress(0, 0.0, 0.0))
    assert len(draws) == 6
