"""Do two volumes of a subject lie on each other? A search over shifts, on a coarse grid."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

Sides = tuple[int, int, int]

#: Side of a voxel of the coarse grid, mm; finer volumes are averaged to about this.
_COARSE = 3.0
#: Farthest shift tried, mm; at most a quarter of a side.
_FARTHEST = 24.0
#: Shifts shorter than this, mm, or than two voxels of the coarse grid, are no finding: residual
#: motion, distortion and chemical shift have this size.
_SHORTEST = 5.0
#: Factor by which edges must overlap better: any shift worth a second look, and ...
_EDGES_BETTER = 1.03
#: ... by which the mutual information must be higher (its part above independence). At the shift
#: that edges like best registered pairs stay near 1 or below; a real shift of 6 mm gives about 2.
_INFORMATION_BETTER = 1.4
_BINS = 32


def find_shift(
    one: npt.NDArray[np.float32],
    other: npt.NDArray[np.float32],
    spacing: tuple[float, float, float],
) -> float | None:
    """Look for a shift of one volume at which it clearly fits another better than where it is.

    Edges (gradient magnitudes) are correlated at every shift at once; the best shift is then put to
    a second judge, the normalised mutual information, which knows nothing of edges. Rotations and
    deformations are found as far as a shift undoes part of them.

    Args:
        one: Shape (X, Y, Z), any modality.
        other: On the same grid, any other modality.
        spacing: Voxel size in mm.

    Returns:
        Its length in mm, or ``None`` where the volumes fit as they are, or nothing can be said.
    """
    factor = [max(1, round(_COARSE / side)) for side in spacing]
    sides = [side * f for side, f in zip(spacing, factor, strict=True)]
    fixed, moving = (_coarse(_clipped(array), factor) for array in (one, other))
    reach = [
        min(math.floor(_FARTHEST / side), n // 4)
        for side, n in zip(sides, fixed.shape, strict=True)
    ]
    if max(reach) == 0:
        return None
    shift, gain = _best_by_edges(fixed, moving, reach)
    length = math.hypot(*(s * side for s, side in zip(shift, sides, strict=True)))
    two_voxels = 2 * min(side for s, side in zip(shift, sides, strict=True) if s) if length else 0
    if length < max(_SHORTEST, two_voxels) or gain < _EDGES_BETTER:
        return None
    here = _information(fixed, moving, (0, 0, 0), reach)
    there = _information(fixed, moving, shift, reach)
    return length if there > _INFORMATION_BETTER * here else None


def _clipped(array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Without the few voxels (vessels, metal, padding) that would squeeze all others together."""
    sample = array[::3, ::3, ::3] if min(array.shape) > 2 else array
    low, high = np.percentile(sample, (0.5, 99.5))
    clipped: npt.NDArray[np.float32] = np.clip(array, low, high)
    return clipped


def _coarse(array: npt.NDArray[np.float32], factor: list[int]) -> npt.NDArray[np.float32]:
    x, y, z = (n // f for n, f in zip(array.shape, factor, strict=True))
    fx, fy, fz = factor
    blocks = array[: x * fx, : y * fy, : z * fz].reshape(x, fx, y, fy, z, fz)
    mean: npt.NDArray[np.float32] = blocks.mean(axis=(1, 3, 5))
    return mean


def _best_by_edges(
    fixed: npt.NDArray[np.float32], moving: npt.NDArray[np.float32], reach: list[int]
) -> tuple[Sides, float]:
    """Shift with the highest correlation, and by which factor that exceeds the unshifted one."""
    shape = [fft.next_fast_len(n + r, real=True) for n, r in zip(fixed.shape, reach, strict=True)]
    spectra = []
    for array in (fixed, moving):
        edges = ndimage.gaussian_gradient_magnitude(array, 1.0)
        spectra.append(fft.rfftn(edges - edges.mean(), shape))
    all_shifts = fft.irfftn(np.conj(spectra[0]) * spectra[1], shape)
    window = all_shifts
    for axis, r in enumerate(reach):
        window = np.take(window, np.arange(-r, r + 1), axis=axis, mode="wrap")
    here, best = window[reach[0], reach[1], reach[2]], window.max()
    x, y, z = (
        int(i) - r
        for i, r in zip(np.unravel_index(window.argmax(), window.shape), reach, strict=True)
    )
    return (x, y, z), float(best / here) if here > 0 else math.inf


def _information(
    fixed: npt.NDArray[np.float32], moving: npt.NDArray[np.float32], shift: Sides, reach: list[int]
) -> float:
    """Normalised mutual information minus 1, 0 for independence; the same voxels of ``fixed``."""
    inner = tuple(slice(r, n - r) for r, n in zip(reach, fixed.shape, strict=True))
    there = tuple(
        slice(r + s, n - r + s) for r, s, n in zip(reach, shift, fixed.shape, strict=True)
    )
    joint, _, _ = np.histogram2d(fixed[inner].ravel(), moving[there].ravel(), bins=_BINS)
    joint /= joint.sum()
    apart = _entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))
    together = _entropy(joint)
    return apart / together - 1 if together > 0 else 0.0


def _entropy(p: npt.NDArray[np.float64]) -> float:
    positive = p[p > 0]
    return float(-(positive * np.log(positive)).sum())
