import copy

import pytest
import torch
from torch import nn

from benchmarks.memory.accounting import saved_bytes
from benchmarks.memory.baselines import pix2pix
from benchmarks.memory.edge_cascade import contenders, measure
from synthbench.api import Batch, Judgement, Prediction, Recipe, Setting, UsageError
from synthbench.registry import load_registry
from synthbench.registry.recipes import recipe_of
from synthbench.training.components import Critic, build_critics, build_translator
from synthbench.training.optimisers import Progress
from synthbench.training.precision import Precision
from synthbench.training.step import TrainingStep
from synthbench_plugins import edge_cascade
from synthbench_plugins.edge_cascade.critics import FoldedEdgesCritic, PatchCritic
from synthbench_plugins.edge_cascade.folding import unfold
from synthbench_plugins.edge_cascade.translator import EdgeCascade
from synthbench_plugins.losses.adversarial import LSGAN

TINY = {"lr_side": 8, "scales": 1, "patch": 8, "width": 2, "blocks": 1, "patches_per_step": 2}
METHODS = {method.name: method for method in edge_cascade.synthbench_methods()}


class Untouchable:
    """Stands where a volume would; any use of it fails."""

    def __getattribute__(self, name):
        raise AssertionError("the source was looked at")


def build(*, intensity=(-1.0, 1.0), **params):
    torch.manual_seed(0)
    return EdgeCascade(Setting(intensity=intensity), **{**TINY, **params})


def volume(*sides, seed=0):
    """A bright ellipsoid with a darker core on background, with some texture, in [-1, 1]."""
    axes = [torch.linspace(-1, 1, side) for side in sides]
    x, y, z = torch.meshgrid(*axes, indexing="ij")
    radius = (x**2 + y**2 + z**2).sqrt()
    generator = torch.Generator().manual_seed(seed)
    image = torch.where(radius < 0.5, 0.2, 0.7) + 0.05 * torch.rand(sides, generator=generator)
    return torch.where(radius < 0.9, image, torch.tensor(-1.0))[None, None]


def training_batch(*sides, count=1, label=None):
    target = torch.cat([volume(*sides, seed=i) for i in range(count)])
    return Batch(source=Untouchable(), target=target, label=label)


@pytest.mark.parametrize(
    ("params", "stages"),
    [
        ({}, [("scale64", 8, 64), ("scale128", 2, 32), ("scale256", 2, 32)]),
        ({"scales": 0}, [("scale64", 8, 64)]),
        ({"conditions": "edges"}, [("scale256", 1, 32)]),
        (
            {"conditions": "scales", "lr_input": "both"},
            [("scale64", 8, 64), ("scale128", 1, 32), ("scale256", 1, 32)],
        ),
    ],
)
def test_one_stage_a_scale(params, stages):
    with torch.device("meta"):
        translator = EdgeCascade(Setting(), **params)
    found = translator.stages()
    assert [
        (stage.name, stage.module.condition_channels, stage.module.predicted_sides[0])
        for stage in found
    ] == stages
    assert sum(stage.share for stage in found) == pytest.approx(1)
    assert all("discriminators" not in stage.overrides for stage in found)


def test_published_networks_of_the_default():
    with torch.device("meta"):
        stages = EdgeCascade(Setting()).stages()
    counts = [sum(p.numel() for p in stage.module.parameters()) for stage in stages]
    assert counts == [24_650_497, 26_513_089, 26_513_089]


