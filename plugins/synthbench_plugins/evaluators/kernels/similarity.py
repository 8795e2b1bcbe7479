"""SSIM in two or three dimensions, averaged over any number of regions in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from synthbench_plugins.evaluators.kernels.arrays import Volume, as_mask, as_pair
from synthbench_plugins.evaluators.kernels.filtering import filtered_blocks

#: Constants of Wang et al. 2004.
K1, K2 = 0.01, 0.03


@dataclass(frozen=True)
class Window:
    """The window of local means, variances and covariances.

    Attributes:
        taps: Weights along one axis; they sum to 1.
        sample: Divide by n - 1 instead of n, n being the window's voxels (uniform windows).
    """

    taps: tuple[float, ...]
    sample: bool = False

    @property
    def margin(self) -> int:
        """Voxels between the window's centre and its edge."""
        return len(self.taps) // 2

    @classmethod
    def gaussian(cls, sigma: float, taps: int) -> Window:
        """A sampled Gaussian of an odd number of taps, population covariance."""
        offsets = range(-(taps // 2), taps // 2 + 1)
        weights = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in offsets]
        return cls(tuple(weight / math.fsum(weights) for weight in weights))


#: Sigma 1.5 and 11 taps (Wang et al. 2004); MONAI's and, as an option, scikit-image's window.
GAUSSIAN = Window.gaussian(1.5, 11)
#: Seven equal taps with sample covariance: scikit-image's default.
UNIFORM7 = Window((1 / 7,) * 7, sample=True)


@dataclass(frozen=True)
class Mean:
    """A mean over voxels: NaN over none."""

    value: float
    voxels: int


def ssim(
    prediction: Volume,
    target: Volume,
    regions: Mapping[str, Volume | None] | None = None,
    *,
    data_range: float = 1.0,
    window: Window = GAUSSIAN,
    axes: tuple[int, ...] = (0, 1, 2),
) -> dict[str, Mean]:
    """Average the SSIM map over regions; the images are compared unmasked.

    Args:
        prediction: Shape (X, Y, Z).
        target: Shape (X, Y, Z).
        regions: Bool mask by name, ``None`` for all voxels; by default ``whole`` alone.
        data_range: Dynamic range L.
        window: Window of the local statistics.
        axes: Axes the window extends along: all three, or two for the mean over all slices across
            the third.

    Returns:
        Mean by region, over those of its voxels around which the whole window fits.

    Raises:
        ValueError: For differing shapes.

    Source: Wang et al., Image quality assessment, IEEE TIP 2004, K1 = 0.01 and K2 = 0.03.
    """
    made, real = as_pair(prediction, target)
    wanted = {"whole": None} if regions is None else regions
    margins = [window.margin if axis in axes else 0 for axis in range(3)]
    sums = {name: _Sum(mask, real, margins) for name, mask in wanted.items()}
    for where, luminance, structure in similarity_blocks(
        made, real, data_range=data_range, window=window, axes=axes
    ):
        similarity = luminance.mul_(structure)
        for region in sums.values():
            region.add(where, similarity)
    return {name: region.mean() for name, region in sums.items()}


def similarity_blocks(
    prediction: Tensor,
    target: Tensor,
    *,
    data_range: float,
    window: Window,
    axes: tuple[int, ...] = (0, 1, 2),
) -> Iterator[tuple[tuple[slice, slice, slice], Tensor, Tensor]]:
    """The SSIM map's two factors, luminance and contrast-structure, block by block.

    Args:
        prediction: float64, shape (X, Y, Z).
        target: The same shape and device.
        data_range: Dynamic range L.
        window: Window of the local statistics.
        axes: Axes it extends along.

    Yields:
        Where the block lies in the valid part, and both factors, shape (x, y, z); the next block
        overwrites them.
    """
    taps = [window.taps if axis in axes else (1.0,) for axis in range(3)]
    size = len(window.taps) ** len(axes)
    unbiased = size / (size - 1) if window.sample else 1.0
    # All that SSIM needs of two images is the means and variances of their sum and difference:
    # four maps instead of five, and exactly 1 where they are equal.
    c1, c2 = 2 * (K1 * data_range) ** 2, 2 * (K2 * data_range) ** 2 / unbiased
    for where, block in filtered_blocks(prediction, target, taps, 4, _sum_and_difference):
        plus, minus, plus_variance, minus_variance = block
        plus.mul_(plus)
        minus.mul_(minus)
        plus_variance.sub_(plus)
        minus_variance.sub_(minus)
        luminance = (plus - minus).add_(c1)
        luminance.div_(plus.add_(minus).add_(c1))
        structure = torch.sub(plus_variance, minus_variance, out=minus).add_(c2)
        structure.div_(plus_variance.add_(minus_variance).add_(c2))
        yield where, luminance, structure


def _sum_and_difference(out: Tensor, prediction: Tensor, target: Tensor) -> None:
    torch.add(prediction, target, out=out[0])
    torch.sub(prediction, target, out=out[1])
    torch.mul(out[:2], out[:2], out=out[2:])


class _Sum:
    """Running sum over one region; blocks outside its bounding box cost nothing."""

    def __init__(self, mask: Volume | None, like: Tensor, margins: list[int]) -> None:
        self.total = 0.0
        self.mask: Tensor | None = None
        sides = [side - 2 * margin for side, margin in zip(like.shape, margins, strict=True)]
        fits = min(sides) > 0
        self.voxels = math.prod(sides) if fits else 0
        self.box = [(0, side) for side in sides]
        if mask is not None and fits:
            inner = tuple(slice(m, m + s) for m, s in zip(margins, sides, strict=True))
            self.mask = as_mask(mask, like)[inner]
            self.voxels = int(torch.count_nonzero(self.mask))
            self.box = _bounding_box(self.mask)

    def add(self, where: tuple[slice, slice, slice], block: Tensor) -> None:
        if self.mask is None:
            self.total += float(block.sum())
            return
        edges = [
            (max(part.start, low), min(part.stop, high))
            for part, (low, high) in zip(where, self.box, strict=True)
        ]
        if any(low >= high for low, high in edges):
            return
        x, y, z = (slice(low, high) for low, high in edges)
        (i, j, k) = (
            slice(low - part.start, high - part.start)
            for part, (low, high) in zip(where, edges, strict=True)
        )
        self.total += float((block[i, j, k] * self.mask[x, y, z]).sum())

    def mean(self) -> Mean:
        return Mean(self.total / self.voxels if self.voxels else math.nan, self.voxels)


def _bounding_box(mask: Tensor) -> list[tuple[int, int]]:
    """First and one past the last index that holds a voxel, along each axis; (0, 0) for none."""
    columns = mask.any(dim=2)
    x, y = _extent(columns.any(dim=1)), _extent(columns.any(dim=0))
    inside = mask[slice(*x), slice(*y)]
    return [x, y, _extent(inside.flatten(0, 1).any(dim=0))]


def _extent(occupied: Tensor) -> tuple[int, int]:
    found = torch.nonzero(occupied).flatten()
    return (int(found[0]), int(found[-1]) + 1) if found.numel() else (0, 0)
