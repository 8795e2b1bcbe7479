"""The networks of Ea-GAN."""

import pytest
import torch
from torch import nn

from synthbench.api import Setting, UsageError
from synthbench_plugins.ea_gan.discriminator import EdgePatchGAN3D, StridedPatchGAN3D
from synthbench_plugins.ea_gan.generator import StridedUNet3D
from synthbench_plugins.ea_gan.sobel import edge_map


def count(network):
    return sum(p.numel() for p in network.parameters())


def generator(patch=None, **params):
    torch.manual_seed(0)
    return StridedUNet3D(Setting(patch=patch), **{"channels": 4, "halvings": 3, **params})


def fill(network):
    """Parameters of the golden values, in the order of the layers."""
    parameters = list(network.named_parameters())
    with torch.no_grad():
        for i, (name, parameter) in enumerate(parameters):
            j = torch.arange(parameter.numel(), dtype=torch.float64).reshape(parameter.shape)
            norm_weight = parameter.ndim == 1 and name.endswith("weight")
            parameter.copy_(0.1 * torch.sin(0.1 * j + i) + float(norm_weight))
    return len(parameters)


def waves(*shape):
    k = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return torch.sin(0.1 * k).reshape(shape)


def summary(image):
    flat = image.detach().flatten()
    return [flat.mean().item(), flat.std(correction=0).item(), flat[0].item(), flat[-1].item()]


@pytest.mark.parametrize(
    ("halvings", "parameters"), [(7, 167_272_449), (6, 116_937_729), (5, 66_603_009)]
)
def test_published_generator_sizes(halvings, parameters):
    with torch.device("meta"):
        network = StridedUNet3D(Setting(patch=(2**halvings,) * 3))
    assert count(network) == parameters
    assert network.size_multiple == (2**halvings,) * 3


@pytest.mark.parametrize(
    ("channels", "parameters"),
    [
        (8, [91_809, 386_945, 1_042_689]),
        (16, [363_841, 1_543_937, 4_166_145]),
        (32, [1_448_577, 6_168_065, 16_655_361]),
    ],
)
def test_shrunk_generator_sizes(channels, parameters):
    with torch.device("meta"):
        networks = [StridedUNet3D(Setting(), channels=channels, halvings=n) for n in (3, 4, 5)]
    assert [count(network) for network in networks] == parameters


@pytest.mark.parametrize(
    ("kind", "channels", "parameters"),
    [
        (StridedPatchGAN3D, 64, 11_053_761),
        (EdgePatchGAN3D, 64, 11_057_857),
        (EdgePatchGAN3D, 8, 178_009),
        (EdgePatchGAN3D, 16, 700_081),
        (EdgePatchGAN3D, 32, 2_776_417),
    ],
)
def test_discriminator_sizes(kind, channels, parameters):
    with torch.device("meta"):
        assert count(kind(Setting(), channels=channels)) == parameters


def test_generator_golden_values():
    network = StridedUNet3D(Setting(), channels=8, halvings=5, dropout=0.0).double()
    assert fill(network) == 34
    expected = [0.03077891, 0.65569601, 0.11559086, 0.05888112]
    assert summary(network(waves(1, 1, 32, 32, 32))) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (3, [-0.41345535, 2.87794184, 1.76948965, -0.89156398]),
        (2, [-0.42699148, 2.89083243, 2.19960632, -0.78701810]),
    ],
)
def test_discriminator_golden_values(channels, expected):
    # Three plain channels: the golden input of the third is a wave, not the second one's edges.
    setting = Setting(condition_channels=channels - 1)
    network = StridedPatchGAN3D(setting, channels=8).double()
    assert fill(network) == 16
    images = waves(1, channels, 32, 32, 32)
    logits = network([images[:, -1:]], images[:, :-1]).logits[0]
    assert logits.shape == (1, 1, 7, 7, 7)
    assert summary(logits) == pytest.approx(expected, abs=1e-8)


