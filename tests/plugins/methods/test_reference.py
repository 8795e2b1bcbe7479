import numpy as np
import pytest
import torch
from skimage.restoration import denoise_nl_means

from synthbench.api import Batch, DataError, Recipe, Setting, UsageError
from synthbench_plugins import reference
from synthbench_plugins.reference.identity import Identity
from synthbench_plugins.reference.linear import Linear
from synthbench_plugins.reference.mean import Mean
from synthbench_plugins.reference.nlm import NonLocalMeans, noise_level


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


def noisy_ball(sides=(20, 22, 18), sigma=0.05, seed=0):
    """A bright ball, and the same with white noise."""
    axes = [np.linspace(-1, 1, side) for side in sides]
    grid = np.meshgrid(*axes, indexing="ij")
    clean = 0.6 * (sum(axis**2 for axis in grid) < 0.6)
    noise = sigma * np.random.default_rng(seed).standard_normal(sides)
    return clean.astype(np.float32), (clean + noise).astype(np.float32)


def volumes_of(*arrays):
    return torch.stack([torch.from_numpy(array) for array in arrays])[:, None]


def test_nlm_denoises_the_first_source_and_keeps_its_edges():
    clean, noisy = noisy_ball()
    source = torch.cat([volumes_of(noisy), torch.rand(1, 1, *clean.shape)], dim=1)
    model = NonLocalMeans(Setting(source_channels=2))
    kept = source.clone()
    denoised = model.translate(Batch(source), no_window)
    assert denoised.shape == (1, 1, *clean.shape)
    assert torch.equal(source, kept)
    error = np.abs(denoised[0, 0].numpy() - clean).mean()
    assert error < 0.4 * np.abs(noisy - clean).mean()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patch_size": 5, "patch_distance": 2, "h": 0.6},
        {"patch_distance": 1, "fast_mode": False},
    ],
)
def test_nlm_equals_scikit_image(options):
    volumes = [noisy_ball((9, 10, 8), sigma, seed)[1] for seed, sigma in ((0, 0.02), (1, 0.1))]
    given = {"patch_size": 3, "patch_distance": 3, "h": 0.8, "fast_mode": True} | options
    factor = given.pop("h")
    expected = []
    for volume in volumes:
        sigma = noise_level(volume)
        expected.append(denoise_nl_means(volume, h=factor * sigma, sigma=sigma, **given))
    denoised = NonLocalMeans(Setting(), **options)(volumes_of(*volumes))
    assert torch.equal(denoised, volumes_of(*expected))


@pytest.mark.parametrize("sides", [(24, 25, 26), (40, 41, 1)])
@pytest.mark.parametrize("sigma", [0.02, 0.1])
def test_noise_level_is_that_of_the_noise(sides, sigma):
    _, noisy = noisy_ball(sides, sigma)
    assert noise_level(noisy) == pytest.approx(sigma, rel=0.15)


def test_noise_level_leaves_out_a_masked_background():
    noise = 0.1 * np.random.default_rng(0).standard_normal((24, 24, 48))
    noise[:, :, :32] = 0
    assert noise_level(noise) == pytest.approx(0.1, rel=0.15)


def test_noise_level_equals_estimate_sigma_of_scikit_image():
    # skimage.restoration.estimate_sigma of scikit-image 0.26 with PyWavelets 1.8
    volume = np.sin(np.arange(9 * 10 * 8) ** 2 / 7).reshape(9, 10, 8)
    assert noise_level(volume) == pytest.approx(0.6058907296358450, rel=1e-12)


@pytest.mark.parametrize("sides", [(6, 6, 6), (6, 6, 1), (1, 1, 1)])
def test_nlm_leaves_a_constant_alone(sides):
    source = torch.full((1, 1, *sides), 0.25)
    assert torch.equal(NonLocalMeans(Setting())(source), source)


@pytest.mark.parametrize("option", ["patch_size", "patch_distance", "h"])
def test_nlm_options_are_positive(option):
    with pytest.raises(UsageError, match=f"nlm: {option} is 0"):
        NonLocalMeans(Setting(), **{option: 0})


def test_methods_are_untrained_baselines_in_every_preset():
    assert not any(spec.trained for spec in reference.synthbench_translators())
    methods = reference.synthbench_methods()
    assert [m.name for m in methods] == ["identity", "linear", "mean", "nlm"]
    for method in methods:
        assert method.baseline
        recipe = Recipe(**method.recipe)
        assert recipe.budget.steps == 0 and recipe.patch.size is None
        for preset in ("smoke", "quick"):
            assert method.presets[preset]["budget"] == {"steps": 0}
            assert method.presets[preset]["patch.size"] is None
