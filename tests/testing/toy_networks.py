"""Translators and discriminators that break one promise each; ``fault`` says which."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from synthbench.api import (
    Batch,
    Discriminator,
    Judgement,
    Prediction,
    Setting,
    Translator,
    UsageError,
    Window,
)


class Net(Translator):
    """Two convolutions with dropout."""

    fault = ""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        inputs = 1 if self.fault == "one source only" else setting.source_channels
        self.net = nn.Sequential(
            nn.Conv3d(inputs, 3, 3, padding=1), nn.Dropout(0.1), nn.Conv3d(3, 1, 1)
        )
        self.level = 0.0
        self.calls = 0
        self.kept: Tensor | None = None
        if self.fault == "idle parameter":
            self.idle = nn.Parameter(torch.ones(()))
        if self.fault == "levels":
            self.levels = 2

    def calibrate(self, volumes: Iterable[Batch]) -> None:
        if self.fault == "forgets":
            self.level = float(next(iter(volumes)).source.std())
        if self.fault == "environment":
            os.environ["TOY_SETTING"] = "1"
        if self.fault == "threads":
            torch.set_num_threads(torch.get_num_threads() + 1)
        if self.fault == "relative file":
            Path("leftover.txt").write_text("x")
        if self.fault == "absolute file" and "TOY_HOME" in os.environ:
            (Path(os.environ["TOY_HOME"]) / "leftover.txt").write_text("x")
        if self.fault == "temporary file":
            with tempfile.NamedTemporaryFile():
                pass

    def forward(self, source: Tensor) -> Tensor:
        if self.fault == "in place":
            source += 1
        if self.fault == "shape":
            return self.net(source)[..., 1:]
        if self.fault == "counts":
            self.calls += 1
        image: Tensor = self.net(source) + self.level + 0.01 * self.calls
        if self.fault == "nan":
            return image * float("nan")
        if self.fault == "unseeded":
            image = image + 0.1 * float.fromhex(os.urandom(4).hex()) / 2**32
        return image

    def predict(self, batch: Batch) -> Prediction:
        assert batch.target is not None
        if self.fault == "counts steps":
            self.calls += 1
        image = self(batch.source)
        if self.fault == "keeps graph":
            self.kept = image
        condition = batch.source
        if self.fault == "condition":
            condition = condition[:, :, ::2]
        return Prediction([image], [batch.target], condition)

    def translate(self, batch: Batch, window: Window) -> Tensor:
        if self.fault == "odd sizes":
            return window(self, batch.source[:, :, : batch.source.shape[2] // 2 * 2])
        return window(self, batch.source)


class Critic(Discriminator):
    """Two convolutions, one logit a block of 2x2x2 voxels."""

    fault = ""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        if self.fault == "refuses slices" and setting.patch is not None and 1 in setting.patch:
            raise UsageError("it wants volumes", "choose a patch of 2 voxels or more")
        inputs = setting.condition_channels
        inputs = 0 if self.fault == "unconditional" else inputs
        self.first = nn.Conv3d(1 + inputs, 3, 3, padding=1)
        self.last = nn.Conv3d(3, 1, 1)
        if self.fault == "idle parameter":
            self.idle = nn.Parameter(torch.ones(()))

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        if self.fault == "one level":
            assert len(images) == 1
        if self.fault == "wants condition":
            assert condition is not None
        image = images[0].detach() if self.fault == "detached" else images[0]
        if self.fault == "in place":
            image += 1
        if condition is not None and self.fault != "unconditional":
            image = torch.cat([image, condition], 1)
        hidden = nn.functional.softplus(self.first(image))
        blocks = [min(2, side) for side in hidden.shape[2:]]
        if self.fault == "halves":
            blocks = [2, 2, 2]
        if self.fault != "dense":
            hidden = nn.functional.avg_pool3d(hidden, blocks)
        logits = self.last(hidden)
        if self.fault == "sigmoid":
            logits = torch.sigmoid(logits)
        if self.fault == "nan":
            logits = logits * float("nan")
        return Judgement([logits], [hidden] if features and self.fault != "featureless" else [])


class WantsCondition(Critic):
    fault = "wants condition"
