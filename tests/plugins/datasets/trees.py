"""Small trees in the layout of any dataset that can be exported to, and ways to spoil them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from synthbench.api import Dataset

SHAPE = (12, 14, 10)
AFFINE = np.diag([1.0, 1.0, 2.5, 1.0])
#: HU of air, which SynthRAD has outside the mask.
AIR = -1000


def write(root: Path, dataset: Dataset, modalities: Iterable[str], count: int) -> list[str]:
    """Write subjects 0 to ``count`` - 1 with all files that the layout has for them.

    Args:
        root: The data folder.
        dataset: The reader, built as it shall read the tree.
        modalities: Those of its spec.
        count: Number of subjects.

    Returns:
        Their ids.
    """
    ids = [dataset.example_id(number) for number in range(count)]
    for number, subject in enumerate(ids):
        for what in (*modalities, "label", "mask"):
            if (place := dataset.place(subject, what)) is not None:
                save(root / place, simulate(what, number))
    return ids


def touch(root: Path, *names: str | Path) -> None:
    """Make empty files: listing never reads one."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def simulate(what: str, number: int) -> npt.NDArray[np.int16]:
    """A smooth blob that looks like a modality, a label or a mask; another number, another one.

    All volumes of a number show the same outline; CT and CBCT are in HU.
    """
    noise = np.random.default_rng([number, *what.encode()]).standard_normal(SHAPE)
    texture = ndimage.gaussian_filter(noise, 1.0)
    texture = (texture - texture.min()) / np.ptp(texture)
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in SHAPE), indexing="ij")
    radius = np.sqrt((np.stack(axes) ** 2).sum(0)) * (1 + 0.02 * number)
    if what == "mask":
        array = radius < 0.95
    elif what == "label":
        array = (radius < 0.5).astype(int)
    elif what in ("ct", "cbct"):
        tissue = -100 + 200 * texture + 900 * (np.abs(radius - 0.8) < 0.1)
        array = np.where(radius < 0.95, tissue + 60 * (what == "cbct"), AIR)
    else:
        array = np.where(radius < 0.95, 200 + 800 * texture, 0)
    return np.asarray(array).astype(np.int16)


def save(
    path: Path, array: npt.NDArray[np.generic], affine: npt.NDArray[np.float64] = AFFINE
) -> None:
    """Write a volume in the format that the file name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


# --- ways to spoil a tree


def remove(path: Path) -> None:
    """A file that is missing."""
    path.unlink()


def regrid(path: Path) -> None:
    """A file on another grid: two slices fewer."""
    save(path, np.asarray(nib.load(path).dataobj)[..., :-2])


def truncate(path: Path) -> None:
    """A download that stopped."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def duplicate(root: Path, dataset: Dataset, modalities: Iterable[str], one: int, two: int) -> str:
    """The files of a subject under another subject's name.

    Returns:
        The other subject's id.
    """
    subject, copy = dataset.example_id(one), dataset.example_id(two)
    for what in (*modalities, "label", "mask"):
        place, other = dataset.place(subject, what), dataset.place(copy, what)
        if place is not None and other is not None:
            (root / other).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / place, root / other)
    return copy


def store_from_zero(path: Path) -> None:
    """A CT whose numbers begin at 0, as scanners store them: 0 to 4095 instead of HU."""
    save(path, np.clip(np.asarray(nib.load(path).dataobj) + 1024, 0, 4095).astype(np.int16))


def divide_by_1000(path: Path) -> None:
    """A CT that somebody scaled for a network."""
    save(path, (np.asarray(nib.load(path).dataobj) / 1000).astype(np.float32))
