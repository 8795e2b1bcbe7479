"""Two constants: mean foreground, mean background."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from synthbench.api import Batch, DataError, Setting, Translator, Window
from synthbench_plugins.reference.linear import foreground


class Mean(Translator):
    """Mean training target inside the source's foreground, and outside it.

    What can be reached without looking at an intensity. Means are over voxels of all training
    volumes. Where no foreground mask is known, every voxel counts as foreground.

    Attributes:
        inside: Mean target in the foreground, scalar.
        outside: Mean target outside it, scalar.
    """

    inside: Tensor
    outside: Tensor

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        low, high = setting.intensity
        self.register_buffer("inside", torch.tensor((low + high) / 2))
        self.register_buffer("outside", torch.tensor(float(low)))

    def calibrate(self, volumes: Iterable[Batch]) -> None:
        """Average the training targets, one volume in memory at a time.

        Raises:
            DataError: If no training volume has a foreground voxel.
        """
        sums, counts = [0.0, 0.0], [0, 0]
        for batch in volumes:
            assert batch.target is not None
            inside = foreground(batch)
            for place, where in enumerate((inside, ~inside)):
                sums[place] += batch.target[:, 0][where].double().sum().item()
                counts[place] += int(where.sum())
        if not counts[0]:
            raise DataError(
                "mean: the training volumes have no foreground voxel to average",
                "check the sources and masks with `synthbench data check`",
            )
        self.inside.fill_(sums[0] / counts[0])
        if counts[1]:
            self.outside.fill_(sums[1] / counts[1])

    def forward(self, source: Tensor) -> Tensor:
        """The foreground mean everywhere: (B, C, X, Y, Z) to (B, 1, X, Y, Z)."""
        return self.inside.to(source.dtype).expand_as(source[:, :1]).clone()

    def translate(self, batch: Batch, window: Window) -> Tensor:
        """Translate whole volumes, by their foreground alone; no window is needed."""
        outside = self.outside.to(batch.source.dtype)
        return torch.where(foreground(batch)[:, None], self(batch.source), outside)
