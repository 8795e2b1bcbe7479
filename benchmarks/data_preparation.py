"""From compressed files to the end of the first epoch, against MONAI and torchio.

All three read the same NIfTI files (int16, gzip), map them to the unit range and cut random patches
of the same size, as many a subject, with as many workers, starting with nothing prepared:

* ours prepares the memory-mapped cache, then draws from it;
* MONAI's PersistentDataset keeps tensors on disk while a DataLoader goes through the first epoch;
* torchio's SubjectsDataset feeds a Queue, which keeps nothing on disk.

A second table says what preparing with one worker consists of: decompression and writing arrays of
that size, which no program can avoid, and all that is done a file rather than a voxel (the time of
preparing volumes of a few voxels), which is Python. The rest is array work: reordering, checks,
finding the foreground, scaling.

    python -m benchmarks.data_preparation [--subjects 8] [--spacing 2] [--side 64] [--jobs 1]
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.speed.patches import MODEL, write_volumes
from benchmarks.speed.timing import installed, interleaved, machine, table
from synthbench.api import Subject
from synthbench.api.recipe import Patch
from synthbench.volumes.patches import PatchSampler
from synthbench.volumes.prepared import Prepared
from synthbench.volumes.preparing import prepare

_KEYS = ("t1", "t2")
_OURS = "synthbench prepare + PatchSampler"
_MONAI = "MONAI PersistentDataset + DataLoader"
_TORCHIO = "torchio SubjectsDataset + Queue"
#: Voxel size in mm of volumes that hold few voxels.
_TINY = 8.0


def prepared(subjects: Sequence[Subject], folder: Path, jobs: int) -> Prepared:
    """Prepare the subjects into a new folder."""
    models = dict.fromkeys(_KEYS, MODEL)
    return prepare(subjects, models, ["t1"], spacing=None, folder=folder, regions={}, jobs=jobs)


def ours(
    subjects: Sequence[Subject], folder: Path, side: int, patches: int, jobs: int
) -> Callable[[], object]:
    """Prepare, then draw every patch of an epoch."""

    def epoch() -> None:
        sampler = PatchSampler(
            prepared(subjects, folder, jobs),
            [subject.id for subject in subjects],
            ["t1"],
            "t2",
            Patch(size=(side, side, side), foreground=0.0),
            patches,
            (0.0, 1.0),
            1,
            seed=0,
        )
        for step in range(len(subjects)):
            sampler.batch(step)

    return epoch


def monai(
    subjects: Sequence[Subject], folder: Path, side: int, patches: int, jobs: int
) -> Callable[[], object]:
    """The first epoch, which fills the cache on its way."""
    from monai import transforms
    from monai.data import DataLoader, PersistentDataset

    high = float(MODEL.high or 0)
    chain: Any = transforms.Compose(
        [
            transforms.LoadImaged(_KEYS, ensure_channel_first=True),
            transforms.Orientationd(_KEYS, axcodes="RAS", labels=None),
            transforms.ScaleIntensityRanged(_KEYS, 0.0, high, 0.0, 1.0, clip=True),
            transforms.EnsureTyped(_KEYS, track_meta=False),
            transforms.SpatialPadd(_KEYS, (side, side, side)),
            transforms.RandSpatialCropSamplesd(
                _KEYS, (side, side, side), num_samples=patches, random_size=False
            ),
        ]
    )
    items = [{name: str(path) for name, path in s.volumes.items()} for s in subjects]

    def epoch() -> None:
        dataset: Any = PersistentDataset(items, chain, cache_dir=folder, track_meta=False)
        workers = jobs if jobs > 1 else 0
        for _ in DataLoader(dataset, batch_size=1, shuffle=True, num_workers=workers):
            pass

    return epoch


def torchio(
    subjects: Sequence[Subject], side: int, patches: int, jobs: int
) -> Callable[[], object]:
    """The first epoch through a queue of patches."""
    import torch
    import torchio as tio

    chain = tio.Compose(
        [
            tio.ToCanonical(),
            tio.RescaleIntensity((0, 1), in_min_max=(0.0, float(MODEL.high or 0))),
        ]
    )
    items = [
        tio.Subject({name: tio.ScalarImage(path) for name, path in s.volumes.items()})
        for s in subjects
    ]

    def epoch() -> None:
        queue = tio.Queue(
            tio.SubjectsDataset(items, transform=chain),
            max_length=patches * len(subjects),
            samples_per_volume=patches,
            sampler=tio.UniformSampler(side),
            num_workers=jobs if jobs > 1 else 0,
        )
        for _ in torch.utils.data.DataLoader(queue, batch_size=patches, num_workers=0):
            pass

    return epoch


def decompressed(subjects: Sequence[Subject]) -> Callable[[], object]:
    """Decompress every file and throw the result away."""

    def work() -> None:
        for subject in subjects:
            for path in subject.volumes.values():
                with gzip.open(Path(str(path)), "rb") as file:
                    file.read()

    return work


def saved(folder: Path, again: Path) -> Callable[[], object]:
    """Write the arrays of a prepared folder once more, from memory."""
    arrays = [np.load(file) for file in sorted(folder.rglob("*.npy"))]

    def work() -> None:
        again.mkdir(parents=True)
        for number, array in enumerate(arrays):
            np.save(again / f"{number}.npy", array)

    return work


@click.command()
@click.option("--subjects", default=8, show_default=True)
@click.option("--spacing", default=2.0, show_default=True, help="mm")
@click.option("--side", default=64, show_default=True, help="Side of a patch, voxels.")
@click.option("--patches", default=4, show_default=True, help="Patches a subject and epoch.")
@click.option("--jobs", default=1, show_default=True, help="Workers of each program.")
@click.option("--rounds", default=5, show_default=True)
def main(subjects: int, spacing: float, side: int, patches: int, jobs: int, rounds: int) -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        written = write_volumes(root, subjects, spacing, np.int16)
        output = root / "output"

        def clear() -> None:
            shutil.rmtree(output, ignore_errors=True)

        contenders: dict[str, Callable[[], object]] = {
            _OURS: ours(written, output, side, patches, jobs),
            _MONAI: monai(written, output, side, patches, jobs),
        }
        if find_spec("torchio") is not None:
            contenders[_TORCHIO] = torchio(written, side, patches, jobs)
        seconds = interleaved(contenders, rounds, clear)
        tiny = write_volumes(root / "tiny", subjects, _TINY, np.int16)
        prepared(written, root / "first", 1)
        parts = interleaved(
            {
                "decompression": decompressed(written),
                "writing arrays": saved(root / "first", output),
                "work a file": lambda: prepared(tiny, output, 1),
                "preparing": lambda: prepared(written, output, 1),
            },
            rounds,
            clear,
        )
    print(
        f"{subjects} subjects of two modalities at {spacing:g} mm, {patches} patches of {side}^3 "
        f"each, {jobs} worker(s); medians of {rounds} interleaved rounds.\n{machine()}\n"
        f"{installed('torchio')}\n"
    )
    rows: list[tuple[object, ...]] = [
        (name, f"{seconds[name] / seconds[_OURS]:.2f}" if name in seconds else "not installed")
        for name in (_OURS, _MONAI, _TORCHIO)
    ]
    print(table(("pipeline", "files to end of first epoch, relative"), rows))
    shares = [(name, f"{value / parts['preparing']:.0%}") for name, value in parts.items()]
    print(f"\n{table(('part', 'of preparing, one worker'), shares)}")


if __name__ == "__main__":
    main()
