"""Volumes slice by slice, for networks that see one 2D image at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbench.api import Batch, Setting, Translator, Window, fold_slices, unfold_slices

#: Slices translated at a time, so that memory does not grow with a volume's height.
_SLICES_AT_ONCE = 16


class SliceTranslator(Translator):
    """Base of translators that are a 2D network, :meth:`image`, applied to every slice.

    Args:
        setting: ``patch`` and ``intensity`` are used.
        axis: Axis across which slices are taken.
        multiple: What the sides of a slice must be multiples of.
    """

    def __init__(self, setting: Setting, axis: int, multiple: int) -> None:
        super().__init__(setting)
        self.axis, self.multiple = axis, multiple
        x, y, z = (1 if side == axis else multiple for side in range(3))
        self.size_multiple = (x, y, z)

    def image(self, slices: Tensor) -> Tensor:
        """Map slices of shape (N, C, height, width) to images, not yet squashed into a range."""
        raise NotImplementedError

    def forward(self, source: Tensor) -> Tensor:
        """Translate a patch or volume, slice by slice.

        Args:
            source: Shape (B, C, X, Y, Z), in ``setting.intensity``; sides are multiples of
                ``size_multiple``.

        Returns:
            Shape (B, target channels, X, Y, Z), within ``setting.intensity``.
        """
        slices = fold_slices(source, self.axis)
        # While training all slices go together: batch norm is over the whole batch.
        parts = [slices] if self.training else torch.split(slices, _SLICES_AT_ONCE)
        images = torch.cat([self.image(part) for part in parts])
        # In half precision, neighbours near the ends of the range would fall together.
        images = self.setting.scaled(torch.tanh(images.float()))
        return unfold_slices(images, self.axis, len(source))

    def translate(self, batch: Batch, window: Window) -> Tensor:
        """Translate whole volumes.

        Slices smaller than those of the training are surrounded by background up to their size, as
        in training, whatever the window: what the network learnt of positions holds there only.
        """
        sides = batch.source.shape[2:]
        missing = [max(least - side, 0) for least, side in zip(self._least(), sides, strict=True)]
        before = [each // 2 for each in missing]
        padding: list[int] = []
        for axis in (2, 1, 0):
            padding += [before[axis], missing[axis] - before[axis]]
        image = window(self, F.pad(batch.source, padding, value=self.setting.intensity[0]))
        x, y, z = (slice(b, b + side) for b, side in zip(before, sides, strict=True))
        return image[:, :, x, y, z]

    def _least(self) -> tuple[int, ...]:
        """Sides of a training slice in a volume; 0 where they are the volume's own."""
        sides = self.setting.patch or (0, 0, 0)
        return tuple(
            0 if axis == self.axis else -(-side // self.multiple) * self.multiple
            for axis, side in enumerate(sides)
        )
