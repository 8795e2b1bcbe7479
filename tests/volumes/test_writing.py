from __future__ import annotations

import errno
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import DataError, Intensity
from synthbench.api.dataset import Subject
from synthbench.volumes.intensity import Bounds
from synthbench.volumes.prepared import PreparedSubject
from synthbench.volumes.writing import write_prediction

from .images import head, prepared, save, subject
from .test_reading import LAS, PERMUTED

OBLIQUE = np.array(
    [[0.9, -0.3, 0.1, -20], [0.3, 0.95, 0.05, 11], [-0.1, 0.02, 2.9, 4], [0, 0, 0, 1.0]],
    dtype=np.float32,  # as NIfTI keeps it
).astype(np.float64)
CT = Intensity(kind="window", low=-1024, high=3000, unit="HU")


def hounsfield(shape: tuple[int, int, int] = (20, 24, 18)) -> np.ndarray:
    return np.rint(head(shape) * 2.5 - 1000).astype(np.int16)


@pytest.mark.parametrize("affine", [LAS, PERMUTED, OBLIQUE], ids=["LAS", "permuted", "oblique"])
@pytest.mark.parametrize("name", ["out.nii.gz", "out.nii"])
def test_the_native_file_comes_back_exactly(tmp_path: Path, affine: np.ndarray, name: str) -> None:
    raw = hounsfield()
    one = Subject(
        "A",
        {
            "mr": save(tmp_path / "mr.nii.gz", head(), affine),
            "ct": save(tmp_path / "ct.nii.gz", raw, affine),
        },
    )
    ready = prepared_pair(one, tmp_path / "out")
    write_prediction(ready.volume("ct"), ready, ready.bounds["ct"], tmp_path / name, integer=True)
    found = nib.load(tmp_path / name)
    assert found.get_data_dtype() == np.int16
    assert found.shape == raw.shape
    np.testing.assert_array_equal(found.affine, affine)
    np.testing.assert_array_equal(np.asarray(found.dataobj), raw)


def prepared_pair(one: Subject, folder: Path, spacing: float | None = None) -> PreparedSubject:
    from synthbench.volumes.preparing import prepare

    return prepare(
        [one],
        {"mr": Intensity(), "ct": CT},
        ["mr"],
        spacing=spacing,
        folder=folder,
        regions={},
    )[one.id]


@pytest.mark.parametrize("spacing", [0.7, 1.6])
@pytest.mark.parametrize("affine", [LAS, PERMUTED, OBLIQUE], ids=["LAS", "permuted", "oblique"])
def test_another_spacing_is_resampled_back_onto_the_native_grid(
    tmp_path: Path, affine: np.ndarray, spacing: float
) -> None:
    shape = (20, 24, 18)
    world = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) @ affine[:3, :3].T
    smooth = -300 + 3 * (world @ [1.0, 2, 1.5])  # reproduced by any decent interpolation
    one = Subject(
        "A",
        {
            "mr": save(tmp_path / "mr.nii.gz", head(), affine),
            "ct": save(tmp_path / "ct.nii.gz", smooth.astype(np.float32), affine),
        },
    )
    ready = prepared_pair(one, tmp_path / "out", spacing)
    assert ready.spacing == pytest.approx((spacing,) * 3)
    path = tmp_path / "out.nii.gz"
    write_prediction(ready.volume("ct"), ready, ready.bounds["ct"], path, integer=False)
    found = nib.load(path)
    assert found.shape == shape
    assert found.get_data_dtype() == np.float32
    np.testing.assert_array_equal(found.affine, affine)
    core = (slice(4, -4),) * 3
    np.testing.assert_allclose(found.get_fdata()[core], smooth[core], atol=1.5)


def test_predictions_are_clipped(tmp_path: Path) -> None:
    ready = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    unit = np.linspace(-1, 2, int(np.prod(ready.shape)), dtype=np.float32).reshape(ready.shape)
    write_prediction(unit, ready, Bounds(-10, 50), tmp_path / "p.nii.gz", integer=False)
    found = nib.load(tmp_path / "p.nii.gz").get_fdata()
    assert (found.min(), found.max()) == (-10, 50)


def test_whole_numbers_beyond_16_bits_are_kept(tmp_path: Path) -> None:
    ready = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    unit = np.ones(ready.shape, dtype=np.float32)
    write_prediction(unit, ready, Bounds(0, 100_000), tmp_path / "p.nii.gz", integer=True)
    assert nib.load(tmp_path / "p.nii.gz").get_fdata().max() == 100_000


def test_the_same_prediction_gives_the_same_bytes(tmp_path: Path) -> None:
    ready = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    paths = [tmp_path / "one.nii.gz", tmp_path / "two.nii.gz"]
    for path in paths:
        write_prediction(ready.volume("t2"), ready, Bounds(0, 1), path, integer=False)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predictions_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    ready = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    unit = np.array(ready.volume("t2"))
    unit[1, 2, 3] = value
    with pytest.raises(DataError, match="subject A holds NaN"):
        write_prediction(unit, ready, Bounds(0, 1), tmp_path / "p.nii.gz", integer=True)
    assert not (tmp_path / "p.nii.gz").exists()


def test_another_shape_is_refused(tmp_path: Path) -> None:
    ready = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    with pytest.raises(DataError, match=r"\(20, 24, 17\)"):
        write_prediction(
            ready.volume("t2")[..., 1:], ready, Bounds(0, 1), tmp_path / "p.nii", integer=True
        )


def test_a_full_disk_keeps_the_old_file_and_leaves_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    folder = tmp_path / "predictions"
    path = folder / "A.nii.gz"
    write_prediction(ready.volume("t1"), ready, Bounds(0, 1), path, integer=False)
    before = path.read_bytes()

    def fill_up(self: object, stream: object) -> None:
        stream.write(b"half")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(nib.Nifti1Image, "to_stream", fill_up)
    for target in (path, folder / "new.nii.gz"):
        with pytest.raises(DataError, match=f"{folder}.*No space left"):
            write_prediction(ready.volume("t2"), ready, Bounds(0, 1), target, integer=False)
    assert [file.name for file in folder.iterdir()] == ["A.nii.gz"]
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    ready = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/p\.nii\.gz"):
        write_prediction(
            ready.volume("t1"), ready, Bounds(0, 1), tmp_path / "file/p.nii.gz", integer=False
        )
