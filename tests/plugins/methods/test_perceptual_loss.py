import hashlib
from pathlib import Path

import pytest
import torch

from synthbench.api import DataError, Prediction, Setting, UsageError
from synthbench.execution.methods import resolve_methods
from synthbench.registry import load_registry
from synthbench.suite import Suite
from synthbench_plugins.mdaunet_gan import pretrained, vgg
from synthbench_plugins.mdaunet_gan.perceptual import Perceptual25D

UNIT = Setting(intensity=(0.0, 1.0))
MEAN, SD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of torch hub's checkpoints."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG-19 with a few channels: its layout, without its half a gigabyte."""
    groups = tuple((2 + number,) * len(group) for number, group in enumerate(vgg._GROUPS))
    monkeypatch.setattr(vgg, "_GROUPS", groups)


def accept(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Let the published file be this one: its name ends in the start of its digest."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    named = file.rename(file.with_name(f"vgg19-{digest}.pth"))
    for module in (pretrained, vgg):
        monkeypatch.setattr(module, "WEIGHTS", named.name)


def images(sides, *, seed=0, batch=2):
    return torch.rand(batch, 1, *sides, generator=torch.Generator().manual_seed(seed))


def use(loss, *, backbone):
    loss.backbone = backbone
    return loss


class Sketch(torch.nn.Module):
    """Stands for the network where values are worked out by hand: half the resolution."""

    def forward(self, x):
        self.seen = x.shape
        return torch.nn.functional.avg_pool2d(x, 2)


def value(loss, fake, real):
    return loss(Prediction([fake], [real]), {})


def test_layers_are_those_of_vgg19():
    with torch.device("meta"):
        network = vgg._empty()
    assert len(network) == 36
    assert isinstance(network[34], torch.nn.Conv2d) and isinstance(network[35], torch.nn.ReLU)
    pools = [i for i, m in enumerate(network) if isinstance(m, torch.nn.MaxPool2d)]
    assert pools == [4, 9, 18, 27]
    assert sum(p.numel() for p in network.parameters()) == 20_024_384


def test_random_weights_are_always_the_same_and_leave_torchs_generator_alone(narrow):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first = vgg.random_vgg19()
    assert torch.equal(torch.rand(3), expected)
    second = vgg.random_vgg19()
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name]), name
    assert first[0].weight.std() > 0.1
    assert not any(p.requires_grad for p in first.parameters())
    assert not first.training


@pytest.mark.parametrize("intensity", [(0.0, 1.0), (-1.0, 1.0)])
def test_the_value_is_the_sum_over_views_of_the_mean_difference(narrow, intensity):
    loss = use(Perceptual25D(Setting(intensity=intensity), backbone="random"), backbone=Sketch())
    low, high = intensity
    fake, real = images((16, 18, 20)), images((16, 18, 20), seed=1)
    given = value(loss, low + (high - low) * fake, low + (high - low) * real)
    expected = 0.0
    for axis in (2, 3, 4):
        total, number = 0.0, 0
        for volume in range(2):
            for index in range(fake.shape[axis]):
                pooled = [
                    torch.nn.functional.avg_pool2d(x[volume, 0].select(axis - 2, index)[None], 2)
                    for x in (fake, real)
                ]
                for mean, sd in zip(MEAN, SD, strict=True):
                    a, b = ((x - mean) / sd for x in pooled)
                    total += (a - b).abs().sum().item()
                    number += a.numel()
        expected += total / number
    assert given.item() == pytest.approx(expected, rel=1e-4)


def test_gradients_flow_to_the_synthetic_image_only(narrow):
    loss = Perceptual25D(UNIT, backbone="random")
    fake, real = images((16, 16, 16)).requires_grad_(), images((16, 16, 16), seed=1)
    real.requires_grad_()
    value(loss, fake, real).backward()
    assert fake.grad.abs().max() > 0
    assert real.grad is None
    assert all(p.grad is None for p in loss.parameters())
    assert value(loss, real, real).item() == 0


def test_only_the_finest_resolution_counts(narrow):
    loss = Perceptual25D(UNIT, backbone="random")
    fake, real = images((16, 16, 16)), images((16, 16, 16), seed=1)
    several = Prediction([fake, images((8, 8, 8))], [real, images((8, 8, 8), seed=1)])
    assert torch.equal(loss(several, {}), value(loss, fake, real))


@pytest.mark.parametrize("axis", [2, 3, 4])
def test_a_slice_is_compared_in_its_own_plane(narrow, axis):
    sides = [16, 18, 20]
    sides[axis - 2] = 1
    loss = use(Perceptual25D(UNIT, backbone="random"), backbone=Sketch())
    fake, real = images(sides), images(sides, seed=1)
    a, b = (torch.nn.functional.avg_pool2d(x.squeeze(axis), 2) for x in (fake, real))
    expected = (a - b).abs().mean() * sum(1 / sd for sd in SD) / 3
    assert value(loss, fake, real).item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("sides", [(16, 5, 2), (7, 9, 11), (20, 16, 3)])
