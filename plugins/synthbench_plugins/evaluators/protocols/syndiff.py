"""The score of SynDiff's test script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from synthbench.api import Case, Score
from synthbench_plugins.evaluators.declared import SYNDIFF
from synthbench_plugins.evaluators.kernels import psnr
from synthbench_plugins.evaluators.scoring import PSNR_CAP, PairEvaluator


class SynDiff(PairEvaluator):
    """Mean PSNR of axial slices, each of the two divided by its own maximum.

    The division hides any gain error: half the intensity scores as the whole. Slices that are zero
    in either volume have no number and are left out, as in the original; its crop to 256 x 152
    pixels belongs to its data and is not made.
    """

    spec = SYNDIFF
    region = "whole"

    def score(self, case: Case) -> Iterator[Score]:
        """Score one case."""
        values = slice_psnr(case.prediction, case.target)
        pixels = case.target[:, :, 0].size
        # One slice that is equal in both, of a single voxel say, must not hide all others.
        mean = float(values.clip(max=PSNR_CAP).mean()) if values.size else float("nan")
        why = "no slice has a positive maximum in both volumes"
        row = self.row(case, "whole", "psnr", mean, values.size * pixels, why)
        if beyond := int((values > PSNR_CAP).sum()):
            detail = f"{beyond} of {values.size} slices above {PSNR_CAP:g} dB count as {PSNR_CAP:g}"
            row = replace(row, status="capped", detail=detail)
        yield row


def slice_psnr(
    prediction: npt.NDArray[np.float32], target: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """PSNR of each axial slice after division by its own maximum.

    Args:
        prediction: Shape (X, Y, Z), not negative.
        target: The same.

    Returns:
        dB, one a slice across the last axis in which both maxima are positive.
    """
    made, real = (image.astype(np.float64) for image in (prediction, target))
    peaks = made.max(axis=(0, 1)), real.max(axis=(0, 1))
    kept = (peaks[0] > 0) & (peaks[1] > 0)
    scaled = [
        image[:, :, kept] / peak[kept] for image, peak in zip((made, real), peaks, strict=True)
    ]
    mse = np.mean((scaled[0] - scaled[1]) ** 2, axis=(0, 1))
    return np.array([psnr(float(value), 1.0) for value in mse])
