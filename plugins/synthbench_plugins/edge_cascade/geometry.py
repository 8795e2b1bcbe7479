"""Where cubes and patches lie: from the grid of a volume to the cubes of the scales and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

#: A scale has twice the resolution of the one below.
RATIO = 2

#: Voxels kept around the foreground.
_MARGIN = 3

#: Rounds of drawing patches before a volume counts as having no foreground to centre them on.
_ROUNDS = 20

Start = tuple[int, int, int]


@dataclass(frozen=True)
class Frame:
    """The foreground's bounding box of one volume, and the smallest cube around it.

    A scale sees this cube with its own number of voxels a side; the corners' centres coincide
    (``align_corners``). Cubes are never stretched: the box lies in the middle, with background
    around it.

    Attributes:
        sides: Of the volume, voxels.
        low: First voxel of the box on each axis.
        high: One past its last voxel.
        background: Value of background; foreground is brighter.
    """

    sides: Start
    low: Start
    high: Start
    background: float

    @classmethod
    def of(cls, image: Tensor, background: float) -> Frame:
        """Frame the foreground of an image; all of it where there is none.

        Args:
            image: Shape (1, 1, X, Y, Z).
            background: Foreground is brighter than this.
        """
        foreground = image[0, 0] > background
        spans = []
        for axis, side in enumerate(foreground.shape):
            others = [other for other in range(3) if other != axis]
            found = foreground.amax(dim=others).nonzero()[:, 0].tolist()
            first, last = (found[0], found[-1]) if found else (0, side - 1)
            spans.append((side, max(first - _MARGIN, 0), min(last + 1 + _MARGIN, side)))
        (x, x0, x1), (y, y0, y1), (z, z0, z1) = spans
        return cls((x, y, z), (x0, y0, z0), (x1, y1, z1), background)

    @property
    def extent(self) -> int:
        """Side of the cube in voxels of the volume."""
        return max(high - low for low, high in zip(self.low, self.high, strict=True))

    def voxels(self, places: Tensor, cube_side: int, axis: int) -> Tensor:
        """Map places in a scale's cube to voxel coordinates of the volume along one axis."""
        low, high = self.low[axis], self.high[axis]
        origin = low - (self.extent - (high - low)) // 2
        return places.double() * ((self.extent - 1) / max(cube_side - 1, 1)) + origin

    def cut(self, volume: Tensor, cube_side: int, start: Start, side: int, fill: float) -> Tensor:
        """Cut a patch out of a scale's cube, which itself is never made.

        Args:
            volume: Shape (1, 1, X, Y, Z), on the framed volume's grid.
            cube_side: Side of the scale's cube, voxels.
            start: The patch's first voxel in that cube; may lie outside.
            side: Of the patch, voxels.
            fill: Value outside the cube and outside the volume.

        Returns:
            Shape (1, 1, side, side, side), trilinear between voxels.
        """
        axes, within = [], []
        for axis, first in enumerate(start):
            places = torch.arange(first, first + side)
            voxels = self.voxels(places, cube_side, axis)
            last = self.sides[axis] - 1
            in_cube = (places >= 0) & (places < cube_side)
            # A voxel reaches half its width beyond its centre.
            within.append(in_cube & (voxels >= -0.5) & (voxels <= last + 0.5))
            axes.append(2 * voxels / max(last, 1) - 1)
        image = _sample(volume.float(), axes)
        return image.masked_fill(~_outer(within).to(image.device), fill)

    def cube(self, volume: Tensor, cube_side: int, fill: float) -> Tensor:
        """The whole cube of a scale, shape (1, 1, cube_side, cube_side, cube_side)."""
        return self.cut(volume, cube_side, (0, 0, 0), cube_side, fill)

    def restore(self, cube: Tensor, fill: float) -> Tensor:
        """Bring a scale's cube back to the volume's grid.

        Args:
            cube: Shape (1, 1, N, N, N).
            fill: Value outside the box.

        Returns:
            Shape (1, 1, X, Y, Z), trilinear between voxels.
        """
        axes, within = [], []
        for axis, side in enumerate(self.sides):
            voxels = torch.arange(side)
            origin = self.voxels(torch.zeros(()), cube.shape[-1], axis)
            axes.append(2 * (voxels - origin) / max(self.extent - 1, 1) - 1)
            within.append((voxels >= self.low[axis]) & (voxels < self.high[axis]))
        image = _sample(cube, axes)
        return image.masked_fill(~_outer(within).to(image.device), fill)


