"""One subject's anatomy: what each voxel is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from synthbench_plugins.datasets.phantom import deformation, lesions
from synthbench_plugins.datasets.phantom.atlas import atlas_for
from synthbench_plugins.datasets.phantom.grid import Floats, Grid, make_grid, smooth_field, stream

#: Exponent that undoes some of the blur of averaging 152 brains.
_SHARPENING = 2.0
#: Centre and half axes (mm, right side, MNI) of the nuclei with more iron than cortex.
_NUCLEI = {
    "thalamus": ((12, -18, 8), (11, 15, 10)),
    "putamen": ((26, 4, 2), (7, 17, 11)),
    "caudate": ((13, 12, 10), (6, 12, 12)),
    "pallidum": ((19, -4, 0), (6, 9, 7)),
}
#: Soft tissue below the skull: centre and half axes (mm); and the air in it.
_FACE = ((0, 20, -78), (58, 82, 52))
_AIRWAYS = (((0, 50, -62), (11, 26, 16)), ((0, 4, -72), (12, 9, 26)))


@dataclass(frozen=True)
class Anatomy:
    """What every modality of a subject has in common.

    Attributes:
        grid: Its voxels.
        fractions: Part of each voxel that a tissue takes, shape (X, Y, Z) each; the rest is air.
        brain: Brain mask, bool; where there is no brain, the body's.
        head: Mask of the head or body, bool.
        label: uint8; of a brain 1 necrotic and non-enhancing core, 2 oedema and lesions,
            4 enhancing.
    """

    grid: Grid
    fractions: dict[str, Floats]
    brain: npt.NDArray[np.bool_]
    head: npt.NDArray[np.bool_]
    label: npt.NDArray[np.uint8]


@lru_cache(maxsize=2)
def build_anatomy(seed: int, index: int, spacing: float) -> Anatomy:
    """Build the anatomy of one subject; the same at every spacing but for partial volume."""
    grid = make_grid(spacing)
    atlas = atlas_for(spacing)
    points = deformation.template_points(stream(seed, index, "deformation"), grid)
    rng = stream(seed, index, "pathology")
    tumours, spots = lesions.plan(rng)
    displaced = lesions.displace(points, tumours)

    grey, white, brain = atlas.sample(displaced)
    normal = _tissues(stream(seed, index, "cortex"), grid, displaced, grey, white, brain)
    pathology = lesions.infiltrate(rng, grid, points, normal, tumours, spots)
    inside = np.clip(brain, 0, 1)
    healthy = 1 - sum(pathology.values())
    brain_mask = brain > 0.5

    # What the brain leaves of the skull's inside is fluid, then come bone and scalp.
    shells = _shells(stream(seed, index, "skull"), grid, points, atlas.skull_distance(points))
    fractions = {name: part * healthy * inside for name, part in normal.items()}
    fractions |= {name: part * inside for name, part in pathology.items()}
    outside = 1 - inside
    fractions["csf"] = fractions["csf"] + outside * shells.pop("csf")
    fractions |= {name: outside * part for name, part in shells.items()}
    label = lesions.label_of(pathology)
    label[~brain_mask] = 0
    filled = np.zeros_like(brain)
    for part in fractions.values():
        filled += part
    return Anatomy(grid, fractions, brain_mask, filled > 0.5, label)


def _tissues(
    rng: np.random.Generator, grid: Grid, points: Floats, grey: Floats, white: Floats, brain: Floats
) -> dict[str, Floats]:
    """Turn the population's probabilities into one subject's tissue fractions, their sum 1.

    Smooth random weights on the odds make cortex, white matter and sulci thicker here and thinner
    there, which a deformation of the average alone cannot.
    """
    fluid = np.clip(1 - grey - white, 0, 1)
    atrophy = rng.normal(0.25, 0.35)
    odds = {
        "white": np.exp(0.35 * smooth_field(rng, grid, 12.0)),
        "grey": np.float32(1.0),
        "csf": np.exp(np.float32(atrophy) + 0.5 * smooth_field(rng, grid, 10.0)),
    }
    parts = {"white": white, "grey": grey, "csf": fluid}
    weighted = {name: (part * odds[name]) ** _SHARPENING for name, part in parts.items()}
    total = np.maximum(sum(weighted.values()), np.float32(1e-6))
    fractions = {name: part / total for name, part in weighted.items()}
    fractions["csf"] = 1 - fractions["white"] - fractions["grey"]
    nuclei = np.zeros_like(grey)
    lateral = np.abs(points[0])
    for centre, half in _NUCLEI.values():
        nuclei = np.maximum(nuclei, _ellipsoid(lateral, points[1], points[2], centre, half, 2.0))
    fractions["deep_grey"] = fractions["grey"] * nuclei
    fractions["grey"] = fractions["grey"] - fractions["deep_grey"]
    return fractions


def _shells(
    rng: np.random.Generator, grid: Grid, points: Floats, depth: Floats
) -> dict[str, Floats]:
    """Layers around the brain, from the distance ``depth`` (mm) to the inside of the skull."""
    skull = np.clip(rng.normal(7, 1) + smooth_field(rng, grid, 40.0), 4, None)
    scalp = np.clip(rng.normal(6, 1) + smooth_field(rng, grid, 40.0), 3, None)

    def within(edge: Floats | float) -> Floats:
        part: Floats = np.clip((edge - depth) / np.float32(grid.spacing) + np.float32(0.5), 0, 1)
        return part

    cavity, inner, outer, bone = (within(1 + part * skull) for part in (0.0, 0.3, 0.7, 1.0))
    fat, skin = within(1 + skull + 0.6 * scalp), within(1 + skull + scalp)
    face = _ellipsoid(points[0], points[1], points[2], *_FACE, 2 * grid.spacing) * (1 - skin)
    # Muscle and fat of face and neck lie in patches.
    fatty = np.clip(0.35 + 0.5 * smooth_field(rng, grid, 12.0), 0, 1)
    shells = {
        "csf": cavity,
        "bone": (inner - cavity) + (bone - outer),
        "marrow": outer - inner,
        "fat": (fat - bone) + face * fatty,
        "muscle": (skin - fat) + face * (1 - fatty),
    }
    air = np.zeros_like(depth)
    for centre, half in _AIRWAYS:
        air = np.maximum(air, _ellipsoid(points[0], points[1], points[2], centre, half, 2.0))
    tissue = 1 - air * (1 - bone)
    return {name: part * tissue for name, part in shells.items()}


def _ellipsoid(
    x: Floats, y: Floats, z: Floats, centre: tuple[int, ...], half: tuple[int, ...], softness: float
) -> Floats:
    """Membership in an ellipsoid, falling from 1 to 0 over ``softness`` mm at its surface."""
    pairs = zip((x, y, z), centre, half, strict=True)
    u, v, w = ((axis - np.float32(c)) / np.float32(h) for axis, c, h in pairs)
    depth = (1 - np.sqrt(u**2 + v**2 + w**2)) * np.float32(min(half) / softness)
    membership: Floats = np.clip(depth + np.float32(0.5), 0, 1)
    return membership
