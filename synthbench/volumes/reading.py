"""Read one volume into RAS, and say plainly what is wrong with it when something is."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from synthbench.api import DataError
from synthbench.api.dataset import Generated, Origin, Subject, Volume
from synthbench.volumes.orientation import to_ras, voxel_size
from synthbench.volumes.pairs import header_of

Kind = Literal["image", "label", "mask", "as_is"]

#: All that nibabel and the decompressors below it raise on a damaged or foreign file.
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    zlib.error,
    ImageFileError,
    HeaderDataError,
)

#: |det| of the affine relative to the product of its column lengths: below it, axes coincide.
_SINGULAR = 1e-4
#: Deflate makes nothing smaller than by this factor: a header that claims more voxels is damaged.
_MOST_PACKED = 1100
#: Voxel sides beyond these, in mm, mean another unit or a broken header.
_SIDES = (0.005, 50.0)


@dataclass(frozen=True)
class Native:
    """A volume in RAS, and the grid that its file has.

    Attributes:
        volume: In RAS. Images are float32, labels int32, masks bool.
        native_shape: Shape of the file's own grid (its 3D part).
        native_affine: Affine of the file's own grid.
        dtype: Name of the type in which the file keeps its numbers.
    """

    volume: Volume
    native_shape: tuple[int, int, int]
    native_affine: npt.NDArray[np.float64]
    dtype: str


def name_of(origin: Origin, what: str) -> str:
    """Name a volume in a message: what it is, and the file it comes from."""
    return f"{what} ({origin})" if isinstance(origin, Path) else f"{what} (generated)"


def read(origin: Origin, *, what: str, kind: Kind = "image") -> Native:
    """Read a volume.

    Args:
        origin: File (any format nibabel reads) or generated volume.
        what: What it is, for messages, e.g. ``"t1 of subject A"``.
        kind: ``image`` must be finite and must vary; ``label`` keeps its integer values; ``mask``
            is true above one half; ``as_is`` is an image whose values are not looked at.

    Raises:
        DataError: If it is missing, damaged or not an image, is not one 3D volume, has a
            non-invertible affine or voxels of an absurd size, or holds NaN, infinity, one single
            value (images) or fractions (labels). The message names the file.
    """
    name = name_of(origin, what)
    if isinstance(origin, Generated):
        raw = origin.make()
        dtype = raw.array.dtype.name
    else:
        image = load_image(origin, name)
        raw, dtype = _voxels(image, name, kind), image.get_data_dtype().name
    array, affine = _single_volume(raw.array, name), np.asarray(raw.affine, dtype=np.float64)
    check_affine(affine, name)
    shape = (array.shape[0], array.shape[1], array.shape[2])
    with np.errstate(over="ignore"):  # becomes infinity, which is refused below
        ras = to_ras(Volume(array, affine), np.float32 if kind == "image" else None)
    return Native(Volume(_CONVERT[kind](ras.array, name), ras.affine), shape, affine, dtype)


def parts(subject: Subject) -> Iterator[tuple[str, Origin, Kind]]:
    """Go through everything a subject has: name, origin and kind of each modality, label, masks."""
    for name, origin in subject.volumes.items():
        yield name, origin, "image"
    if subject.label is not None:
        yield "label", subject.label, "label"
    for name, mask in (("mask", subject.mask), ("valid", subject.valid)):
        if mask is not None:
            yield name, mask, "mask"


def load_image(path: Path, name: str) -> Any:
    """Open an image file; its voxels are not read yet.

    Args:
        path: Any format nibabel reads.
        name: As from :func:`name_of`.

    Returns:
        A nibabel image.

    Raises:
        DataError: If it is missing, damaged or not an image of one number a voxel.
    """
    if not path.is_file():
        raise DataError(f"{name} does not exist", "check the path and the dataset's folder layout")
    try:
        image = _open(path, name)
    except _DAMAGED as error:
        raise _damaged(name, error) from error
    scalar = image.get_data_dtype().fields is None
    if not scalar or np.issubdtype(image.get_data_dtype(), np.complexfloating):
        raise DataError(
            f"{name} holds colours or complex numbers, not intensities",
            "convert it to one number per voxel",
        )
    claimed = math.prod(image.shape) * image.get_data_dtype().itemsize
    if path.suffix != ".bz2" and claimed > _MOST_PACKED * path.stat().st_size:
        # Or else the memory for it is asked for, and the machine's runs out.
        raise _damaged(name, ValueError(f"its header claims the shape {image.shape}"))
    return image


def _voxels(image: Any, name: str, kind: Kind) -> Volume:
    try:
        with np.errstate(over="ignore"):  # becomes infinity, which is refused below
            # Stored numbers stay as they are: labels above 2**24 are none of float32, and images
            # are converted while they are reordered. Scaled ones need no more than float32.
            single = kind == "as_is" or (kind == "image" and not _is_unscaled(image.dataobj))
            array = np.asarray(image.dataobj, dtype=np.float32 if single else None)
            return Volume(array, image.affine)
    except _DAMAGED as error:
        raise _damaged(name, error) from error


def _is_unscaled(data: Any) -> bool:
    return getattr(data, "slope", None) == 1 and getattr(data, "inter", None) == 0


def _damaged(name: str, error: Exception) -> DataError:
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return DataError(
        f"{name} is damaged or not an image: {reason}",
        "copy or download it again, or convert it to NIfTI (.nii.gz)",
    )


def _open(path: Path, name: str) -> Any:
    header = header_of(path)
    if header is None:
        return nib.load(path)
    if not header.is_file():
        raise DataError(
            f"{name} has no header: {header} does not exist", "copy the .hdr beside the .img"
        )
    if header.suffix == ".gz" or path.suffix != ".gz":
        return nib.load(path)
    # nibabel.load insists that both or neither are compressed.
    start = header.read_bytes()[:348]
    # The order of nibabel.load, so that compressing an image moves nothing.
    for kind in (nib.Nifti1Pair, nib.Spm2AnalyzeImage, nib.AnalyzeImage):
        if kind.header_class.may_contain_header(start):
            beside = {"header": header, "image": path, "mat": header.with_suffix(".mat")}
            known = {name for name, _ in kind.files_types}
            files = {name: str(file) for name, file in beside.items() if name in known}
            return kind.from_file_map(kind.make_file_map(files))
    raise ImageFileError(f"{header} is not its header")


def _single_volume(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    shape = array.shape
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3 or 0 in array.shape:
        raise DataError(
            f"{name} is {array.ndim}D with shape {shape}, not one 3D volume",
            "export each channel or time point as a file of its own",
        )
    return array


def check_affine(affine: npt.NDArray[np.float64], name: str) -> None:
    """Refuse an affine that cannot be inverted, or whose voxels have an absurd size.

    Args:
        affine: Voxel to world, mm.
        name: As from :func:`name_of`.

    Raises:
        DataError: Naming the file.
    """
    good = affine.shape == (4, 4) and bool(np.isfinite(affine).all())
    if good:
        axes = affine[:3, :3]
        volume = np.prod(np.linalg.norm(axes, axis=0))
        good = bool(volume > 0 and abs(np.linalg.det(axes)) > _SINGULAR * volume)
    if not good:
        raise DataError(
            f"{name} has an affine that cannot be inverted: {affine[:3].tolist()}",
            "repair the header (voxel sizes and directions), or convert the file again",
        )
    sides = voxel_size(affine)
    if min(sides) < _SIDES[0] or max(sides) > _SIDES[1]:
        raise DataError(
            f"{name} has voxels of {' x '.join(f'{side:.3g}' for side in sides)} mm",
            "repair the voxel sizes in its header (are they in another unit?)",
        )


def _as_image(array: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    low, high = float(array.min()), float(array.max())  # NaN propagates through both
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(
            f"{name} holds NaN or infinite values", "replace them, or leave the subject out"
        )
    if low == high:
        raise DataError(
            f"{name} is constant: every voxel is {low:g}",
            "check how it was exported, or leave the subject out",
        )
    return array


def _as_label(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.int32]:
    _check_finite(array, name)
    floating = np.issubdtype(array.dtype, np.floating)
    whole = np.rint(array) if floating else array
    if floating and np.abs(whole - array).max() > 1e-3:
        raise DataError(
            f"{name} holds fractions, so it is not a label map",
            "use nearest-neighbour interpolation when labels are resampled",
        )
    limits = np.iinfo(np.int32)
    if int(whole.min()) < limits.min or int(whole.max()) > limits.max:
        raise DataError(f"{name} holds labels beyond 32 bits", "renumber the labels")
    return whole.astype(np.int32)


def _as_mask(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.bool_]:
    _check_finite(array, name)
    mask = np.asarray(array > 0.5)
    if not mask.any():
        raise DataError(f"{name} is empty", "redo the mask, or leave it out to have one derived")
    return mask


def _check_finite(array: npt.NDArray[Any], name: str) -> None:
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise DataError(
            f"{name} holds NaN or infinite values", "replace them, or leave the subject out"
        )


def _as_is(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    return np.asarray(array, dtype=np.float32)


_CONVERT = {"image": _as_image, "label": _as_label, "mask": _as_mask, "as_is": _as_is}
