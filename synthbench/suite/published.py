"""How a published table and a suite correspond."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from synthbench.suite.choices import Strict, TaskChoice


class PublishedTask(Strict):
    """Which task of this suite a task of a published table is.

    Attributes:
        task: As the table calls it; ``""`` where it holds one task.
        dataset: Dataset of this suite.
        translation: Its task.
        n: Test subjects, where the table does not say.
        differs: Why no number can be compared: other data, say, or another intensity scale.
    """

    task: str = ""
    dataset: str
    translation: TaskChoice
    n: int | None = Field(default=None, ge=1)
    differs: tuple[str, ...] = ()


class PublishedColumn(Strict):
    """Which score a column of a published table is.

    Attributes:
        evaluator: Evaluator that gives it; ``""`` where none does.
        metric: Its metric.
        region: Its region.
        differs: Why the two definitions are not the same, or why there is no such score.
        same_unit: Whether a difference of the two has a meaning.
    """

    evaluator: str = ""
    metric: str = ""
    region: str = "whole"
    differs: tuple[str, ...] = ()
    same_unit: bool = True


class PublishedRow(Strict):
    """Which method a row of a published table is.

    Attributes:
        method: A method of this suite; ``""`` where there is none.
        differs: Why it is not the same method, or why there is none.
    """

    method: str = ""
    differs: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"method": value} if isinstance(value, str) else value


class Published(Strict):
    """A published table that a run is printed beside; see ``docs/suites.md``.

    Attributes:
        table: CSV with its cells, as ``synthbench audit`` reads it.
        source: Paper and table.
        tasks: Its tasks.
        columns: Its columns, by title without arrow and unit.
        rows: Its rows, by name.
        remarks: What a reader of the comparison must know.
        as_written: The suite's fields before options changed them; set by
            :func:`~synthbench.suite.read_suite`.
    """

    table: Path
    source: str
    tasks: tuple[PublishedTask, ...]
    columns: dict[str, PublishedColumn]
    rows: dict[str, PublishedRow]
    remarks: tuple[str, ...] = ()
    as_written: dict[str, Any] = Field(default_factory=dict)
