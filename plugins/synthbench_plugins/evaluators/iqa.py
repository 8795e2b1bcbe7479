"""Image quality: structural similarity and voxel-wise errors by region."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from synthbench.api import Case, Evaluator, Score

#: Shown instead of an infinite (or absurdly large) PSNR, in dB.
PSNR_CAP = 100.0

_SIGMA = 1.5
_TAPS = 11  # skimage truncates the Gaussian at 3.5 sigma: 5 voxels either side
_MARGIN = _TAPS // 2

_Mask = npt.NDArray[np.bool_]


class ImageQuality(Evaluator):
    """SSIM, PSNR, NMSE, MAE, MSE and RMSE of each subject.

    Regions are ``whole``, ``foreground`` and every label region; one without voxels gives no row.
    Both images are always compared unmasked, a region only chooses over which voxels the result is
    averaged. SSIM, PSNR, NMSE and MSE are on the unit scale with the fixed dynamic range 1; MAE and
    RMSE are in the target's physical unit where it has one.

    Source: Wang et al., Image quality assessment, IEEE TIP 2004 (SSIM with K1 = 0.01, K2 = 0.03).
    """

    def evaluate(self, cases: Iterable[Case]) -> Iterator[Score]:
        """Score cases one at a time; see the class for metrics, regions and units."""
        for case in cases:
            regions = {
                "whole": np.ones(case.target.shape, dtype=np.bool_),
                "foreground": case.mask,
                **case.regions,
            }
            finite = bool(np.isfinite(case.prediction).all())
            similarity = _similarity_map(case) if finite else None
            for region, mask in regions.items():
                if not mask.any():
                    continue
                if finite:
                    yield _ssim(case, region, mask, similarity)
                    yield from _errors(case, region, mask)
                else:
                    yield from _no_numbers(case, region, mask)


def _similarity_map(case: Case) -> npt.NDArray[np.float64] | None:
    """SSIM map where the whole window fits (sides shorter by 10), or None where it fits nowhere."""
    if min(case.target.shape) < _TAPS:
        return None
    _, full = structural_similarity(
        case.target.astype(np.float64),
        case.prediction.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=_SIGMA,
        use_sample_covariance=False,
        full=True,
    )
    return _valid(full)


def _valid(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    inner = slice(_MARGIN, -_MARGIN)
    return array[inner, inner, inner]


def _ssim(
    case: Case, region: str, mask: _Mask, similarity: npt.NDArray[np.float64] | None
) -> Score:
    reason = ""
    values = np.empty(0)
    if similarity is None:
        shape = "x".join(map(str, case.target.shape))
        reason = f"a side of the volume ({shape}) is shorter than the {_TAPS}-voxel window"
    else:
        values = similarity[_valid(mask)]
        if not values.size:
            reason = f"the region lies within {_MARGIN} voxels of the volume's edge"
    if reason:
        return Score(case.subject, region, "ssim", math.nan, status="undefined", detail=reason)
    return Score(case.subject, region, "ssim", float(values.mean()), voxels=values.size)


def _errors(case: Case, region: str, mask: _Mask) -> Iterator[Score]:
    target = case.target[mask].astype(np.float64)
    error = case.prediction[mask].astype(np.float64) - target
    voxels = error.size
    mse = float(np.mean(error**2))
    yield _psnr(case, region, mse, voxels)
    energy = float(np.sum(target**2))
    if energy > 0:
        yield Score(case.subject, region, "nmse", mse * voxels / energy, voxels=voxels)
    else:
        reason = "the target is zero throughout the region"
        yield Score(
            case.subject, region, "nmse", math.nan, voxels=voxels, status="undefined", detail=reason
        )
    yield Score(case.subject, region, "mse", mse, voxels=voxels)
    mae = float(np.mean(np.abs(error)))
    for metric, value in (("mae", mae), ("rmse", math.sqrt(mse))):
        yield Score(case.subject, region, metric, value * case.scale, unit=case.unit, voxels=voxels)


def _psnr(case: Case, region: str, mse: float, voxels: int) -> Score:
    value = -10 * math.log10(mse) if mse > 0 else math.inf
    if value <= PSNR_CAP:
        return Score(case.subject, region, "psnr", value, unit="dB", voxels=voxels)
    detail = f"{value:g} dB shown as {PSNR_CAP:g} dB"
    return Score(
        case.subject, region, "psnr", PSNR_CAP, unit="dB", voxels=voxels, status="capped",
        detail=detail,
    )  # fmt: skip


def _no_numbers(case: Case, region: str, mask: _Mask) -> Iterator[Score]:
    reason = "the prediction holds NaN or infinite values"
    units = {"ssim": "", "psnr": "dB", "nmse": "", "mse": "", "mae": case.unit, "rmse": case.unit}
    for metric, unit in units.items():
        yield Score(
            case.subject, region, metric, math.nan, unit=unit, voxels=int(mask.sum()),
            status="undefined", detail=reason,
        )  # fmt: skip
