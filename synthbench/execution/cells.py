"""Cells and prepared datasets, as data that travels to a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from synthbench.api import DataError, Intensity
from synthbench.execution.staged import Staged
from synthbench.store.atomic import read_json, write_json
from synthbench.store.stage import StageFolder

_REPEAT = "repeat the command that made the run: it computes again only what is outdated"
#: How a cell ended; only ``done`` counts as a result.
State = Literal["done", "failed", "oom", "timeout", "killed", "interrupted", "blocked"]


@dataclass(frozen=True)
class PrepJob:
    """A dataset to be prepared for one task.

    Attributes:
        dataset: Canonical dataset id.
        root: Its folder, or ``None`` when it is made on the fly.
        params: Parameters of the reader.
        source: Source modalities.
        target: Target modality.
        intensities: Intensity model of each modality, as fields of ``Intensity``.
        subjects: Ids of the subjects to prepare.
        spacing: Voxel size in mm, or ``None``.
        payload: What determines the prepared volumes.
        crop: Margin in mm around the foreground's bounding box, or ``None`` for whole volumes.
    """

    dataset: str
    root: str | None
    params: dict[str, Any]
    source: tuple[str, ...]
    target: str
    intensities: dict[str, dict[str, Any]]
    subjects: tuple[str, ...]
    spacing: float | tuple[float, float, float] | None
    payload: dict[str, Any]
    crop: float | None = None

    def intensity(self, modality: str) -> Intensity:
        """Intensity model of one modality."""
        return Intensity(**self.intensities[modality])

    def stage(self, store: Path) -> StageFolder:
        """Its folder in the store."""
        return StageFolder(store, "prep", self.payload)


@dataclass(frozen=True)
class Outside:
    """Predictions made elsewhere.

    Attributes:
        files: By test subject; ``None`` where there is none.
        resample: Whether to resample those on another grid.
        values: What stands for the target's lower and upper intensity bound in them; ``None``
            where they are in the target's own intensities.
    """

    files: dict[str, str | None]
    resample: bool = False
    values: tuple[float, float] | None = None


@dataclass(frozen=True)
class Cell(Staged):
    """One method on one task, fold and seed.

    Attributes:
        prep: Name of its ``PrepJob`` file in the run folder.
        recipe: Resolved recipe.
        components: Provenance of the components.
        train: Training subjects.
        test: Test subjects.
        outside: Where the predictions of a method that ran elsewhere are; ``None`` for methods that
            are trained here.
    """

    prep: str
    recipe: dict[str, Any]
    components: tuple[dict[str, Any], ...]
    train: tuple[str, ...]
    test: tuple[str, ...]
    blocked: tuple[str, str] | None = field(default=None, kw_only=True)
    outside: Outside | None = None


_Job = TypeVar("_Job", Cell, PrepJob)


def write_job(path: Path, job: Cell | PrepJob) -> None:
    """Write a cell or prep job for a worker."""
    write_json(path, asdict(job))


def _tuples(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {
        **data,
        **{name: tuple(data[name]) for name in names if isinstance(data[name], list)},
    }


def read_cell(folder: Path) -> Cell:
    """Read a cell from its folder in a run.

    Raises:
        DataError: If it is not there, or was written by a version that knew other fields.
    """
    data = _fields(folder / "cell.json", "components", "train", "test", "blocked")
    # Runs older than `synthbench evaluate` do not say where predictions come from: trained here.
    if data.get("outside") is not None:
        data["outside"] = Outside(**_tuples(data["outside"], "values"))
    return _made(Cell, data, folder / "cell.json")


def read_prep(path: Path) -> PrepJob:
    """Read a prep job.

    Raises:
        DataError: As :func:`read_cell`.
    """
    return _made(PrepJob, _fields(path, "source", "subjects", "spacing"), path)


def _fields(path: Path, *tuples: str) -> dict[str, Any]:
    data = read_json(path)
    if not isinstance(data, dict):
        raise DataError(f"{path} is missing or empty", _REPEAT)
    return _tuples(data, *tuples)


def _made(kind: type[_Job], data: Mapping[str, Any], path: Path) -> _Job:
    known = {each.name for each in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    if wrong := sorted((needed - data.keys()) | (data.keys() - known)):
        raise DataError(
            f"{path} was written by another version of synthbench, whose fields are others: "
            f"{', '.join(wrong)}",
            _REPEAT,
        )
    return kind(**data)
