"""Edges of a volume: a 3D Canny mask weighted by the strength of the edge, labels drawn over it."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from synthbench.api import UsageError

#: Diagonal neighbours belong together when weak edges are followed.
_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


def sketch(
    volume: NDArray[Any],
    label: NDArray[Any] | None = None,
    *,
    low: float = 0.1,
    high: float = 0.2,
    sigma: float = 2**0.5,
    clip: tuple[float, float] = (0.0, 100.0),
) -> NDArray[np.uint8]:
    """Draw the edges of a volume.

    Canny's mask (gradient of the smoothed volume, thinned along its direction, strong edges and the
    weak ones that touch them) times the Sobel gradient magnitude. Invariant to ``a * volume + b``
    with a > 0.

    Source: Uzunova et al. 2020, section 2; thresholds and smoothing of their published code.

    Args:
        volume: Shape (X, Y, Z), any intensities.
        label: Shape (X, Y, Z), whole numbers; label n is drawn with grey level 64 n - 1 (at most
            255), 0 is not drawn.
        low: Weak edges are stronger than this share of the largest gradient.
        high: Strong edges are stronger than this share of it.
        sigma: Smoothing before the gradient is taken, voxels.
        clip: Percentiles the intensities are clipped to first.

    Returns:
        Shape (X, Y, Z); 0 where there is no edge, and everywhere in a constant volume.
    """
    darkest, brightest = np.percentile(volume, clip)
    lines = np.zeros(volume.shape, dtype=np.float32)
    if brightest > darkest:
        unit = (volume.astype(np.float64) - darkest) / (brightest - darkest)
        unit = unit.clip(0, 1).astype(np.float32)
        strength = ndimage.generic_gradient_magnitude(unit, ndimage.sobel)
        strength -= strength.min()
        strongest = strength.max()
        if strongest > 0:
            lines = _canny(unit, low, high, sigma) * (strength * (255 / strongest))
    if label is not None:
        lines = np.maximum(lines, 64 * label.astype(np.float32) - 1)
    return np.rint(lines).clip(0, 255).astype(np.uint8)


def _canny(unit: NDArray[np.float32], low: float, high: float, sigma: float) -> NDArray[np.bool_]:
    gradient = np.stack(
        [
            ndimage.gaussian_filter(unit, sigma, order=np.eye(3, dtype=int)[axis], mode="nearest")
            for axis in range(3)
        ]
    )
    magnitude = np.sqrt(np.square(gradient).sum(axis=0))
    largest = magnitude.max()
    edges = np.zeros(unit.shape, dtype=bool)
    if largest == 0:
        return edges
    magnitude /= largest
    candidates = np.nonzero(magnitude > low)
    there = magnitude[candidates]
    step = np.stack([part[candidates] for part in gradient]) / (there * largest)
    ahead, behind = (
        ndimage.map_coordinates(magnitude, candidates + way * step, order=1, mode="nearest")
        for way in (1, -1)
    )
    # Strictly on one side only: of two equal neighbours one stays.
    edges[candidates] = (there > ahead) & (there >= behind)
    pieces, count = ndimage.label(edges, _NEIGHBOURS)
    strong = np.zeros(count + 1, dtype=bool)
    strong[pieces[edges & (magnitude > high)]] = True
    kept: NDArray[np.bool_] = strong[pieces]
    return kept


def to_network(drawing: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Map grey levels 0..255 to [-1, 1]."""
    return drawing.astype(np.float32) / 127.5 - 1


class SketchCache:
    """Draws each volume once, and again only where memory did not suffice to keep it.

    Volumes are known by their content, so it does not matter where they come from. Copies of the
    cache start empty.

    Args:
        most_bytes: Memory for drawings; those not used for longest are dropped.
        low: As in :func:`sketch`.
        high: As in :func:`sketch`.
        sigma: As in :func:`sketch`.
        clip: As in :func:`sketch`.

    Raises:
        UsageError: If thresholds, smoothing or percentiles make no sense.
    """

    def __init__(
        self,
        most_bytes: int,
        low: float = 0.1,
        high: float = 0.2,
        sigma: float = 2**0.5,
        clip: tuple[float, float] = (0.0, 100.0),
    ) -> None:
        if not 0 <= low <= high < 1:
            raise UsageError(
                f"edge_cascade: sketch thresholds low {low} and high {high}",
                "choose shares of the largest gradient, 0 <= low <= high < 1",
            )
        if sigma <= 0:
            raise UsageError(f"edge_cascade: sketch sigma is {sigma}", "choose more than 0 voxels")
        if not 0 <= clip[0] < clip[1] <= 100:
            raise UsageError(
                f"edge_cascade: sketch clip is {list(clip)}",
                "choose two percentiles between 0 and 100, the lower one first",
            )
        self.most_bytes = most_bytes
        self.options: dict[str, Any] = {"low": low, "high": high, "sigma": sigma, "clip": clip}
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()

    def get(self, volume: Tensor, label: Tensor | None) -> Tensor:
        """The edges of a volume.

        Args:
            volume: Shape (1, 1, X, Y, Z).
            label: Shape (1, 1, X, Y, Z), or ``None``.

        Returns:
            Shape (X, Y, Z), uint8, on the CPU. Not to be written to.
        """
        image = volume[0, 0].detach().float().cpu().contiguous().numpy()
        drawn = None if label is None else label[0, 0].cpu().contiguous().numpy()
        key = _content(image, drawn)
        kept = self._kept.pop(key, None)
        if kept is None:
            kept = torch.from_numpy(sketch(image, drawn, **self.options))
        self._kept[key] = kept
        while sum(map(torch.numel, self._kept.values())) > self.most_bytes and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return kept

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": OrderedDict()}


def _content(*arrays: NDArray[Any] | None) -> bytes:
    digest = blake2b(digest_size=16)
    for array in arrays:
        if array is not None:
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(array.data)
    return digest.digest()
