"""A simple male pelvis: an ellipsoidal body with fat, muscle, bones, bladder, prostate and rectum.

Every structure is an ellipsoid or a capsule of its own random size and place, bent by a smooth
random displacement. The origin lies midway between the femoral heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from synthbench_plugins.datasets.phantom.anatomy import Anatomy
from synthbench_plugins.datasets.phantom.deformation import bend, small_affine
from synthbench_plugins.datasets.phantom.grid import (
    Extent,
    Floats,
    Grid,
    make_grid,
    smooth_field,
    stream,
)

Numbers = Sequence[float] | npt.NDArray[np.floating]

#: World extent (mm).
EXTENT: Extent = ((-210.0, 210.0), (-152.0, 136.0), (-92.0, 92.0))
#: Label values; they are the regions too.
LABELS = {"bladder": 1, "prostate": 2, "rectum": 3, "bone": 4}
#: Bones of the right side: ellipsoids (centre, half axes in mm, turn about z in degrees) ...
_PLATES = (
    ((86, -28, 58), (11, 46, 46), 28),  # ilium
    ((74, -14, -4), (15, 26, 24), 10),  # around the hip joint
    ((62, -26, -62), (13, 18, 26), 0),  # ischium
)
#: ... and capsules (ends, radius in mm).
_RODS = (
    ((88, 0, 0), (88, 0, 0.5), 24),  # femoral head
    ((92, -1, -2), (128, -6, -26), 14),  # neck
    ((132, -8, -28), (130, -4, -140), 17),  # trochanter and shaft
    ((8, 46, -34), (62, 22, -8), 8),  # upper ramus of the pubis
    ((8, 44, -42), (52, -14, -72), 7),  # lower ramus
)
#: Bones of the middle: sacrum and coccyx.
_SACRUM = (((0, -76, 56), (48, 16, 44), 0), ((0, -66, 0), (10, 8, 26), 0))
#: Displacements: distance of control points and standard deviation (mm).
_DISPLACEMENTS = ((70.0, 4.0), (30.0, 1.5))


@lru_cache(maxsize=2)
def build_pelvis(seed: int, index: int, spacing: float) -> Anatomy:
    """Build the anatomy of one subject; the same at every spacing but for partial volume.

    Returns:
        An anatomy whose ``brain`` and ``head`` are both the body.
    """
    grid = make_grid(spacing, EXTENT)
    rng = stream(seed, index, "pelvis")
    points = bend(rng, grid, small_affine(rng, grid), _DISPLACEMENTS)
    layers = _Layers(grid, points)

    body = _torso(layers, rng)
    cavity = layers.ellipsoid((0, -12, 34), (64, 58, 96))
    fatty = np.clip(0.55 + 0.6 * smooth_field(rng, grid, 22.0), 0, 1)
    layers.put("fat", layers.part(cavity) * fatty)

    bladder = layers.ellipsoid((0, 34, 20), rng.uniform((26, 20, 18), (42, 32, 32)))
    prostate = layers.ellipsoid((0, 22, -26), rng.uniform((19, 14, 14), (27, 20, 22)))
    rectum = layers.capsule((0, -28, -70), (0, -40, 44), rng.uniform(12, 18))
    pocket = layers.ellipsoid((0, -34, rng.uniform(-30, 30)), (30, 30, rng.uniform(10, 35)))
    gas = np.minimum(rectum - 4, pocket)
    bone = _bones(layers)

    layers.put("trunk_muscle", layers.part(rectum))
    layers.put("", layers.part(gas))
    layers.put("prostate", layers.part(prostate))
    layers.put("trunk_muscle", layers.part(bladder))
    layers.put("urine", layers.part(bladder - 3))
    layers.put("bone", layers.part(bone))
    layers.put("trabecular", layers.part(bone - rng.uniform(2.0, 3.5)))

    label = np.zeros(grid.shape, dtype=np.uint8)
    # In the order in which they cover each other.
    depths = {"rectum": rectum, "prostate": prostate, "bladder": bladder, "bone": bone}
    for name, depth in depths.items():
        label[depth > 0] = LABELS[name]
    inside = body > 0
    label[~inside] = 0
    return Anatomy(grid, layers.fractions, inside, inside, label)


def _torso(layers: _Layers, rng: np.random.Generator) -> Floats:
    """Put skin, subcutaneous fat and muscle; return the depth under the skin (mm)."""
    body = layers.ellipsoid((0, -8, -20), (*rng.uniform((160, 102), (184, 120)), 420))
    thickness = rng.uniform(14, 26) * (1 + 0.25 * smooth_field(rng, layers.grid, 60.0))
    muscle = body - np.clip(thickness, 6, None).astype(np.float32)
    # Fat between the muscles lies in patches.
    between = np.clip(1.4 * smooth_field(rng, layers.grid, 26.0) - 1.5, 0, 0.9)
    layers.put("trunk_muscle", layers.part(body))
    layers.put("fat", layers.part(body - 2))
    layers.put("trunk_muscle", layers.part(muscle) * (1 - between))
    return body


def _bones(layers: _Layers) -> Floats:
    """Depth under the surface of the bones (mm)."""
    depths = [layers.ellipsoid(centre, half, turn) for centre, half, turn in _SACRUM]
    depths += [layers.ellipsoid(*plate, mirrored=True) for plate in _PLATES]
    depths += [layers.capsule(*rod, mirrored=True) for rod in _RODS]
    bones: Floats = np.maximum.reduce(depths)
    return bones


class _Layers:
    """Shapes in a subject's space, and tissues put one over the other.

    Args:
        grid: Of the subject.
        points: Where its voxels lie in the undeformed space (mm), shape (3, X, Y, Z).

    Attributes:
        fractions: Part of each voxel that a tissue takes so far.
    """

    def __init__(self, grid: Grid, points: Floats) -> None:
        self.grid = grid
        self.points = points
        self.fractions: dict[str, Floats] = {}

    def put(self, tissue: str, part: Floats) -> None:
        """Let a tissue (or air, ``""``) take a part of each voxel from what was there."""
        for name in self.fractions:
            self.fractions[name] = self.fractions[name] * (1 - part)
        if tissue:
            self.fractions[tissue] = self.fractions.get(tissue, np.float32(0)) + part

    def part(self, depth: Floats) -> Floats:
        """Turn the depth under a surface (mm) into the fraction of the voxel inside it."""
        inside: Floats = np.clip(depth / np.float32(self.grid.spacing) + np.float32(0.5), 0, 1)
        return inside

    def ellipsoid(
        self, centre: Numbers, half: Numbers, turn: float = 0, *, mirrored: bool = False
    ) -> Floats:
        """Depth under the surface of an ellipsoid (mm), exact to first order near the surface."""
        x, y, z = self._offsets(centre, mirrored)
        cosine, sine = np.float32(np.cos(np.deg2rad(turn))), np.float32(np.sin(np.deg2rad(turn)))
        axes = (cosine * x + sine * y, cosine * y - sine * x, z)
        halves = np.asarray(half, dtype=np.float32)
        scaled = [axis / side for axis, side in zip(axes, halves, strict=True)]
        radius = np.sqrt(sum(part**2 for part in scaled))
        pairs = zip(scaled, halves, strict=True)
        slope = np.sqrt(sum((part / side) ** 2 for part, side in pairs))
        depth: Floats = radius * (1 - radius) / np.maximum(slope, np.float32(1e-6))
        # In the very middle both radius and slope vanish.
        depth[radius < 1e-3] = halves.min()
        return depth

    def capsule(
        self, start: Numbers, end: Numbers, radius: float, *, mirrored: bool = False
    ) -> Floats:
        """Depth under the surface of a rod with round ends (mm)."""
        offset = self._offsets(start, mirrored)
        axis = np.subtract(end, start).astype(np.float32)
        along = sum(part * side for part, side in zip(offset, axis, strict=True))
        along = np.clip(along / np.float32(axis @ axis), 0, 1)
        square = sum((part - along * side) ** 2 for part, side in zip(offset, axis, strict=True))
        depth: Floats = np.float32(radius) - np.sqrt(square)
        return depth

    def _offsets(self, centre: Numbers, mirrored: bool) -> tuple[Floats, Floats, Floats]:
        x, y, z = self.points
        x = np.abs(x) if mirrored else x
        cx, cy, cz = np.asarray(centre, dtype=np.float32)
        return x - cx, y - cy, z - cz
