import numpy as np
import pytest
import torch

from synthbench.api import Batch, DataError, Recipe, Setting
from synthbench_plugins import reference
from synthbench_plugins.reference.identity import Identity
from synthbench_plugins.reference.linear import Linear
from synthbench_plugins.reference.mean import Mean


def no_window(network, volume):
    raise AssertionError("a voxel-wise baseline needs no window")


def subject(seed, *, sides=(9, 8, 7), channels=1, noise=0.1):
    """Target = 0.5 * first source - 0.25 * second + 0.1 + noise inside; 0.02 outside."""
    rng = np.random.default_rng(seed)
    source = rng.random((channels, *sides))
    mask = rng.random(sides) < 0.6
    target = 0.5 * source[0] + 0.1 + noise * rng.standard_normal(sides)
    if channels > 1:
        target -= 0.25 * source[1]
    target[~mask] = 0.02
    return Batch(
        source=torch.from_numpy(source).float()[None],
        target=torch.from_numpy(target).float()[None, None],
        mask=torch.from_numpy(mask)[None, None],
    )


def test_identity_is_the_first_source():
    volume = torch.rand(2, 3, 4, 5, 6)
    fake = Identity(Setting(source_channels=3))(volume)
    assert torch.equal(fake, volume[:, :1])
    fake.zero_()
    assert volume[:, :1].abs().sum() > 0


@pytest.mark.parametrize("channels", [1, 2])
def test_linear_recovers_an_affine_map(channels):
    model = Linear(Setting(source_channels=channels))
    model.calibrate(subject(s, channels=channels, noise=0.0) for s in range(3))
    assert model.coefficients.tolist() == pytest.approx([0.5, -0.25][:channels], abs=1e-6)
    assert model.intercept.item() == pytest.approx(0.1, abs=1e-6)
    assert model.background.item() == pytest.approx(0.02, abs=1e-6)


def test_linear_equals_least_squares_over_all_foreground_at_once():
    volumes = [subject(s, sides=(6 + s, 8, 7), channels=2) for s in range(3)]
    model = Linear(Setting(source_channels=2))
    model.calibrate(volumes)
    inside = [v.mask[0, 0].numpy() for v in volumes]
    sources = np.concatenate(
        [v.source[0].numpy()[:, m].T for v, m in zip(volumes, inside, strict=True)]
    )
    targets = np.concatenate(
        [v.target[0, 0].numpy()[m] for v, m in zip(volumes, inside, strict=True)]
    )
    design = np.c_[sources, np.ones(len(sources))].astype(np.float64)
    expected, *_ = np.linalg.lstsq(design, targets, rcond=None)
    assert [*model.coefficients.tolist(), model.intercept.item()] == pytest.approx(
        expected.tolist(), abs=1e-6
    )


def test_linear_survives_duplicated_and_constant_sources():
    volumes = [subject(s, noise=0.0) for s in range(2)]
    for volume in volumes:
        ones = torch.ones_like(volume.source)
        volume.source = torch.cat([volume.source, volume.source, ones], dim=1)
    model = Linear(Setting(source_channels=3))
    model.calibrate(volumes)
    torch.testing.assert_close(
        model.translate(volumes[0], no_window), volumes[0].target, atol=1e-5, rtol=0
    )
    assert model.coefficients[0].item() == pytest.approx(0.25, abs=1e-5)


def test_linear_maps_the_foreground_and_fills_the_rest():
    model = Linear(Setting())
    model.calibrate([subject(0, noise=0.0)])
    held_out = subject(1, noise=0.0)
    torch.testing.assert_close(
        model.translate(held_out, no_window), held_out.target, atol=1e-6, rtol=0
    )
    held_out.mask = None
    torch.testing.assert_close(
        model.translate(held_out, no_window), 0.5 * held_out.source + 0.1, atol=1e-6, rtol=0
    )


def test_mean_is_two_constants():
    volumes = [subject(s) for s in range(3)]
    model = Mean(Setting())
    model.calibrate(volumes)
    inside = torch.cat([v.target[v.mask] for v in volumes]).mean()
    held_out = subject(7)
    fake = model.translate(held_out, no_window)
    assert fake[held_out.mask].unique().item() == pytest.approx(inside.item(), abs=1e-6)
    assert fake[~held_out.mask].unique().item() == pytest.approx(0.02, abs=1e-6)
    assert model(held_out.source).shape == held_out.target.shape


@pytest.mark.parametrize("model", [Linear, Mean])
def test_what_was_fitted_travels_in_the_state(model):
    fitted, fresh = model(Setting()), model(Setting())
    fitted.calibrate([subject(0)])
    held_out = subject(1)
    assert not torch.equal(
        fitted.translate(held_out, no_window), fresh.translate(held_out, no_window)
    )
    fresh.load_state_dict(fitted.state_dict())
    assert torch.equal(fitted.translate(held_out, no_window), fresh.translate(held_out, no_window))


@pytest.mark.parametrize("model", [Linear, Mean])
def test_volumes_without_background_or_foreground(model):
    volume = subject(0)
    volume.mask = torch.ones_like(volume.mask)
    fitted = model(Setting(intensity=(-1.0, 1.0)))
    fitted.calibrate([volume])
    volume.mask = torch.zeros_like(volume.mask)
    assert fitted.translate(volume, no_window).unique().tolist() == [-1.0]
    with pytest.raises(DataError, match="no foreground voxel"):
        model(Setting()).calibrate([volume])


@pytest.mark.parametrize("model", [Linear, Mean])
def test_volumes_are_streamed(model):
    alive = []

    def volumes():
        for seed in range(3):
            alive.append(seed)
            yield subject(seed)

    model(Setting()).calibrate(volumes())
    assert alive == [0, 1, 2]


def test_methods_are_untrained_baselines_in_every_preset():
    methods = reference.synthbench_methods()
    assert [m.name for m in methods] == ["identity", "linear", "mean"]
    for method in methods:
        assert method.baseline
        recipe = Recipe(**method.recipe)
        assert recipe.budget.steps == 0 and recipe.patch.size is None
        for preset in ("smoke", "quick"):
            assert method.presets[preset]["budget"] == {"steps": 0}
            assert method.presets[preset]["patch.size"] is None
