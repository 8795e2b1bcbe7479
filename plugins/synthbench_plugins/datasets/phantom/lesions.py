"""Tumours and white-matter lesions: where they sit, what they are made of, what they displace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthbench_plugins.datasets.phantom.atlas import Atlas, load_atlas
from synthbench_plugins.datasets.phantom.deformation import magnify
from synthbench_plugins.datasets.phantom.grid import Floats, Grid, smooth_field

Point = tuple[float, float, float]

#: Tissues of each label value, as in BraTS 2018-2021.
LABELS: Mapping[int, tuple[str, ...]] = {
    1: ("necrosis", "solid"),
    2: ("oedema", "lesion"),
    4: ("enhancing",),
}


@dataclass(frozen=True)
class Tumour:
    """One tumour.

    Attributes:
        centre: Template position (mm).
        radius: Of the tumour core (mm).
        rim: Thickness of the enhancing rim around the necrosis (mm); 0: does not enhance.
        oedema: Reach of the oedema beyond the core (mm).
    """

    centre: Point
    radius: float
    rim: float
    oedema: float


@dataclass(frozen=True)
class Lesion:
    """A small round lesion of the white matter: template position and radius (mm)."""

    centre: Point
    radius: float


def plan(rng: np.random.Generator) -> tuple[list[Tumour], list[Lesion]]:
    """Draw a subject's pathology: a glioma (high or low grade) or metastases, and small lesions."""
    atlas = load_atlas()
    kind = rng.choice(["high grade", "low grade", "metastases"], p=[0.65, 0.2, 0.15])
    if kind == "metastases":
        tumours = []
        for _ in range(rng.integers(2, 5)):
            radius = rng.uniform(4, 9)
            tumours.append(
                Tumour(
                    _site(rng, atlas), radius, rng.uniform(2.5, 4), rng.uniform(0.5, 1.2) * radius
                )
            )
    else:
        rim = rng.uniform(3.5, 7) if kind == "high grade" else 0.0
        oedema = rng.uniform(8, 22) if kind == "high grade" else rng.uniform(2, 8)
        tumours = [Tumour(_site(rng, atlas), rng.uniform(11, 20), rim, oedema)]
    lesions = [Lesion(_site(rng, atlas), rng.uniform(2, 5)) for _ in range(rng.poisson(5))]
    return tumours, lesions


def _site(rng: np.random.Generator, atlas: Atlas) -> Point:
    """Draw a point of the white matter of the cerebrum, off the midline."""
    while True:
        voxel = rng.integers(0, atlas.white.shape)
        point = atlas.origin + voxel
        if abs(point[0]) > 14 and point[2] > -12 and atlas.white[tuple(voxel)] > 0.8:
            return float(point[0]), float(point[1]), float(point[2])


def displace(points: Floats, tumours: list[Tumour]) -> Floats:
    """Push the normal anatomy away from the tumours (mass effect)."""
    for tumour in tumours:
        # What does not enhance infiltrates more than it displaces.
        strength = 0.35 if tumour.rim else 0.2
        points = magnify(points, tumour.centre, strength, 1.3 * tumour.radius)
    return points


def infiltrate(
    rng: np.random.Generator,
    grid: Grid,
    points: Floats,
    normal: Mapping[str, Floats],
    tumours: list[Tumour],
    lesions: list[Lesion],
) -> dict[str, Floats]:
    """Grow the pathology into the normal tissue.

    Args:
        rng: Draws the irregular outlines.
        grid: Of the subject.
        points: Template position of each voxel before the mass effect, shape (3, X, Y, Z).
        normal: Fractions of white, grey, deep_grey and csf.
        tumours: From :func:`plan`.
        lesions: From :func:`plan`.

    Returns:
        Fractions of each pathological tissue in a voxel, shape (X, Y, Z), their sum at most 1.
    """
    white = normal["white"]
    parenchyma = white + normal["grey"] + normal["deep_grey"]
    # Oedema spreads along white matter and hardly into cortex; nothing grows into the ventricles
    # faster than the tumour itself can push them away.
    permeable = np.clip(white * 1.15 + 0.25 * normal["deep_grey"] + 0.1 * normal["grey"], 0, 1)
    outline, fringe, hollow = (smooth_field(rng, grid, scale) for scale in (9.0, 14.0, 7.0))
    core = np.zeros_like(white)
    enhancing, solid, oedema = core.copy(), core.copy(), core.copy()
    for tumour in tumours:
        radius = tumour.radius
        distance = _distance(points, tumour.centre) + 0.13 * radius * outline
        inside = _ramp(radius - distance, grid)
        necrotic = _ramp(radius - tumour.rim * (1 + 0.4 * hollow) - distance, grid)
        if tumour.rim:
            enhancing = np.maximum(enhancing, inside - np.minimum(necrotic, inside))
        else:
            solid = np.maximum(solid, inside)
        core = np.maximum(core, inside)
        reach: Floats = radius + tumour.oedema * np.clip(1 + 0.45 * fringe, 0.1, None)
        oedema = np.maximum(oedema, _ramp(reach - distance, grid) * permeable)
    spots = np.zeros_like(white)
    for lesion in lesions:
        offset = _distance(points, lesion.centre) + 0.8 * hollow
        spots = np.maximum(spots, _ramp(lesion.radius - offset, grid) * white)
    core *= np.clip(1.5 * (parenchyma + 0.4), 0, 1)
    enhancing = np.minimum(enhancing, core)
    solid = np.minimum(solid, core - enhancing)
    oedema = oedema * (1 - core)
    return {
        "necrosis": core - enhancing - solid,
        "solid": solid,
        "enhancing": enhancing,
        "oedema": oedema,
        "lesion": spots * (1 - core - oedema),
    }


def label_of(fractions: Mapping[str, Floats]) -> npt.NDArray[np.uint8]:
    """Label the voxels that are mostly pathological with their largest class; uint8."""
    values = np.array([0, *LABELS], dtype=np.uint8)
    classes = np.stack(
        [np.sum([fractions[tissue] for tissue in tissues], axis=0) for tissues in LABELS.values()]
    )
    pathological = classes.sum(axis=0) > 0.5
    return np.where(pathological, values[1 + np.argmax(classes, axis=0)], 0).astype(np.uint8)


def _distance(points: Floats, centre: Point) -> Floats:
    x, y, z = (points[axis] - np.float32(centre[axis]) for axis in range(3))
    distance: Floats = np.sqrt(x**2 + y**2 + z**2)
    return distance


def _ramp(depth: npt.NDArray[np.floating], grid: Grid) -> Floats:
    """Turn the depth under a surface (mm) into the fraction of the voxel inside it."""
    part: Floats = np.clip(depth / np.float32(grid.spacing) + np.float32(0.5), 0, 1)
    return part
