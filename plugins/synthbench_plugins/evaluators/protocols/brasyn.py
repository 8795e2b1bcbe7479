"""The image scores of the BraSyn challenge."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from synthbench.api import Case, Score
from synthbench_plugins.evaluators.declared import BRASYN
from synthbench_plugins.evaluators.kernels import GAUSSIAN, ssim
from synthbench_plugins.evaluators.regions import Mask
from synthbench_plugins.evaluators.scoring import PairEvaluator, UnavailableError, shape

_PERCENTILES = (0.5, 99.5)
#: Label region that holds all of a tumour, where a dataset names one.
_TUMOUR = "whole_tumour"


class BraSyn(PairEvaluator):
    """SSIM of the tumour and of the rest.

    Each volume is clipped to its own 0.5th and 99.5th percentile and mapped onto [0, 1], so gain
    and offset errors are not seen. It is then multiplied by the tumour's mask, or by its
    complement, and the SSIM map averaged over the *whole* volume: most of the tumour's score is
    background equal in both. L is the larger range of the two products.

    The challenge's script does not pin torchmetrics, whose SSIM changed: up to 1.4.1 the border of
    the window counts for nothing (``*_cropped``), from 1.4.2 on it does, the volume being mirrored.
    Both are given.
    """

    spec = BRASYN
    region = "whole"

    def score(self, case: Case) -> Iterator[Score]:
        """Score one case.

        Raises:
            UnavailableError: For a subject without a label, or without tumour.
        """
        tumour = _tumour(case)
        if tumour is None:
            raise UnavailableError(
                "the protocol needs a label of the tumour; this subject has none"
            )
        made, real = (_rescaled(image) for image in (case.prediction, case.target))
        masks = {"tumour": tumour, "healthy": ~tumour}
        for name, mask in masks.items():
            values = (math.nan, math.nan)
            if made is not None and real is not None and min(mask.shape) > GAUSSIAN.margin:
                values = _similarities(made * mask, real * mask)
            why = "a volume is constant between its percentiles"
            if made is not None and real is not None:
                why = f"the volume ({shape(case.target)}) is smaller than the window"
            n = case.target.size
            yield self.row(case, "whole", f"ssim_{name}", values[0], n, why)
            yield self.row(case, "whole", f"ssim_{name}_cropped", values[1], n, why)


def _tumour(case: Case) -> Mask | None:
    """The whole tumour: the region of that name, else the union of all; ``None`` for none."""
    named = case.regions.get(_TUMOUR)
    chosen = list(case.regions.values()) if named is None else [named]
    mask: Mask = np.any(chosen, axis=0) if chosen else np.zeros(1, dtype=np.bool_)
    return mask if mask.any() else None


def _rescaled(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float64] | None:
    """Between its own percentiles, a negative lower one being 0; ``None`` where they are equal."""
    low, high = np.percentile(image, _PERCENTILES)
    low = max(low, 0.0)
    return (
        (np.clip(image.astype(np.float64), low, high) - low) / (high - low) if high > low else None
    )


def _similarities(
    prediction: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """SSIM with mirrored borders, and where the whole window fits (NaN if nowhere)."""
    length = max(float(np.ptp(prediction)), float(np.ptp(target)))
    if length == 0:  # 0 / 0 everywhere in the original
        return math.nan, math.nan
    mirrored = [_mirrored(torch.from_numpy(image)) for image in (prediction, target)]
    full = ssim(mirrored[0], mirrored[1], data_range=length)["whole"].value
    return full, ssim(prediction, target, data_range=length)["whole"].value


def _mirrored(image: Tensor) -> Tensor:
    return F.pad(image[None, None], (GAUSSIAN.margin,) * 6, mode="reflect")[0, 0]
