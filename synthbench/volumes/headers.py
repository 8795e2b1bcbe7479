"""What a volume's header says, without reading its voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from synthbench.api.dataset import Origin
from synthbench.volumes.orientation import ras_grid, voxel_size
from synthbench.volumes.reading import check_affine, load_image, name_of

#: Codes of a NIfTI transform that is not set.
_UNSET = 0
#: Relative difference from which on two voxel sizes disagree.
_SIZE_TOLERANCE = 0.01


def spacing_of(origin: Origin, what: str) -> tuple[float, float, float]:
    """Voxel size in mm along the axes of RAS; of a file, only its header is read.

    Args:
        origin: Where the volume comes from.
        what: What it is, for messages.

    Raises:
        DataError: If the file is missing or damaged, or its affine cannot be inverted.
    """
    name = name_of(origin, what)
    if isinstance(origin, Path):
        image = load_image(origin, name)
        shape, affine = image.shape, np.asarray(image.affine, dtype=np.float64)
    else:
        volume = origin.make()
        shape, affine = volume.array.shape, volume.affine
    check_affine(affine, name)
    x, y, z = (*shape, 1, 1, 1)[:3]
    return voxel_size(ras_grid((x, y, z), affine)[1])


def header_doubts(origin: Origin, what: str) -> list[str]:
    """Say where a NIfTI header contradicts itself, so that other programs may read it otherwise.

    Args:
        origin: Where the volume comes from; generated volumes and other formats have no doubts.
        what: What it is, for messages.

    Returns:
        One line a contradiction: voxel sizes that the affine does not have; two transforms of the
        same meaning that differ by more than a voxel; transforms of different handedness; a
        qform whose quaternion is none.
    """
    if not isinstance(origin, Path):
        return []
    name = name_of(origin, what)
    image = load_image(origin, name)
    if not isinstance(image, nib.Nifti1Pair):
        return []
    header: Any = image.header
    found = []
    stated = np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))
    actual = np.array(voxel_size(image.affine))
    if not np.allclose(stated, actual, rtol=_SIZE_TOLERANCE):
        found.append(f"{name} states a voxel size of {_mm(stated)}, its affine has {_mm(actual)}")
    sform, scode = header.get_sform(coded=True)
    try:
        qform, qcode = header.get_qform(coded=True)
    except ValueError:
        return [*found, f"{name}: its qform is no rotation; the sform is used"]
    if _UNSET in (scode, qcode) or sform is None or qform is None:
        return found
    if np.linalg.det(sform[:3, :3]) * np.linalg.det(qform[:3, :3]) < 0:
        found.append(f"{name}: sform and qform disagree on which side is left; the sform is used")
    elif scode == qcode and (apart := _apart(sform, qform, image.shape)) > actual.max():
        found.append(
            f"{name}: sform and qform place its corners up to {apart:.3g} mm apart; the sform is "
            "used"
        )
    return found


def _apart(
    one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], shape: tuple[int, ...]
) -> float:
    far = np.array(shape[:3]) - 1
    corners = np.array([(*(far * bits), 1) for bits in np.ndindex(2, 2, 2)]).T
    return float(np.linalg.norm(((one - other) @ corners)[:3], axis=0).max())


def _mm(sides: npt.NDArray[np.float64]) -> str:
    return " x ".join(f"{side:.3g}" for side in sides) + " mm"
