"""Average brain: the MNI152 tissue maps that ship inside nilearn.

ICBM 2009a nonlinear symmetric template: V. Fonov et al., Unbiased average age-appropriate brain
templates from birth to adulthood, NeuroImage 47 (2009) S102.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from synthbench_plugins.datasets.phantom.grid import Floats

#: How far sulci and other concavities are bridged to get the inside of the skull (mm).
_CLOSING = 14.0
_PADDING = 24  # voxels of the coarse distance map around the brain: room for the head
_COARSE = 2  # voxel size of the distance map (mm)


@dataclass(frozen=True)
class Atlas:
    """Maps on the 1 mm template grid, cropped to the brain.

    Attributes:
        grey: Probability of grey matter.
        white: Probability of white matter.
        brain: Probability of brain, cerebrospinal fluid included.
        origin: World position (mm) of voxel (0, 0, 0).
        distance: Signed distance (mm) to the inside of the skull, negative inside, on a 2 mm grid.
        distance_origin: World position (mm) of its first voxel.
    """

    grey: Floats
    white: Floats
    brain: Floats
    origin: Floats
    distance: Floats
    distance_origin: Floats

    def sample(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """Interpolate grey, white and brain linearly at world points of shape (3, ...)."""
        voxels = points - _column(self.origin, points)
        grey, white, brain = (
            ndimage.map_coordinates(volume, voxels, order=1, mode="nearest")
            for volume in (self.grey, self.white, self.brain)
        )
        return grey, white, brain

    def skull_distance(self, points: Floats) -> Floats:
        """Interpolate the distance to the inside of the skull at world points, shape (3, ...)."""
        voxels = (points - _column(self.distance_origin, points)) / _COARSE
        return ndimage.map_coordinates(self.distance, voxels, order=1, mode="nearest")


def _column(origin: Floats, points: Floats) -> Floats:
    return origin.reshape((3,) + (1,) * (points.ndim - 1))


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """Read the 1 mm maps from nilearn's package data; nothing is ever downloaded."""
    # Here, not above: it brings scikit-learn and takes two seconds.
    from nilearn import datasets

    template = datasets.load_mni152_template(resolution=1)
    grey = datasets.load_mni152_gm_template(resolution=1)
    white = datasets.load_mni152_wm_template(resolution=1)
    brain = np.asarray(template.dataobj) > 0
    box = tuple(
        slice(max(int(where.min()) - 2, 0), int(where.max()) + 3) for where in np.nonzero(brain)
    )
    origin = template.affine[:3, 3] + [part.start for part in box]
    distance = _distance_to_cavity(brain[box])
    return Atlas(
        grey=np.asarray(grey.dataobj, dtype=np.float32)[box],
        white=np.asarray(white.dataobj, dtype=np.float32)[box],
        brain=brain[box].astype(np.float32),
        origin=origin.astype(np.float32),
        distance=distance,
        distance_origin=(origin - _PADDING * _COARSE).astype(np.float32),
    )


@lru_cache(maxsize=2)
def atlas_for(spacing: float) -> Atlas:
    """Low-pass the atlas to the resolution of a grid, so that sampling it gives partial volume."""
    atlas = load_atlas()
    if spacing <= 1:
        return atlas
    sigma = float(np.sqrt(spacing**2 - 1) / np.sqrt(12))  # variance of a box as wide as a voxel

    def blur(volume: Floats) -> Floats:
        return ndimage.gaussian_filter(volume, sigma, mode="nearest", truncate=3)

    return Atlas(
        blur(atlas.grey),
        blur(atlas.white),
        blur(atlas.brain),
        atlas.origin,
        atlas.distance,
        atlas.distance_origin,
    )


def _distance_to_cavity(brain: npt.NDArray[np.bool_]) -> Floats:
    """Signed distance (mm) to the closed surface of the brain, on a padded 2 mm grid."""
    coarse = np.pad(brain[::_COARSE, ::_COARSE, ::_COARSE], _PADDING)
    # The neck: without it the skull would close right under the cut brain stem.
    coarse[..., :_PADDING] = coarse[..., _PADDING, None]
    dilated = ndimage.distance_transform_edt(~coarse) * _COARSE < _CLOSING
    cavity = ndimage.distance_transform_edt(dilated) * _COARSE > _CLOSING
    cavity |= coarse
    outside = ndimage.distance_transform_edt(~cavity)
    inside = ndimage.distance_transform_edt(cavity)
    return ((outside - inside) * _COARSE).astype(np.float32)
