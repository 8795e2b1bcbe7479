"""One segmenter to be trained and tested, as data that travels to a worker."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synthbench.execution.staged import Staged
from synthbench.store.atomic import read_json, write_json

#: File of a job in its folder.
FILE = "segment.json"


@dataclass(frozen=True)
class SegmentJob(Staged):
    """One segmenter: trained on images of one kind, tested on real targets of other patients.

    Attributes:
        method: Method whose synthetic volumes it learns from, or a bound (``bound/...``).
        seed: Seed of the method's training and of the segmenter's.
        segmenter: Canonical id.
        params: Parameters of the segmenter.
        unit: Physical unit of the training images' intensities, or ``""``.
        target: Modality of the test images.
        regions: Label values of each region that is scored, in the order of the dataset.
        classes: Label values that make up class 1, 2, and so on; all others are background.
        preps: Name of the prep job of every subject, by id.
        images: Training image by subject: a file relative to the store, or ``""`` for the real
            volume of ``modality``.
        modality: Modality of training images that are real, else ``""``.
        test: Test subjects.
    """

    segmenter: str
    params: dict[str, Any]
    unit: str
    target: str
    regions: dict[str, list[int]]
    classes: list[list[int]]
    preps: dict[str, str]
    images: dict[str, str]
    modality: str
    test: list[str]
    blocked: list[str] | None = field(default=None, kw_only=True)

    @property
    def train(self) -> list[str]:
        """Training subjects."""
        return list(self.images)


def write_segment_job(folder: Path, job: SegmentJob) -> None:
    """Write a job for a worker."""
    write_json(folder / FILE, asdict(job))


def read_segment_job(folder: Path) -> SegmentJob:
    """Read a job from its folder."""
    return SegmentJob(**read_json(folder / FILE))
