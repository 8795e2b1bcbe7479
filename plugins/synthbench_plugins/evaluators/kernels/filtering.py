"""Separable filtering of several maps of a pair of volumes at once, block by block.

A filter along an axis is a product with a banded matrix, which runs at the speed of matrix
products instead of that of small convolutions; blocks keep what lies between the three axes, and
what follows them, in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

#: Output voxels of a block along each axis: the fastest of those tried, on one core and on two. A
#: block's maps fit a core's cache, and each is large enough for torch to share between cores.
_BLOCK = (8, 32, 96)

#: Writes the maps to filter, shape (M, N), of two stretches of the volumes, each of shape (N,).
Fill = Callable[[Tensor, Tensor, Tensor], None]


def filtered_blocks(
    prediction: Tensor,
    target: Tensor,
    taps: Sequence[Sequence[float]],
    maps: int,
    fill: Fill,
) -> Iterator[tuple[tuple[slice, slice, slice], Tensor]]:
    """Filter maps made of two volumes where the whole window fits.

    Args:
        prediction: float64, shape (X, Y, Z), contiguous or not.
        target: The same shape and device.
        taps: Weights along each axis; ``(1.0,)`` leaves an axis as it is.
        maps: Number of maps M that ``fill`` makes.
        fill: Called as ``fill(out, prediction, target)``.

    Yields:
        Where the block lies in the valid part, and the filtered maps, shape (M, x, y, z). The block
        is overwritten by the next and may be used as scratch. Nothing is yielded where a side is
        shorter than the window.
    """
    sides = tuple(target.shape)
    if any(side < len(weights) for side, weights in zip(sides, taps, strict=True)):
        return
    bands = _Bands(taps, target)
    _, height, depth = sides
    halo = len(taps[0]) - 1
    scratch = _Scratch(target)
    for x, nx in _blocks(sides[0] - halo, _BLOCK[0]):
        stretch = slice(x, x + nx + halo)
        stack = scratch("stack", maps, nx + halo, height * depth)
        slabs = (image[stretch].reshape(nx + halo, -1) for image in (prediction, target))
        fill(stack, *slabs)
        along_x = scratch("x", maps, nx, height * depth)
        torch.bmm(bands(0, nx).expand(maps, -1, -1), stack, out=along_x)
        planes = along_x.view(maps * nx, height, depth)
        for y, ny in _blocks(height - len(taps[1]) + 1, _BLOCK[1]):
            along_y = scratch("y", maps * nx, ny, depth)
            rows = planes[:, y : y + ny + len(taps[1]) - 1]
            torch.bmm(bands(1, ny).expand(maps * nx, -1, -1), rows, out=along_y)
            lines = along_y.view(-1, depth)
            for z, nz in _blocks(depth - len(taps[2]) + 1, _BLOCK[2]):
                along_z = scratch("z", maps * nx * ny, nz)
                torch.mm(lines[:, z : z + nz + len(taps[2]) - 1], bands(2, nz).T, out=along_z)
                where = (slice(x, x + nx), slice(y, y + ny), slice(z, z + nz))
                yield where, along_z.view(maps, nx, ny, nz)


def _blocks(length: int, block: int) -> list[tuple[int, int]]:
    """Starts and lengths of nearly equal blocks."""
    number = max(1, -(-length // block))
    edges = [length * index // number for index in range(number + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


class _Bands:
    """Banded matrices of shape (outputs, inputs), made once for each number of outputs."""

    def __init__(self, taps: Sequence[Sequence[float]], like: Tensor) -> None:
        self.taps = taps
        self.like = like
        self.made: dict[tuple[int, int], Tensor] = {}

    def __call__(self, axis: int, outputs: int) -> Tensor:
        if (axis, outputs) not in self.made:
            weights = self.taps[axis]
            band = self.like.new_zeros(outputs, outputs + len(weights) - 1)
            for offset, weight in enumerate(weights):
                band.diagonal(offset).fill_(weight)
            self.made[axis, outputs] = band
        return self.made[axis, outputs]


class _Scratch:
    """Buffers that every block uses again: fresh memory costs as much as the arithmetic."""

    def __init__(self, like: Tensor) -> None:
        self.like = like
        self.buffers: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        size = 1
        for side in shape:
            size *= side
        buffer = self.buffers.get(name)
        if buffer is None or buffer.numel() < size:
            buffer = self.buffers[name] = self.like.new_empty(size)
        return buffer[:size].view(shape)
