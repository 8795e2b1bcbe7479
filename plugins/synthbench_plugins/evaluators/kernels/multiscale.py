"""Multi-scale SSIM: Wang's definition, and SynthRAD2025's."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from synthbench_plugins.evaluators.kernels.arrays import Volume, as_mask, as_pair
from synthbench_plugins.evaluators.kernels.filtering import filtered_blocks
from synthbench_plugins.evaluators.kernels.similarity import (
    GAUSSIAN,
    K1,
    K2,
    UNIFORM7,
    Window,
    similarity_blocks,
)

#: Exponents of the five scales, finest first (Wang et al. 2003).
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: SynthRAD2025 repeats the edges of smaller volumes up to this side.
_SYNTHRAD_SIDE = 97


def ms_ssim(
    prediction: Volume, target: Volume, *, data_range: float = 1.0, window: Window = GAUSSIAN
) -> float:
    """Multi-scale SSIM over five scales, with the luminance of the coarsest alone.

    Args:
        prediction: Shape (X, Y, Z).
        target: Shape (X, Y, Z).
        data_range: Dynamic range L.
        window: Window of the local statistics.

    Returns:
        The product of the scales' mean contrast-structure, negative ones set to zero, each to its
        weight; NaN where the window does not fit at the coarsest scale (sides below 176 voxels with
        11 taps).

    Raises:
        ValueError: For differing shapes.

    Source: Wang et al., Multiscale structural similarity, Asilomar 2003, in three dimensions.
    """
    made, real = as_pair(prediction, target)
    product = 1.0
    for scale, weight in enumerate(WEIGHTS):
        last = scale == len(WEIGHTS) - 1
        total, voxels = 0.0, 0
        for _, luminance, structure in similarity_blocks(
            made, real, data_range=data_range, window=window
        ):
            total += float((luminance * structure if last else structure).sum())
            voxels += structure.numel()
        if not voxels:
            return math.nan
        product *= max(total / voxels, 0.0) ** weight
        if not last:
            made, real = (F.avg_pool3d(image[None], 2)[0] for image in (made, real))
    return product


def ms_ssim_synthrad2025(
    prediction: Volume, target: Volume, mask: Volume, *, data_range: float
) -> float:
    """Multi-scale SSIM in a mask, as SynthRAD2025 codes it.

    Luminance has the weight of contrast and structure at every scale; means of 2^3 voxels reach one
    voxel beyond the volume, where they find zeros; the mask is thinned, not averaged.

    Args:
        prediction: Shape (X, Y, Z), from 0 to ``data_range``, background filled in.
        target: The same.
        mask: Bool, the same shape.
        data_range: Dynamic range L.

    Returns:
        The product of the scales' means in the mask, each limited to [0, 1]; NaN where the mask is
        empty at a scale.

    Raises:
        ValueError: For differing shapes.
    """
    images = as_pair(prediction, target)
    inside = as_mask(mask, images[1])
    padding: list[int] = []
    for side in reversed(inside.shape):
        missing = max(_SYNTHRAD_SIDE - side, 0)
        padding += [missing // 2, missing - missing // 2]
    made, real, weights = (
        F.pad(image[None, None], padding, mode="replicate")[0, 0]
        for image in (*images, inside.to(images[1].dtype))
    )
    margin = UNIFORM7.margin
    product = 1.0
    for weight in WEIGHTS:
        valid = weights[margin:-margin, margin:-margin, margin:-margin]
        total = 0.0
        for where, block in filtered_blocks(made, real, [UNIFORM7.taps] * 3, 5, _moments):
            similarity = _three_factors(block, data_range, len(UNIFORM7.taps) ** 3, weight)
            total += float((similarity * valid[where]).sum())
        voxels = float(valid.sum())
        if not voxels:
            return math.nan
        product *= min(max(total / voxels, 0.0), 1.0)
        made, real = _halved(made), _halved(real)
        weights = weights[::2, ::2, ::2]
    return product


def _moments(out: Tensor, prediction: Tensor, target: Tensor) -> None:
    out[0], out[1] = prediction, target
    torch.mul(prediction, prediction, out=out[2])
    torch.mul(target, target, out=out[3])
    torch.mul(prediction, target, out=out[4])


def _three_factors(block: Tensor, data_range: float, size: int, weight: float) -> Tensor:
    """Luminance, contrast and structure, each without negative values and to the same weight."""
    x, y, xx, yy, xy = block
    unbiased = size / (size - 1)
    variance_x = (xx - x * x).clamp(min=0) * unbiased
    variance_y = (yy - y * y).clamp(min=0) * unbiased
    deviations = (variance_x * variance_y).sqrt()
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    luminance = (2 * x * y + c1) / (x * x + y * y + c1)
    contrast = (2 * deviations + c2) / (variance_x + variance_y + c2)
    structure = ((xy - x * y) * unbiased + c2 / 2) / (deviations + c2 / 2)
    factors = luminance.clamp(min=0) * contrast.clamp(min=0) * structure.clamp(min=0)
    powered: Tensor = factors.pow(weight)
    return powered


def _halved(image: Tensor) -> Tensor:
    """Every second mean of a voxel and its predecessor, zeros before the first."""
    return F.avg_pool3d(F.pad(image, (1, 0, 1, 0, 1, 0))[None], 2, stride=2)[0]
