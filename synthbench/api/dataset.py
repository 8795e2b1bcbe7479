"""The Dataset interface: which subjects a folder holds, and where each volume comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Volume:
    """A 3D image.

    Attributes:
        array: Shape (X, Y, Z).
        affine: Voxel to world (mm, RAS), shape (4, 4).
    """

    array: npt.NDArray[Any]
    affine: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Generated:
    """A volume made on the fly instead of read from a file.

    Attributes:
        key: JSON-able values that determine it completely; they stand for its content hash.
        make: Returns the volume; must be deterministic.
    """

    key: Mapping[str, Any]
    make: Callable[[], Volume]


#: Where a volume comes from.
Origin = Path | Generated


@dataclass(frozen=True)
class Subject:
    """One scan session.

    Attributes:
        id: Unique name.
        volumes: Where each modality comes from; a subject may lack some.
        label: Segmentation, integer valued.
        mask: Foreground or brain mask; without one the core derives it from the source.
        valid: Where every modality holds data (field of view); the foreground is cut to it.
        group: What must stay together in a split (patient, family); default: the subject itself.
        site: Scanner or hospital, where known.
    """

    id: str
    volumes: Mapping[str, Origin]
    label: Origin | None = None
    mask: Origin | None = None
    valid: Origin | None = None
    group: str = ""
    site: str = ""

    @property
    def patient(self) -> str:
        """The unit of splitting."""
        return self.group or self.id


class Dataset(ABC):
    """Base class of every dataset reader; built as ``Class(**params)``.

    Attributes:
        regions: Named sets of label values to score separately, e.g.
            ``{"whole_tumour": (1, 2, 4)}``; empty: every label value found is a region.
    """

    regions: Mapping[str, tuple[int, ...]] = {}

    @abstractmethod
    def subjects(self, root: Path | None) -> list[Subject]:
        """List the subjects in a fixed order, without reading image data.

        Args:
            root: The data folder; ``None`` for datasets made on the fly.

        Raises:
            DataError: If the folder is not this dataset's layout.
        """

    def example_id(self, number: int) -> str:
        """Name a subject as this layout names them, for ``synthbench data export``.

        Args:
            number: From 0; another number, another patient.

        Raises:
            NotImplementedError: If nothing can be written in this layout.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be exported to")

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file of this layout lies, for ``synthbench data export``.

        Args:
            subject: As from :meth:`example_id`.
            what: A modality, ``label`` or ``mask``.

        Returns:
            Path relative to the data folder, or ``None`` when the layout has no such file.

        Raises:
            NotImplementedError: If nothing can be written in this layout.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be exported to")
