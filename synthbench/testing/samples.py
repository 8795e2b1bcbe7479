"""Small data that every check shares; made once a process."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from synthbench.api import Batch, Generated, Intensity, Subject, Volume
from synthbench.volumes.prepared import Prepared
from synthbench.volumes.preparing import prepare

SOURCES = ("first", "second")
TARGET = "target"

#: Sides of the training subjects, and of those to translate: odd, unequal, both shorter and longer
#: than the windows.
TRAINING = {"a": (20, 18, 22), "b": (20, 18, 22), "c": (20, 18, 22)}
TRANSLATED = {"small": (13, 17, 9), "large": (27, 18, 19)}
#: The one subject without a label, so that nobody relies on there being one.
_UNLABELLED = "large"


@cache
def scratch() -> Path:
    """A folder that lasts as long as this process."""
    folder = tempfile.TemporaryDirectory(prefix="synthbench-check-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def new_folder() -> Path:
    """An empty folder."""
    return Path(tempfile.mkdtemp(dir=scratch()))


@cache
def prepared() -> Prepared:
    """Subjects `TRAINING` and `TRANSLATED`, prepared as a run would."""
    subjects = [_subject(name, sides) for name, sides in (TRAINING | TRANSLATED).items()]
    unit = Intensity(kind="window", low=0.0, high=1.0)
    return prepare(
        subjects,
        {name: unit for name in (*SOURCES, TARGET)},
        SOURCES,
        spacing=None,
        folder=scratch() / "prepared",
        regions={"core": (2,)},
    )


def images(sides: Sequence[int], *, channels: int = 1, batch: int = 2, seed: int = 0) -> Tensor:
    """Smooth random images of shape (batch, channels, *sides) in [-1, 1], different throughout."""
    random = np.random.default_rng(seed)
    volumes = [_smooth(random, sides) for _ in range(batch * channels)]
    stacked = torch.from_numpy(np.stack(volumes)).reshape(batch, channels, *sides)
    return 2 * stacked - 1


def levels(finest: Tensor, count: int) -> list[Tensor]:
    """An image in ``count`` resolutions, each half the one before; sides of 1 stay."""
    found = [finest]
    for _ in range(count - 1):
        kernel = [2 if side > 1 else 1 for side in found[-1].shape[2:]]
        found.append(torch.nn.functional.avg_pool3d(found[-1], kernel))
    return found


def batch(sides: Sequence[int], sources: int = 1, count: int = 2, seed: int = 0) -> Batch:
    """A training batch with everything in it, in [-1, 1]."""
    source = images(sides, channels=sources, batch=count, seed=seed)
    return Batch(
        source=source,
        target=images(sides, batch=count, seed=seed + 1),
        label=(source[:, :1] > 0.3).long(),
        mask=source[:, :1] > -0.6,
    )


def _subject(name: str, sides: tuple[int, int, int]) -> Subject:
    def origin(what: str) -> Generated:
        return Generated(key={"sample": name, "volume": what}, make=partial(_volume, sides, what))

    return Subject(
        id=name,
        volumes={modality: origin(modality) for modality in (*SOURCES, TARGET)},
        label=None if name == _UNLABELLED else origin("label"),
        mask=origin("mask"),
    )


def _volume(sides: tuple[int, int, int], what: str) -> Volume:
    random = np.random.default_rng(sum(sides))
    axes = [np.linspace(-1, 1, side) for side in sides]
    radius = np.sqrt((np.stack(np.meshgrid(*axes, indexing="ij")) ** 2).sum(0))
    texture = _smooth(random, sides)
    inside = radius < 0.95
    first = np.where(inside, 0.2 + 0.6 * texture, 0.0)
    made = {
        "first": first,
        "second": np.where(inside, 0.9 - 0.5 * texture**2, 0.0),
        TARGET: np.where(inside, 0.1 + 0.8 * np.abs(np.sin(4 * first)), 0.0),
        "label": (radius < 0.6).astype(np.int16) + (radius < 0.3),
        "mask": inside.astype(np.int16),
    }[what]
    return Volume(made, np.diag([1.0, 1.0, 2.0, 1.0]))


def _smooth(random: np.random.Generator, sides: Sequence[int]) -> npt.NDArray[np.float32]:
    """Random volume in [0, 1] with structures of a few voxels."""
    field = ndimage.gaussian_filter(random.standard_normal(tuple(sides)), 1.0, mode="nearest")
    low, high = float(field.min()), float(field.max())
    return ((field - low) / (high - low)).astype(np.float32)
