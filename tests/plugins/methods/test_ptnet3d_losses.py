import pytest
import torch
import torch.nn.functional as F

from synthbench.api import Judgement, Prediction, Scores, Setting, UsageError
from synthbench_plugins.ptnet3d import weights
from synthbench_plugins.ptnet3d.discriminator import MultiScalePatchGAN3D, halve
from synthbench_plugins.ptnet3d.losses import FeatureMatching, SummedLSGAN
from synthbench_plugins.ptnet3d.perceptual import R3D18, PerceptualR3D18


def critic(*, conditions=1, **params):
    torch.manual_seed(0)
    setting = Setting(condition_channels=conditions)
    return MultiScalePatchGAN3D(setting, **{"channels": 4, **params})


def count(module):
    return sum(p.numel() for p in module.parameters())


def constant(value, scales=3, stages=3):
    return Judgement(
        logits=[torch.full((2, 1, 4, 4, 4), value)] * scales,
        features=[torch.full((2, 5, 4, 4, 4), value)] * (scales * stages),
    )


# Discriminator


def test_published_sizes():
    with torch.device("meta"):
        judge = MultiScalePatchGAN3D(Setting())
        small = MultiScalePatchGAN3D(Setting(), channels=16, scales=2)
    assert count(judge) == 7_939_395 == 3 * 2_646_465
    assert {count(network) for network in judge.networks} == {2_646_465}
    assert count(small) == 340_194


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (64, [33, 17, 18, 19, 17, 9, 10, 11, 9, 5, 6, 7]),
        (32, [17, 9, 10, 11, 9, 5, 6, 7, 5, 3, 4, 5]),
    ],
)
def test_published_map_sizes(side, expected):
    image = torch.zeros(1, 1, side, side, side)
    with torch.no_grad():
        judgement = critic(channels=1)([image], image, features=True)
    sides = []
    for scale, logits in enumerate(judgement.logits):
        sides += [f.shape[-1] for f in judgement.features[3 * scale : 3 * scale + 3]]
        sides.append(logits.shape[-1])
    assert sides == expected
    assert [f.shape[1] for f in judgement.features] == [1, 2, 4] * 3


def test_layers_are_as_specified():
    (network,) = critic(scales=1).networks
    layers = [stage[0] for stage in network.stages] + [network.logit]
    assert [convolve.stride[0] for _, convolve in layers] == [2, 2, 1, 1]
    for pad, convolve in layers:
        assert (pad.padding, pad.value) == ((2,) * 6, 0)
        assert (convolve.kernel_size, convolve.padding) == ((4,) * 3, (0,) * 3)
        assert convolve.bias is not None
    kinds = [[type(layer).__name__ for layer in stage] for stage in network.stages]
    normed = ["Sequential", "InstanceNorm3d", "LeakyReLU"]
    assert kinds == [["Sequential", "LeakyReLU"], normed, normed]
    assert not network.stages[1][1].affine
    wide = critic(scales=1, channels=16).networks[0].stages[2][0][1].weight
    assert wide.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("sides", [(16, 16, 16), (13, 6, 2), (1, 9, 2)])
def test_coarser_scales_are_average_pooled(sides):
    torch.manual_seed(0)
    volume = torch.randn(2, 3, *sides)
    kernel = torch.ones(1, 1, 3, 3, 3)

    def summed(x):
        return F.conv3d(x.flatten(0, 1)[:, None], kernel, stride=2, padding=1)

    expected = summed(volume) / summed(torch.ones_like(volume))
    torch.testing.assert_close(halve(volume), expected.reshape(2, 3, *expected.shape[2:]))


def test_the_networks_are_independent_and_see_their_own_scale():
    judge = critic(scales=2)
    image, condition = torch.randn(2, 2, 1, 16, 12, 9)
    both = judge([image], condition).logits
    alone, _ = judge.networks[1](halve(torch.cat([condition, image], 1)))
    torch.testing.assert_close(both[1], alone)
    first, second = (network.logit[1].weight for network in judge.networks)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("sides", [(16, 16, 1), (1, 14, 9), (5, 6, 7), (16, 12, 20)])
def test_judges_slices_and_small_patches(sides):
    judge = critic(conditions=2)
    image = torch.randn(2, 1, *sides, requires_grad=True)
    judgement = judge([image], torch.randn(2, 2, *sides))
    assert len(judgement.logits) == 3 and judgement.features == []
    sum(logits.square().mean() for logits in judgement.logits).backward()
    assert image.grad.abs().max() > 0
    assert all(p.grad is not None and p.grad.isfinite().all() for p in judge.parameters())


def test_judges_without_a_condition_where_none_is_promised():
    image = torch.randn(1, 1, 8, 8, 8)
    assert len(critic(conditions=0)([image]).logits) == 3
    with pytest.raises(UsageError, match="is conditional"):
        critic()([image])


def test_what_cannot_be_judged_is_said():
    with pytest.raises(UsageError, match=r"with 3 scales cannot judge images of \(4, 4, 2\)"):
        critic()([torch.zeros(1, 1, 4, 4, 2)], torch.zeros(1, 1, 4, 4, 2))
    with pytest.raises(UsageError, match="scales is 0"):
        critic(scales=0)


