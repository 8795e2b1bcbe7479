"""One affine map of intensities."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from synthbench.api import Batch, DataError, Setting, Translator, Window


class Linear(Translator):
    """``target = sum_c a_c * source_c + b`` in the foreground, a constant outside it.

    Ordinary least squares over all foreground voxels of the training volumes, by streamed normal
    equations in float64. Outside the foreground the prediction is the mean background of the
    training targets, so that noise in air is not mapped and air does not bend the fit. Where no
    foreground mask is known, every voxel counts as foreground.

    Attributes:
        coefficients: ``a``, shape (C,).
        intercept: ``b``, scalar.
        background: Constant outside the foreground, scalar.
    """

    coefficients: Tensor
    intercept: Tensor
    background: Tensor

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        channels = setting.source_channels
        self.register_buffer("coefficients", torch.full((channels,), 1 / channels))
        self.register_buffer("intercept", torch.tensor(0.0))
        self.register_buffer("background", torch.tensor(float(setting.intensity[0])))

    def calibrate(self, volumes: Iterable[Batch]) -> None:
        """Fit the map, one training volume in memory at a time.

        Raises:
            DataError: If no training volume has a foreground voxel.
        """
        unknowns = self.setting.source_channels + 1
        gram = torch.zeros(unknowns, unknowns, dtype=torch.float64)
        moment = torch.zeros(unknowns, dtype=torch.float64)
        outside_sum, outside_count = 0.0, 0
        for batch in volumes:
            assert batch.target is not None
            inside = foreground(batch)
            source = batch.source.movedim(1, -1)[inside].double()
            target = batch.target[:, 0]
            design = torch.cat([source, source.new_ones(len(source), 1)], dim=1)
            gram += (design.T @ design).cpu()
            moment += (design.T @ target[inside].double()).cpu()
            outside_sum += target[~inside].double().sum().item()
            outside_count += int((~inside).sum())
        if gram[-1, -1] == 0:
            raise DataError(
                "linear: the training volumes have no foreground voxel to fit",
                "check the sources and masks with `synthbench data check`",
            )
        # The pseudo-inverse also serves constant and duplicated sources (smallest coefficients).
        solution = torch.linalg.pinv(gram, hermitian=True) @ moment
        self.coefficients.copy_(solution[:-1])
        self.intercept.copy_(solution[-1])
        if outside_count:
            self.background.fill_(outside_sum / outside_count)

    def forward(self, source: Tensor) -> Tensor:
        """Apply the affine map everywhere: (B, C, X, Y, Z) to (B, 1, X, Y, Z)."""
        weights = self.coefficients.view(1, -1, 1, 1, 1)
        return (source * weights).sum(dim=1, keepdim=True) + self.intercept

    def translate(self, batch: Batch, window: Window) -> Tensor:
        """Translate whole volumes, voxel by voxel; no window is needed."""
        inside = foreground(batch)[:, None]
        return torch.where(inside, self(batch.source), self.background.to(batch.source.dtype))


def foreground(batch: Batch) -> Tensor:
    """The batch's foreground, bool of shape (B, X, Y, Z); everything where it has no mask."""
    if batch.mask is None:
        return torch.ones_like(batch.source[:, 0], dtype=torch.bool)
    return batch.mask[:, 0]
