"""The Evaluator interface: pairs of synthetic and real volumes in, tidy score rows out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

#: ``ok``; ``capped`` (an infinite value shown as its cap); ``undefined`` (no number exists, for
#: example variance of a constant); ``unavailable`` (weights or package missing).
ScoreStatus = Literal["ok", "capped", "undefined", "unavailable"]


@dataclass(frozen=True)
class Case:
    """One subject's synthetic volume beside the real one, on the prepared grid.

    Both images are in the target's unit range [0, 1], mapped by the *real* target's intensity
    bounds, so a gain or offset error stays visible.

    Attributes:
        subject: Subject id.
        prediction: Shape (X, Y, Z), float32.
        target: Shape (X, Y, Z), float32.
        source: Shape (C, X, Y, Z), float32.
        mask: Foreground, bool, shape (X, Y, Z).
        regions: Further named bool masks from the label.
        spacing: Voxel size in mm.
        scale: Width of the unit range in physical units, e.g. 4024 for CT in [-1024, 3000] HU;
            1 where the target's intensities are arbitrary.
        unit: Physical unit, or ``""``.
        low: Physical value of 0 on the unit scale, e.g. -1024; ``None`` where it is unknown.
        seams: Along each axis, the first voxel behind every border of a sliding window that made
            the prediction; ``None`` where it is unknown how it was made.
        fault: Why there is no prediction that could be scored (missing, on another grid), where
            that is known already; ``prediction`` is empty then.
        segmented: What a segmenter made of each of ``regions`` in the real target, bool masks;
            only for evaluators of segmentations (:attr:`~synthbench.api.EvaluatorSpec.masks`),
            whose ``prediction`` is the target itself.
    """

    subject: str
    prediction: npt.NDArray[np.float32]
    target: npt.NDArray[np.float32]
    source: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    regions: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    scale: float = 1.0
    unit: str = ""
    low: float | None = None
    seams: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None = None
    fault: str = ""
    segmented: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """One row of the result table.

    Attributes:
        subject: Subject id; ``""`` for a set-level score.
        region: ``whole``, ``foreground`` or a label region.
        metric: Name of one of the evaluator's declared metrics.
        value: The number; NaN unless the status is ``ok`` or ``capped``.
        unit: Unit of the value.
        voxels: Number of voxels it was computed from; of a set, of what its metric's ``sample``
            says.
        status: See :data:`ScoreStatus`.
        detail: Why the status is not ``ok``.
    """

    subject: str
    region: str
    metric: str
    value: float
    unit: str = ""
    voxels: int = 0
    status: ScoreStatus = "ok"
    detail: str = ""


class Evaluator(ABC):
    """Base class of every evaluator; built as ``Class(**params)``."""

    @abstractmethod
    def evaluate(self, cases: Iterable[Case]) -> Iterator[Score]:
        """Score cases.

        Args:
            cases: Loaded lazily, one at a time; do not keep them.

        Yields:
            One row a subject, region and metric; or, of a metric of the whole set of volumes (a
            Frechet distance, say), one row whose ``subject`` is empty.
        """
