"""Gathers a middle slice of every volume of a few subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from synthbench.api import DataError, Intensity
from synthbench.api.dataset import Origin, Subject
from synthbench.report.planes import FloatArray, Plane, planes_through
from synthbench.volumes.arrays import grid_difference
from synthbench.volumes.foreground import foreground
from synthbench.volumes.orientation import voxel_size
from synthbench.volumes.reading import Kind, Native, read


@dataclass(frozen=True)
class Picture:
    """A slice of one volume.

    Attributes:
        image: Raw intensities, shape (up, across); first row at the bottom.
        plane: That it was cut along.
        spacing: Voxel size in mm.
        label: Label values of the same slice; ``None`` without a label on this grid.
        grid: What differs from the grid of the subject's first volume, in words.
    """

    image: FloatArray
    plane: Plane
    spacing: tuple[float, float, float]
    label: npt.NDArray[np.int32] | None = None
    grid: str = ""

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height in mm."""
        height, width = self.image.shape
        return width * self.spacing[self.plane.across], height * self.spacing[self.plane.up]


@dataclass
class Row:
    """One subject.

    Attributes:
        id: Subject id.
        details: Voxel size, shape and site, in words.
        pictures: By modality, of those that could be read.
        broken: Modalities that could not.
    """

    id: str
    details: str = ""
    pictures: dict[str, Picture] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Montage:
    """What the montage shows.

    Attributes:
        dataset: Name of the dataset.
        modalities: The columns.
        models: Intensity model of each; of those with fixed values all subjects share one window,
            and CT has its usual one.
        rows: The subjects.
        problems: One line for each volume that could not be read.
        names: Of label values, those that are a region of their own.
    """

    dataset: str
    modalities: tuple[str, ...]
    models: Mapping[str, Intensity]
    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    names: Mapping[int, str] = field(default_factory=dict)


def load_montage(
    dataset: str,
    subjects: Sequence[Subject],
    models: Mapping[str, Intensity],
    regions: Mapping[str, tuple[int, ...]] | None = None,
    *,
    progress: Callable[[], object] = lambda: None,
) -> Montage:
    """Read the volumes of some subjects, one subject at a time.

    The slice is axial, through the largest extent of the label where the subject has one, else
    through the middle of its mask or foreground.

    Args:
        dataset: Name of the dataset.
        subjects: Those to show.
        models: Intensity model of each modality that any of them has.
        regions: Named sets of label values.
        progress: Called after each subject.
    """
    modalities = [name for name in models if any(name in s.volumes for s in subjects)]
    rows, problems = [], []
    for subject in subjects:
        row, faults = _row(subject, modalities)
        rows.append(row)
        problems += faults
        progress()
    single = {values[0]: name for name, values in (regions or {}).items() if len(values) == 1}
    return Montage(dataset, tuple(modalities), models, tuple(rows), tuple(problems), single)


def _row(subject: Subject, modalities: Sequence[str]) -> tuple[Row, list[str]]:
    row, problems = Row(subject.id), []

    def load(what: str, origin: Origin | None, kind: Kind) -> Native | None:
        if origin is None:
            return None
        try:
            return read(origin, what=f"{what} of subject {subject.id}", kind=kind)
        except DataError as error:
            problems.append(error.message)
            row.broken.add(what)
            return None

    label = load("label", subject.label, "label")
    mask = load("mask", subject.mask, "mask")
    first: tuple[Native, Plane] | None = None
    for name in modalities:
        native = load(name, subject.volumes.get(name), "image")
        if native is None:
            continue
        difference = grid_difference(first[0], native) if first else None
        plane = first[1] if first and not difference else _axial(native, label, mask)
        if first is None:
            first = native, plane
            row.details = _details(native, subject.site)
        row.pictures[name] = Picture(
            image=np.array(plane.cut(native.volume.array), dtype=np.float32),
            plane=plane,
            spacing=voxel_size(native.volume.affine),
            label=None if label is None else _on_grid(label, native, plane),
            grid=difference or "",
        )
    return row, problems


def _axial(native: Native, label: Native | None, mask: Native | None) -> Plane:
    """The whole axial slice in the middle of what there is to see."""
    array: Any = native.volume.array
    labelled = label is not None and not grid_difference(native, label)
    masked = mask is not None and not grid_difference(native, mask)
    inside = mask.volume.array if mask is not None and masked else foreground(array)
    shown = label.volume.array if label is not None and labelled else None
    plane = planes_through(shown, inside, array.shape)[0]
    whole = slice(0, array.shape[plane.up]), slice(0, array.shape[plane.across])
    return replace(plane, window=whole)


def _on_grid(label: Native, native: Native, plane: Plane) -> npt.NDArray[np.int32] | None:
    if grid_difference(native, label):
        return None
    return np.array(plane.cut(label.volume.array))


def _details(native: Native, site: str) -> str:
    spacing = " x ".join(f"{side:.3g}" for side in voxel_size(native.volume.affine))
    shape = " x ".join(map(str, native.volume.array.shape))
    return ", ".join(part for part in (f"{spacing} mm", shape, site) if part)