@pytest.mark.parametrize(
    ("params", "inputs"),
    [
        ({}, 2),
        ({"lr_input": "aligned"}, 2),
        ({"lr_input": "both"}, 3),
        ({"conditions": "edges", "lr_input": "both"}, 1),
        ({"conditions": "scales"}, 1),
        ({"conditions": "scales", "lr_input": "both"}, 2),
    ],
)
def test_predictions_of_every_scale_fit_together(params, inputs):
    batch = training_batch(18, 13, 15, count=2)
    for stage in build(**params).stages():
        seen = []
        stage.module.generator.register_forward_hook(lambda _, x, __, seen=seen: seen.append(x[0]))
        prediction = stage.module.predict(batch)
        (fake,), (real,) = prediction.fake, prediction.real
        assert fake.shape == real.shape
        assert tuple(fake.shape[2:]) == stage.module.predicted_sides
        channels = stage.module.condition_channels
        assert prediction.condition.shape == (len(fake), channels, *fake.shape[2:])
        assert fake.abs().max() <= 1
        assert real.min() >= -1 and real.max() > 0
        assert not real.requires_grad and not prediction.condition.requires_grad
        fake.sum().backward()
        if channels == 8:
            assert len(fake) == 2
        else:
            assert len(fake) == 2 * TINY["patches_per_step"]
            assert seen[0].shape[1] == inputs


def test_the_lowest_scale_sees_the_edges_its_critic_sees():
    stage = build(edge_noise=0.5).stages()[0].module
    seen = []
    stage.generator.register_forward_hook(lambda _, x, __: seen.append(x[0]))
    prediction = stage.predict(training_batch(16, 16, 16))
    torch.testing.assert_close(unfold(prediction.condition), seen[0])


def test_a_higher_critic_sees_noisy_edges_and_the_clean_lower_scale():
    stage = build(edge_noise=0.5, augmentation={"noise": 0.5}).stages()[1].module
    seen = []
    stage.generator.register_forward_hook(lambda _, x, __: seen.append(x[0]))
    condition = stage.predict(training_batch(16, 16, 16)).condition
    lower, edges = seen[0][:, :1], seen[0][:, 1:]
    torch.testing.assert_close(condition[:, :1], edges)
    assert (condition[:, 1:] - lower).std() > 0.2
    assert condition[:, 1:].min() >= -1 - 1e-6


def test_training_a_higher_scale_never_touches_another():
    translator = build(scales=2)
    touched = []
    for stage in translator.stages():
        stage.module.generator.register_forward_hook(
            lambda *_, name=stage.name: touched.append(name)
        )
    middle = translator.stages()[1]
    middle.module.predict(training_batch(16, 16, 16)).fake[0].sum().backward()
    assert touched == [middle.name]
    for stage in translator.stages():
        learnt = [p.grad is not None for p in stage.module.parameters()]
        assert all(learnt) if stage.name == middle.name else not any(learnt)


class Copies(nn.Module):
    """Gives back one of its input channels."""

    def __init__(self, channel):
        super().__init__()
        self.channel = channel

    def forward(self, x):
        return x[:, self.channel : self.channel + 1]


@pytest.mark.parametrize("stitching", ["centre", "average"])
@pytest.mark.parametrize("scales", [1, 2])
def test_patches_come_back_where_they_were_cut(stitching, scales):
    """With generators that hand their edges through, the result is the edge volume."""
    translator = build(scales=scales, stitching=stitching).eval()
    side = 8 * 2**scales
    source = torch.rand(1, 1, side, side, side) * 1.5 - 0.5
    for scale in translator.higher:
        scale.generator = Copies(1)
    _, _, edges = translator.drawings.draw(source, None)
    with torch.no_grad():
        torch.testing.assert_close(translator(source), edges, atol=1e-5, rtol=1e-5)


def test_the_lower_scale_lands_where_it_belongs():
    """With generators that hand the lower scale through, the result is that cube, enlarged."""
    translator = build(lr_side=8, scales=1, lr_input="aligned").eval()
    ramp = torch.linspace(-0.8, 0.8, 8).view(1, 1, 8, 1, 1).expand(1, 1, 8, 8, 8)
    translator.lowest.generate = lambda frame, edges: ramp.clone()
    translator.higher[0].generator = Copies(0)
    with torch.no_grad():
        image = translator(torch.rand(1, 1, 16, 16, 16))
    enlarged = torch.nn.functional.interpolate(ramp, scale_factor=2, mode="trilinear")
    inner = (slice(None), slice(None), slice(3, 13))
    torch.testing.assert_close(image[inner], enlarged[inner], atol=0.03, rtol=0)


