"""Everything a run is asked to do, validated."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from synthbench.api.recipe import Preset
from synthbench.suite.choices import DatasetChoice, MethodChoice, SplitChoice, Strict
from synthbench.suite.published import Published

#: Side of a voxel, mm.
_Side = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Suite(Strict):
    """Everything a run is asked to do.

    Attributes:
        name: Prefix of the run's folder; made from datasets and preset when not given.
        methods: Names, patterns, ``all``, or methods of the suite's own.
        datasets: Datasets with their tasks.
        preset: How far every recipe is scaled down.
        split: Division into training and test subjects; none: the dataset's usual one, else 25 %
            held out.
        unusable: What becomes of subjects that cannot be used: the run is refused, or goes on
            without them.
        seeds: Seeds of training; each is a cell of its own.
        spacing: Voxel size in mm to which volumes are resampled, or ``mean``: the mean over the
            training subjects; none: as they are.
        crop: Margin in mm around the foreground's bounding box, to which volumes are cut; none:
            whole volumes.
        evaluators: Evaluators; none: the default ones.
        set: Dotted recipe paths and values for every method.
        set_for: The same for single methods, by name.
        published: The published table this suite repeats.
    """

    name: str = ""
    methods: tuple[str | MethodChoice, ...] = ("all",)
    datasets: tuple[DatasetChoice, ...] = ()
    preset: Preset = "paper"
    split: SplitChoice | None = None
    unusable: Literal["refuse", "leave_out"] = "refuse"
    seeds: tuple[int, ...] = (0,)
    spacing: Literal["mean"] | _Side | tuple[_Side, _Side, _Side] | None = None
    crop: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    evaluators: tuple[str, ...] = ()
    set: dict[str, Any] = Field(default_factory=dict)
    set_for: dict[str, dict[str, Any]] = Field(default_factory=dict)
    published: Published | None = None
