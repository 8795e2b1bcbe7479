"""A conditional diffusion model as a translator: MONAI's network, schedulers and inferer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from monai.inferers.inferer import DiffusionInferer
from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler
from torch import Tensor
from torch.nn import functional as F

from synthbench.api import (
    Batch,
    Prediction,
    Setting,
    Translator,
    UsageError,
    Window,
    fold_slices,
    slice_axis,
    unfold_slices,
)

Schedule = Literal["linear", "cosine"]
Predicted = Literal["noise", "image", "velocity"]

_SAMPLERS = ("ddim", "ddpm")
_DDIM_STEPS = 50
#: Names of the noise schedules in MONAI, and their parameters.
_SCHEDULES: dict[str, tuple[str, dict[str, float]]] = {
    "linear": ("linear_beta", {"beta_start": 1e-4, "beta_end": 0.02}),
    "cosine": ("cosine", {}),
}
#: What the network predicts, as MONAI calls it.
_PREDICTED = {"noise": "epsilon", "image": "sample", "velocity": "v_prediction"}


class ConditionalDiffusion(Translator):
    """Denoising diffusion of the target, conditioned by concatenating the source.

    Source: Ho et al., Denoising diffusion probabilistic models, NeurIPS 2020 (noise prediction,
    eq. 14); conditioning by concatenation as in Saharia et al., Palette, SIGGRAPH 2022; velocity
    prediction: Salimans & Ho, Progressive distillation, ICLR 2022, appendix D.

    Training compares the predicted with the true noise, so ``predict(...).fake`` is noise and no
    image (unless ``predicts`` says otherwise). Translation takes ``sampler`` and ``steps`` from
    ``recipe.inference.params``: ``ddim`` with 50 steps unless said otherwise, or ``ddpm``. Every
    denoising step runs the network through the recipe's window over one common noise volume, so
    that windows leave no seams.

    Args:
        setting: ``source_channels``, ``target_channels``, ``intensity`` and ``patch`` are used.
        channels: Width at each resolution, finest first.
        attention: Whether each resolution has attention, finest first.
        blocks: Residual blocks a resolution.
        groups: Groups of the group norm; must divide every width.
        head_channels: Width of an attention head; must divide the widths that have attention (the
            last one always has, in the middle of the network).
        dims: 3 for volumes, 2 for slices (across the patch's axis of one voxel, else the last).
        timesteps: Length T of the diffusion.
        schedule: Noise schedule: ``linear`` (beta 1e-4 to 0.02) or ``cosine``.
        predicts: What the network predicts from the noisy target: its ``noise`` (Ho et al.), the
            clean ``image``, or a ``velocity`` between the two.
    """

    def __init__(
        self,
        setting: Setting,
        channels: Sequence[int] = (32, 64, 128, 256),
        attention: Sequence[bool] = (False, False, False, True),
        blocks: int = 2,
        groups: int = 32,
        head_channels: int = 64,
        dims: Literal[2, 3] = 3,
        timesteps: int = 1000,
        schedule: Schedule = "linear",
        predicts: Predicted = "noise",
    ) -> None:
        super().__init__(setting)
        _choice("schedule", schedule, _SCHEDULES)
        _choice("predicts", predicts, _PREDICTED)
        _check_sizes(channels, attention, groups, head_channels, dims, setting)
        self.predicts = predicts
        self.dims = dims
        self.slice_axis = slice_axis(setting.patch) if dims == 2 else None
        factor = 2 ** (len(channels) - 1)
        x, y, z = (1 if axis == self.slice_axis else factor for axis in range(3))
        self.multiples = self.size_multiple = (x, y, z)
        name, options = _SCHEDULES[schedule]
        self.noising: dict[str, Any] = {
            "num_train_timesteps": timesteps,
            "schedule": name,
            "prediction_type": _PREDICTED[predicts],
            **options,
        }
        self.scheduler = DDPMScheduler(**self.noising)
        self.network = DiffusionModelUNet(
            spatial_dims=dims,
            in_channels=setting.target_channels + setting.source_channels,
            out_channels=setting.target_channels,
            channels=tuple(channels),
            attention_levels=tuple(attention),
            num_res_blocks=blocks,
            norm_num_groups=groups,
            num_head_channels=head_channels,
        )

    def predict(self, batch: Batch) -> Prediction:
        """Predict the noise in a target diffused to a random time.

        Args:
            batch: Source and target patches.

        Returns:
            Predicted and true noise (or image, or velocity), shape (B, 1, X, Y, Z); images are in
            [-1, 1], noise is standard normal. The source is the condition.
        """
        assert batch.target is not None
        target = self._to_unit_scale(batch.target)
        source = self._to_unit_scale(batch.source)
        noise = torch.randn_like(target)
        steps = self.noising["num_train_timesteps"]
        times = torch.randint(steps, (len(target),), device=target.device)
        predicted = DiffusionInferer(self.scheduler)(
            inputs=target,
            diffusion_model=self._denoise,
            noise=noise,
            timesteps=times,
            condition=source,
            mode="concat",
        )
        true = noise
        if self.predicts == "image":
            true = target
        elif self.predicts == "velocity":
            true = self.scheduler.get_velocity(target, noise, times)
        return Prediction(fake=[predicted], real=[true], condition=batch.source)

    def forward(self, source: Tensor) -> Tensor:
        """Sample the target of a patch, shape (B, C, X, Y, Z) to (B, 1, X, Y, Z)."""
        return self.translate(Batch(source), lambda network, volume: network(volume))

    def translate(self, batch: Batch, window: Window) -> Tensor:
        """Sample whole volumes.

        Args:
            batch: Whole source volumes; ``params`` may hold ``sampler`` (``ddim`` or ``ddpm``),
                ``steps`` and ``seed`` (of the noise).
            window: Applies the network at each denoising step.

        Raises:
            UsageError: For an unknown sampler or a number of steps that does not fit.
        """
        scheduler = self._scheduler(batch.params)
        source, inside = self._padded(self._to_unit_scale(batch.source))
        shape = (len(source), self.setting.target_channels, *source.shape[2:])

        def model(x: Tensor, timesteps: Tensor, context: None = None) -> Tensor:
            return window(lambda part: self._denoise(part, timesteps), x).float()

        # The schedulers draw from the global generator; it is seeded here and restored after.
        with torch.random.fork_rng():
            torch.manual_seed(int(batch.params.get("seed", 0)))
            noise = torch.randn(shape).to(source.device)
            image = DiffusionInferer(scheduler).sample(
                input_noise=noise,
                diffusion_model=model,
                conditioning=source,
                mode="concat",
                verbose=False,
            )
        assert isinstance(image, Tensor)
        low, high = self.setting.intensity
        return (image[inside] + 1) / 2 * (high - low) + low

    def _denoise(self, x: Tensor, timesteps: Tensor, context: None = None) -> Tensor:
        """Apply the network to (B, C, X, Y, Z), slice by slice where it is two-dimensional."""
        timesteps = timesteps.to(x.device).expand(len(x))
        if self.slice_axis is None:
            predicted: Tensor = self.network(x, timesteps)
            return predicted
        slices = fold_slices(x, self.slice_axis)
        predicted = self.network(slices, timesteps.repeat_interleave(len(slices) // len(x)))
        return unfold_slices(predicted, self.slice_axis, len(x))

    def _scheduler(self, params: Any) -> DDPMScheduler | DDIMScheduler:
        sampler = params.get("sampler", "ddim")
        if sampler not in _SAMPLERS:
            raise UsageError(
                f"inference.params.sampler: unknown sampler {sampler!r}",
                f"choose one of {', '.join(_SAMPLERS)}",
            )
        whole: int = self.noising["num_train_timesteps"]
        if sampler == "ddpm":
            if int(params.get("steps", whole)) != whole:
                raise UsageError(
                    f"inference.params.steps: the ddpm sampler takes all {whole} steps",
                    "use the sampler ddim for fewer",
                )
            return self.scheduler
        steps = int(params.get("steps", min(_DDIM_STEPS, whole)))
        if not 1 <= steps <= whole or whole % steps:
            raise UsageError(
                f"inference.params.steps: {steps} steps do not divide a diffusion of {whole}",
                f"give a divisor of {whole}",
            )
        # Offset so that sampling starts at the last time, where the image is noise alone, and every
        # step ends where the next one starts.
        scheduler = DDIMScheduler(**self.noising, steps_offset=whole // steps - 1)
        scheduler.set_timesteps(steps)
        return scheduler

    def _to_unit_scale(self, image: Tensor) -> Tensor:
        """Map the recipe's intensity range onto [-1, 1], what the schedulers clip to."""
        low, high = self.setting.intensity
        return (image - low) / (high - low) * 2 - 1

    def _padded(self, source: Tensor) -> tuple[Tensor, tuple[slice, ...]]:
        """Pad to what the window would pad to, so that padding is noise like the rest."""
        patch = self.setting.patch or (0, 0, 0)
        padding: list[int] = []
        inside = [slice(None), slice(None)]
        for side, least, multiple in zip(source.shape[2:], patch, self.multiples, strict=True):
            missing = -(-max(side, least) // multiple) * multiple - side
            before = missing // 2
            padding = [before, missing - before, *padding]
            inside.append(slice(before, before + side))
        return F.pad(source, padding, value=-1.0), tuple(inside)


def _choice(option: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise UsageError(f"ddpm: unknown {option} {value!r}", f"choose one of {', '.join(known)}")


def _check_sizes(
    channels: Sequence[int],
    attention: Sequence[bool],
    groups: int,
    head_channels: int,
    dims: int,
    setting: Setting,
) -> None:
    if dims not in (2, 3):
        raise UsageError(f"ddpm: dims is {dims!r}", "choose 2 (slices) or 3 (volumes)")
    if len(attention) != len(channels):
        raise UsageError(
            f"ddpm: {len(channels)} channels but {len(attention)} attention flags",
            "give one of each for every resolution",
        )
    if any(width % groups for width in channels):
        raise UsageError(
            f"ddpm: groups = {groups} does not divide every width of {list(channels)}",
            "choose widths that are multiples of groups",
        )
    attending = [*(w for w, has in zip(channels, attention, strict=True) if has), channels[-1]]
    if any(width % head_channels for width in attending):
        raise UsageError(
            f"ddpm: head_channels = {head_channels} does not divide the widths {attending}",
            "choose a divisor of every width with attention",
        )
    if dims == 3 and setting.patch is not None and 1 in setting.patch:
        raise UsageError(
            f"ddpm: a patch of {setting.patch} is a slice, and the network is three-dimensional",
            "set translator.params.dims to 2",
        )
