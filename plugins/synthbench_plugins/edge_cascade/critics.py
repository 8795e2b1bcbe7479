"""The discriminator of every scale of the cascade."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Discriminator, Judgement, Setting, UsageError
from synthbench_plugins.edge_cascade.folding import FOLDED, unfold
from synthbench_plugins.edge_cascade.generators import start_small

#: Shortest sides from which unpadded 4-voxel kernels reach one score over 1, 2 and 3 halvings:
#: 7 -> 4 -> 1, 13 -> 10 -> 4 -> 1, 25 -> 22 -> 10 -> 4 -> 1.
_REACH = (7, 13, 25)

#: Halvings of the padded critic; fewer where they would leave less than its last kernel covers
#: (for such a kernel torch's CPU code in bfloat16 returns gradients that are rubbish).
_MOST_HALVINGS = 3
_LAST_KERNEL = 4

Sides = tuple[int, int, int]


def _halving(inputs: int, outputs: int, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv3d(inputs, outputs, 4, stride=2, padding=1)]
    if norm:
        layers.append(nn.BatchNorm3d(outputs))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, inplace=True))


class FoldedEdgesCritic(nn.Module):
    """Judges whole low-resolution volumes beside edges of twice their resolution.

    A learnable convolution shrinks the edges; padded 4x4x4 convolutions halve the pair; a last one
    gives a map of scores. The authors' implementation ends before that last convolution, in batch
    norm, which sets the mean of every channel to the same value for any input and so cannot score.

    Args:
        images: Channels of an image.
        width: Channels after the first halving; doubled at each further one.
        halvings: Number of halvings.
    """

    def __init__(self, images: int, width: int, halvings: int) -> None:
        super().__init__()
        self.shrink = nn.Conv3d(1, 1, 3, stride=2, padding=1)
        widths = [1 + images, *(width * 2**i for i in range(halvings))]
        self.stages = nn.ModuleList(
            _halving(widths[i], widths[i + 1], norm=i > 0) for i in range(halvings)
        )
        self.score = nn.Conv3d(widths[-1], 1, _LAST_KERNEL, padding=1)

    def forward(self, image: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Score an image; also return the output of every stage."""
        x = torch.cat([self.shrink(unfold(condition)), image], dim=1)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return self.score(x), features


class PatchCritic(nn.Module):
    """Judges patches with unpadded 4x4x4 convolutions; a patch of 32 voxels gets one score.

    Shorter patches get fewer halvings. An axis too short for a layer gets a kernel of one voxel
    there, so that anisotropic patches and slices work.

    Args:
        inputs: Channels of image and condition together.
        width: Channels after the first layer; doubled at each halving.
        patch: Sides of the patches; ``None`` and 0 stand for long ones.
    """

    def __init__(self, inputs: int, width: int, patch: Sequence[int] | None) -> None:
        super().__init__()
        sides = [side or _REACH[-1] for side in patch or (0, 0, 0)]
        reach = [sum(side >= shortest for shortest in _REACH) for side in sides]
        depth = max(1, *reach)
        x, y, z = (_REACH[r - 1] if r else 1 for r in reach)
        self.least: Sides = (x, y, z)

        def convolve(inputs: int, outputs: int, stride: int, needed: int) -> nn.Conv3d:
            # An axis takes part in the layers its length allows.
            x, y, z = (r >= needed for r in reach)
            kernel = (4 if x else 1, 4 if y else 1, 4 if z else 1)
            strides = (stride if x else 1, stride if y else 1, stride if z else 1)
            return nn.Conv3d(inputs, outputs, kernel, strides)

        self.stages = nn.ModuleList(
            [nn.Sequential(convolve(inputs, width, 1, 1), nn.LeakyReLU(0.2, inplace=True))]
        )
        for halving in range(1, depth):
            self.stages.append(
                nn.Sequential(
                    convolve(width, 2 * width, 2, halving + 1),
                    nn.BatchNorm3d(2 * width),
                    nn.LeakyReLU(0.2, inplace=True),
                )
            )
            width *= 2
        self.score = convolve(width, 1, 2, 1)

    def forward(self, image: Tensor, condition: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Score an image; also return the output of every stage."""
        if condition is None:
            x = image
        else:  # the edges, the image, the lower scale
            x = torch.cat([condition[:, :1], image, condition[:, 1:]], dim=1)
        x = self._lengthen(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return self.score(x), features

    def _lengthen(self, x: Tensor) -> Tensor:
        """Pad with zeros what is shorter than the patches the network was made for."""
        padding: list[int] = []
        for side, least in zip(reversed(x.shape[2:]), reversed(self.least), strict=True):
            missing = max(least - side, 0)
            padding += [missing // 2, missing - missing // 2]
        return F.pad(x, padding) if any(padding) else x


class CascadeCritic(Discriminator):
    """The cascade's conditional discriminator; it takes the form its scale calls for.

    A condition of eight channels beside whole cubes is taken for the folded edges of the lowest
    scale and judged by :class:`FoldedEdgesCritic`; anything else, patches of the higher scales and
    the predictions of other translators, by :class:`PatchCritic`. Of several resolutions it judges
    the finest.

    Source: Uzunova et al. 2020, Fig. 3; layer sizes of the authors' implementation.

    Args:
        setting: ``condition_channels``, ``target_channels`` and ``patch`` are used.
        width: Channels after the first layer.
    """

    def __init__(self, setting: Setting, width: int = 64) -> None:
        super().__init__(setting)
        images, conditions = setting.target_channels, setting.condition_channels
        self.network: FoldedEdgesCritic | PatchCritic
        halvings = _halvings(setting.patch)
        if conditions == FOLDED and halvings > 0:
            self.network = FoldedEdgesCritic(images, width, halvings)
        else:
            self.network = PatchCritic(images + conditions, width, setting.patch)
            start_small(self.network)

    def forward(
        self, images: Sequence[Tensor], condition: Tensor | None = None, *, features: bool = False
    ) -> Judgement:
        """Judge images.

        Args:
            images: The first is judged, shape (B, C, X, Y, Z), any sides.
            condition: Shape (B, ``setting.condition_channels``, X, Y, Z).
            features: Whether to return each stage's output.

        Returns:
            One map of logits.

        Raises:
            UsageError: If the condition it was built for is missing.
        """
        if condition is None and self.setting.condition_channels > 0:
            raise UsageError(
                "cascade_critic is conditional, but the translator's prediction has no condition",
                "choose an unconditional discriminator for this translator",
            )
        logits, seen = self.network(images[0], condition)
        return Judgement(logits=[logits], features=seen if features else [])


def _halvings(patch: Sequence[int] | None) -> int:
    """How often a padded critic halves a cube; 0 where it is no cube or too small."""
    if patch is None or len(set(patch)) > 1:
        return 0
    side, halvings = patch[0], 0
    while halvings < _MOST_HALVINGS and side // 2 >= _LAST_KERNEL:
        side //= 2
        halvings += 1
    return halvings
