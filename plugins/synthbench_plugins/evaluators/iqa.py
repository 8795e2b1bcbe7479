"""Image quality: structural similarity and voxel-wise errors by region (protocol synthbench)."""

from __future__ import annotations

from collections.abc import Iterator

from synthbench.api import Case, Score
from synthbench_plugins.evaluators.declared import IQA
from synthbench_plugins.evaluators.kernels import GAUSSIAN, errors, ssim
from synthbench_plugins.evaluators.regions import Mask, regions_of
from synthbench_plugins.evaluators.scoring import PairEvaluator, too_small


class ImageQuality(PairEvaluator):
    """SSIM, PSNR, NMSE, MAE, MSE and RMSE of each subject.

    One without voxels of a region gives no row of it. Both images are always compared unmasked, a
    region only chooses over which voxels the result is averaged. SSIM, PSNR, NMSE and MSE are on
    the unit scale with the fixed dynamic range 1; MAE and RMSE are in the target's physical unit
    where it has one.

    Source: Wang et al., Image quality assessment, IEEE TIP 2004 (SSIM with K1 = 0.01, K2 = 0.03).
    """

    spec = IQA
    region = "whole"

    def regions(self, case: Case) -> dict[str, Mask]:
        """Whole volume, foreground, tissues, hard voxels and label regions."""
        return regions_of(case)

    def score(self, case: Case) -> Iterator[Score]:
        """Score one case; see the class for metrics, regions and units."""
        regions = self.regions(case)
        masks = {name: None if name == "whole" else mask for name, mask in regions.items()}
        taps = len(GAUSSIAN.taps)
        similarity = ssim(case.prediction, case.target, masks)
        differences = errors(case.prediction, case.target, masks)
        for name in regions:
            mean, error = similarity[name], differences[name]
            edge = f"the region lies within {GAUSSIAN.margin} voxels of the volume's edge"
            why = too_small(case, taps) or edge
            n = error.voxels
            yield self.row(case, name, "ssim", mean.value, mean.voxels, why)
            yield self.row(case, name, "psnr", error.psnr(1.0), n)
            zero = "the target is zero throughout the region"
            yield self.row(case, name, "nmse", error.nmse_energy, n, zero)
            yield self.row(case, name, "mse", error.mse, n)
            yield self.row(case, name, "mae", error.mae * case.scale, n)
            yield self.row(case, name, "rmse", error.rmse * case.scale, n)
