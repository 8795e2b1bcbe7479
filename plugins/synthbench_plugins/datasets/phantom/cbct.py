"""What tells a cone-beam CT from a CT: scatter, beam hardening, streaks, and numbers that drift.

The artefacts are made where they arise, in parallel projections of the attenuation: photons are
few where it is high, so the noise of a projection grows exponentially with it, and bone hardens the
beam. Smearing both back over the image gives streaks and dark bands in the directions of long
paths. Scatter, which a wide beam has most of, lowers the numbers in the middle of the body.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from synthbench_plugins.datasets.phantom.grid import Floats

#: Lowest and highest value that such a scanner gives (HU).
RANGE = (-1000.0, 2000.0)
#: Artefacts are smooth: voxels of about this size (mm) are enough for them.
_COARSE = 6.0
_DIRECTIONS = 12
#: Linear attenuation of water at the mean energy of the beam (1/mm).
_WATER = 0.02
#: Reach of scattered photons (mm).
_SCATTER = 35.0


def cone_beam(
    image: Floats, spacing: float, scanner: np.random.Generator, scan: np.random.Generator
) -> Floats:
    """Turn ideal CT numbers into those of a cone-beam CT, before noise.

    Args:
        image: HU, shape (X, Y, Z).
        spacing: Isotropic voxel size (mm).
        scanner: Draws the loss of contrast, the offset and the strength of cupping and streaks.
        scan: Draws the streaks.

    Returns:
        HU, same shape.
    """
    contrast, offset = scanner.uniform(0.82, 0.95), scanner.uniform(-30, 30)
    cupping, streaking = scanner.uniform(80, 150), scanner.uniform(20, 40)
    factor = min(spacing / _COARSE, 1.0)
    coarse = ndimage.zoom(image, factor, order=1, mode="nearest", grid_mode=True)
    density = np.clip(1 + coarse / 1000, 0, None).astype(np.float32)
    body = density > 0.5
    scatter = ndimage.gaussian_filter(density, _SCATTER * factor / spacing, mode="nearest")
    artefact = streaking * _standardised(_streaks(density, spacing / factor, scan), body)
    artefact -= cupping * (scatter - scatter[body].mean()) / scatter.max()
    artefact *= np.clip(density, 0, 1)  # hardly seen in air, where the numbers end
    scale = np.divide(image.shape, coarse.shape)
    artefact = ndimage.zoom(artefact, scale, order=1, mode="nearest", grid_mode=True)
    return np.float32(contrast) * image + np.float32(offset) + artefact


def _streaks(density: Floats, spacing: float, rng: np.random.Generator) -> Floats:
    """Back-project noise and beam hardening of a few directions within the axial plane."""
    width, depth, _ = density.shape
    side = int(np.ceil(np.hypot(width, depth)))
    before = ((side - width) // 2, (side - depth) // 2)
    padding = [(b, side - n - b) for b, n in zip(before, (width, depth), strict=True)]
    padded = np.pad(density, [*padding, (0, 0)])
    bone = np.clip(padded - 1.15, 0, None)
    smeared = np.zeros_like(padded)
    for angle in rng.uniform(0, 180, _DIRECTIONS):

        def project(volume: Floats, angle: float = angle) -> Floats:
            turned = ndimage.rotate(volume, angle, axes=(0, 1), reshape=False, order=1)
            path: Floats = turned.sum(axis=0) * np.float32(_WATER * spacing)
            return path

        noise = ndimage.gaussian_filter(rng.standard_normal((side, density.shape[2])), 0.7)
        fault = noise * np.exp(project(padded) / 2) / 20 - project(bone) ** 2
        lines = np.broadcast_to(fault.astype(np.float32), padded.shape)
        smeared += ndimage.rotate(lines, -angle, axes=(0, 1), reshape=False, order=1)
    return smeared[before[0] : before[0] + width, before[1] : before[1] + depth]


def _standardised(field: Floats, where: npt.NDArray[np.bool_]) -> Floats:
    inside = field[where]
    standardised: Floats = (field - inside.mean()) / inside.std()
    return standardised
