"""What to run: methods x datasets x tasks x folds x seeds, from a YAML file or the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from synthbench.api import DataError, UsageError
from synthbench.api.recipe import Preset, Recipe
from synthbench.registry.names import did_you_mean

#: Side of a voxel, mm.
_Side = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskChoice(_Strict):
    """Translate ``source`` modalities into ``target``."""

    source: tuple[str, ...]
    target: str

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        """Accept ``"t1,t2 -> flair"`` and a single source given as text."""
        if isinstance(value, str):
            sources, arrow, target = value.partition("->")
            if not arrow:
                raise ValueError(f"write a task as 'source -> target', not {value!r}")
            return {"source": _names(sources), "target": target.strip()}
        if isinstance(value, dict) and isinstance(value.get("source"), str):
            return {**value, "source": _names(value["source"])}
        return value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if (
            not self.source
            or self.target in self.source
            or len(set(self.source)) < len(self.source)
        ):
            raise ValueError(f"source and target modalities must all differ: {self}")
        return self

    def __str__(self) -> str:
        return f"{'+'.join(self.source)} -> {self.target}"


class DatasetChoice(_Strict):
    """A dataset, where it lies, and how its subjects are grouped.

    Attributes:
        name: Dataset id.
        root: Its folder; see ``docs/datasets.md`` for where it is looked for otherwise.
        params: The reader's own parameters.
        tasks: Translations; none: the dataset's first default task.
        group_pattern: Regular expression whose first group, matched on the subject id, names the
            patient: sessions of one patient stay on one side of every split.
        group_file: CSV with columns ``subject`` and ``patient`` that says the same.
    """

    name: str
    root: Path | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    tasks: tuple[TaskChoice, ...] = ()
    group_pattern: str | None = None
    group_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class MethodChoice(_Strict):
    """A method of the suite's own: an installed one with parts of its recipe changed."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    base: str
    set: dict[str, Any] = Field(default_factory=dict)


class SplitChoice(_Strict):
    """How subjects are divided; patients always stay together.

    Attributes:
        kind: One hold-out; every subject tested once in ``folds`` folds; fixed numbers; or as a
            file says.
        by: What stays together beside the sessions of a patient: with ``site``, all of a site.
        test: Of ``holdout`` the fraction of patients (or sites) held out, 0.25 unless given; of
            ``counts`` their number.
        folds: Number of folds; 5 unless given, or one a site.
        train: Of ``counts``: number of patients (or sites) to train on.
        validation: Of ``counts``: number kept apart from both.
        file: Of ``file``: CSV, JSON or YAML, see ``docs/suites.md``.
        seed: Seed of the shuffle.
    """

    kind: Literal["holdout", "kfold", "counts", "file"] = "holdout"
    by: Literal["patient", "site"] = "patient"
    test: float | None = Field(default=None, gt=0)
    folds: int | None = Field(default=None, ge=2)
    train: int | None = Field(default=None, ge=1)
    validation: int = Field(default=0, ge=0)
    file: Path | None = None
    seed: int = 0

    @field_validator("test")
    @classmethod
    def _part_or_number(cls, value: float | None, info: ValidationInfo) -> float | None:
        kind = info.data.get("kind")
        if value is not None and kind == "counts" and not value.is_integer():
            raise ValueError(f"a number of patients is whole, not {value:g}")
        if value is not None and kind == "holdout" and value >= 1:
            raise ValueError(f"a fraction is below 1, not {value:g}")
        return value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        given = {
            name: getattr(self, name) is not None and name in self.model_fields_set
            for name in ("test", "folds", "train", "validation", "file")
        }
        needed = {"counts": ("train", "test"), "file": ("file",)}.get(self.kind, ())
        allowed = {
            "holdout": ("test",),
            "kfold": ("folds",),
            "counts": ("train", "validation", "test"),
            "file": ("file",),
        }[self.kind]
        for name in needed:
            if not given[name]:
                raise ValueError(f"kind {self.kind} needs {name!r}")
        for name, is_given in given.items():
            if is_given and name not in allowed:
                raise ValueError(f"{name!r} means nothing to kind {self.kind}")
        if self.kind == "file" and self.by == "site":
            raise ValueError("'by' means nothing to kind file: the file says it all")
        return self