def body(image: Tensor, background: float) -> Tensor:
    """What is not background, darker parts that it encloses included.

    Args:
        image: Shape (1, 1, X, Y, Z).
        background: Voxels that are not brighter and connected to the outside are background.

    Returns:
        Flags of the same shape, on the same device.
    """
    foreground = (image[0, 0] > background).cpu().numpy()
    filled = torch.from_numpy(ndimage.binary_fill_holes(foreground))
    return filled.to(image.device)[None, None]


def _sample(volume: Tensor, axes: list[Tensor]) -> Tensor:
    """Sample a volume on a grid whose axes are in [-1, 1]."""
    # grid_sample wants the last axis first.
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1)[None]
    image = F.grid_sample(volume, grid.to(volume), padding_mode="border", align_corners=True)
    # Rounding errors must not lift background, or leave the range the volume had.
    return image.clamp(*volume.aminmax())


def _outer(flags: list[Tensor]) -> Tensor:
    x, y, z = flags
    return x[:, None, None] & y[:, None] & z


def context_start(start: Start, patch: int) -> Start:
    """First voxel, in the scale below, of the wider patch around a patch.

    It has as many voxels and twice the spacing; its middle covers what the patch covers, up to half
    a voxel where the start is odd.

    Args:
        start: Of the patch in its own scale.
        patch: Side of the patch, voxels.

    Returns:
        May lie outside the cube of the scale below.
    """
    pad = round((patch - patch / RATIO) / 2)
    x, y, z = (first // RATIO - pad for first in start)
    return x, y, z


def aligned(context: Tensor) -> Tensor:
    """Up-sample the middle of a wider patch so that its voxels are those of the patch.

    Args:
        context: Shape (B, C, P, P, P), from :func:`context_start` on.

    Returns:
        Shape (B, C, P, P, P).
    """
    side = context.shape[-1]
    pad = round((side - side / RATIO) / 2)
    middle = slice(pad, pad + side // RATIO)
    return F.interpolate(
        context[:, :, middle, middle, middle],
        scale_factor=RATIO,
        mode="trilinear",
        align_corners=False,
    )


def draw_starts(frame: Frame, image: Tensor, cube_side: int, patch: int, count: int) -> list[Start]:
    """Draw random patches that lie in a scale's cube and whose centre is foreground.

    Args:
        frame: Of the image.
        image: Shape (1, 1, X, Y, Z).
        cube_side: Side of the scale's cube, voxels.
        patch: Side of the patches, voxels.
        count: How many.

    Returns:
        First voxels, with replacement; anywhere where no foreground is found.
    """
    found: list[list[int]] = []
    for _ in range(_ROUNDS):
        tried = torch.randint(cube_side - patch + 1, (8 * count, 3))
        centres = [
            frame.voxels(tried[:, axis] + (patch - 1) / 2, cube_side, axis).round().long()
            for axis in range(3)
        ]
        inside = torch.ones(len(tried), dtype=torch.bool)
        for voxels, side in zip(centres, frame.sides, strict=True):
            inside &= (voxels >= 0) & (voxels < side)
            voxels.clamp_(0, side - 1)
        x, y, z = (voxels.to(image.device) for voxels in centres)
        bright = (image[0, 0, x, y, z] > frame.background).cpu()
        found += tried[inside & bright].tolist()
        if len(found) >= count:
            break
    if not found:
        found = tried.tolist()
    return [(x, y, z) for x, y, z in (found * count)[:count]]


def starts(side: int, patch: int, crop: int) -> list[int]:
    """First voxels of the patches that cover one axis; the last one ends with the axis.

    Args:
        side: Of the cube, voxels.
        patch: Side of a patch, voxels.
        crop: Voxels dropped on every side of a patch; the stride is ``patch - 2 * crop``.
    """
    regular = list(range(0, side - patch + 1, patch - 2 * crop))
    return regular if regular[-1] == side - patch else [*regular, side - patch]


def positions(side: int, patch: int, crop: int) -> Iterator[Start]:
    """First voxels of the patches that cover a cube, one after the other; see :func:`starts`."""
    along = starts(side, patch, crop)
    return product(along, along, along)
