"""Small image files and subjects for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from synthbench.api import Intensity
from synthbench.api.dataset import Subject
from synthbench.volumes.prepared import Prepared
from synthbench.volumes.preparing import prepare

MM = np.diag([1.0, 1.0, 1.0, 1.0])


def head(shape: Sequence[int] = (20, 24, 18), seed: int = 0) -> npt.NDArray[np.float32]:
    """A bright ball with texture, raw values 0 to about 1000, background exactly 0."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    inside = (grid**2).sum(0) < 0.7
    texture = np.random.default_rng(seed).uniform(300, 1000, size=tuple(shape))
    return np.where(inside, texture, 0).astype(np.float32)


def save(path: Path, array: npt.NDArray[Any], affine: npt.NDArray[np.float64] = MM) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def subject(
    folder: Path,
    name: str = "A",
    shape: Sequence[int] = (20, 24, 18),
    affine: npt.NDArray[np.float64] = MM,
    *,
    seed: int = 0,
    label: bool = True,
) -> Subject:
    """A subject with t1, t2 and (unless told otherwise) a label with values 1 and 4."""
    t1 = head(shape, seed)
    labels = np.zeros(tuple(shape), dtype=np.uint8)
    middle = tuple(slice(n // 3, n // 2) for n in shape)
    labels[middle] = 1
    labels[tuple(slice(n // 2, n // 2 + 2) for n in shape)] = 4
    return Subject(
        name,
        {
            "t1": save(folder / name / "t1.nii.gz", t1, affine),
            "t2": save(folder / name / "t2.nii.gz", 1000 - t1, affine),
        },
        label=save(folder / name / "seg.nii.gz", labels, affine) if label else None,
    )


def prepared(
    subjects: Sequence[Subject],
    folder: Path,
    *,
    spacing: float | tuple[float, float, float] | None = None,
    modalities: Mapping[str, Intensity] | None = None,
    regions: Mapping[str, Sequence[int]] | None = None,
    source: str = "t1",
) -> Prepared:
    return prepare(
        subjects,
        modalities or {"t1": Intensity(), "t2": Intensity()},
        [source],
        spacing=spacing,
        folder=folder,
        regions=regions or {},
    )
