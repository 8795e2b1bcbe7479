"""A dataset in the `folder` layout whose volumes take milliseconds."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE = (14, 16, 12)


def write_subject(root: Path, name: str, seed: int) -> None:
    """A bright ball on dark ground, its target a nonlinear map of it, and a label in its middle."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    radius = np.sqrt((grid**2).sum(0)) + 0.05 * random.standard_normal(SHAPE)
    source = np.clip(1 - radius, 0, None) * 1000
    target = np.where(source > 0, 300 + 500 * np.sin(source / 300), 0)
    folder = root / name
    folder.mkdir(parents=True)
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    for modality, array in (("t1", source), ("t2", target)):
        image = nib.Nifti1Image(array.astype(np.int16), affine)
        nib.save(image, folder / f"{name}_{modality}.nii.gz")
    label = (radius < 0.3).astype(np.uint8)
    nib.save(nib.Nifti1Image(label, affine), folder / f"{name}_seg.nii.gz")


def write_tree(root: Path, subjects: int) -> Path:
    """Subjects s0, s1, ... below ``root``."""
    for number in range(subjects):
        write_subject(root, f"s{number}", number)
    return root
