"""What is asked of segmenters, and the plan made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from synthbench.api.recipe import Preset
from synthbench.execution.cells import PrepJob
from synthbench.execution.segmenting.job import SegmentJob
from synthbench.registry import Entry

#: What segmenters learn from: synthetic targets, real targets (the upper bound), real sources (the
#: lower bound). All are tested on real targets.
Mode = Literal["synthetic", "real", "source"]
MODES: tuple[Mode, ...] = ("synthetic", "real", "source")


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        segmenter: Name of the segmenter.
        preset: ``paper`` for training at full length.
        changes: Parameters of the segmenter that differ from the preset's.
        methods: Names or patterns of the run's methods.
        modes: What segmenters learn from.
        regions: Regions to learn and to score; none for all.
    """

    segmenter: str
    preset: Preset = "paper"
    changes: Mapping[str, Any] = field(default_factory=dict)
    methods: tuple[str, ...] = ("all",)
    modes: tuple[Mode, ...] = MODES
    regions: tuple[str, ...] = ()


@dataclass
class SegmentPlan:
    """Segmenters to be trained and tested.

    Attributes:
        run: The run's folder.
        tag: Stands for segmenter, preset and changes in the names of metrics and folders.
        title: The same in words, for column heads.
        evaluators: What compares masks.
        preps: Prep jobs by name.
        jobs: In the order in which they run.
        methods: Bounds by id, as ``run.json`` describes methods.
        remarks: What results of the segmenter must say, were it trained now.
        notes: What else the reader of the results must know.
    """

    run: Path
    tag: str
    title: str
    evaluators: list[Entry]
    preps: dict[str, PrepJob] = field(default_factory=dict)
    jobs: list[SegmentJob] = field(default_factory=list)
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
