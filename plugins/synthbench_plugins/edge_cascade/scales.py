"""The cascade's scales: each is trained on its own and generates one cube of the target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Batch, Prediction, Setting, Translator
from synthbench_plugins.edge_cascade.augmentation import ContextAugmentation, EdgeNoise
from synthbench_plugins.edge_cascade.folding import FOLDED, fold
from synthbench_plugins.edge_cascade.generators import start_small
from synthbench_plugins.edge_cascade.geometry import (
    Frame,
    Start,
    aligned,
    context_start,
    draw_starts,
    positions,
    starts,
)
from synthbench_plugins.edge_cascade.sketch import SketchCache, to_network
from synthbench_plugins.edge_cascade.stitching import Stitcher

#: Background in the networks' own range, [-1, 1].
BACKGROUND = -1.0

Conditions = Literal["both", "edges", "scales"]
LowerInput = Literal["context", "aligned", "both"]


class Drawings:
    """Turns volumes into what the networks see: their own range, a frame, and edges.

    Shared by all scales, so that a volume is drawn once.

    Args:
        setting: ``intensity`` is used.
        cache: Keeps drawn edges.
        overlay: Whether labels, where there are any, are drawn into the edges.
    """

    def __init__(self, setting: Setting, cache: SketchCache, overlay: bool) -> None:
        self.low, self.high = setting.intensity
        self.cache, self.overlay = cache, overlay

    def inside(self, image: Tensor) -> Tensor:
        """Map from the recipe's range to [-1, 1]."""
        return (image.float() - self.low) * (2 / (self.high - self.low)) - 1

    def outside(self, image: Tensor) -> Tensor:
        """Map from [-1, 1] to the recipe's range."""
        return (image + 1) * ((self.high - self.low) / 2) + self.low

    def draw(self, volume: Tensor, label: Tensor | None) -> tuple[Frame, Tensor, Tensor]:
        """Draw a volume.

        Args:
            volume: Shape (1, 1, X, Y, Z), in the recipe's range.
            label: Shape (1, 1, X, Y, Z), or ``None``.

        Returns:
            Its frame, and image and edges in [-1, 1], both of shape (1, 1, X, Y, Z).
        """
        image = self.inside(volume)
        sketch = self.cache.get(volume, label if self.overlay else None)
        edges = torch.from_numpy(to_network(sketch.numpy()))[None, None]
        return Frame.of(image, BACKGROUND), image, edges.to(image)

    def draw_targets(self, batch: Batch) -> Iterator[tuple[Frame, Tensor, Tensor]]:
        """Draw the target volumes of a training batch; the source is never looked at."""
        assert batch.target is not None
        for i, target in enumerate(batch.target):
            yield self.draw(target[None], None if batch.label is None else batch.label[i, None])


class LowestScale(Translator):
    """Scale 0: edges of the whole volume at twice the resolution to the whole volume.

    Args:
        setting: ``intensity`` is used.
        drawings: Makes edges.
        generator: Maps (B, 1, 2 side, ..) to (B, 1, side, ..), in (-1, 1).
        side: Of the cube it generates, voxels.
        edge_noise: Standard deviation of the noise on the edges while training.
    """

    def __init__(
        self,
        setting: Setting,
        drawings: Drawings,
        generator: nn.Module,
        side: int,
        edge_noise: float,
    ) -> None:
        super().__init__(setting)
        self.predicted_sides = (side, side, side)
        self.drawings, self.side = drawings, side
        self.generator = generator
        self.edge_noise = EdgeNoise(edge_noise)

    @property
    def condition_channels(self) -> int:
        """The edges, folded to the sides of the image."""
        return FOLDED

    def predict(self, batch: Batch) -> Prediction:
        """Generate the low-resolution cubes of whole target volumes from their edges."""
        drawn = list(self.drawings.draw_targets(batch))
        real = torch.cat([frame.cube(image, self.side, BACKGROUND) for frame, image, _ in drawn])
        edges = torch.cat(
            [frame.cube(edges, 2 * self.side, BACKGROUND) for frame, _, edges in drawn]
        )
        edges = self.edge_noise(edges)
        outside = self.drawings.outside
        return Prediction(
            fake=[outside(self.generator(edges))],
            real=[outside(real)],
            condition=outside(fold(edges)),
        )

    def generate(self, frame: Frame, edges: Tensor) -> Tensor:
        """Generate the cube of a whole volume.

        Args:
            frame: Of the volume.
            edges: Shape (1, 1, X, Y, Z), in [-1, 1].

        Returns:
            Shape (1, 1, side, side, side), in (-1, 1), on the CPU.
        """
        cube: Tensor = self.generator(frame.cube(edges, 2 * self.side, BACKGROUND))
        return cube.float().cpu()


