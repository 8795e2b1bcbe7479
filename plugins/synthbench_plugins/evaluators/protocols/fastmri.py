"""The scores of the fastMRI challenge, which several translation toolkits use."""

from __future__ import annotations

import math
from collections.abc import Iterator

from synthbench.api import Case, Score
from synthbench_plugins.evaluators.declared import FASTMRI
from synthbench_plugins.evaluators.kernels import UNIFORM7, errors, ssim
from synthbench_plugins.evaluators.scoring import PairEvaluator, too_small


class FastMRI(PairEvaluator):
    """MSE, NMSE, PSNR and SSIM of the whole volume, with L the target's own maximum.

    SSIM is the mean over axial slices of scikit-image's two-dimensional default. The original crops
    slices to a square before, which belongs to its raw data and is left out here. L changes from
    subject to subject, so values are not comparable with those of a fixed range.
    """

    spec = FASTMRI
    region = "whole"

    def score(self, case: Case) -> Iterator[Score]:
        """Score one case."""
        error = errors(case.prediction, case.target)["whole"]
        peak, n = error.high, error.voxels
        value, voxels = math.nan, 0
        if peak > 0:
            mean = ssim(
                case.prediction, case.target, data_range=peak, window=UNIFORM7, axes=(0, 1)
            )["whole"]
            value, voxels = mean.value, mean.voxels
        zero = "the target is zero throughout, so there is no dynamic range"
        why = zero if not peak > 0 else too_small(case, len(UNIFORM7.taps))
        yield self.row(case, "whole", "ssim", value, voxels, why)
        yield self.row(case, "whole", "psnr", error.psnr(peak), n, zero)
        yield self.row(case, "whole", "nmse", error.nmse_energy, n, zero)
        yield self.row(case, "whole", "mse", error.mse, n)
