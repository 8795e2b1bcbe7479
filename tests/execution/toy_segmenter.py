"""A segmenter that takes milliseconds: each voxel gets the class whose mean is nearest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from synthbench.api import (
    Scan,
    Segmenter,
    SegmenterProgress,
    SegmenterSetting,
    SegmenterSpec,
    hookimpl,
)

synthbench_api_version = "1.0"

#: Subjects of every training, by the order of trainings.
TRAINED: list[list[str]] = []


class Nearest(Segmenter):
    def __init__(self, setting: SegmenterSetting, fail: bool = False) -> None:
        super().__init__(setting)
        self.fail = fail

    def fit(self, scans: Sequence[Scan], folder: Path, progress: SegmenterProgress) -> None:
        if self.fail:
            raise RuntimeError("out of memory")
        TRAINED.append([scan.subject for scan in scans])
        numbers = range(self.setting.classes + 1)
        means = [
            float(np.mean(np.concatenate([scan.image[scan.label == number] for scan in scans])))
            for number in numbers
        ]
        progress(1.0)
        (folder / "means.json").write_text(json.dumps(means))

    def segment(self, scans: Iterable[Scan], folder: Path) -> Iterator[npt.NDArray[np.uint8]]:
        means = np.array(json.loads((folder / "means.json").read_text()))
        for scan in scans:
            assert scan.label is None
            distances = np.abs(scan.image[..., None] - means)
            yield distances.argmin(-1).astype(np.uint8)


@hookimpl
def synthbench_segmenters() -> list[SegmenterSpec]:
    return [
        SegmenterSpec(
            name="nearest",
            target="tests.execution.toy_segmenter:Nearest",
            summary="Nearest class mean.",
            presets={"smoke": {"fail": False}},
        )
    ]