def test_short_sides_are_lengthened(narrow, sides):
    loss = Perceptual25D(UNIT, backbone="random")
    fake = images(sides).requires_grad_()
    given = value(loss, fake, images(sides, seed=1))
    given.backward()
    assert given > 0
    assert fake.grad.abs().max() > 0


def test_an_image_without_a_plane_is_refused(narrow):
    with pytest.raises(UsageError, match="16x1x1 voxels has none"):
        value(Perceptual25D(UNIT, backbone="random"), images((16, 1, 1)), images((16, 1, 1)))


def test_slices_are_drawn_by_torchs_generator(narrow):
    sketch = Sketch()
    loss = use(Perceptual25D(UNIT, backbone="random", slices_per_view=3), backbone=sketch)
    fake, real = images((16, 16, 16)), images((16, 16, 16), seed=1)
    torch.manual_seed(5)
    first, second = value(loss, fake, real), value(loss, fake, real)
    assert sketch.seen == (3 * 2 * 3, 3, 16, 16)  # all slices of all views at once
    torch.manual_seed(5)
    assert torch.equal(value(loss, fake, real), first)
    assert not torch.equal(first, second)
    more = use(Perceptual25D(UNIT, backbone="random", slices_per_view=99), backbone=sketch)
    every = use(Perceptual25D(UNIT, backbone="random"), backbone=sketch)
    assert torch.equal(value(more, fake, real), value(every, fake, real))


def test_wrong_options_are_named(narrow):
    with pytest.raises(UsageError, match="unknown backbone 'vgg16'"):
        Perceptual25D(UNIT, backbone="vgg16")
    with pytest.raises(UsageError, match="slices_per_view is 0"):
        Perceptual25D(UNIT, backbone="random", slices_per_view=0)


def test_published_weights_are_loaded(narrow, hub, monkeypatch):
    torch.manual_seed(0)
    state = {f"features.{n}": torch.randn_like(w) for n, w in vgg.random_vgg19().named_parameters()}
    file = hub / "vgg19-dcbb9e9d.pth"
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, file)
    accept(monkeypatch, file)
    assert pretrained.preflight() == []
    loss = Perceptual25D(UNIT).requires_grad_(False)
    for name, weight in loss.backbone.state_dict().items():
        assert torch.equal(weight, state[f"features.{name}"])
    assert not any(p.requires_grad for p in loss.parameters())
    assert value(loss, images((16, 16, 1)), images((16, 16, 1), seed=1)).isfinite()


def test_a_missing_file_is_named_with_its_folder(hub):
    ((what, fix),) = pretrained.preflight()
    assert "vgg19-dcbb9e9d.pth" in what and str(hub) in what
    assert "VGG19_Weights.IMAGENET1K_V1" in fix and "backbone=random" in fix
    assert pretrained.preflight(backbone="random", slices_per_view=2) == []
    with pytest.raises(DataError, match=r"vgg19-dcbb9e9d\.pth is not in"):
        Perceptual25D(UNIT)


def test_a_damaged_file_is_not_used(hub):
    file = hub / "vgg19-dcbb9e9d.pth"
    file.write_bytes(b"half of it")
    ((what, fix),) = pretrained.preflight()
    assert "damaged" in what and "replace it" in fix
    with pytest.raises(DataError, match="damaged"):
        Perceptual25D(UNIT)


def test_a_file_of_another_network_is_not_used(narrow, hub, monkeypatch):
    file = hub / "vgg19-dcbb9e9d.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, file)
    accept(monkeypatch, file)
    with pytest.raises(DataError, match="does not hold the weights of VGG-19"):
        Perceptual25D(UNIT)


def test_a_random_backbone_is_remarked_upon():
    (remark,) = pretrained.remarks(backbone="random")
    assert remark == "perceptual_2_5d: VGG-19 backbone with random weights, not pre-trained"
    assert pretrained.remarks() == []


def test_without_weights_the_method_is_blocked_at_plan_time(hub):
    def resolve(preset, **changes):
        suite = Suite.model_validate(
            {"methods": [{"name": "mine", "base": "mdaunet_gan", "set": changes}], "preset": preset}
        )
        (method,) = resolve_methods(load_registry(), suite, sources=1)
        return method

    blocked = resolve("paper")
    assert "vgg19-dcbb9e9d.pth" in blocked.blocked[0]
    assert "backbone=random" in blocked.blocked[1]
    assert blocked.remarks == ()
    chosen = resolve("paper", **{"losses.1.params.backbone": "random"})
    for method in (chosen, resolve("smoke"), resolve("quick")):
        assert method.blocked is None
        assert method.remarks == tuple(pretrained.remarks(backbone="random"))
