"""A recipe: everything that decides how one method is trained, as data.

A component is written ``"name"`` or ``{"name": ..., "params": {...}}``. A discriminator may be
written ``"patchgan3d:lsgan@0.01"`` (adversarial pair after the colon, weight after the at sign) and
a loss ``"l1@100"``, and several of them with commas between, so that a recipe fits on a command
line.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Preset = Literal["smoke", "quick", "paper"]
PRESETS: tuple[Preset, ...] = ("smoke", "quick", "paper")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Frozen):
    """A component by name, with its own parameters."""

    name: str
    params: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Ramp(_Frozen):
    """A loss weight that climbs linearly from ``initial`` to its full value, then stays.

    Exactly one of ``epochs`` and ``fraction`` (of the whole budget) says how long it climbs.
    """

    initial: float = 0.0
    epochs: float | None = Field(default=None, gt=0)
    fraction: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.fraction is None):
            raise ValueError("a ramp needs either `epochs` or `fraction`")
        return self


def _split_weight(text: str) -> tuple[str, dict[str, Any]]:
    name, at, weight = text.partition("@")
    return name, ({"weight": float(weight)} if at else {})


class LossTerm(_Frozen):
    """One weighted loss of the generator."""

    name: str
    params: dict[str, Any] = Field(default_factory=dict)
    weight: float = 1.0
    ramp: Ramp | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        name, weight = _split_weight(value)
        return {"name": name, **weight}


class DiscriminatorTerm(_Frozen):
    """A discriminator with its adversarial pair.

    Attributes:
        adversarial: The adversarial pair that trains it and drives the generator.
        weight: Weight of the adversarial term in the generator's loss.
        max_accuracy: Skip the discriminator's update while it classifies more than this fraction of
            the batch correctly (the edge cascade's gate); ``None`` always updates.
    """

    name: str
    params: dict[str, Any] = Field(default_factory=dict)
    adversarial: Part = Part(name="lsgan")
    weight: float = 1.0
    max_accuracy: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        head, weight = _split_weight(value)
        name, colon, pair = head.partition(":")
        return {"name": name, **({"adversarial": pair} if colon else {}), **weight}


class Optimiser(_Frozen):
    """Optimiser of the generator or of the discriminators."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = Field(default=1e-4, gt=0)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0


class Schedule(_Frozen):
    """Learning-rate factor over the budget.

    ``constant``; ``step``: times ``gamma`` after every ``every`` fraction of the budget;
    ``linear``: constant until ``start`` (fraction of the budget), then linearly to zero;
    ``cosine``: half a cosine to zero.
    """

    kind: Literal["constant", "step", "linear", "cosine"] = "constant"
    gamma: float = 0.5
    every: float = Field(default=0.25, gt=0, le=1)
    start: float = Field(default=0.5, ge=0, lt=1)


class Patch(_Frozen):
    """What one training sample is cut as.

    Attributes:
        size: Voxels per axis (RAS order); a 1 makes slices across that axis, a 0 takes the whole
            side; ``None`` takes the whole volume.
        foreground: Probability that a patch is centred on a foreground voxel instead of anywhere.
        flip: Axes along which patches are mirrored at random, e.g. ``(0,)`` for left-right.
    """

    size: tuple[int, int, int] | None = (64, 64, 64)
    foreground: float = Field(default=0.8, ge=0, le=1)
    flip: tuple[int, ...] = ()


class Budget(_Frozen):
    """How long to train: exactly one of the four; ``steps: 0`` trains nothing.

    An epoch is as many patches as there are training subjects.
    """

    epochs: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, ge=0)
    patches: int | None = Field(default=None, gt=0)
    minutes: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [v for v in (self.epochs, self.steps, self.patches, self.minutes) if v is not None]
        if len(given) != 1:
            raise ValueError("a budget needs exactly one of epochs, steps, patches, minutes")
        return self


class Inference(_Frozen):
    """How a whole volume is translated.

    Attributes:
        window: Voxels per axis of the sliding window, at most (smaller volumes are taken whole; 0:
            the whole side, 1: slices); ``None`` uses exactly the training patch.
        overlap: Fraction by which neighbouring windows overlap.
        blend: Weighting of overlapping windows.
        batch: Windows per forward pass.
        params: Handed to the translator (e.g. a diffusion model's sampler and steps).
    """

    window: tuple[int, int, int] | None = None
    overlap: float = Field(default=0.5, ge=0, lt=1)
    blend: Literal["gaussian", "constant"] = "gaussian"
    batch: int = Field(default=4, gt=0)
    params: dict[str, Any] = Field(default_factory=dict)


class Recipe(_Frozen):
    """A method's whole training and inference, as published unless overridden.

    Attributes:
        intensity: Range into which unit intensities are mapped before the network sees them.
        discriminator_steps: Discriminator updates per generator update.
        separate_batches: Train the discriminators on one batch and the generator on another.
        ema: Decay of the exponential moving average of the weights used for translation.
        clip_norm: Largest gradient norm.
    """

    translator: Part
    discriminators: tuple[DiscriminatorTerm, ...] = ()
    losses: tuple[LossTerm, ...] = ()
    optimiser: Optimiser = Optimiser()
    discriminator_optimiser: Optimiser | None = None
    schedule: Schedule = Schedule()
    patch: Patch = Patch()
    batch: int = Field(default=1, gt=0)
    budget: Budget = Budget(steps=10_000)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    intensity: tuple[float, float] = (-1.0, 1.0)
    discriminator_steps: int = Field(default=1, gt=0)
    separate_batches: bool = False
    ema: float | None = Field(default=None, gt=0, lt=1)
    clip_norm: float | None = Field(default=None, gt=0)
    inference: Inference = Inference()

    @field_validator("discriminators", "losses", mode="before")
    @classmethod
    def _terms_from_text(cls, value: Any) -> Any:
        """Accept ``"l1@100,l2"`` for a list of terms."""
        if isinstance(value, str):
            return [term.strip() for term in value.split(",") if term.strip()]
        return value
