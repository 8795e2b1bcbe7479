import pytest
import torch

from synthbench.api import Setting, UsageError
from synthbench_plugins.discriminators.patchgan3d import PatchGAN3D


def judge(sides, *, features=False, **params):
    torch.manual_seed(0)
    critic = PatchGAN3D(Setting(), **{"channels": 2, **params})
    source, image = torch.randn(1, 1, *sides), torch.randn(1, 1, *sides)
    return critic([image], source, features=features)


@pytest.mark.parametrize(
    ("sides", "grid"),
    [
        ((32, 64, 48), (2, 4, 3)),
        ((16, 16, 16), (2, 2, 2)),
        ((50, 33, 16), (3, 2, 2)),
        ((64, 64, 3), (4, 4, 3)),
        ((2, 2, 2), (2, 2, 2)),
    ],
)
def test_halves_each_side_while_it_is_long_enough(sides, grid):
    (logits,) = judge(sides).logits
    assert logits.shape == (1, 1, *grid)
    assert torch.isfinite(logits).all()


def test_widths_double_and_features_come_before_pooling():
    features = judge((16, 16, 8), stages=3, features=True).features
    assert [tuple(f.shape) for f in features] == [
        (1, 2, 16, 16, 8),
        (1, 4, 8, 8, 4),
        (1, 8, 4, 4, 2),
    ]
    assert judge((16, 16, 8)).features == []


def test_layers_are_as_the_paper_says():
    critic = PatchGAN3D(Setting(source_channels=1, condition_channels=2))
    convolutions = [m for m in critic.modules() if isinstance(m, torch.nn.Conv3d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in convolutions] == [
        (3, 32, 3), (32, 32, 3), (32, 64, 3), (64, 64, 3), (64, 128, 3), (128, 128, 3),
        (128, 256, 3), (256, 256, 3), (256, 256, 1), (256, 1, 1),
    ]  # fmt: skip
    assert sum(isinstance(m, torch.nn.BatchNorm3d) for m in critic.modules()) == 9


@pytest.mark.parametrize(
    ("norm", "kind"),
    [("instance", torch.nn.InstanceNorm3d), ("none", torch.nn.Identity)],
)
def test_norm_is_replaced_everywhere(norm, kind):
    critic = PatchGAN3D(Setting(), channels=2, stages=2, norm=norm)
    assert sum(isinstance(m, kind) for m in critic.modules()) == 5
    assert not any(isinstance(m, torch.nn.BatchNorm3d) for m in critic.modules())


def test_judgement_depends_on_condition_and_image():
    torch.manual_seed(0)
    critic = PatchGAN3D(Setting(), channels=2, stages=2).eval()
    source, image = torch.randn(2, 1, 1, 8, 8, 8)
    before = critic([image], source).logits[0]
    assert not torch.allclose(before, critic([image], -source).logits[0])
    assert not torch.allclose(before, critic([-image], source).logits[0])


def test_a_logit_sees_only_its_patch():
    torch.manual_seed(0)
    critic = PatchGAN3D(Setting(), channels=2, stages=2).eval()
    image, source = torch.randn(2, 1, 1, 64, 8, 8)
    changed = image.clone()
    changed[:, :, 48:] += 1
    before, after = critic([image], source).logits[0], critic([changed], source).logits[0]
    assert torch.equal(before[:, :, :8], after[:, :, :8])
    assert not torch.allclose(before[:, :, 12:], after[:, :, 12:])


def test_several_resolutions_have_their_own_network_and_a_resized_condition():
    torch.manual_seed(0)
    critic = PatchGAN3D(Setting(levels=2, condition_channels=2), channels=2, stages=2)
    images = [torch.randn(1, 1, 16, 16, 16), torch.randn(1, 1, 8, 8, 8)]
    judgement = critic(images, torch.randn(1, 2, 16, 16, 16), features=True)
    assert [tuple(m.shape[2:]) for m in judgement.logits] == [(4, 4, 4), (2, 2, 2)]
    assert len(judgement.features) == 4
    judgement.logits[1].sum().backward()
    assert all(p.grad is None for p in critic.networks[0].parameters())


def test_gradient_reaches_the_image():
    image = torch.zeros(1, 1, 16, 16, 16, requires_grad=True)
    torch.manual_seed(0)
    critic = PatchGAN3D(Setting(), channels=2)
    critic([image], torch.randn(1, 1, 16, 16, 16)).logits[0].square().sum().backward()
    assert image.grad.abs().sum() > 0


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_slices_are_judged_in_their_plane(norm):
    critic = PatchGAN3D(Setting(patch=(16, 1, 8)), channels=2, stages=2, norm=norm)
    slices = torch.randn(1, 1, 16, 1, 8)
    (logits,) = critic([slices], slices).logits
    assert logits.shape == (1, 1, 4, 1, 2)
    assert logits.isfinite().all()


def test_missing_conditions_and_unknown_norms_are_refused_by_name():
    with pytest.raises(UsageError, match="no condition"):
        PatchGAN3D(Setting(), channels=2)([torch.zeros(1, 1, 8, 8, 8)])
    with pytest.raises(UsageError, match="unknown norm 'layer'"):
        PatchGAN3D(Setting(), norm="layer")


def test_learns_a_rule_that_needs_both_images():
    # Real is the negative of its source, whichever sign that has: one image tells nothing.
    torch.manual_seed(0)
    critic = PatchGAN3D(Setting(), channels=4, stages=2)
    optimiser = torch.optim.Adam(critic.parameters(), 1e-2)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0]).view(4, 1, 1, 1, 1)

    def logits():
        source = signs * torch.rand(4, 1, 8, 8, 8).add(0.5)
        return critic([-source], source).logits[0], critic([source], source).logits[0]

    for _ in range(60):
        real, fake = logits()
        optimiser.zero_grad()
        (loss(real, torch.ones_like(real)) + loss(fake, torch.zeros_like(fake))).backward()
        optimiser.step()
    real, fake = logits()
    assert (real > 0).float().mean() > 0.9
    assert (fake < 0).float().mean() > 0.9
