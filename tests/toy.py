"""A toy plugin whose parts are small enough to watch the engine at work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synthbench.api import (
    AdversarialLoss,
    Batch,
    Discriminator,
    DiscriminatorSpec,
    Judgement,
    Loss,
    LossSpec,
    MethodSpec,
    Prediction,
    Scores,
    Setting,
    Stage,
    Translator,
    TranslatorSpec,
    hookimpl,
)

synthbench_api_version = "1.0"


class Conv(Translator):
    """One convolution with everything that holds state: batch norm and dropout."""

    size_multiple = 2

    def __init__(self, setting: Setting, dropout: float = 0.1) -> None:
        super().__init__(setting)
        self.net = nn.Sequential(
            nn.Conv3d(setting.source_channels, 4, 3, padding=1),
            nn.BatchNorm3d(4),
            nn.Dropout(dropout),
            nn.Conv3d(4, 1, 1),
        )

    def forward(self, source: Tensor) -> Tensor:
        result: Tensor = self.net(source)
        return result


class Staged(Translator):
    """Two parts trained one after the other, the second at another learning rate."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.first = Conv(setting)
        self.second = Conv(setting)

    def forward(self, source: Tensor) -> Tensor:
        return self.first(source) + self.second(source)

    def stages(self) -> list[Stage]:
        return [
            Stage("coarse", self.first, share=0.5),
            Stage("fine", self.second, {"optimiser.lr": 0.05, "discriminators": []}, share=0.5),
        ]


class Calibrated(Translator):
    """Learns a constant from the whole training volumes and nothing by descent."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.register_buffer("level", torch.zeros(()))

    def calibrate(self, volumes: Iterable[Batch]) -> None:
        targets = [v.target.mean() for v in volumes if v.target is not None]
        self.level = torch.stack(targets).mean()

    def forward(self, source: Tensor) -> Tensor:
        return torch.zeros_like(source[:, :1]) + self.level


class Broken(Translator):
    """Answers with NaN, with the wrong shape, or runs out of memory, as asked."""

    def __init__(self, setting: Setting, how: str = "nan") -> None:
        super().__init__(setting)
        self.how = how
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, source: Tensor) -> Tensor:
        if self.how == "oom":
            raise torch.OutOfMemoryError("out of memory")
        if self.how == "shape":
            return self.weight * source[..., 1:]
        return self.weight * source * float("nan")


class Critic(Discriminator):
    """One convolution; counts how often it is called."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.net = nn.Conv3d(setting.target_channels + setting.condition_channels, 1, 3)
        self.calls = 0

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        self.calls += 1
        assert condition is not None
        hidden = self.net(torch.cat([images[0], condition], 1))
        return Judgement([hidden], [hidden] if features else [])


class SquaredPair(AdversarialLoss):
    """Least squares, with a call of the discriminator as a gradient penalty would make."""

    decision_threshold = 0.5

    def discriminator_loss(
        self, scores: Scores, prediction: Prediction, discriminator: Discriminator
    ) -> Tensor:
        assert scores.real is not None
        real, fake = scores.real.logits[0], scores.fake.logits[0]
        return (real - 1).square().mean() + fake.square().mean()

    def generator_loss(self, scores: Scores) -> Tensor:
        return (scores.fake.logits[0] - 1).square().mean()


class RelativePair(SquaredPair):
    generator_needs_real = True

    def generator_loss(self, scores: Scores) -> Tensor:
        assert scores.real is not None
        return (scores.fake.logits[0] - scores.real.logits[0].mean()).square().mean()


class L1(Loss):
    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        return (prediction.fake[0] - prediction.real[0]).abs().mean()


class FeatureMatching(Loss):
    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        total = torch.zeros(())
        for score in scores.values():
            assert score.real is not None
            for a, b in zip(score.fake.features, score.real.features, strict=True):
                assert a.requires_grad
                assert not b.requires_grad
                total = total + (a - b).abs().mean()
        return total


def remarks() -> list[str]:
    return ["a remark of this loss"]


def _target(name: str) -> str:
    return f"{__name__}:{name}"


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    return [
        TranslatorSpec(name="conv", target=_target("Conv"), summary="Toy.", max_sources=1),
        TranslatorSpec(name="staged", target=_target("Staged"), summary="Toy."),
        TranslatorSpec(
            name="calibrated", target=_target("Calibrated"), summary="Toy.", trained=False
        ),
        TranslatorSpec(name="broken", target=_target("Broken"), summary="Toy."),
        TranslatorSpec(
            name="unready", target=_target("Conv"), summary="Toy.", requires=("no_such_package",)
        ),
    ]


@hookimpl
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(name="critic", target=_target("Critic"), summary="Toy.", features=True),
        DiscriminatorSpec(name="blunt", target=_target("Critic"), summary="Toy."),
    ]


@hookimpl
def synthbench_losses() -> list[LossSpec]:
    return [
        LossSpec(name="l1", target=_target("L1"), summary="Toy."),
        LossSpec(
            name="matching",
            target=_target("FeatureMatching"),
            summary="Toy.",
            needs=("features",),
        ),
        LossSpec(
            name="dense_only",
            target=_target("SquaredPair"),
            summary="Toy.",
            adversarial=True,
            needs=("dense",),
        ),
        LossSpec(
            name="remarkable", target=_target("L1"), summary="Toy.", remarks=_target("remarks")
        ),
        LossSpec(name="squared", target=_target("SquaredPair"), summary="Toy.", adversarial=True),
        LossSpec(name="relative", target=_target("RelativePair"), summary="Toy.", adversarial=True),
    ]


RECIPE: dict[str, Any] = {
    "translator": "conv",
    "discriminators": ["critic:squared@0.1"],
    "losses": ["l1"],
    "optimiser": {"lr": 0.01},
    "budget": {"steps": 8},
    "patch": {"size": [8, 8, 8]},
    "batch": 2,
}


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    keep = {"budget": {"steps": 8}, "patch.size": [8, 8, 8]}
    presets = {"smoke": keep, "quick": keep}

    def method(name: str, **changes: Any) -> MethodSpec:
        return MethodSpec(name=name, summary="Toy.", recipe={**RECIPE, **changes}, presets=presets)

    def broken(how: str) -> dict[str, Any]:
        return {"translator": {"name": "broken", "params": {"how": how}}}

    return [
        method("conv"),
        method("staged", translator="staged"),
        method("calibrated", translator="calibrated", discriminators=[], budget={"steps": 0}),
        method("nan", **broken("nan")),
        method("oom", **broken("oom")),
        method("shape", **broken("shape"), discriminators=[], losses=[], budget={"steps": 0}),
        method("unready", translator="unready"),
        method("undense", discriminators=["critic:dense_only"]),
        method("unmatched", discriminators=["blunt:squared"], losses=["matching"]),
        method("matched", discriminators=["blunt:squared", "critic:squared"], losses=["matching"]),
        method("untrainable", translator="calibrated"),
        method("unpaired", discriminators=["critic:l1"]),
        method("unjudged", losses=["squared"]),
        method("remarkable", losses=["remarkable"]),
    ]