def test_half_precision_gradients_point_the_same_way():
    image, condition = torch.randn(2, 1, 1, 8, 8, 8, generator=torch.Generator().manual_seed(3))
    gradients = []
    for enabled in (False, True):
        judge = critic()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            value = SummedLSGAN(Setting()).generator_loss(Scores(judge([image], condition)))
        value.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in judge.parameters()]))
    assert F.cosine_similarity(*gradients, dim=0) > 0.98


# Losses


def test_summed_least_squares_of_constant_maps():
    pair = SummedLSGAN(Setting())
    scores = Scores(fake=constant(0.5), real=constant(0.5))
    assert pair.generator_loss(scores).item() == pytest.approx(0.75)
    compared = Prediction([], [])
    assert pair.discriminator_loss(scores, compared, critic()).item() == pytest.approx(0.75)
    right = Scores(fake=constant(0.0), real=constant(1.0))
    assert pair.discriminator_loss(right, compared, critic()) == 0


def test_feature_matching_of_constant_features():
    loss = FeatureMatching(Setting())
    scores = {"judge": Scores(fake=constant(0.5), real=constant(0.0))}
    assert loss(Prediction([], []), scores).item() == pytest.approx(1.5)
    scores["blunt"] = Scores(fake=Judgement(logits=[torch.ones(1)]))
    assert loss(Prediction([], []), scores).item() == pytest.approx(1.5)


def test_feature_matching_leaves_the_logits_out():
    judge = critic(scales=2)
    fake, real, condition = torch.randn(3, 1, 1, 16, 16, 16)
    judged = [judge([image], condition, features=True) for image in (fake, real)]
    for judgement in judged:
        judgement.logits = [torch.full_like(each, 7.0) for each in judgement.logits]
    value = FeatureMatching(Setting())(Prediction([], []), {"judge": Scores(*judged)})
    terms = [
        (a - b).abs().mean() for a, b in zip(judged[0].features, judged[1].features, strict=True)
    ]
    assert len(terms) == 6
    torch.testing.assert_close(value, sum(terms) / 2)


def test_feature_matching_needs_features():
    with pytest.raises(UsageError, match="no discriminator gives features"):
        FeatureMatching(Setting())(Prediction([], []), {})


def test_published_video_network():
    with torch.device("meta"):
        network = R3D18()
        stages = network(torch.empty(1, 3, 64, 64, 64))
    assert count(network) == 33_166_272
    assert [tuple(stage.shape[1:]) for stage in stages] == [
        (64, 64, 32, 32), (128, 32, 16, 16), (256, 16, 8, 8), (512, 8, 4, 4),
    ]  # fmt: skip
    named = set(network.state_dict())
    for name in (
        "stem.0.weight", "layer1.0.conv1.0.weight", "layer1.1.conv2.1.running_var",
        "layer2.0.downsample.0.weight", "layer4.1.conv2.0.weight",
    ):  # fmt: skip
        assert name in named
    assert not any(name.startswith("layer1.0.downsample") for name in named)


@pytest.fixture(scope="module")
def random_backbone():
    torch.manual_seed(0)
    return PerceptualR3D18(Setting(), weights="random")


def test_perceptual_weights(random_backbone, monkeypatch):
    def means(video):
        assert video.shape == (2, 3, 4, 4, 4)
        return [video.mean((2, 3, 4))] * 4

    monkeypatch.setattr(random_backbone.network, "forward", means)
    fake, real = torch.full((2, 1, 4, 4, 4), 0.5), torch.zeros(2, 1, 4, 4, 4)
    assert random_backbone(Prediction([fake], [real]), {}).item() == pytest.approx(0.71875)
    levels = Prediction([fake, real], [real, real])
    assert random_backbone(levels, {}).item() == pytest.approx(0.71875 / 2)


def test_the_backbone_is_frozen_and_its_statistics_stay(random_backbone):
    before = {name: value.clone() for name, value in random_backbone.state_dict().items()}
    for sides in ((16, 16, 16), (1, 9, 7)):
        fake = torch.randn(1, 1, *sides, requires_grad=True)
        random_backbone(Prediction([fake], [torch.randn(1, 1, *sides)]), {}).backward()
        assert fake.grad.abs().max() > 0
    assert all(p.grad is None for p in random_backbone.parameters())
    after = random_backbone.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_weights_are_read_as_torchvision_writes_them(random_backbone, tmp_path):
    file = tmp_path / "r3d_18.pth"
    state = {**random_backbone.network.state_dict(), "fc.bias": torch.zeros(1)}
    torch.save(state, file)
    torch.manual_seed(1)
    loaded = PerceptualR3D18(Setting(), weights=str(file))
    parameters = zip(loaded.parameters(), random_backbone.parameters(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in parameters)
    file.write_bytes(b"not weights")
    with pytest.raises(UsageError, match="does not hold the weights of r3d_18"):
        PerceptualR3D18(Setting(), weights=str(file))


def test_missing_weights_are_found_when_planning(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    ((what, remedy),) = weights.missing()
    assert str(tmp_path) in what and weights.FILE in remedy
    assert str(weights.weights_file("kinetics").parents[1]) == torch.hub.get_dir()
    with pytest.raises(UsageError, match="needs the Kinetics-400 weights"):
        PerceptualR3D18(Setting())
    file = weights.weights_file("kinetics")
    file.parent.mkdir(parents=True)
    file.touch()
    assert weights.missing() == [] and weights.remarks() == []
    assert weights.missing("random") == []
    assert "randomly initialised" in weights.remarks("random")[0]
