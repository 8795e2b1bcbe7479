"""What is done to the conditions while a scale is trained; nothing afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.layers import gaussian_1d, separable_filtering
from torch import Tensor, nn


class ContextAugmentation(nn.Module):
    """Makes real images of the scale below as imperfect as generated ones.

    Source: Uzunova et al. 2020, section 2 (what and how often; strengths are not stated).

    Args:
        noise: Standard deviation of the noise on every patch, where the range is [-1, 1].
        blur_probability: Share of patches that is smoothed.
        blur_sigma: Least and largest standard deviation of the smoothing, voxels.
        half_probability: Share of patches that is reduced to half its resolution.
    """

    def __init__(
        self,
        noise: float = 0.05,
        blur_probability: float = 0.3,
        blur_sigma: Sequence[float] = (0.5, 1.5),
        half_probability: float = 0.2,
    ) -> None:
        super().__init__()
        self.noise = noise
        self.blur_probability = blur_probability
        self.blur_sigma = blur_sigma
        self.half_probability = half_probability

    def forward(self, patches: Tensor) -> Tensor:
        """Augment patches, each on its own; shape (B, C, P, P, P), which is kept."""
        if not self.training:
            return patches
        changed = torch.cat([self._degrade(patch[None]) for patch in patches])
        return changed + self.noise * torch.randn_like(changed)

    def _degrade(self, patch: Tensor) -> Tensor:
        half, blur, strength = torch.rand(3).tolist()
        if half < self.half_probability:
            patch = _halve(patch)
        if blur < self.blur_probability:
            least, largest = self.blur_sigma
            sigma = torch.tensor(least + strength * (largest - least))
            kernel = gaussian_1d(sigma, normalize=True)
            # The background is not 0 here: repeating the border adds no edge to the patch.
            patch = separable_filtering(patch, [kernel.to(patch)] * 3, mode="replicate")
        return patch


def _halve(patch: Tensor) -> Tensor:
    half = F.avg_pool3d(patch, 2)
    return F.interpolate(half, size=patch.shape[2:], mode="trilinear", align_corners=False)


class EdgeNoise(nn.Module):
    """Adds noise to edges while training.

    Args:
        sigma: Standard deviation, where the range of the edges is [-1, 1].
    """

    def __init__(self, sigma: float = 0.01) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, edges: Tensor) -> Tensor:
        """Add noise; any shape."""
        return edges + self.sigma * torch.randn_like(edges) if self.training else edges
