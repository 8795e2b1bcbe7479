"""Over which voxels a score is averaged."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthbench.api import Case

Mask = npt.NDArray[np.bool_]

#: Hounsfield units: air below the first, bone from the second on, soft tissue between.
AIR_BELOW, BONE_FROM = -200.0, 250.0
#: Percentile of the target's gradient magnitude in the foreground above which a voxel is hard.
HARD_PERCENTILE = 90.0


def regions_of(case: Case) -> dict[str, Mask]:
    """Every region of a case that has voxels.

    ``whole``, ``foreground`` and the label regions; for targets in HU ``air``, ``soft_tissue`` and
    ``bone`` by the real target's values; ``hard``: where the real target changes most. The last
    four lie inside the foreground and never depend on the prediction, so that all methods are
    scored on the same voxels. A label region of the same name goes first.
    """
    found: dict[str, Mask] = {
        "whole": np.ones(case.target.shape, dtype=np.bool_),
        "foreground": np.asarray(case.mask, dtype=np.bool_),
        **tissues(case),
        "hard": hard(case.target, case.mask, case.spacing),
        **{name: np.asarray(mask, dtype=np.bool_) for name, mask in case.regions.items()},
    }
    return {name: mask for name, mask in found.items() if mask.any()}


def tissues(case: Case) -> dict[str, Mask]:
    """Air, soft tissue and bone of the real target; none where it is not known in HU."""
    if case.unit != "HU" or case.low is None:
        return {}
    # The unit scale keeps HU to about 1e-4: unrounded, voxels of exactly 250 HU may lie below it.
    hounsfield = np.round(case.target * np.float32(case.scale) + np.float32(case.low), 2)
    air, bone = hounsfield < AIR_BELOW, hounsfield >= BONE_FROM
    return {
        "air": air & case.mask,
        "soft_tissue": ~(air | bone) & case.mask,
        "bone": bone & case.mask,
    }


def hard(target: npt.NDArray[np.float32], mask: Mask, spacing: tuple[float, float, float]) -> Mask:
    """The tenth of the foreground where the real target's gradient is steepest.

    Args:
        target: Shape (X, Y, Z).
        mask: Foreground, the same shape.
        spacing: Voxel size in mm; differences are central, one-sided at the faces.

    Returns:
        Foreground voxels whose gradient magnitude is above its 90th percentile there; none in a
        volume that is constant or one voxel thick.
    """
    inside = np.asarray(mask, dtype=np.bool_)
    if not inside.any() or min(target.shape) < 2:
        return np.zeros(target.shape, dtype=np.bool_)
    steepness = np.zeros(target.shape, dtype=np.float32)
    for axis, step in enumerate(spacing):
        steepness += np.square(np.gradient(target, step, axis=axis))
    limit = np.percentile(steepness[inside], HARD_PERCENTILE)
    return inside & (steepness > limit)