def test_edges_are_the_third_channel():
    setting = Setting()
    plain = StridedPatchGAN3D(Setting(condition_channels=2), channels=4)
    edges = EdgePatchGAN3D(setting, channels=4)
    edges.load_state_dict(plain.state_dict())
    source, image = (waves(2, 1, 16, 16, 16).float() * factor for factor in (0.3, 0.7))
    # (source, image | edges) against (source | image, edges): the same three channels.
    by_hand = plain([edge_map(image)], torch.cat([source, image], 1)).logits[0]
    torch.testing.assert_close(edges([image], source).logits[0], by_hand)


@pytest.mark.parametrize(("side", "expected"), [(64, 11), (48, 9), (32, 7), (16, 5)])
@pytest.mark.parametrize("kind", [StridedPatchGAN3D, EdgePatchGAN3D])
def test_logit_grids(kind, side, expected):
    with torch.device("meta"):
        network = kind(Setting(), channels=2)
        image = torch.empty(1, 1, side, side, side)
        assert network([image], image).logits[0].shape == (1, 1, *(expected,) * 3)


@pytest.mark.parametrize("sides", [(16, 16, 1), (1, 9, 14), (5, 3, 2), (2, 1, 1)])
@pytest.mark.parametrize("kind", [StridedPatchGAN3D, EdgePatchGAN3D])
def test_discriminators_judge_thin_images_beside_several_sources(kind, sides):
    network = kind(Setting(condition_channels=2, levels=3), channels=2, stages=2)
    image = torch.rand(1, 1, *sides)
    condition = torch.rand(1, 2, *sides)
    judged = network([image, image, image], condition, features=True)
    assert len(judged.logits) == 1 and torch.isfinite(judged.logits[0]).all()
    assert len(judged.features) == 3
    judged.logits[0].square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())
    assert not torch.equal(judged.logits[0], network([-image], condition).logits[0])


def test_convolutions_of_small_images_are_padded_by_two():
    (first, *_), image = (
        StridedPatchGAN3D(Setting(), channels=2).stages[0],
        torch.rand(1, 2, 3, 8, 1),
    )
    expected = nn.functional.conv3d(image, first.weight, first.bias, stride=2, padding=2)
    torch.testing.assert_close(first(image), expected)


@pytest.mark.parametrize("sides", [(16, 16, 16), (6, 6, 1)])
def test_half_precision_gradients_of_small_images(sides):
    network = StridedPatchGAN3D(Setting(), channels=8, norm="none")
    torch.manual_seed(0)
    image, condition = torch.rand(2, 2, 1, *sides)

    def gradient(enabled):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            network([image], condition).logits[0].float().square().sum().backward()
        return torch.cat([p.grad.flatten() for p in network.parameters()])

    exact = gradient(enabled=False)
    for _ in range(3):  # what lies in freed memory must not matter
        freed = [torch.full((997 * k,), float("nan")) for k in range(1, 30)]
        del freed
        assert (gradient(enabled=True) - exact).norm() < 0.05 * exact.norm()


def test_without_condition_the_image_is_judged_beside_zeros():
    network = EdgePatchGAN3D(Setting(), channels=2)
    image = torch.rand(1, 1, 8, 8, 8)
    torch.testing.assert_close(
        network([image], None).logits[0], network([image], torch.zeros_like(image)).logits[0]
    )


