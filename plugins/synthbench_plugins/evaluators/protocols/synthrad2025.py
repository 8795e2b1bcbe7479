"""The image scores of the SynthRAD2025 challenge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from synthbench.api import Case, Score
from synthbench_plugins.evaluators.declared import SYNTHRAD2025
from synthbench_plugins.evaluators.kernels import errors, ms_ssim_synthrad2025
from synthbench_plugins.evaluators.scoring import PairEvaluator, hounsfield_offset

#: HU to which both volumes are clipped; their distance is the dynamic range.
_LOW, _HIGH = -1024.0, 3071.0


class SynthRAD2025(PairEvaluator):
    """MAE, PSNR and MS-SSIM of CT in the mask.

    PSNR is of the voxels in the mask, clipped to [-1024, 3071] HU, L = 4095 (the challenge's page
    says 4000). MS-SSIM has luminance at every scale instead of the coarsest alone, because the
    array of luminance weights that the code prepares is never used; published numbers carry it, so
    it is kept. The challenge's ranking, which takes MS-SSIM and Dice for errors, is not.
    """

    spec = SYNTHRAD2025

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
        length = _HIGH - _LOW
        clipped = errors(made, real, mask)["foreground"]
        made, real = (np.where(case.mask, image - _LOW, 0.0) for image in (made, real))
        similarity = ms_ssim_synthrad2025(made, real, case.mask, data_range=length)
        why = "no voxel of the mask is left at one of the scales"
        n = clipped.voxels
        yield self.row(case, "foreground", "ms_ssim", similarity, n, why)
        yield self.row(case, "foreground", "psnr", clipped.psnr(length), n)
        yield self.row(case, "foreground", "mae", mae.mae, n)
