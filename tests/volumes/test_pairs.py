"""Volumes whose header lies in a file of its own."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from synthbench.api import DataError
from synthbench.volumes.hashing import ContentIndex, file_digest
from synthbench.volumes.pairs import header_of
from synthbench.volumes.reading import read

ARRAY = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
MM = np.diag([1.0, 2.0, 3.0, 1.0])


@pytest.fixture(params=[nib.AnalyzeImage, nib.Nifti1Pair], ids=["analyze", "nifti"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A compressed image beside a header that is not."""
    path = tmp_path / "a.img"
    nib.save(request.param(ARRAY, MM), path)
    packed = tmp_path / "a.img.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


def test_header_of(tmp_path: Path) -> None:
    assert header_of(tmp_path / "a.nii.gz") is None
    assert header_of(tmp_path / "a.img") == tmp_path / "a.hdr"
    assert header_of(tmp_path / "a.img.gz") == tmp_path / "a.hdr"
    (tmp_path / "a.hdr.gz").touch()
    assert header_of(tmp_path / "a.img.gz") == tmp_path / "a.hdr.gz"


def test_a_compressed_image_with_a_plain_header_is_read(image: Path) -> None:
    native = read(image, what="t1")
    assert native.native_shape == ARRAY.shape
    assert sorted(native.volume.array.ravel()) == sorted(ARRAY.ravel())
    assert np.allclose(np.abs(np.diag(native.native_affine)), [1, 2, 3, 1])


def test_both_compressed(image: Path) -> None:
    header = image.with_name("a.hdr")
    header.with_name("a.hdr.gz").write_bytes(gzip.compress(header.read_bytes()))
    header.unlink()
    assert read(image, what="t1").native_shape == ARRAY.shape


def test_a_header_that_is_missing_or_damaged_is_named(image: Path) -> None:
    header = image.with_name("a.hdr")
    header.write_bytes(header.read_bytes()[:100])
    with pytest.raises(DataError, match=r"damaged or not an image: .*a\.hdr"):
        read(image, what="t1")
    header.unlink()
    with pytest.raises(DataError, match=r"a\.hdr does not exist"):
        read(image, what="t1")


def test_another_header_is_another_volume(image: Path, tmp_path: Path) -> None:
    index = ContentIndex(tmp_path / "store")
    before = index.digest(image)
    assert before == file_digest(image)
    header = image.with_name("a.hdr")
    header.write_bytes(header.read_bytes() + b"\0")
    assert index.digest(image) != before


def test_compressing_an_image_moves_nothing(tmp_path: Path) -> None:
    image = nib.Spm2AnalyzeImage(ARRAY, MM)
    image.header["origin"][:3] = (3, 2, 1)
    nib.save(nib.Spm2AnalyzeImage(ARRAY, None, image.header), tmp_path / "a.img")
    for suffix in (".img", ".hdr"):
        (tmp_path / f"b{suffix}").write_bytes((tmp_path / f"a{suffix}").read_bytes())
    for written in tmp_path.glob("*.mat"):
        written.unlink()
    packed = tmp_path / "b.img.gz"
    packed.write_bytes(gzip.compress((tmp_path / "b.img").read_bytes()))
    (tmp_path / "b.img").unlink()
    plain, other = read(tmp_path / "a.img", what="t1"), read(packed, what="t1")
    assert np.array_equal(plain.native_affine, other.native_affine)
    assert np.array_equal(plain.volume.array, other.volume.array)


def test_another_matrix_beside_it_is_another_volume(image: Path) -> None:
    before = file_digest(image)
    image.with_name("a.mat").write_bytes(b"moved")
    assert file_digest(image) != before
