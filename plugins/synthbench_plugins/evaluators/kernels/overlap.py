"""Agreement of two masks: Dice and the 95th percentile Hausdorff distance."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def dice(found: Mask, real: Mask) -> float:
    """Dice coefficient 2 |A and B| / (|A| + |B|).

    Args:
        found: Mask to be judged.
        real: Reference, same shape.

    Returns:
        In [0, 1]; NaN where the reference is empty, whatever was found: a score of 1 for nothing
        in nothing would reward easy subjects, and one of 0 for a single stray voxel would outweigh
        everything else.
    """
    if not real.any():
        return math.nan
    together = np.count_nonzero(found & real)
    return float(2 * together / (np.count_nonzero(found) + np.count_nonzero(real)))


def hausdorff95(found: Mask, real: Mask, spacing: tuple[float, float, float]) -> float:
    """95th percentile of the distances between two surfaces, the larger of both directions.

    As MONAI's ``compute_hausdorff_distance(percentile=95, spacing=spacing)``: surfaces are the
    masks' voxels with a neighbour outside, distances are between voxel centres.

    Args:
        found: Mask to be judged.
        real: Reference, same shape.
        spacing: Voxel size in mm.

    Returns:
        Millimetres; NaN where the reference is empty, infinity where only the mask is.
    """
    if not real.any():
        return math.nan
    if not found.any():
        return math.inf
    import torch
    from monai.metrics import compute_hausdorff_distance

    masks = [torch.tensor(np.ascontiguousarray(mask))[None, None] for mask in (found, real)]
    distance = compute_hausdorff_distance(
        *masks, include_background=True, percentile=95, spacing=list(spacing)
    )
    return float(distance[0, 0])
