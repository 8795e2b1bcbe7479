"""From anatomy to an image: scanner, tissue variation, bias field, blur and noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from synthbench_plugins.datasets.phantom import cbct
from synthbench_plugins.datasets.phantom.anatomy import Anatomy
from synthbench_plugins.datasets.phantom.contrast import (
    AIR_HOUNSFIELD,
    PROTOCOLS,
    TISSUES,
    Protocol,
    Tissue,
    nulling_time,
    signal,
)
from synthbench_plugins.datasets.phantom.grid import Floats, smooth_field, stream
from synthbench_plugins.datasets.phantom.motion import draw_move, moved, moved_mask

#: Scanners of a phantom data set; subjects take turns.
SCANNERS = 4
#: Relative standard deviation of T1, T2 and proton density between subjects, and of T1 and T2
#: within a tissue.
_BETWEEN_SUBJECTS = 0.03
_WITHIN_TISSUE = 0.035
#: What the last scanner's tube voltage adds to dense tissue, as a part of its CT number.
_VOLTAGE = 0.2


def acquire(
    anatomy: Anatomy,
    seed: int,
    index: int,
    modality: str,
    *,
    skull_stripped: bool,
    misregistration: float = 0.0,
    site_shift: float = 0.0,
) -> Floats:
    """Image one modality of a subject.

    Args:
        anatomy: Of the subject.
        seed: Of the data set.
        index: Of the subject.
        modality: A key of :data:`~synthbench_plugins.datasets.phantom.contrast.PROTOCOLS`.
        skull_stripped: Whether MR is 0 outside ``anatomy.brain``; CT always shows everything.
        misregistration: Standard deviation of the move against the anatomy, see
            :func:`~synthbench_plugins.datasets.phantom.motion.draw_move`.
        site_shift: How far the last scanner is from the others, 0 to 1.

    Returns:
        Shape (X, Y, Z), float32: arbitrary positive units for MR, HU for CT.
    """
    if index % SCANNERS != SCANNERS - 1:
        site_shift = 0.0
    scanner = stream(seed, index % SCANNERS, modality, "scanner")
    scan = stream(seed, index, modality, "scan")
    protocol = _protocol(modality, scanner, scan, site_shift)
    image, brain = _ideal(anatomy, seed, index, protocol), anatomy.brain
    if misregistration:
        move = stream(seed, index, modality, "move")
        voxels = draw_move(move, anatomy.grid, misregistration)
        image, brain = moved(image, voxels), moved_mask(brain, voxels)
    widths = np.array(protocol.resolution) / (2.3548 * anatomy.grid.spacing)
    noise = 1 + site_shift  # as a multiple of the usual
    if protocol.hounsfield:
        # Another tube voltage: dense tissue attenuates more.
        image += np.float32(_VOLTAGE * site_shift) * np.clip(image - 100, 0, None)
        image = ndimage.gaussian_filter(image, widths, mode="nearest")
        if protocol.kind == "cbct":
            image = cbct.cone_beam(image, anatomy.grid.spacing, scanner, scan)
            image += _ct_noise(scan, noise * scanner.uniform(25, 40), 0.7, image.shape)
            return np.clip(image, *cbct.RANGE)
        image += _ct_noise(scan, noise * scanner.uniform(3, 7), 0.5, image.shape)
        return np.clip(image, -1024, 3071)
    bias = np.exp(0.07 * (1 + site_shift) * smooth_field(scan, anatomy.grid, 70.0))
    image = ndimage.gaussian_filter(image * bias, widths)
    level = float(image[brain].mean())
    sigma = np.float32(noise * level / scanner.uniform(22, 40))
    # Magnitude of a complex signal with Gaussian noise in both channels: Rician.
    real = image + sigma * scan.standard_normal(image.shape, dtype=np.float32)
    imaginary = sigma * scan.standard_normal(image.shape, dtype=np.float32)
    gain = np.float32(scanner.uniform(300, 900) * scan.uniform(0.8, 1.25) / level)
    magnitude: Floats = gain * np.hypot(real, imaginary)
    if skull_stripped:
        magnitude[~brain] = 0
    return magnitude


def _protocol(
    modality: str, scanner: np.random.Generator, scan: np.random.Generator, shift: float
) -> Protocol:
    """Vary the nominal protocol: by ``shift``, by 5 percent a scanner, by 1 percent a scan."""
    nominal = PROTOCOLS[modality]
    x, y, z = nominal.resolution
    nominal = replace(
        nominal,
        tr=nominal.tr * (1 - 0.1 * shift),
        te=nominal.te * (1 - 0.3 * shift),
        flip=nominal.flip * (1 + 0.4 * shift),
        resolution=(x * (1 + 0.6 * shift), y * (1 + 0.6 * shift), z * (1 + 0.6 * shift)),
    )

    def vary(value: float) -> float:
        return value * (1 + scanner.uniform(-0.05, 0.05)) * (1 + scan.uniform(-0.01, 0.01))

    varied = replace(
        nominal,
        tr=vary(nominal.tr),
        te=vary(nominal.te),
        ti=vary(nominal.ti),
        flip=vary(nominal.flip),
    )
    if nominal.kind == "flair":
        # Scanners derive it from TR; patients differ from the T1 it assumes.
        null = nulling_time(TISSUES["csf"].t1, varied.tr)
        varied = replace(varied, ti=null * (1 + scanner.uniform(-0.02, 0.02)))
    return varied


def _ideal(anatomy: Anatomy, seed: int, index: int, protocol: Protocol) -> Floats:
    """Mix the tissues' signals by their part of each voxel; no blur, bias or noise yet."""
    # The same tissue in every modality: these streams do not depend on it.
    subject = stream(seed, index, "tissue")
    texture = stream(seed, index, "texture")
    t1_map, t2_map = (
        _WITHIN_TISSUE
        * (smooth_field(texture, anatomy.grid, 24.0) + smooth_field(texture, anatomy.grid, 9.0))
        for _ in range(2)
    )
    image = np.zeros(anatomy.grid.shape, dtype=np.float32)
    t1_slope, t2_slope = np.zeros_like(image), np.zeros_like(image)
    air = np.ones_like(image)
    for name, nominal in TISSUES.items():
        tissue = _vary(nominal, subject)
        part = anatomy.fractions.get(name)
        if part is None:
            continue
        value = signal(tissue, protocol)
        image += np.float32(value) * part
        air -= part
        if protocol.hounsfield:
            # CT numbers vary less than relaxation times; one map serves.
            t1_slope += np.float32(0.3 * value) * part
            continue
        # First order in the small variation within a tissue, instead of the equations everywhere.
        t1_slope += np.float32(_slope(tissue, protocol, "t1", value)) * part
        t2_slope += np.float32(_slope(tissue, protocol, "t2", value)) * part
    image += t1_slope * t1_map + t2_slope * t2_map
    if protocol.hounsfield:
        image += np.float32(AIR_HOUNSFIELD) * air
        return image
    return np.maximum(image, 0)


def _vary(tissue: Tissue, subject: np.random.Generator) -> Tissue:
    t1, t2, density = np.exp(_BETWEEN_SUBJECTS * subject.standard_normal(3))
    return replace(
        tissue, t1=tissue.t1 * t1, t2=tissue.t2 * t2, density=tissue.density * density**0.5
    )


def _slope(tissue: Tissue, protocol: Protocol, name: str, value: float) -> float:
    """Derivative of the signal by the logarithm of a relaxation time."""
    step = 0.01
    changed = replace(tissue, **{name: getattr(tissue, name) * (1 + step)})
    return (signal(changed, protocol) - value) / step


def _ct_noise(
    rng: np.random.Generator, sigma: float, grain: float, shape: tuple[int, ...]
) -> Floats:
    """Gaussian noise with the grain (in voxels) of a smooth reconstruction kernel."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), grain)
    return noise * np.float32(sigma / noise.std())
