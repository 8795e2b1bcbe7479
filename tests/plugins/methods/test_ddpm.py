"""The diffusion baseline: noising, what is predicted, sampling, options."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from monai.networks.schedulers import DDPMScheduler

from synthbench.api import Batch, Setting, UsageError
from synthbench_plugins.ddpm.diffusion import ConditionalDiffusion

TINY = {"channels": [4, 8], "attention": [False, False], "blocks": 1, "groups": 2,
        "head_channels": 4}  # fmt: skip


def build(setting=None, **params):
    torch.manual_seed(0)
    return ConditionalDiffusion(setting or Setting(), **{**TINY, **params})


def whole(network, volume):
    return network(volume)


def tiles(network, volume):
    """Windows of 8 voxels, side by side."""
    result = torch.zeros_like(volume[:, :1])
    for x in range(0, volume.shape[2], 8):
        for y in range(0, volume.shape[3], 8):
            for z in range(0, volume.shape[4], 8):
                part = (..., slice(x, x + 8), slice(y, y + 8), slice(z, z + 8))
                result[part] = network(volume[part])
    return result


@pytest.mark.parametrize(
    ("schedule", "published"),
    [
        ("linear", {"schedule": "linear_beta", "beta_start": 1e-4, "beta_end": 0.02}),
        ("cosine", {"schedule": "cosine"}),
    ],
)
def test_noise_schedule_is_monais(schedule, published):
    own = build(schedule=schedule).scheduler
    reference = DDPMScheduler(num_train_timesteps=1000, **published)
    assert torch.equal(own.alphas_cumprod, reference.alphas_cumprod)
    if schedule == "linear":
        torch.testing.assert_close(own.betas, torch.linspace(1e-4, 0.02, 1000))


def test_default_network_is_large():
    with torch.device("meta"):
        network = ConditionalDiffusion(Setting(source_channels=2)).network
    assert network.conv_in.conv.in_channels == 3
    assert sum(p.numel() for p in network.parameters()) > 10_000_000


@pytest.mark.parametrize("predicts", ["noise", "image", "velocity"])
def test_training_compares_what_is_predicted(predicts, monkeypatch):
    translator = build(Setting(intensity=(0.0, 1.0)), predicts=predicts)
    target = torch.rand(2, 1, 8, 8, 8)
    noisy = {}

    def look(x, timesteps, context=None):
        noisy["input"], noisy["times"] = x, timesteps
        return x[:, :1]

    monkeypatch.setattr(translator, "_denoise", look)
    prediction = translator.predict(Batch(source=torch.zeros_like(target), target=target))
    image = 2 * target - 1
    kept = translator.scheduler.alphas_cumprod[noisy["times"]].view(2, 1, 1, 1, 1)
    noise = (noisy["input"][:, :1] - kept.sqrt() * image) / (1 - kept).sqrt()
    expected = {
        "noise": noise,
        "image": image,
        "velocity": kept.sqrt() * noise - (1 - kept).sqrt() * image,
    }[predicts]
    torch.testing.assert_close(prediction.real[0], expected, atol=1e-3, rtol=1e-3)
    # The source, in [-1, 1], stands beside the noisy target.
    assert (noisy["input"][:, 1] == -1).all()


@pytest.mark.parametrize("predicts", ["noise", "image", "velocity"])
@pytest.mark.parametrize(
    "params", [{"sampler": "ddim", "steps": 10}, {"sampler": "ddim", "steps": 1}, {}]
)
def test_sampling_with_a_perfect_network_gives_the_image(predicts, params, monkeypatch):
    translator = build(Setting(intensity=(0.0, 2.0)), predicts=predicts, timesteps=100)
    image = 2 * torch.rand(1, 1, 8, 8, 8)
    unit = image - 1

    def perfect(x, timesteps, context=None):
        kept = translator.scheduler.alphas_cumprod[timesteps.long()].view(-1, 1, 1, 1, 1)
        noise = (x[:, :1] - kept.sqrt() * unit) / (1 - kept).sqrt()
        velocity = kept.sqrt() * noise - (1 - kept).sqrt() * unit
        return {"noise": noise, "image": unit, "velocity": velocity}[predicts]

    monkeypatch.setattr(translator, "_denoise", perfect)
    sampled = translator.translate(Batch(torch.zeros_like(image), params=params), whole)
    torch.testing.assert_close(sampled, image, atol=2e-3, rtol=1e-3)


def test_all_steps_of_ddpm_end_near_the_image(monkeypatch):
    translator = build(timesteps=200)
    image = torch.rand(1, 1, 8, 8, 8) - 0.5
    steps = []

    def perfect(x, timesteps, context=None):
        steps.append(int(timesteps[0]))
        kept = translator.scheduler.alphas_cumprod[timesteps.long()].view(-1, 1, 1, 1, 1)
        return (x[:, :1] - kept.sqrt() * image) / (1 - kept).sqrt()

    monkeypatch.setattr(translator, "_denoise", perfect)
    sampled = translator.translate(
        Batch(torch.zeros_like(image), params={"sampler": "ddpm"}), whole
    )
    assert steps == list(range(199, -1, -1))
    assert (sampled - image).abs().mean() < 0.05


def test_sampling_is_a_function_of_the_seed_and_leaves_the_generator_alone():
    translator = build().eval()
    source = torch.rand(1, 1, 8, 8, 8)

    def sample(seed):
        params = {"sampler": "ddim", "steps": 2, "seed": seed}
        with torch.no_grad():
            return translator.translate(Batch(source, params=params), whole)

    before = torch.random.get_rng_state()
    first = sample(1)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(sample(1), first)
    assert not torch.equal(sample(2), first)


def test_windows_share_one_noise_volume(monkeypatch):
    """A network that sees one voxel at a time makes the same image through any window."""
    translator = build(Setting(patch=(8, 8, 8))).eval()
    monkeypatch.setattr(
        translator, "_denoise", lambda x, timesteps, context=None: 0.3 * x[:, :1] + 0.1 * x[:, 1:]
    )
    batch = Batch(torch.rand(1, 1, 16, 8, 24), params={"sampler": "ddim", "steps": 5})
    torch.testing.assert_close(
        translator.translate(batch, tiles), translator.translate(batch, whole)
    )


def test_volumes_are_padded_as_the_window_would_and_cropped_again():
    translator = build(Setting(patch=(8, 8, 8))).eval()
    seen = []

    def window(network, volume):
        seen.append(tuple(volume.shape[2:]))
        return tiles(network, volume)

    with torch.no_grad():
        batch = Batch(torch.rand(1, 1, 5, 16, 8), params={"steps": 2})
        assert translator.translate(batch, window).shape == (1, 1, 5, 16, 8)
    assert set(seen) == {(8, 16, 8)}


def test_slices_are_sampled_slice_by_slice():
    translator = build(Setting(patch=(8, 8, 1)), dims=2).eval()
    assert translator.size_multiple == (2, 2, 1)
    volume = torch.rand(1, 2, 8, 8, 3)
    times = torch.tensor([5])
    with torch.no_grad():
        together = translator._denoise(volume, times)
        alone = [translator._denoise(volume[..., i : i + 1], times) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone, dim=-1))


def test_several_sources_are_all_seen():
    translator = build(Setting(source_channels=2)).eval()
    source = torch.rand(1, 2, 8, 8, 8)
    params = {"steps": 1}
    with torch.no_grad():
        # The output layer starts at zero and would hide everything.
        torch.nn.init.normal_(translator.network.out[-1].conv.weight)
        first = translator.translate(Batch(source, params=params), whole)
        source[:, 1] += 0.5
        assert not torch.equal(translator.translate(Batch(source, params=params), whole), first)


def test_overfits_one_pair_and_beats_identity():
    torch.manual_seed(0)
    axis = torch.linspace(-1, 1, 16)
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    ball = (x**2 + y**2 + z**2).sqrt()
    target = torch.where(ball < 0.5, 0.8, torch.where(ball < 0.8, 0.0, -1.0))[None, None]
    source = torch.where(ball < 0.5, -0.8, torch.where(ball < 0.8, 1.0, -1.0))[None, None]
    translator = build(channels=[4, 8], groups=4, head_channels=8, predicts="image")
    optimiser = torch.optim.Adam(translator.parameters(), 1e-2)
    for _ in range(30):
        prediction = translator.predict(Batch(source=source, target=target))
        loss = (prediction.fake[0] - prediction.real[0]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        image = translator.eval().translate(Batch(source, params={"steps": 10}), whole)

    def psnr(candidate):
        return 10 * math.log10(4 / (candidate - target).square().mean().item())

    assert psnr(image) > psnr(source)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"schedule": "quadratic"}, "unknown schedule 'quadratic'"),
        ({"predicts": "score"}, "unknown predicts 'score'"),
        ({"dims": 1}, "dims is 1"),
        ({"attention": [True]}, "2 channels but 1 attention flags"),
        ({"groups": 3}, "groups = 3 does not divide"),
        ({"head_channels": 5}, "head_channels = 5 does not divide"),
    ],
)
def test_wrong_options_are_named(params, message):
    with pytest.raises(UsageError, match=message):
        build(**params)


def test_slices_need_a_network_for_slices():
    with pytest.raises(UsageError, match="is a slice"):
        build(Setting(patch=(8, 8, 1)))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sampler": "euler"}, "unknown sampler 'euler'"),
        ({"sampler": "ddpm", "steps": 50}, "takes all 1000 steps"),
        ({"steps": 7}, "7 steps do not divide"),
        ({"steps": 0}, "0 steps"),
    ],
)
def test_wrong_sampling_parameters_are_named(params, message):
    with pytest.raises(UsageError, match=message):
        build()._scheduler(SimpleNamespace(**params).__dict__)
