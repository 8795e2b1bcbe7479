"""A segmenter that thresholds, and what it may do wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from synthbench.api import Scan, Segmenter, SegmenterProgress, SegmenterSetting


class Nearest(Segmenter):
    """Each voxel gets the class whose mean is nearest."""

    fault = ""

    def __init__(self, setting: SegmenterSetting, rounds: int = 3) -> None:
        super().__init__(setting)
        self.rounds = rounds

    def fit(self, scans: Sequence[Scan], folder: Path, progress: SegmenterProgress) -> None:
        if self.fault == "starts once":
            (folder / "started").mkdir()
        if self.fault == "every class":
            assert all((scans[n].label == self.setting.classes).any() for n in range(len(scans)))
        if self.fault == "leaves":
            Path("leftover.txt").write_text("left")
        if self.fault == "environment":
            os.environ["TOY_SETTING"] = "1"
        means = []
        for number in range(self.setting.classes + 1):
            progress(number if self.fault == "percent" else number / self.setting.classes)
            voxels = [scans[n].image[scans[n].label == number] for n in range(len(scans))]
            means.append(float(np.concatenate(voxels).mean()))
        progress(0.5 if self.fault == "falls" else 1.0)
        if self.fault == "random":
            means = np.random.default_rng().random(len(means)).tolist()
        (folder / "means.json").write_text(json.dumps(means))

    def segment(self, scans: Iterable[Scan], folder: Path) -> Iterator[npt.NDArray[np.uint8]]:
        means = np.array(json.loads((folder / "means.json").read_text()))
        if self.fault == "learns on":
            (folder / "means.json").write_text(json.dumps((means / 2).tolist()))
        for scan in list(scans) if self.fault == "hoards" else scans:
            found = np.abs(scan.image[..., None] - means).argmin(-1).astype(np.uint8)
            if self.fault == "writes":
                scan.image[0] = 0
            if self.fault == "bool":
                found = found > 0
            if self.fault == "grid":
                found = found.transpose(1, 0, 2)
            if self.fault == "classes":
                found = found + np.uint8(1)
            if self.fault == "skips" and scan.subject == "thin":
                continue
            yield found
