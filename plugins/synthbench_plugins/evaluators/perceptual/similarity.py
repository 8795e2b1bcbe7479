"""LPIPS: distance of two images in the features of a network, weighted as people judge them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import torch

from synthbench.api import Case, Score
from synthbench_plugins.evaluators.perceptual import declared
from synthbench_plugins.evaluators.perceptual.backbones import (
    ALEXNET,
    VGG16,
    Backbone,
    packages_lacking,
)
from synthbench_plugins.evaluators.perceptual.slices import VIEWS, batches, positions
from synthbench_plugins.evaluators.scoring import PairEvaluator, UnavailableError, shape

#: Pairs of slices a forward pass.
_BATCH = 8


class VGG16Similarity(PairEvaluator):
    """LPIPS of each subject: mean over slices of a view, then over the three views.

    Source: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric,
    CVPR 2018 (version 0.1 of their package ``lpips``).

    Attributes:
        backbone: The feature network.
        random: Whether its weights are drawn, not trained.
        most: Most slices a view.
    """

    spec = declared.LPIPS
    region = "whole"
    backbone: ClassVar[Backbone] = VGG16
    random: ClassVar[bool] = False
    most: ClassVar[int] = declared.SLICES

    def score(self, case: Case) -> Iterator[Score]:
        """Score one case.

        Raises:
            UnavailableError: If packages or weights are missing.
        """
        lacking = packages_lacking() if self.random else self.backbone.lacking()
        for what, fix in lacking:
            raise UnavailableError(f"{what}: {fix}")
        metric = self.spec.metrics[0].name
        value, voxels, why = math.nan, 0, ""
        if not case.mask.any():
            why = "no slice meets the foreground, which is empty"
        elif min(case.target.shape) < self.backbone.least_side:
            why = (
                f"a slice of a volume of {shape(case.target)} voxels is smaller than "
                f"{self.backbone.name} accepts ({self.backbone.least_side} a side)"
            )
        else:
            value, voxels = self._distance(case)
        yield self.row(case, "whole", metric, value, voxels, why or "the network gives no number")

    def _distance(self, case: Case) -> tuple[float, int]:
        from synthbench_plugins.evaluators.perceptual.networks import device, lpips_network

        network, where = lpips_network(self.backbone, random=self.random), device()
        views, voxels = [], 0
        for axis in VIEWS.values():
            chosen = positions(case.mask, axis, self.most)
            pairs = zip(
                batches(case.prediction, axis, chosen, _BATCH, where),
                batches(case.target, axis, chosen, _BATCH, where),
                strict=True,
            )
            with torch.inference_mode():
                found = torch.cat([network(made, real).flatten() for made, real in pairs])
            views.append(float(found.double().mean()))
            voxels += len(chosen) * case.target.size // case.target.shape[axis]
        return sum(views) / len(views), voxels


class AlexNetSimilarity(VGG16Similarity):
    """LPIPS through AlexNet, the default of the package ``lpips``."""

    spec = declared.LPIPS_ALEX
    backbone = ALEXNET


class RandomSimilarity(VGG16Similarity):
    """LPIPS through VGG16 with seeded random weights: for trying it without a download."""

    spec = declared.LPIPS_RANDOM
    random = True
    most = declared.RANDOM_SLICES
