"""The ``phantom`` data set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from synthbench.api import Dataset, Generated, Subject, UsageError, Volume
from synthbench_plugins.datasets.phantom import CODE_VERSION, pelvis
from synthbench_plugins.datasets.phantom.acquisition import SCANNERS, acquire
from synthbench_plugins.datasets.phantom.anatomy import build_anatomy
from synthbench_plugins.datasets.phantom.missing import absent_of

Region = Literal["brain", "pelvis"]

#: The first one is what the others are registered to.
MODALITIES: Mapping[str, tuple[str, ...]] = {
    "brain": ("t1", "t1ce", "t2", "flair", "ct", "cbct"),
    "pelvis": ("mr", "t1", "t2", "ct", "cbct"),
}
_REGIONS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "brain": {"whole_tumour": (1, 2, 4), "tumour_core": (1, 4), "enhancing": (4,)},
    "pelvis": {name: (value,) for name, value in pelvis.LABELS.items()},
}
#: Largest misregistration (mm and degrees): beyond it the body leaves the field of view.
_FARTHEST = 20.0


class Phantom(Dataset):
    """Simulated brains with tumours, or pelves, in MR, CT and cone-beam CT that share a geometry.

    Made on the fly, nothing to download, the same for the same parameters. The default dataset, and
    the one tests and examples use.

    | `region` | modalities | scored regions (label values) |
    | --- | --- | --- |
    | `brain` | `t1`, `t1ce`, `t2`, `flair`, `ct`, `cbct` | as in BraTS, see below |
    | `pelvis` | `mr`, `t1`, `t2`, `ct`, `cbct` | `bladder`, `prostate`, `rectum`, `bone` (1 to 4) |

    **Brain.** The grey and white matter maps of the ICBM 2009a template, as shipped inside nilearn,
    are deformed by a small affine map, wider or narrower ventricles and a smooth random
    displacement. Random weights make cortex and sulci thicker here and thinner there. A glioma
    (high or low grade) or metastases push the tissue aside, oedema spreads along white matter, and
    a few small white-matter lesions are added. Skull, scalp, face and airways surround the brain.
    Labels are BraTS's: 1 necrotic and non-enhancing core, 2 oedema and small lesions, 4 enhancing.
    Regions: `whole_tumour` (1, 2, 4), `tumour_core` (1, 4), `enhancing` (4).

    **Pelvis.** An ellipsoidal body of random size with skin, subcutaneous fat, muscles with fat
    between them, pelvic bones, femora, bladder, prostate and a rectum with gas in it; every organ
    has a random size, and all are bent by a smooth random displacement. The mask is the body.

    **Contrast.** Each tissue gets relaxation times at 3 T from the literature, a few per cent
    different in every subject and from place to place; the signal equations of MPRAGE (T1, T1ce),
    spoiled gradient echo (`mr`), spin echo (T2) and inversion recovery (FLAIR), or CT numbers, turn
    them into signal, mixed by the tissues' part of a voxel.

    **Scanners.** One of four scanners (the subject's `site`) has its own TR, TE, TI, flip angle,
    gain and noise level. Every scan has its own bias field, blur (T2 and FLAIR are thick-sliced)
    and Rician noise; CT has Gaussian noise. Cone-beam CT has several times the noise of CT, less
    contrast, an offset of up to 30 HU, cupping from scatter, streaks and dark bands between bones,
    and ends at 2000 HU.

    What it is good for: the linear and identity baselines are clearly beaten by the best voxelwise
    map, and that map fails where several tissues share an intensity (tumours), so a method has to
    use surroundings. What it is not: all brains descend from one template, cortical folds
    correspond, and the anatomy outside the brain is schematic. Rankings made on it show that
    methods work, not which one to use on patients.

    With `skull_stripped` MR says nothing about the skull, and the mask is that of the brain. Set it
    to `false` for `t1 -> ct` of the brain; the mask then covers the head.

    The template is (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, and comes with
    nilearn under its own terms.

    Args:
        subjects: Number of subjects; the first n are the same for every n.
        spacing: Isotropic voxel size (mm), 1 to 8.
        seed: Another seed gives other subjects.
        skull_stripped: Whether MR is 0 outside the brain, and the subject's mask that of the brain;
            of a pelvis, whether MR is 0 outside the body.
        region: `brain` or `pelvis`.
        misregistration: How badly a subject's modalities lie on each other: standard deviation of a
            random shift (mm) and rotation (degrees) along and about each axis, with a smooth
            deformation of 0.3 times it. Every modality but the first (`t1`; `mr` of a pelvis) has a
            move of its own; label and mask stay with the first. 0 to 20.
        missing: Fraction of the subjects that lack one modality, a random one; or the fraction that
            lacks each of some modalities, e.g. `{flair: 0.3, t1ce: 0.5}`.
        site_shift: How differently `scanner-4` images, 0 to 1: other TR, TE, flip angle and tube
            voltage, up to 1.6 times the blur, twice the noise and bias field.

    Raises:
        UsageError: If a parameter is out of its range.
    """

    def __init__(
        self,
        subjects: int = 24,
        spacing: float = 2.0,
        seed: int = 0,
        skull_stripped: bool = True,
        region: Region = "brain",
        misregistration: float = 0.0,
        missing: float | Mapping[str, float] = 0.0,
        site_shift: float = 0.0,
    ) -> None:
        if subjects < 1:
            raise UsageError(f"phantom: subjects={subjects}", "Ask for at least one subject.")
        if not 1 <= spacing <= 8:
            raise UsageError(f"phantom: spacing={spacing} mm", "Choose a spacing from 1 to 8 mm.")
        if seed < 0:
            raise UsageError(f"phantom: seed={seed}", "Choose a seed of 0 or more.")
        if region not in get_args(Region):
            raise UsageError(f"phantom: region={region!r}", "Choose brain or pelvis.")
        if not 0 <= misregistration <= _FARTHEST:
            raise UsageError(
                f"phantom: misregistration={misregistration}",
                f"Choose a standard deviation from 0 to {_FARTHEST:g} mm and degrees.",
            )
        if not 0 <= site_shift <= 1:
            raise UsageError(f"phantom: site_shift={site_shift}", "Choose a strength from 0 to 1.")
        self.regions = _REGIONS[region]
        self.count = subjects
        self.spacing = float(spacing)
        self.seed = seed
        self.skull_stripped = skull_stripped
        self.region = region
        self.misregistration = float(misregistration)
        self.site_shift = float(site_shift)
        self._absent = absent_of(missing, MODALITIES[region], seed)

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the subjects; nothing is computed before a volume is asked for."""
        return [self._subject(index) for index in range(self.count)]

    def _subject(self, index: int) -> Subject:
        absent = self._absent(index)
        present = [name for name in MODALITIES[self.region] if name not in absent]
        return Subject(
            id=f"phantom-{index:03d}",
            volumes={modality: self._origin(index, modality) for modality in present},
            label=self._origin(index, "label"),
            mask=self._origin(index, "mask"),
            site=f"scanner-{index % SCANNERS + 1}",
        )

    def _origin(self, index: int, what: str) -> Generated:
        key = {
            "generator": "phantom",
            "code": CODE_VERSION,
            "atlas": f"nilearn {version('nilearn')}",
            "seed": self.seed,
            "subject": index,
            "spacing": self.spacing,
            "skull_stripped": self.skull_stripped,
            "volume": what,
            **self._departures(index, what),
        }
        return Generated(key=key, make=partial(self._make, index, what))

    def _departures(self, index: int, what: str) -> dict[str, Any]:
        """What changes a volume beside the usual parameters; others keep the key they had."""
        departures: dict[str, Any] = {}
        if self.region != "brain":
            departures["region"] = self.region
        image = what in MODALITIES[self.region]
        if image and what != MODALITIES[self.region][0] and self.misregistration:
            departures["misregistration"] = self.misregistration
        if image and index % SCANNERS == SCANNERS - 1 and self.site_shift:
            departures["site_shift"] = self.site_shift
        return departures

    def _make(self, index: int, what: str) -> Volume:
        build = build_anatomy if self.region == "brain" else pelvis.build_pelvis
        anatomy = build(self.seed, index, self.spacing)
        if what == "label":
            array: np.ndarray = anatomy.label.copy()  # the anatomy is cached: hand out no views
        elif what == "mask":
            mask = anatomy.brain if self.skull_stripped else anatomy.head
            array = mask.astype(np.uint8)
        else:
            departures = self._departures(index, what)
            array = acquire(
                anatomy,
                self.seed,
                index,
                what,
                skull_stripped=self.skull_stripped,
                misregistration=departures.get("misregistration", 0.0),
                site_shift=departures.get("site_shift", 0.0),
            )
        return Volume(array, anatomy.grid.affine)
