"""How often and how the cascade's conditions are changed while training."""

from __future__ import annotations

import pytest
import torch

from synthbench_plugins.edge_cascade.augmentation import ContextAugmentation, EdgeNoise


def checkerboards(count):
    board = torch.tensor([-1.0, 1.0]).repeat(4).view(1, 1, 8, 1, 1)
    return board.expand(count, 1, 8, 8, 8).clone()


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ({"blur_probability": 0.3, "half_probability": 0.0}, 0.3),
        ({"blur_probability": 0.0, "half_probability": 0.2}, 0.2),
        ({}, 1 - 0.7 * 0.8),
    ],
)
def test_how_often_patches_are_degraded(options, share):
    torch.manual_seed(0)
    patches = checkerboards(2000)
    changed = ContextAugmentation(noise=0.0, **options)(patches)
    hit = (changed - patches).abs().amax(dim=(1, 2, 3, 4)) > 1e-3
    assert hit.float().mean().item() == pytest.approx(share, abs=0.03)


def test_half_resolution_removes_the_finest_detail():
    changed = ContextAugmentation(noise=0.0, blur_probability=0.0, half_probability=1.0)(
        checkerboards(1)
    )
    torch.testing.assert_close(changed, torch.zeros_like(changed))


def test_blur_has_the_strength_asked_for_and_adds_no_border():
    impulse = torch.zeros(1, 1, 15, 15, 15)
    impulse[..., 7, 7, 7] = 1
    blur = ContextAugmentation(
        noise=0.0, blur_probability=1.0, blur_sigma=(1.0, 1.0), half_probability=0.0
    )
    spread = blur(impulse).sum(dim=(0, 1, 3, 4))
    places = torch.arange(15) - 7.0
    assert (spread * places**2).sum().sqrt().item() == pytest.approx(1.0, abs=0.05)
    constant = torch.full((2, 1, 8, 8, 8), -1.0)
    torch.testing.assert_close(blur(constant), constant)


def test_patches_are_changed_each_on_its_own():
    torch.manual_seed(1)
    patches = checkerboards(40)
    changed = ContextAugmentation(noise=0.0, half_probability=0.0)(patches)
    untouched = (changed == patches).flatten(1).all(dim=1)
    assert 0 < untouched.sum() < 40


def test_noise_has_the_strength_asked_for():
    torch.manual_seed(0)
    empty = torch.zeros(4, 1, 16, 16, 16)
    plain = ContextAugmentation(noise=0.05, blur_probability=0.0, half_probability=0.0)
    assert plain(empty).std().item() == pytest.approx(0.05, rel=0.05)
    assert EdgeNoise(0.01)(empty).std().item() == pytest.approx(0.01, rel=0.05)


def test_nothing_is_changed_after_training():
    patches = checkerboards(20)
    assert torch.equal(ContextAugmentation().eval()(patches), patches)
    assert torch.equal(EdgeNoise().eval()(patches), patches)
