"""Tasks, datasets, methods and splits, as a suite names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator


class Strict(BaseModel):
    """Refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskChoice(Strict):
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
            return {"source": names_in(sources), "target": target.strip()}
        if isinstance(value, dict) and isinstance(value.get("source"), str):
            return {**value, "source": names_in(value["source"])}
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


class DatasetChoice(Strict):
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


class MethodChoice(Strict):
    """A method of the suite's own: an installed one with parts of its recipe changed."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    base: str
    set: dict[str, Any] = Field(default_factory=dict)


class SplitChoice(Strict):
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


def names_in(text: str) -> tuple[str, ...]:
    """Names between commas or plus signs."""
    return tuple(name.strip() for name in text.replace("+", ",").split(",") if name.strip())
