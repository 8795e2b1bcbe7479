"""Patches per second: the prepared cache against MONAI's CacheDataset and PersistentDataset.

All three cut random patches of the same size from the same NIfTI files, source and target, on the
unit range. MONAI keeps its volumes in memory (CacheDataset) or as tensors on disk
(PersistentDataset); ours are memory-mapped.

    python -m benchmarks.speed.patches [--subjects 8] [--spacing 2] [--side 64] [--rounds 7]
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import nibabel as nib
import numpy as np

from benchmarks.speed.timing import interleaved, machine, table
from synthbench.api import Intensity, Subject
from synthbench.api.recipe import Patch
from synthbench.registry import load_registry
from synthbench.volumes.patches import PatchSampler
from synthbench.volumes.preparing import prepare

_PATCHES_A_VISIT = 4
MODEL = Intensity(kind="window", low=0.0, high=2000.0)


def write_volumes(
    folder: Path, subjects: int, spacing: float, dtype: type[np.generic] = np.float32
) -> list[Subject]:
    """Phantom brains as compressed NIfTI files."""
    folder.mkdir(parents=True, exist_ok=True)
    reader = load_registry().get("datasets", "phantom").resolve()
    written = []
    for subject in reader(subjects=subjects, spacing=spacing).subjects(None):
        paths = {}
        for modality in ("t1", "t2"):
            volume = subject.volumes[modality].make()
            paths[modality] = folder / f"{subject.id}_{modality}.nii.gz"
            nib.save(nib.Nifti1Image(volume.array.astype(dtype), volume.affine), paths[modality])
        written.append(Subject(id=subject.id, volumes=paths))
    return written


def ours(subjects: list[Subject], folder: Path, side: int, visits: int) -> Callable[[], object]:
    """Draw batches from the prepared cache; every batch is new."""
    prepared = prepare(
        subjects, {"t1": MODEL, "t2": MODEL}, ["t1"], spacing=None, folder=folder, regions={}
    )
    sampler = PatchSampler(
        prepared,
        [subject.id for subject in subjects],
        ["t1"],
        "t2",
        Patch(size=(side, side, side), foreground=0.0),
        _PATCHES_A_VISIT,
        (0.0, 1.0),
        1,
        seed=0,
    )
    step = [0]

    def draw() -> None:
        for _ in range(visits):
            sampler.batch(step[0])
            step[0] += 1

    return draw


def monai(
    kind: str, subjects: list[Subject], folder: Path, side: int, visits: int
) -> Callable[[], object]:
    """The same through MONAI: one visit of a subject gives as many patches as our batch has."""
    from monai import transforms
    from monai.data import CacheDataset, DataLoader, PersistentDataset

    keys = ["t1", "t2"]
    chain: Any = transforms.Compose(
        [
            transforms.LoadImaged(keys, ensure_channel_first=True),
            transforms.Orientationd(keys, axcodes="RAS", labels=None),
            transforms.ScaleIntensityRanged(keys, 0.0, 2000.0, 0.0, 1.0, clip=True),
            transforms.EnsureTyped(keys, track_meta=False),
            transforms.SpatialPadd(keys, (side, side, side)),
            transforms.RandSpatialCropSamplesd(
                keys, (side, side, side), num_samples=_PATCHES_A_VISIT, random_size=False
            ),
        ]
    )
    items = [{name: str(path) for name, path in s.volumes.items()} for s in subjects]
    dataset: Any = (
        CacheDataset(items, chain, progress=False)
        if kind == "cache"
        else PersistentDataset(items, chain, cache_dir=folder, track_meta=False)
    )
    loader = DataLoader(dataset, batch_size=1, shuffle=True, num_workers=0)

    def draw() -> None:
        done = 0
        while done < visits:
            for _ in loader:
                done += 1
                if done == visits:
                    break

    return draw


@click.command()
@click.option("--subjects", default=8, show_default=True)
@click.option("--spacing", default=2.0, show_default=True, help="mm")
@click.option("--side", default=64, show_default=True, help="Side of a patch, voxels.")
@click.option("--visits", default=40, show_default=True, help="Batches a round.")
@click.option("--rounds", default=7, show_default=True)
def main(subjects: int, spacing: float, side: int, visits: int, rounds: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        written = write_volumes(root, subjects, spacing)
        shape = nib.load(written[0].volumes["t1"]).shape
        seconds = interleaved(
            {
                "synthbench prepared cache": ours(written, root / "prepared", side, visits),
                "MONAI CacheDataset + RandSpatialCropSamples": monai(
                    "cache", written, root, side, visits
                ),
                "MONAI PersistentDataset + RandSpatialCropSamples": monai(
                    "persistent", written, root / "persistent", side, visits
                ),
            },
            rounds,
        )
    reference = seconds["synthbench prepared cache"]
    print(
        f"Random {side}^3 patches of two modalities from {subjects} volumes of {shape}, "
        f"{_PATCHES_A_VISIT} a batch; medians of {rounds} interleaved rounds of {visits} batches.\n"
        f"{machine()}\n"
    )
    rows = [(name, f"{reference / value:.2f}") for name, value in seconds.items()]
    print(table(("pipeline", "patches per second, relative"), rows))


if __name__ == "__main__":
    main()
