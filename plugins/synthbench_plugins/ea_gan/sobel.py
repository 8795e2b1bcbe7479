"""A differentiable 3D Sobel operator."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def edge_map(image: Tensor, intensity: tuple[float, float] = (-1.0, 1.0)) -> Tensor:
    """Map edges: twice the tanh of the Sobel gradient's magnitude, minus 1.

    Each derivative is the difference of the two neighbours along one axis, smoothed by [1, 2, 1]
    along the other two and divided by 4. Outside the image lies background, the lowest intensity;
    across a slice (a side of 1) lies the slice itself, so that edges within it are as strong as in
    a volume. Images are scaled to [-1, 1] first, which fixes where tanh saturates: a step of height
    h gives 2 tanh(4 h) - 1, so a quarter of the range is a full edge.

    Computed in float32 at least, because in half precision tanh would saturate earlier.

    Source: Yu et al., IEEE TMI 38(7), 2019, and its reference code.

    Args:
        image: Shape (B, C, X, Y, Z); every channel gets a map of its own.
        intensity: Lowest (background) and highest value of the image.

    Returns:
        Shape (B, C, X, Y, Z), in [-1, 1]; -1 is flat.
    """
    low, high = intensity
    exact = image.to(torch.promote_types(image.dtype, torch.float32))
    # Background is moved to 0: zeros around the image stay zeros through smoothing.
    x = (exact - low) * (2.0 / (high - low))
    around = [int(side > 1) for side in reversed(image.shape[2:]) for _ in range(2)]
    repeat = [3 if side == 1 else -1 for side in image.shape[2:]]
    x = F.pad(x, around).expand(-1, -1, *repeat)
    smooth_z = _smooth(x, 4)
    squares = (
        _differ(_smooth(smooth_z, 3), 2).square()
        + _smooth(_differ(smooth_z, 3), 2).square()
        + _smooth(_smooth(_differ(x, 4), 3), 2).square()
    )
    # A plain root has no gradient at 0, which is where flat background is.
    flat = squares == 0
    magnitude = squares.masked_fill(flat, 1.0).sqrt().masked_fill(flat, 0.0) / 4
    return 2 * torch.tanh(magnitude) - 1


def _smooth(x: Tensor, axis: int) -> Tensor:
    inner = x.shape[axis] - 2
    return x.narrow(axis, 0, inner) + 2 * x.narrow(axis, 1, inner) + x.narrow(axis, 2, inner)


def _differ(x: Tensor, axis: int) -> Tensor:
    inner = x.shape[axis] - 2
    return x.narrow(axis, 0, inner) - x.narrow(axis, 2, inner)
