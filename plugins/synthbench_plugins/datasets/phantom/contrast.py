"""Tissue properties at 3 T and the signal equations that turn them into image contrast.

Relaxation times:

* white and grey matter: J. P. Wansapura et al., NMR relaxation times in the human brain at 3.0
  tesla, JMRI 9 (1999) 531-538;
* cerebrospinal fluid: C. Lin et al., Measurements of T1 relaxation times at 3.0T, Proc. ISMRM 9
  (2001) 1391 (T1); its long T2 is of no consequence at the echo times used here;
* deep grey matter: N. Gelman et al., Interregional variation of longitudinal relaxation rates in
  human brain at 3.0 T, MRM 45 (2001) 71-79; T2 shortened by its iron;
* muscle: G. J. Stanisz et al., T1, T2 relaxation and magnetization transfer in tissue at 3T, MRM 54
  (2005) 507-512;
* tumour and the white matter around it: P. de Blank et al., Magnetic resonance fingerprinting to
  characterize childhood and young adult brain tumors, Pediatr. Neurosurg. 54 (2019) 310-318, for
  T1. Its T2 values are low, like all by fingerprinting; T2 here keeps their ratio to white matter;
* prostate and muscle of the trunk: C. M. J. de Bazelaire et al., MR imaging relaxation times of
  abdominal and pelvic tissues measured in vivo at 3.0 T, Radiology 230 (2004) 652-659.

Necrosis, small lesions, bone, fat and urine are round values within what is generally reported.
Proton densities are relative to water. CT numbers are round textbook values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Tissue:
    """A tissue.

    Attributes:
        t1: Longitudinal relaxation time at 3 T (ms).
        t2: Transverse relaxation time (ms).
        density: Proton density relative to water.
        hounsfield: CT number (HU).
        uptake: Gadolinium concentration after injection (mmol/l).
    """

    t1: float
    t2: float
    density: float
    hounsfield: float
    uptake: float = 0.0


TISSUES: Mapping[str, Tissue] = {
    "white": Tissue(832, 80, 0.70, 28, 0.01),
    "grey": Tissue(1331, 110, 0.82, 37, 0.03),
    "deep_grey": Tissue(1150, 70, 0.80, 38, 0.03),
    "csf": Tissue(4163, 2000, 1.00, 8),
    "oedema": Tissue(1400, 155, 0.84, 20, 0.02),
    "solid": Tissue(1650, 175, 0.86, 27, 0.05),
    "enhancing": Tissue(1863, 130, 0.86, 40, 0.6),
    "necrosis": Tissue(2600, 320, 0.94, 16, 0.03),
    "lesion": Tissue(1350, 150, 0.83, 22, 0.01),
    "bone": Tissue(400, 1, 0.10, 1100),
    "marrow": Tissue(420, 50, 0.50, 450),
    "fat": Tissue(380, 60, 0.60, -90),
    "muscle": Tissue(1412, 50, 0.75, 50, 0.05),
    # Subjects draw their deviations in this order: only append.
    "prostate": Tissue(1597, 74, 0.82, 40, 0.05),
    "urine": Tissue(3200, 1200, 1.00, 5),
    "trabecular": Tissue(440, 50, 0.50, 200),
    "trunk_muscle": Tissue(898, 29, 0.75, 55, 0.05),
}

AIR_HOUNSFIELD = -1000.0
#: Longitudinal relaxivity of a gadolinium agent at 3 T (1 / (mmol/l) / s).
_RELAXIVITY = 4.5


@dataclass(frozen=True)
class Protocol:
    """Sequence parameters; times in ms.

    Attributes:
        kind: ``mprage``, ``spoiled``, ``spin_echo``, ``flair``, ``ct`` or ``cbct``.
        tr: Repetition time.
        te: Echo time.
        ti: Inversion time; 0 for FLAIR: the one that nulls cerebrospinal fluid.
        flip: Flip angle of the readout pulses (degrees).
        echo_spacing: Time between the readout pulses.
        pulses: Readout pulses after one inversion.
        contrast_agent: Whether gadolinium was given.
        resolution: Full width at half maximum of the point spread along x, y and z (mm).
    """

    kind: str
    tr: float = 0.0
    te: float = 0.0
    ti: float = 0.0
    flip: float = 0.0
    echo_spacing: float = 0.0
    pulses: int = 0
    contrast_agent: bool = False
    resolution: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def hounsfield(self) -> bool:
        """Whether it measures attenuation."""
        return self.kind in ("ct", "cbct")


_MPRAGE = Protocol(
    "mprage",
    tr=2300,
    te=3.0,
    ti=900,
    flip=9,
    echo_spacing=7,
    pulses=160,
    resolution=(1.2, 1.2, 1.2),
)
PROTOCOLS: Mapping[str, Protocol] = {
    "t1": _MPRAGE,
    "t1ce": replace(_MPRAGE, contrast_agent=True),
    # 2D sequences: thin in plane, thick across.
    "t2": Protocol("spin_echo", tr=6000, te=100, resolution=(1.0, 1.0, 3.0)),
    "flair": Protocol("flair", tr=9000, te=120, resolution=(1.2, 1.2, 3.0)),
    "ct": Protocol("ct", resolution=(0.9, 0.9, 1.5)),
    "cbct": Protocol("cbct", resolution=(1.5, 1.5, 2.0)),
    # T1-weighted gradient echo, as used to plan radiotherapy.
    "mr": Protocol("spoiled", tr=7, te=2.4, flip=12, resolution=(1.5, 1.5, 2.5)),
}


def signal(tissue: Tissue, protocol: Protocol) -> float:
    """Value of a voxel full of one tissue: relative signal (at most 1), or HU for CT."""
    if protocol.hounsfield:
        return tissue.hounsfield
    t1 = tissue.t1
    if protocol.contrast_agent:
        t1 = 1 / (1 / t1 + _RELAXIVITY * tissue.uptake / 1000)
    equations = {"mprage": mprage, "spoiled": spoiled, "spin_echo": spin_echo, "flair": flair}
    return tissue.density * equations[protocol.kind](t1, tissue.t2, protocol)


def spin_echo(t1: float, t2: float, protocol: Protocol) -> float:
    """Spin echo: (1 - exp(-TR/T1)) exp(-TE/T2)."""
    return float((1 - np.exp(-protocol.tr / t1)) * np.exp(-protocol.te / t2))


def spoiled(t1: float, t2: float, protocol: Protocol) -> float:
    """Spoiled gradient echo: sin a (1 - E1) / (1 - E1 cos a) exp(-TE/T2), E1 = exp(-TR/T1)."""
    angle, e1 = np.deg2rad(protocol.flip), np.exp(-protocol.tr / t1)
    steady = np.sin(angle) * (1 - e1) / (1 - e1 * np.cos(angle))
    return float(steady * np.exp(-protocol.te / t2))


def flair(t1: float, t2: float, protocol: Protocol) -> float:
    """Inversion recovery with a spin echo: |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2)."""
    recovered = 1 - 2 * np.exp(-protocol.ti / t1) + np.exp(-protocol.tr / t1)
    return float(abs(recovered) * np.exp(-protocol.te / t2))


def nulling_time(t1: float, tr: float) -> float:
    """Inversion time (ms) at which :func:`flair` gives no signal."""
    return float(t1 * np.log(2 / (1 + np.exp(-tr / t1))))


def mprage(t1: float, t2: float, protocol: Protocol) -> float:
    """Inversion recovery with a train of spoiled gradient echoes, in its steady state.

    The longitudinal magnetisation follows inversion, recovery over TA, n pulses of flip angle a
    every tau, and recovery over TB; all four are linear, so the steady state has a closed form
    (J. P. Marques et al., NeuroImage 49 (2010) 1271-1281, with one readout block). The signal is
    that of the middle pulse. T2* is taken as T2, which hardly matters at so short an echo time.
    """
    cosine = np.cos(np.deg2rad(protocol.flip))
    e1 = np.exp(-protocol.echo_spacing / t1)
    block = protocol.pulses * protocol.echo_spacing
    before = np.exp(-(protocol.ti - block / 2) / t1)
    after = np.exp(-(protocol.tr - protocol.ti - block / 2) / t1)
    decay = cosine * e1
    plateau = (1 - e1) / (1 - decay)

    def pulsed(magnetisation: float, pulses: float) -> float:
        return float(plateau + (magnetisation - plateau) * decay**pulses)

    # One repetition maps m to offset + slope * m; its fixed point is the steady state.
    slope = -before * decay**protocol.pulses * after
    offset = 1 + (pulsed(1 - before, protocol.pulses) - 1) * after
    steady = offset / (1 - slope)
    middle = pulsed(1 - (1 + steady) * before, protocol.pulses / 2)
    return float(abs(middle) * np.sin(np.deg2rad(protocol.flip)) * np.exp(-protocol.te / t2))
