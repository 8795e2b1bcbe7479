"""The scores of the multi-dilated attention U-Net's paper."""

from __future__ import annotations

from collections.abc import Iterator

from synthbench.api import Case, Score
from synthbench_plugins.evaluators.declared import MDAUNET
from synthbench_plugins.evaluators.kernels import UNIFORM7, errors, ssim
from synthbench_plugins.evaluators.scoring import PairEvaluator, too_small


class MDAUNet(PairEvaluator):
    """SSIM, PSNR and NMSE over the whole volume on the unit scale.

    The paper publishes no code and states neither window nor normaliser. SSIM is taken as
    scikit-image's default in three dimensions, which the authors asked PTNet3D's about; the paper's
    means fit NMSE by energy or by variance for MR and by variance rather for CT, so both are given.
    LPIPS, its fourth metric, is an evaluator of its own.
    """

    spec = MDAUNET
    region = "whole"

    def score(self, case: Case) -> Iterator[Score]:
        """Score one case."""
        similarity = ssim(case.prediction, case.target, window=UNIFORM7)["whole"]
        error = errors(case.prediction, case.target)["whole"]
        why, n = too_small(case, len(UNIFORM7.taps)), error.voxels
        yield self.row(case, "whole", "ssim", similarity.value, similarity.voxels, why)
        yield self.row(case, "whole", "psnr", error.psnr(1.0), n)
        zero = "the target is zero throughout"
        yield self.row(case, "whole", "nmse_energy", error.nmse_energy, n, zero)
        constant = "the target is constant"
        yield self.row(case, "whole", "nmse_variance", error.nmse_variance, n, constant)
