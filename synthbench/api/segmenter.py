"""The Segmenter interface: learns to label images, for judging what synthetic images are worth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

#: Told which part of the training is done, from 0 to 1.
SegmenterProgress = Callable[[float], None]


@dataclass(frozen=True)
class Scan:
    """One image to learn from, or to segment.

    Attributes:
        subject: Subject id.
        image: Shape (X, Y, Z), float32, unit intensities; may be memory-mapped and read-only.
        spacing: Voxel size in mm.
        label: Class of each voxel, uint8, 0 for background; ``None`` in images to segment.
    """

    subject: str
    image: npt.NDArray[np.float32]
    spacing: tuple[float, float, float]
    label: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class SegmenterSetting:
    """What a segmenter is built for.

    Attributes:
        classes: Number of classes, background not counted; labels are 0 to ``classes``.
        seed: Seed of everything random.
        unit: Physical unit that the training images' intensities stand for (``HU``), ``""`` where
            they are arbitrary.
    """

    classes: int
    seed: int = 0
    unit: str = ""


class Segmenter(ABC):
    """Base class of every segmenter; built as ``Class(setting, **params)``.

    Args:
        setting: What it is built for.
    """

    def __init__(self, setting: SegmenterSetting) -> None:
        self.setting = setting

    @abstractmethod
    def fit(self, scans: Sequence[Scan], folder: Path, progress: SegmenterProgress) -> None:
        """Train on labelled scans.

        Args:
            scans: Each is loaded anew whenever it is asked for; at least one.
            folder: Where everything it needs on disk goes; it is removed in the end, so a log that
                shall stay belongs beside it. After an interruption it is called again with what is
                there, and may continue from that.
            progress: To be told now and then.
        """

    @abstractmethod
    def segment(self, scans: Iterable[Scan], folder: Path) -> Iterator[npt.NDArray[np.uint8]]:
        """Segment scans with what :meth:`fit` has learnt.

        Args:
            scans: Loaded lazily, without labels.
            folder: As given to :meth:`fit`.

        Yields:
            For each scan its classes, uint8, of the image's shape.
        """