@dataclass(frozen=True)
class Patches:
    """How a higher scale cuts patches, and what it generates them from.

    Attributes:
        side: Of a patch, voxels.
        crop: Voxels dropped on every side of a generated patch; neighbours lie ``side - 2 crop``
            apart.
        average: Keep whole patches instead, and average them where they overlap.
        conditions: ``edges``, the scale below (``scales``), or ``both``.
        lower_input: How the scale below enters: a patch of the same side and twice the spacing
            (``context``), its middle up-sampled to the patch (``aligned``), or ``both``.
        at_once: Patches drawn from a volume a training step, and generated at a time afterwards.
    """

    side: int
    crop: int
    average: bool
    conditions: Conditions
    lower_input: LowerInput
    at_once: int

    @property
    def sees_edges(self) -> bool:
        """Whether edges are a condition."""
        return self.conditions != "scales"

    @property
    def sees_lower(self) -> bool:
        """Whether the scale below is a condition."""
        return self.conditions != "edges"

    @property
    def inputs(self) -> int:
        """Input channels of the generator."""
        lower = (2 if self.lower_input == "both" else 1) if self.sees_lower else 0
        return lower + self.sees_edges


class HigherScale(Translator):
    """Scale i > 0: patches of doubled resolution from their edges and the scale below.

    While training, the scale below is the real image at that resolution, never a generated one.

    Args:
        setting: ``intensity`` is used.
        drawings: Makes edges.
        generator: Maps (B, ``patches.inputs``, ..) to (B, 1, ..), in (-1, 1), at the same sides.
        side: Of the cube whose patches it generates, voxels.
        patches: How they are cut.
        augmentation: Of the scale below while training.
        edge_noise: Standard deviation of the noise on the edges while training.
    """

    def __init__(
        self,
        setting: Setting,
        drawings: Drawings,
        generator: nn.Module,
        side: int,
        patches: Patches,
        augmentation: ContextAugmentation,
        edge_noise: float,
    ) -> None:
        super().__init__(setting)
        self.predicted_sides = (patches.side, patches.side, patches.side)
        self.drawings, self.side, self.patches = drawings, side, patches
        self.generator = generator
        start_small(generator)
        self.augmentation = augmentation
        self.edge_noise = EdgeNoise(edge_noise)

    @property
    def condition_channels(self) -> int:
        """Edges and the scale below, as far as they are conditions."""
        return self.patches.sees_edges + self.patches.sees_lower

    def predict(self, batch: Batch) -> Prediction:
        """Generate random patches of whole target volumes, stacked on the batch axis.

        The discriminator sees the edges as the generator does, and the scale below before its
        augmentation.
        """
        real, edges, lower = self._draw_patches(batch)
        edges = self.edge_noise(edges)
        fake = self._run(edges, self.augmentation(lower))
        seen = [edges] * self.patches.sees_edges + [lower] * self.patches.sees_lower
        outside = self.drawings.outside
        return Prediction(
            fake=[outside(fake)], real=[outside(real)], condition=outside(torch.cat(seen, dim=1))
        )

    def generate(self, frame: Frame, edges: Tensor, lower: Tensor | None) -> Tensor:
        """Generate the cube of a whole volume, patch by patch.

        Args:
            frame: Of the volume.
            edges: Shape (1, 1, X, Y, Z), in [-1, 1].
            lower: The cube of the scale below, shape (1, 1, side/2, side/2, side/2), on the CPU;
                ``None`` where it is no condition.

        Returns:
            Shape (1, 1, side, side, side), in (-1, 1), on the CPU.
        """
        patches = self.patches
        margin = -context_start((0, 0, 0), patches.side)[0]
        if lower is not None:
            lower = F.pad(lower, [margin] * 6, value=BACKGROUND)
        along = starts(self.side, patches.side, patches.crop)
        stitcher = Stitcher(along, patches.side, 0 if patches.average else patches.crop)
        places = positions(self.side, patches.side, patches.crop)
        while batch := list(islice(places, patches.at_once)):
            drawn = self._cut(frame, edges, self.side, batch)
            around = None
            if lower is not None:
                around = torch.cat([self._context(lower, start, margin) for start in batch])
                around = around.to(drawn.device)
            for start, patch in zip(batch, self._run(drawn, around), strict=True):
                stitcher.add(start, patch[0].float().cpu())
        return stitcher.result()

    def _draw_patches(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Real patches, their edges, and the scale below around them."""
        side = self.patches.side
        real, edges, lower = [], [], []
        for frame, image, drawing in self.drawings.draw_targets(batch):
            drawn = draw_starts(frame, image, self.side, side, self.patches.at_once)
            real.append(self._cut(frame, image, self.side, drawn))
            edges.append(self._cut(frame, drawing, self.side, drawn))
            around = [context_start(start, side) for start in drawn]
            lower.append(self._cut(frame, image, self.side // 2, around))
        return torch.cat(real), torch.cat(edges), torch.cat(lower)

    def _cut(self, frame: Frame, volume: Tensor, cube: int, starts: Sequence[Start]) -> Tensor:
        side = self.patches.side
        return torch.cat([frame.cut(volume, cube, s, side, BACKGROUND) for s in starts])

    def _context(self, padded: Tensor, start: Start, margin: int) -> Tensor:
        x, y, z = (
            slice(begin + margin, begin + margin + self.patches.side)
            for begin in context_start(start, self.patches.side)
        )
        return padded[:, :, x, y, z]

    def _run(self, edges: Tensor, lower: Tensor | None) -> Tensor:
        parts = []
        if self.patches.sees_lower and lower is not None:
            if self.patches.lower_input != "aligned":
                parts.append(lower)
            if self.patches.lower_input != "context":
                parts.append(aligned(lower))
        if self.patches.sees_edges:
            parts.append(edges)
        image: Tensor = self.generator(torch.cat(parts, dim=1))
        return image
