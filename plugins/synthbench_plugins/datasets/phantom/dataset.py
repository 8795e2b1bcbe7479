"""The ``phantom`` data set."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from synthbench.api import Dataset, Generated, Subject, UsageError, Volume
from synthbench_plugins.datasets.phantom import CODE_VERSION
from synthbench_plugins.datasets.phantom.acquisition import SCANNERS, acquire
from synthbench_plugins.datasets.phantom.anatomy import build_anatomy
from synthbench_plugins.datasets.phantom.contrast import PROTOCOLS


class Phantom(Dataset):
    """Simulated brains with tumours: T1, T1ce, T2, FLAIR and CT that share their geometry.

    Args:
        subjects: Number of subjects; the first n are the same for every n.
        spacing: Isotropic voxel size (mm), 1 to 8.
        seed: Another seed gives other subjects.
        skull_stripped: Whether MR is 0 outside the brain, and the subject's mask that of the brain.
            ``False`` shows the whole head, with the head as mask; use it for ``t1 -> ct``.

    Raises:
        UsageError: If a parameter is out of its range.
    """

    def __init__(
        self,
        subjects: int = 24,
        spacing: float = 2.0,
        seed: int = 0,
        skull_stripped: bool = True,
    ) -> None:
        if subjects < 1:
            raise UsageError(f"phantom: subjects={subjects}", "Ask for at least one subject.")
        if not 1 <= spacing <= 8:
            raise UsageError(f"phantom: spacing={spacing} mm", "Choose a spacing from 1 to 8 mm.")
        if seed < 0:
            raise UsageError(f"phantom: seed={seed}", "Choose a seed of 0 or more.")
        self.regions = {"whole_tumour": (1, 2, 4), "tumour_core": (1, 4), "enhancing": (4,)}
        self.count = subjects
        self.spacing = float(spacing)
        self.seed = seed
        self.skull_stripped = skull_stripped

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the subjects; nothing is computed before a volume is asked for."""
        return [
            Subject(
                id=f"phantom-{index:03d}",
                volumes={modality: self._origin(index, modality) for modality in PROTOCOLS},
                label=self._origin(index, "label"),
                mask=self._origin(index, "mask"),
                site=f"scanner-{index % SCANNERS + 1}",
            )
            for index in range(self.count)
        ]

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
        }
        return Generated(key=key, make=partial(self._make, index, what))

    def _make(self, index: int, what: str) -> Volume:
        anatomy = build_anatomy(self.seed, index, self.spacing)
        if what == "label":
            array: np.ndarray = anatomy.label.copy()  # the anatomy is cached: hand out no views
        elif what == "mask":
            mask = anatomy.brain if self.skull_stripped else anatomy.head
            array = mask.astype(np.uint8)
        else:
            array = acquire(anatomy, self.seed, index, what, skull_stripped=self.skull_stripped)
        return Volume(array, anatomy.grid.affine)
