"""What preparing leaves on disk: one folder a subject, memory-mapped arrays and one JSON file.

``<folder>/subjects/<id>/`` holds ``subject.json``, ``volume_<modality>.npy`` (float32, unit range),
``label.npy`` (int16 or int32, where there is one), ``mask.npy`` (bool) and ``foreground.npy``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from synthbench.api import DataError
from synthbench.store.atomic import UNFINISHED, read_json
from synthbench.volumes.cropping import Box
from synthbench.volumes.intensity import Bounds
from synthbench.volumes.orientation import voxel_size


def subject_folder(folder: Path, subject: str) -> Path:
    """Where a subject is kept; characters that no file name can hold are percent-encoded."""
    name = quote(subject, safe=" +@,()=")
    return folder / "subjects" / (f"%2E{name[1:]}" if name.startswith(".") else name)


def volume_file(modality: str) -> str:
    """File name of a modality's volume."""
    return f"volume_{quote(modality, safe=' +@,()=')}.npy"


def _again(folder: Path) -> str:
    return (
        f"delete {folder / 'done.json'} and repeat the command: subjects that are missing or "
        "damaged are prepared again"
    )


class PreparedSubject:
    """One prepared subject.

    Args:
        folder: The subject's own folder.

    Attributes:
        id: Subject id.
        patient: Unit of splitting.
        shape: Shape of every array.
        affine: Voxel to world, shape (4, 4).
        bounds: By modality, the raw values that became 0 and 1.
        regions: Label values of each named region; empty where it has no label.
        has_label: Whether it has one.
        warnings: What preparing found worth saying.
        native: Shape and affine of the first source modality's file.
        box: What was kept of that file's grid, in RAS; ``None`` for all.

    Raises:
        DataError: If the folder holds no prepared subject.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        record = read_json(folder / "subject.json")
        if record is None:
            raise DataError(f"{folder} holds no prepared subject", "prepare the dataset first")
        self.id: str = record["id"]
        self.patient: str = record["patient"]
        self.shape: tuple[int, int, int] = tuple(record["shape"])
        self.affine = np.array(record["affine"], dtype=np.float64)
        self.bounds = {name: Bounds(*pair) for name, pair in record["bounds"].items()}
        self.regions = {name: tuple(values) for name, values in record["regions"].items()}
        self.warnings: list[str] = record["warnings"]
        self.native: tuple[tuple[int, int, int], npt.NDArray[np.float64]] = (
            tuple(record["native"]["shape"]),
            np.array(record["native"]["affine"], dtype=np.float64),
        )
        self.box: Box | None = None
        if "box" in record:
            x, y, z = (slice(first, stop) for first, stop in record["box"])
            self.box = (x, y, z)
        self.has_label: bool = record["label"]

    @property
    def modalities(self) -> list[str]:
        """Modalities that were prepared."""
        return list(self.bounds)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm."""
        return voxel_size(self.affine)

    def volume(self, modality: str) -> npt.NDArray[np.float32]:
        """Memory-mapped unit intensities, float32, shape ``shape``."""
        return self._open(volume_file(modality))

    @property
    def label(self) -> npt.NDArray[Any] | None:
        """Memory-mapped label values, ``None`` where the subject has no label."""
        return self._open("label.npy") if self.has_label else None

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Memory-mapped foreground: the dataset's mask, else derived from the source."""
        return self._open("mask.npy")

    @property
    def foreground(self) -> npt.NDArray[np.integer[Any]]:
        """Flat (C order) indices of foreground voxels, evenly thinned to at most 200 000."""
        return self._open("foreground.npy")

    @property
    def is_whole(self) -> bool:
        """Whether every array is there, as long as it should be."""
        names = [*map(volume_file, self.bounds), "mask.npy", "foreground.npy"]
        try:
            for name in [*names, "label.npy"] if self.has_label else names:
                self._open(name)
        except DataError:
            return False
        return True

    def region_masks(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Bool mask of each of ``regions``; all false where the subject has none of its labels."""
        label = self.label
        if label is None:
            return {}
        label = np.asarray(label)
        return {name: np.isin(label, values) for name, values in self.regions.items()}

    def _open(self, name: str) -> npt.NDArray[Any]:
        try:
            array: npt.NDArray[Any] = np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
            return array
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"prepared file {self.folder / name} of subject {self.id} cannot be read: {error}",
                _again(self.folder.parent.parent),
            ) from error


class Prepared:
    """All prepared subjects of a folder.

    Args:
        folder: As given to :func:`~synthbench.volumes.preparing.prepare`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def subjects(self) -> list[str]:
        """Ids of the subjects, sorted."""
        root = self.folder / "subjects"
        if not root.is_dir():
            return []
        names = (entry.name for entry in root.iterdir())
        return sorted(unquote(name) for name in names if not name.startswith(UNFINISHED))

    def __getitem__(self, subject: str) -> PreparedSubject:
        folder = subject_folder(self.folder, subject)
        if not folder.is_dir():
            raise DataError(
                f"subject {subject} is not prepared in {self.folder}", _again(self.folder)
            )
        return PreparedSubject(folder)