def test_layers_are_as_specified():
    with torch.device("meta"):
        network = StridedUNet3D(Setting(patch=(128, 128, 128)))
    down = [[type(layer).__name__ for layer in block] for block in network.encoder]
    assert down == [
        ["Identity", "Conv3d", "Identity"],
        *[["LeakyReLU", "Conv3d", "BatchNorm3d"]] * 5,
        ["LeakyReLU", "Conv3d", "Identity"],
    ]
    up = [[type(layer).__name__ for layer in block] for block in network.decoder]
    assert up == [
        ["ReLU", "ConvTranspose3d", "BatchNorm3d", "Identity"],
        *[["ReLU", "ConvTranspose3d", "BatchNorm3d", "Dropout"]] * 2,
        *[["ReLU", "ConvTranspose3d", "BatchNorm3d", "Identity"]] * 3,
    ]
    convolutions = [block[1] for block in (*network.encoder, *network.decoder, network.output)]
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [
        (1, 64), (64, 128), (128, 256), (256, 512), (512, 512), (512, 512), (512, 512),
        (512, 512), (1024, 512), (1024, 512), (1024, 256), (512, 128), (256, 64), (128, 1),
    ]  # fmt: skip
    for each in convolutions:
        assert (each.kernel_size, each.stride, each.padding) == ((4,) * 3, (2,) * 3, (1,) * 3)
        assert each.bias is not None


@pytest.mark.parametrize(("halvings", "dropped"), [(7, 2), (6, 1), (5, 0), (3, 0)])
def test_dropout_surrounds_the_innermost_block(halvings, dropped):
    network = generator(halvings=halvings)
    layers = [isinstance(block[-1], nn.Dropout) for block in network.decoder]
    assert layers == [False, *[True] * dropped, *[False] * (halvings - 2 - dropped)]
    if dropped:
        assert network.decoder[1][-1].p == 0.5


def test_first_weights():
    for network in (generator(channels=8), EdgePatchGAN3D(Setting(), channels=8)):
        for module in network.modules():
            if isinstance(module, nn.Conv3d | nn.ConvTranspose3d) and module.weight.numel() > 5000:
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
                assert module.bias.abs().max() > 0
            if isinstance(module, nn.BatchNorm3d):
                assert module.weight.mean().item() == pytest.approx(1.0, abs=0.05)
                assert module.weight.std() > 0
                assert not module.bias.any()


@pytest.mark.parametrize(
    ("patch", "sides", "multiple"),
    [
        (None, (8, 16, 24), (8, 8, 8)),
        ((16, 16, 16), (16, 16, 16), (8, 8, 8)),
        ((16, 14, 1), (16, 16, 1), (8, 8, 1)),
        ((1, 16, 16), (1, 16, 16), (1, 8, 8)),
        ((16, 16, 5), (16, 16, 8), (8, 8, 4)),
        ((2, 2, 2), (2, 2, 2), (2, 2, 2)),
    ],
)
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_any_patch_and_several_sources(patch, sides, multiple, norm):
    torch.manual_seed(0)
    setting = Setting(source_channels=2, patch=patch, intensity=(0.0, 1.0))
    network = StridedUNet3D(setting, channels=2, halvings=3, norm=norm)
    assert network.size_multiple == multiple
    fake = network(torch.rand(1, 2, *sides))
    assert fake.shape == (1, 1, *sides)
    assert fake.min() > 0 and fake.max() < 1
    fake.square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_output_is_strictly_within_the_range_and_evaluation_repeats():
    network = generator((64, 64, 64), channels=2, halvings=6)
    source = torch.rand(1, 1, 64, 64, 64) * 2 - 1
    with torch.no_grad():
        drawn = network(source)
        assert drawn.abs().max() < 1
        assert not torch.equal(drawn, network(source))  # dropout
        network.eval()
        torch.testing.assert_close(network(source), network(source), rtol=0, atol=0)


def test_wrong_options_are_named():
    with pytest.raises(UsageError, match="strided_unet3d: unknown norm 'layer'"):
        generator(norm="layer")
    with pytest.raises(UsageError, match="cannot halve a patch of 1x1x1 voxels"):
        generator((1, 1, 1))
    with pytest.raises(UsageError, match="halvings: 0"):
        generator(halvings=0)
    with pytest.raises(UsageError, match="edge_patchgan3d: unknown norm"):
        EdgePatchGAN3D(Setting(), norm="layer")
    with pytest.raises(UsageError, match="strided_patchgan3d: stages is 0"):
        StridedPatchGAN3D(Setting(), stages=0)