@pytest.mark.parametrize("sides", [(16, 16, 16), (21, 9, 14), (7, 8, 40), (16, 16, 1)])
@pytest.mark.parametrize(
    "params",
    [
        {"scales": 0},
        {"scales": 1},
        {"scales": 2, "lr_generator": "resnet", "lr_input": "both"},
        {"scales": 2, "conditions": "edges", "stitching": "average"},
        {"scales": 1, "conditions": "scales"},
    ],
)
def test_translates_volumes_of_any_side(sides, params):
    translator = build(**params).eval()
    source = volume(*sides)
    with torch.inference_mode():
        image = translator.translate(Batch(source=source), window=None)
        assert image.shape == source.shape
        assert torch.isfinite(image).all() and image.abs().max() <= 1
        assert torch.equal(image, translator(source))


def test_forward_takes_several_volumes_and_the_first_source():
    translator = build().eval()
    sources = torch.cat([volume(12, 12, 12), volume(12, 12, 12, seed=1)])
    with torch.no_grad():
        both = translator(torch.cat([sources, torch.randn_like(sources)], dim=1))
        alone = translator(sources[1:])
    assert both.shape == (2, 1, 12, 12, 12)
    torch.testing.assert_close(both[1:], alone)


def test_labels_are_drawn_into_the_edges_where_wanted():
    label = torch.zeros(1, 1, 16, 16, 16, dtype=torch.int64)
    label[..., 6:9, 6:9, 6:9] = 4
    source = volume(16, 16, 16)
    for overlay in (True, False):
        translator = build(overlay=overlay).eval()
        _, _, plain = translator.drawings.draw(source, None)
        _, _, drawn = translator.drawings.draw(source, label)
        assert torch.equal(plain, drawn) != overlay
        with torch.inference_mode():
            without = translator.translate(Batch(source=source), window=None)
            with_label = translator.translate(Batch(source=source, label=label), window=None)
        assert torch.equal(without, with_label) != overlay
    assert build().drawings.draw(source, label)[2][label == 4].min() == 1


def test_the_recipes_range_is_kept():
    symmetric, unit = build().eval(), build(intensity=(0.0, 1.0)).eval()
    source = volume(14, 12, 13)
    with torch.no_grad():
        torch.testing.assert_close(
            unit((source + 1) / 2), (symmetric(source) + 1) / 2, atol=1e-4, rtol=1e-4
        )
    prediction = unit.stages()[1].module.predict(Batch(Untouchable(), (source + 1) / 2))
    for image in (*prediction.fake, *prediction.real):
        assert image.min() >= 0 and image.max() <= 1


def test_a_step_is_a_function_of_the_seed():
    stage = build().stages()[1].module

    def fake(seed):
        torch.manual_seed(seed)
        return stage.predict(training_batch(16, 16, 16)).fake[0]

    assert torch.equal(fake(1), fake(1))
    assert not torch.equal(fake(1), fake(2))


