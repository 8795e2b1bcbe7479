"""LPBA40: forty healthy heads with delineated structures, as Analyze images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from synthbench.api import DataError, Dataset, Subject, UsageError
from synthbench_plugins.datasets.files import listed, two_files

Space = Literal["delineation", "native"]

_ID = re.compile(r"^S\d{2}$")
_SUFFIXES = (".nii.gz", ".nii", ".img.gz", ".img")
#: What follows the subject's id in a file name, by space.
_NAMES = {
    "delineation": {
        "t1": "delineation.skullstripped",
        "label": "delineation.structure.label",
    },
    "native": {"t1": "native.mri", "mask": "native.brain.mask"},
}

_LAYOUT = (
    "Expected S01/S01.delineation.skullstripped.{hdr,img[.gz]} or "
    "S01/S01.native.mri.{hdr,img[.gz]}, or the same as .nii[.gz]."
)


class Lpba40(Dataset):
    """LPBA40: T1 of 40 healthy adults. One modality, so for methods that need no pairs.

    ```
    delineation_space/S01/S01.delineation.skullstripped.{hdr,img.gz}       space: delineation
                          S01.delineation.structure.label.{hdr,img.gz}
    native_space/S01/S01.native.mri.{hdr,img.gz}                           space: native
                     S01.native.brain.mask.{hdr,img.gz}
    ```

    The data folder is `delineation_space`, `native_space` or the one that holds them. Images may be
    Analyze pairs, compressed or not, or have been converted to NIfTI. Analyze files do not say
    which side is left: nibabel's convention is used (stored from right to left), so convert them to
    NIfTI first where the side matters.

    The delineation space is rigidly aligned and skull-stripped, with 56 structures as label;
    each is a region of its own. The native space shows the whole head, with the brain's mask.

    Args:
        space: `delineation` or `native`.

    Raises:
        UsageError: If ``space`` is neither.
    """

    def __init__(self, space: Space = "delineation") -> None:
        if space not in _NAMES:
            raise UsageError(f"lpba40: space={space!r}", f"Choose {' or '.join(_NAMES)}.")
        self.space = space

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the subjects, sorted by id.

        Raises:
            DataError: If the folder holds none in the chosen space, one twice, or one that has
                other files but no image.
        """
        layout = f"{_LAYOUT} Files of the {self.space} space are read (parameter space)."
        return listed("lpba40", root, layout, self._read, depth=2)

    def example_id(self, number: int) -> str:
        """Name a subject."""
        return f"S{number + 1:02d}"

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file lies, as NIfTI."""
        name = _NAMES[self.space].get(what)
        if name is None:
            return None
        return Path(f"{self.space}_space", subject, f"{subject}.{name}.nii.gz")

    def _read(self, folder: Path) -> Iterator[Subject]:
        if not _ID.match(folder.name):
            return
        files: dict[str, Path] = {}
        for what, name in _NAMES[self.space].items():
            stem = f"{folder.name}.{name}"
            found = [path for s in _SUFFIXES if (path := folder / f"{stem}{s}").is_file()]
            if len(found) > 1:
                raise two_files(what, folder.name, *found[:2])
            if found:
                files[what] = found[0]
        if files:
            if "t1" not in files:
                raise DataError(
                    f"lpba40: subject {folder.name} has no {_NAMES[self.space]['t1']} in {folder}",
                    "Copy it there, or remove the folder to leave the subject out.",
                )
            yield Subject(
                id=folder.name,
                volumes={"t1": files["t1"]},
                label=files.get("label"),
                mask=files.get("mask"),
            )