class PublishedTask(_Strict):
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


class PublishedColumn(_Strict):
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


class PublishedRow(_Strict):
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


class Published(_Strict):
    """A published table that a run is printed beside; see ``docs/suites.md``.

    Attributes:
        table: CSV with its cells, as ``synthbench audit`` reads it.
        source: Paper and table.
        tasks: Its tasks.
        columns: Its columns, by title without arrow and unit.
        rows: Its rows, by name.
        remarks: What a reader of the comparison must know.
        as_written: The suite's fields before options changed them; set by :func:`read_suite`.
    """

    table: Path
    source: str
    tasks: tuple[PublishedTask, ...]
    columns: dict[str, PublishedColumn]
    rows: dict[str, PublishedRow]
    remarks: tuple[str, ...] = ()
    as_written: dict[str, Any] = Field(default_factory=dict)


class Suite(_Strict):
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
    crop: float | None = Field(default=None, ge=0)
    evaluators: tuple[str, ...] = ()
    set: dict[str, Any] = Field(default_factory=dict)
    set_for: dict[str, dict[str, Any]] = Field(default_factory=dict)
    published: Published | None = None


def read_suite(path: Path) -> dict[str, Any]:
    """Read a suite file; the result still has to be validated with :func:`make_suite`.

    The path of a published table is taken relative to the file.

    Raises:
        DataError: If the file is missing or not YAML.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read suite {path}: {error.strerror}", "check the path") from error
    except yaml.YAMLError as error:
        line = str(error).splitlines()[0]
        raise DataError(f"{path} is not valid YAML: {line}", "correct the file") from error
    if not isinstance(data, dict):
        raise DataError(f"{path} is not a suite", "it must be a mapping with methods and datasets")
    published = data.get("published")
    if isinstance(published, dict):
        as_written = deepcopy({name: data[name] for name in data if name != "published"})
        published["as_written"] = as_written
        if isinstance(published.get("table"), str):
            published["table"] = str(path.parent / published["table"])
    return data


def make_suite(data: Mapping[str, Any], what: str = "options") -> Suite:
    """Validate a suite.

    Args:
        data: Its fields.
        what: Names the origin in messages.

    Raises:
        UsageError: One line that names the field at fault.
    """
    try:
        return Suite.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"{what}: {where}: {message}" if where else f"{what}: {message}",
            "see docs/suites.md for the fields of a suite",
        ) from error


def parse_assignments(assignments: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort ``--set`` options into those for every method and those for one.

    Args:
        assignments: ``recipe.path=value`` or ``method.recipe.path=value``; values are YAML.

    Returns:
        Changes for every method, and changes by method name.

    Raises:
        UsageError: If there is no equals sign or the value is not YAML.
    """
    everywhere: dict[str, Any] = {}
    single: dict[str, Any] = {}
    for text in assignments:
        path, equals, raw = text.partition("=")
        if not equals or not path:
            raise UsageError(
                f"--set {text!r} has no value", "write --set batch=2 or --set METHOD.losses=l1@100"
            )
        try:
            value = yaml.safe_load(raw)
        except yaml.YAMLError as error:
            raise UsageError(
                f"--set {path}: {raw!r} is not a YAML value", "put it in quotes"
            ) from error
        head, dot, rest = path.partition(".")
        if head in Recipe.model_fields:
            everywhere[path] = value
        elif dot:
            single.setdefault(head, {})[rest] = value
        else:
            raise UsageError(
                f"--set {path}: a recipe has no field {head!r}",
                did_you_mean(
                    head, Recipe.model_fields, f"fields: {', '.join(Recipe.model_fields)}"
                ),
            )
    return everywhere, single


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.replace("+", ",").split(",") if name.strip())