def test_stages_can_be_copied_and_weights_restored():
    translator = build()
    stage = translator.stages()[1].module
    stage.predict(training_batch(16, 16, 16))
    assert copy.deepcopy(stage).predict(training_batch(16, 16, 16)).fake
    other = build()
    for parameter in other.parameters():
        nn.init.uniform_(parameter, -0.1, 0.1)
    other.load_state_dict(translator.state_dict())
    source = volume(10, 10, 10)
    with torch.no_grad():
        assert torch.equal(translator.eval()(source), other.eval()(source))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lr_side": 10}, "lr_side is 10"),
        ({"lr_side": 4}, "lr_side is 4"),
        ({"scales": -1}, "scales is -1"),
        ({"scales": 0, "conditions": "edges"}, "scales is 0"),
        ({"patch": 20}, "patches of 20 voxels in a cube of 16"),
        ({"patch": 6}, "patches of 6"),
        ({"crop": 4}, "a crop of 4"),
        ({"lr_generator": "vit"}, "unknown lr_generator 'vit'"),
        ({"lr_input": "none"}, "unknown lr_input 'none'"),
        ({"conditions": "none"}, "unknown conditions 'none'"),
        ({"stitching": "none"}, "unknown stitching 'none'"),
    ],
)
def test_wrong_options_are_named(params, message):
    with pytest.raises(UsageError, match=message):
        build(**params)


def test_learns_to_make_the_target_from_its_edges():
    translator = build(width=8, patch=16, lr_input="both")
    batch = training_batch(20, 16, 18)
    for stage in translator.stages():
        optimiser = torch.optim.Adam(stage.module.parameters(), 3e-4)
        errors = []
        for _ in range(80):
            prediction = stage.module.predict(batch)
            error = (prediction.fake[0] - prediction.real[0]).abs().mean()
            optimiser.zero_grad()
            error.backward()
            optimiser.step()
            errors.append(error.item())
        assert sum(errors[-5:]) < sum(errors[:5]) / 2, stage.name


class Scorer(nn.Module):
    """Scores real images and synthetic ones by two weights."""

    def __init__(self, real, fake):
        super().__init__()
        self.real, self.fake = nn.Parameter(torch.tensor(real)), nn.Parameter(torch.tensor(fake))

    def forward(self, images, condition=None, *, features=False):
        score = self.real if images[0].mean() > 0 else self.fake
        return Judgement(logits=[score.expand(4)])


