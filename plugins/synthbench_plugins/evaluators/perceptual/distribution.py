"""FID and KID: how far the slices of all synthetic volumes are from those of all real ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional as F

from synthbench.api import Case, Evaluator, EvaluatorSpec, Score
from synthbench.api.errors import few
from synthbench_plugins.evaluators.perceptual import declared
from synthbench_plugins.evaluators.perceptual.backbones import INCEPTION, packages_lacking
from synthbench_plugins.evaluators.perceptual.distances import (
    Features,
    frechet_distance,
    kernel_distance,
)
from synthbench_plugins.evaluators.perceptual.slices import VIEWS, batches, positions
from synthbench_plugins.evaluators.scoring import fault

#: Slices a forward pass.
_BATCH = 16
_MOST_NAMED = 3


class KernelDistance(Evaluator):
    """KID of a method: one number a set of volumes, on features of Inception-v3.

    Of every volume the axial slices that meet the foreground are taken, evenly thinned, padded to
    squares and resized. A set of which a volume cannot be scored gives no number: sets of other
    subjects are not comparable.

    Attributes:
        spec: The declaration.
        random: Whether the network's weights are drawn, not trained.
        most: Most slices a volume.
        side: To which slices are resized.
        fewest: Fewest slices for which the distance is computed.
    """

    spec: ClassVar[EvaluatorSpec] = declared.KID
    random: ClassVar[bool] = False
    most: ClassVar[int] = declared.SLICES
    side: ClassVar[int] = declared.SIDE
    fewest: ClassVar[int] = 2

    def evaluate(self, cases: Iterable[Case]) -> Iterator[Score]:
        """Score the whole set.

        Yields:
            One row, of the set: its ``subject`` is empty, ``voxels`` counts slices a set.
        """
        lacking = packages_lacking() if self.random else INCEPTION.lacking()
        made: list[Features] = []
        real: list[Features] = []
        bad: list[str] = []
        for case in cases:
            if why := fault(case):
                bad.append(f"{case.subject}: {why}")
            elif not lacking:
                made += self._features(case, case.prediction)
                real += self._features(case, case.target)
        n = sum(map(len, real))
        row = Score("", "whole", self.spec.metrics[0].name, math.nan, voxels=n, status="undefined")
        if lacking:
            what, fix = lacking[0]
            detail = f"{what}: {fix}"
            yield replace(row, status="unavailable", detail=detail)
        elif bad:
            yield replace(row, detail=few(bad, _MOST_NAMED, "; "))
        elif n < self.fewest:
            yield replace(row, detail=self._too_few(n))
        else:
            value = self.distance(np.concatenate(made), np.concatenate(real))
            yield replace(row, value=value, status="ok")

    def distance(self, made: Features, real: Features) -> float:
        """Distance between two sets of features, shape (slices, features) each."""
        return kernel_distance(made, real)

    def _too_few(self, n: int) -> str:
        return f"{n} slices are too few, at least {self.fewest} are needed"

    def _features(self, case: Case, volume: np.ndarray) -> list[Features]:
        from synthbench_plugins.evaluators.perceptual.networks import device, inception_features

        network = inception_features(random=self.random)
        axis = VIEWS["axial"]
        chosen = positions(case.mask, axis, self.most)
        found: list[Features] = []
        with torch.inference_mode():
            for images in batches(volume, axis, chosen, _BATCH, device()):
                features = network(_square(images, self.side))
                found.append(features.double().cpu().numpy())
        return found


class FrechetDistance(KernelDistance):
    """FID of a method, refused for fewer than two slices a feature.

    Its bias depends on the number of slices: values of different n must not be compared, and of few
    slices (the covariances are singular where there are fewer than features) most of it is bias.
    """

    spec = declared.FID
    fewest = declared.LEAST_FID

    def distance(self, made: Features, real: Features) -> float:
        """Frechet distance between two sets of features."""
        return frechet_distance(made, real)

    def _too_few(self, n: int) -> str:
        return (
            f"{n} slices are fewer than {self.fewest}, two for each of the "
            f"{declared.FEATURES} features: most of FID would be bias; use kid, or fid_forced"
        )


class ForcedFrechetDistance(FrechetDistance):
    """FID of however few slices there are."""

    spec = declared.FID_FORCED
    fewest = 2


class RandomKernelDistance(KernelDistance):
    """KID through seeded random weights and small images: for trying it without a download."""

    spec = declared.KID_RANDOM
    random = True
    most = declared.RANDOM_SLICES
    side = declared.RANDOM_SIDE


class RandomFrechetDistance(ForcedFrechetDistance):
    """FID through seeded random weights and small images, however few slices there are."""

    spec = declared.FID_RANDOM
    random = True
    most = declared.RANDOM_SLICES
    side = declared.RANDOM_SIDE


def _square(images: torch.Tensor, side: int) -> torch.Tensor:
    """Pad with background to a square, then resize, so that anatomy keeps its proportions."""
    height, width = images.shape[-2:]
    longest = max(height, width)
    across, down = longest - width, longest - height
    margins = (across // 2, across - across // 2, down // 2, down - down // 2)
    padded = F.pad(images, margins, value=-1.0)
    return F.interpolate(padded, (side, side), mode="bilinear", align_corners=False, antialias=True)
