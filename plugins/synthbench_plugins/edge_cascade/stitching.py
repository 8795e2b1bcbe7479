"""Putting a cube together from overlapping patches, of which only the middle is trusted."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Stitcher:
    """Sums patches into one cube as they come, and averages where they overlap.

    A generated patch is unreliable near its faces, so only its middle is used. What no middle
    reaches, the cube's own outermost voxels, is made of whole patches. Only the cube is held.

    Source: Uzunova et al. 2020, section 2 ("receptive field" stitching), border as in their code.

    Args:
        starts: First voxels of the patches along each axis, rising; every combination of three is
            added once.
        patch: Side of a patch, voxels.
        crop: Voxels dropped on every side of a patch; 0 averages whole patches.
    """

    def __init__(self, starts: Sequence[int], patch: int, crop: int) -> None:
        self.patch, self.crop = patch, crop
        self.side = starts[-1] + patch
        self._sum = torch.zeros(self.side, self.side, self.side)
        self._whole, self._middle = torch.zeros(self.side), torch.zeros(self.side)
        for start in starts:
            self._whole[start : start + patch] += 1
            self._middle[start + crop : start + patch - crop] += 1

    def add(self, start: tuple[int, int, int], patch: Tensor) -> None:
        """Add one patch.

        Args:
            start: Its first voxel in the cube.
            patch: Shape (P, P, P), on the CPU.
        """
        spans = [slice(first, first + self.patch) for first in start]
        kept = torch.zeros(self.patch, dtype=torch.bool)
        kept[self.crop : self.patch - self.crop] = True
        middle = _product([kept] * 3)
        covered = _product([self._middle[span] > 0 for span in spans])
        self._sum[tuple(spans)] += patch * (middle | ~covered)

    def result(self) -> Tensor:
        """The cube, shape (1, 1, N, N, N), after every patch was added."""
        covered = _product([self._middle > 0] * 3)
        added = torch.where(covered, _product([self._middle] * 3), _product([self._whole] * 3))
        return (self._sum / added)[None, None]


def _product(axes: Sequence[Tensor]) -> Tensor:
    x, y, z = axes
    return x[:, None, None] * y[:, None] * z
