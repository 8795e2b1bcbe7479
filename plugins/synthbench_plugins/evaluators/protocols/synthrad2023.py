"""The image scores of the SynthRAD2023 challenge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from synthbench.api import Case, Score
from synthbench_plugins.evaluators.declared import SYNTHRAD2023
from synthbench_plugins.evaluators.kernels import UNIFORM7, errors, ssim
from synthbench_plugins.evaluators.scoring import PairEvaluator, hounsfield_offset, too_small

#: HU to which both volumes are clipped; their distance is the dynamic range.
_LOW, _HIGH = -1024.0, 3000.0


class SynthRAD2023(PairEvaluator):
    """MAE, PSNR and SSIM of CT in the mask.

    PSNR is of the voxels in the mask, clipped to [-1024, 3000] HU, L = 4024. For SSIM both volumes
    are set to -1024 HU outside the mask and shifted by 1024; the map of scikit-image's default
    window is averaged over the mask, three voxels less at each face.

    As published, ``ssim`` is handed the image object of the mask instead of its array and cannot
    run; here it gets the array. MAE is in HU, without clipping.
    """

    spec = SYNTHRAD2023

    def score(self, case: Case) -> Iterator[Score]:
        """Score one case."""
        low = hounsfield_offset(case)
        if not case.mask.any():
            return
        made, real = (
            image.astype(np.float64) * case.scale + low for image in (case.prediction, case.target)
        )
        mask = {"foreground": case.mask}
        mae = errors(made, real, mask)["foreground"]
        made, real = (np.clip(image, _LOW, _HIGH) for image in (made, real))
        clipped = errors(made, real, mask)["foreground"]
        made, real = (np.where(case.mask, image - _LOW, 0.0) for image in (made, real))
        length = _HIGH - _LOW
        similarity = ssim(made, real, mask, data_range=length, window=UNIFORM7)["foreground"]
        edge = f"the mask lies within {UNIFORM7.margin} voxels of the volume's edge"
        why = too_small(case, len(UNIFORM7.taps)) or edge
        yield self.row(case, "foreground", "ssim", similarity.value, similarity.voxels, why)
        yield self.row(case, "foreground", "psnr", clipped.psnr(length), clipped.voxels)
        yield self.row(case, "foreground", "mae", mae.mae, mae.voxels)
