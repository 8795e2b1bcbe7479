"""The cascade as one translator: what it is made of, and how a volume runs through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from synthbench.api import Batch, Setting, Stage, Translator, UsageError, Window
from synthbench_plugins.edge_cascade.augmentation import ContextAugmentation
from synthbench_plugins.edge_cascade.generators import (
    ResNetGenerator,
    UNetGenerator,
    unet_levels,
)
from synthbench_plugins.edge_cascade.geometry import body
from synthbench_plugins.edge_cascade.scales import (
    BACKGROUND,
    Conditions,
    Drawings,
    HigherScale,
    LowerInput,
    LowestScale,
    Patches,
)
from synthbench_plugins.edge_cascade.sketch import SketchCache

#: Edges kept in memory, one byte a voxel; beyond it they are drawn again.
_CACHED_BYTES = 2 * 1024**3


class EdgeCascade(Translator):
    """A cascade of generators from edges: a small cube first, then patches of doubled resolution.

    Trained on the target alone: every scale learns to make target images from their own edges. A
    source is translated by running *its* edges through the scales. The networks never see more than
    a cube of twice ``lr_side`` voxels or a patch, so what they need on a GPU does not depend on the
    size of the volumes. The source's background (its darkest value, connected to the outside) is
    background in the result.

    Source: Uzunova et al. 2020, Fig. 2 and section 2.

    Args:
        setting: ``intensity`` is used; of several sources the first is translated.
        lr_side: Side of the lowest scale's cube, voxels.
        scales: Number of higher scales; each doubles the side. 0 gives the lowest cube, resized.
        patch: Side of the higher scales' patches, voxels.
        crop: Voxels dropped on every side of a patch when a volume is put together; ``None``: 3/16
            of the patch (6 of 32).
        lr_generator: Generator of the lowest scale.
        width: Channels of the generators at their finest resolution.
        blocks: Residual blocks of a residual generator.
        lr_input: How the scale below enters a higher one: a patch of the same side and twice the
            spacing (``context``), its middle up-sampled to the patch (``aligned``), or both.
        conditions: What the higher scales see: ``edges``, the scale below (``scales``), or
            ``both``. With ``edges`` no scale depends on another, and only the last one is built.
        stitching: ``centre`` drops the crop; ``average`` keeps whole patches and averages them
            where they overlap.
        patches_per_step: Patches a volume gives a training step of a higher scale, and patches
            generated at a time.
        overlay: Whether labels, where there are any, are drawn into the edges.
        sketch: Options of the edges: ``low``, ``high``, ``sigma``, ``clip``.
        augmentation: Options of what is done to the scale below while training: ``noise``,
            ``blur_probability``, ``blur_sigma``, ``half_probability``.
        edge_noise: Standard deviation of the noise on the edges while training, where the range of
            the edges is [-1, 1].

    Raises:
        UsageError: If sides or options do not fit each other.
    """

    def __init__(
        self,
        setting: Setting,
        lr_side: int = 64,
        scales: int = 2,
        patch: int = 32,
        crop: int | None = None,
        lr_generator: Literal["unet", "resnet"] = "unet",
        width: int = 64,
        blocks: int = 6,
        lr_input: LowerInput = "context",
        conditions: Conditions = "both",
        stitching: Literal["centre", "average"] = "centre",
        patches_per_step: int = 20,
        overlay: bool = True,
        sketch: Mapping[str, Any] | None = None,
        augmentation: Mapping[str, Any] | None = None,
        edge_noise: float = 0.01,
    ) -> None:
        super().__init__(setting)
        _check("lr_generator", lr_generator, ("unet", "resnet"))
        _check("lr_input", lr_input, ("context", "aligned", "both"))
        _check("conditions", conditions, ("both", "edges", "scales"))
        _check("stitching", stitching, ("centre", "average"))
        crop = 3 * patch // 16 if crop is None else crop
        _check_sides(lr_side, scales, patch, crop, conditions)
        self.drawings = Drawings(setting, SketchCache(_CACHED_BYTES, **(sketch or {})), overlay)
        patches = Patches(
            side=patch,
            crop=crop,
            average=stitching == "average",
            conditions=conditions,
            lower_input=lr_input,
            at_once=patches_per_step,
        )
        self.lowest: LowestScale | None = None
        first = scales
        if conditions != "edges":
            first = 1
            generator: nn.Module
            if lr_generator == "unet":
                generator = UNetGenerator(1, width, unet_levels(2 * lr_side))
            else:
                generator = ResNetGenerator(1, width, blocks, shrink=True)
            self.lowest = LowestScale(setting, self.drawings, generator, lr_side, edge_noise)
        self.higher = nn.ModuleList(
            HigherScale(
                setting,
                self.drawings,
                ResNetGenerator(patches.inputs, width, blocks),
                lr_side * 2**scale,
                patches,
                ContextAugmentation(**(augmentation or {})),
                edge_noise,
            )
            for scale in range(first, scales + 1)
        )

    def stages(self) -> list[Stage]:
        """One stage a scale, lowest first, with equal shares of the budget."""
        parts: list[LowestScale | HigherScale] = [] if self.lowest is None else [self.lowest]
        for scale in self.higher:
            assert isinstance(scale, HigherScale)
            parts.append(scale)
        return [Stage(f"scale{part.side}", part, share=1 / len(parts)) for part in parts]

    def forward(self, source: Tensor) -> Tensor:
        """Translate volumes of any sides.

        Args:
            source: Shape (B, C, X, Y, Z), in ``setting.intensity``; its first channel is used.

        Returns:
            Shape (B, 1, X, Y, Z), within ``setting.intensity``.
        """
        return torch.cat([self._translate(volume[None, :1], None) for volume in source])

    def translate(self, batch: Batch, window: Window) -> Tensor:
        """Translate whole volumes; labels are drawn into their edges where there are any.

        The volumes pass through the cascade by its own patches; ``window`` is not used.
        """
        labels: Any = [None] * len(batch.source)
        if batch.label is not None:
            labels = [label[None] for label in batch.label]
        pairs = zip(batch.source, labels, strict=True)
        return torch.cat([self._translate(volume[None, :1], label) for volume, label in pairs])

    def _translate(self, volume: Tensor, label: Tensor | None) -> Tensor:
        frame, source, edges = self.drawings.draw(volume, label)
        cube = None if self.lowest is None else self.lowest.generate(frame, edges)
        for scale in self.higher:
            assert isinstance(scale, HigherScale)
            cube = scale.generate(frame, edges, cube)
        assert cube is not None
        image = frame.restore(cube.to(volume.device), BACKGROUND)
        # Patches are trained around foreground: what the networks make of empty ones means nothing.
        image = image.masked_fill(~body(source, BACKGROUND), BACKGROUND)
        return self.drawings.outside(image)


def _check(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(
            f"edge_cascade: unknown {option} {value!r}", f"choose one of {', '.join(known)}"
        )


def _check_sides(lr_side: int, scales: int, patch: int, crop: int, conditions: str) -> None:
    if lr_side < 8 or lr_side % 4:
        raise UsageError(
            f"edge_cascade: lr_side is {lr_side}", "choose a multiple of 4, at least 8"
        )
    if scales < 0 or (scales == 0 and conditions == "edges"):
        raise UsageError(
            f"edge_cascade: scales is {scales} with conditions={conditions}",
            "choose at least 0, and at least 1 with conditions=edges",
        )
    if scales == 0:
        return
    first = lr_side * 2 ** (scales if conditions == "edges" else 1)
    if patch < 8 or patch % 4 or patch > first:
        raise UsageError(
            f"edge_cascade: patches of {patch} voxels in a cube of {first}",
            "choose a multiple of 4, at least 8 and not larger than the cube",
        )
    if not 0 <= crop < patch // 2:
        raise UsageError(
            f"edge_cascade: a crop of {crop} leaves nothing of a patch of {patch}",
            "choose less than half the patch",
        )
