"""The whole way with real volumes: prepare, write a prediction, load it with nibabel."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import Intensity
from synthbench.api.dataset import Subject
from synthbench.api.recipe import Patch
from synthbench.volumes.patches import PatchSampler
from synthbench.volumes.preparing import prepare
from synthbench.volumes.writing import write_prediction

MR = Intensity(kind="percentile")
CT = Intensity(kind="window", low=-1024, high=3000, unit="HU")


def real_subject(folder: Path, modalities: tuple[str, ...]) -> Subject:
    def file(kind: str) -> Path:
        return folder / f"{folder.name}_{kind}.nii.gz"

    mask = file("brainmask")
    return Subject(
        folder.name,
        {name: file(name) for name in modalities},
        label=file("seg"),
        mask=mask if mask.exists() else None,
    )


@pytest.mark.parametrize(
    ("folder", "modalities", "spacing"),
    [
        ("brats/MS3D-P07", {"t1": MR, "t2": MR}, None),
        ("brats/MSL-P01-S1", {"t1": MR, "flair": MR}, None),
        ("brats/MSL-P01-S1", {"t1": MR, "flair": MR}, 2.0),
        ("sts/STS-002", {"t1": MR, "ct": CT}, None),
        ("sts/STS-002", {"t1": MR, "ct": CT}, (1.0, 1.0, 3.0)),
        ("thin/SPINE-UNF01", {"t1": MR, "t2s": MR}, None),
    ],
)
def test_predictions_come_back_on_the_files_own_grid(
    realset: Path,
    tmp_path: Path,
    folder: str,
    modalities: dict[str, Intensity],
    spacing: float | tuple[float, float, float] | None,
) -> None:
    source, target = modalities
    one = real_subject(realset / folder, (source, target))
    ready = prepare([one], modalities, [source], spacing=spacing, folder=tmp_path, regions={})[
        one.id
    ]
    assert 0.1 < ready.mask.mean() < 0.9
    assert ready.region_masks()["label_1"].any()
    path = tmp_path / "prediction.nii.gz"
    write_prediction(ready.volume(target), ready, ready.bounds[target], path, integer=True)

    native, real = nib.load(one.volumes[source]), nib.load(one.volumes[target])
    found = nib.load(path)
    assert found.shape == native.shape
    np.testing.assert_array_equal(found.affine, native.affine)
    bounds = ready.bounds[target]
    clipped = np.clip(real.get_fdata(), bounds.low, bounds.high)
    error = np.abs(found.get_fdata() - clipped)
    if spacing is None:
        assert error.max() <= 0.5 + 1e-3  # rounding to whole numbers
    else:
        # Blurred by two interpolations, but in place: a shift by one voxel is far worse.
        shifted = np.abs(np.roll(found.get_fdata(), 1, axis=0) - clipped)
        assert error.mean() < 0.7 * shifted.mean()


def test_a_thin_slab_trains_with_patches_thicker_than_itself(realset: Path, tmp_path: Path) -> None:
    one = real_subject(realset / "thin/SPINE-UNF01", ("t1", "t2s"))
    ready = prepare([one], {"t1": MR, "t2s": MR}, ["t1"], spacing=None, folder=tmp_path, regions={})
    draw = PatchSampler(
        ready, [one.id], ["t1"], "t2s", Patch(size=(32, 32, 32)), 2, (-1.0, 1.0), 8, 0
    )
    assert "padded with background" in draw.warnings[0]
    batch = draw.batch(0)
    assert batch.source.shape == (2, 1, 32, 32, 32)
    assert (batch.source[..., :8] == -1).all()
    assert (batch.source[..., 8:24] > -1).any()