class Constant(nn.Module):
    """Predicts -0.025 where 0.025 is right."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(-0.025))

    def predict(self, batch):
        return Prediction(
            fake=[self.level.expand(1, 1, 2, 2, 2)], real=[torch.full((1, 1, 2, 2, 2), 0.025)]
        )


@pytest.mark.parametrize(("fake", "updated"), [(0.3, False), (0.8, True)])
def test_losses_and_gate_of_the_published_code(fake, updated):
    registry = load_registry()
    recipe = recipe_of(METHODS["edge_cascade_code"])
    network, scorer = Constant(), Scorer(0.8, fake)
    critic = Critic("cascade_critic", recipe.discriminators[0], scorer, LSGAN(Setting()), False)
    (l1,) = [_penalty(registry, term) for term in recipe.losses]
    step = TrainingStep(network, [critic], [l1], recipe, Precision("fp32", torch.device("cpu")))
    values = step(lambda: None, Progress(0, 0.0, 0.0))
    assert (scorer.fake.item() != pytest.approx(fake, abs=1e-6)) == updated
    if not updated:
        assert values["cascade_critic.d"].item() == pytest.approx(0.065)
        assert values["generator"].item() == pytest.approx(0.99)


def _penalty(registry, term):
    from synthbench.training.components import Penalty

    loss = registry.get("losses", term.name).resolve()(Setting(), **term.params)
    return Penalty(term.name, term, loss)


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper"])
@pytest.mark.parametrize("name", list(METHODS))
def test_recipes_build_their_networks(name, preset):
    registry = load_registry()
    recipe = recipe_of(METHODS[name], preset)
    assert (recipe.patch.size, recipe.batch) == (None, 1)
    with torch.device("meta"):
        translator = build_translator(registry, recipe, 1)
        for stage in translator.stages():
            (critic,) = build_critics(registry, recipe, stage)
            whole = stage.module.condition_channels == 8
            assert isinstance(critic.network.network, FoldedEdgesCritic if whole else PatchCritic)
            sides = stage.module.predicted_sides
            judgement = critic.network(
                [torch.empty(2, 1, *sides)], torch.empty(2, stage.module.condition_channels, *sides)
            )
            if not whole:
                assert judgement.logits[0].shape == (2, 1, 1, 1, 1)


def test_published_recipe_and_variants():
    published = Recipe(**METHODS["edge_cascade"].recipe)
    assert published.translator.params == {}
    (critic,) = published.discriminators
    assert (critic.name, critic.adversarial.name, critic.weight) == ("cascade_critic", "bce", 1.0)
    assert critic.max_accuracy is None
    assert [(term.name, term.weight) for term in published.losses] == [("l1", 10.0)]
    assert (published.optimiser.lr, published.optimiser.betas) == (2e-4, (0.5, 0.999))
    assert published.intensity == (-1.0, 1.0)
    variants = [m for m in METHODS.values() if m.name != "edge_cascade"]
    assert {m.variant_of for m in variants} == {"edge_cascade"}
    code = Recipe(**METHODS["edge_cascade_code"].recipe)
    assert (code.discriminators[0].adversarial.name, code.discriminators[0].max_accuracy) == (
        "lsgan",
        0.8,
    )
    for name, method in METHODS.items():
        recipe = Recipe(**method.recipe)
        with torch.device("meta"):
            stages = EdgeCascade(Setting(), **recipe.translator.params).stages()
        # Every scale is trained equally long, in every variant.
        assert recipe.budget.epochs == len(stages) * published.budget.epochs / 3, name


class NoEdges:
    """A cache that has drawn every volume already."""

    def get(self, volume, label):
        return torch.zeros(volume.shape[2:], dtype=torch.uint8)


def test_memory_of_a_training_step_does_not_depend_on_the_volume():
    translator = build(lr_side=16, scales=1, patch=16)
    translator.drawings.cache = NoEdges()
    critics = [PatchCritic(3, 2, (16, 16, 16)), FoldedEdgesCritic(1, 2, 3)]
    lowest, higher = (stage.module for stage in translator.stages())
    for module, critic in ((higher, critics[0]), (lowest, critics[1])):
        kept = []
        for side in (64, 128, 256):
            batch = Batch(Untouchable(), torch.rand(1, 1, side, side, side))

            def step(module=module, critic=critic, batch=batch):
                prediction = module.predict(batch)
                return critic(prediction.fake[0], prediction.condition)

            kept.append(saved_bytes(step, module, critic))
        assert kept[0] > 0
        assert kept == [kept[0]] * 3
    with torch.device("meta"):
        kept = []
        for side in (32, 64, 128):
            plain, *_ = pix2pix(side)
            source = torch.empty(1, 1, side, side, side)
            kept.append(saved_bytes(lambda plain=plain, source=source: plain(source), plain))
    assert kept[1] > 5 * kept[0] and kept[2] > 7 * kept[1]


@pytest.mark.parametrize(
    ("side", "mebibytes"),
    [
        (64, {"DCGAN-3D": 335, "Pix2Pix-3D": 1_182, "PGGAN-3D, channels halved": 11_042}),
        (128, {"DCGAN-3D": 1_408, "Pix2Pix-3D": 2_953, "PGGAN-3D, 64 channels": 15_128}),
        (256, {"DCGAN-3D": 8_200, "Pix2Pix-3D": 14_295, "PGGAN-3D, channels halved": 172_537}),
    ],
)
def test_published_memory_accounting(side, mebibytes):
    with torch.device("meta"):
        pairs = contenders(side)
        mebibytes = {
            **mebibytes,
            "edge_cascade, lowest scale, resnet": 4_638,
            "edge_cascade, lowest scale, unet": 1_364,
        }
        if side > 64:
            mebibytes["edge_cascade, higher scales"] = 414
        for name, expected in mebibytes.items():
            assert measure(pairs[name]).least / 2**20 == pytest.approx(expected, rel=0.02), name
