"""IXI: healthy heads from three London hospitals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from synthbench.api import DataError, Dataset, Subject
from synthbench_plugins.datasets.files import (
    data_folder,
    image_stem,
    subfolders,
    two_files,
)

_FILE = re.compile(r"^(?P<id>IXI(?P<number>\d{3})-(?P<site>[A-Za-z]+)-\d+)-(?P<scan>T1|T2|PD|MRA)$")
#: First those that share a grid: a check names the first as what the others should match.
_SHARED, _OWN_GRID = ("t2", "pd"), ("t1", "mra")

_LAYOUT = (
    "Expected IXI-T2/IXI002-Guys-0828-T2.nii.gz and IXI-PD/IXI002-Guys-0828-PD.nii.gz (one folder "
    "a contrast, or all files in one)."
)


class Ixi(Dataset):
    """IXI: T1, T2, PD and MRA of about 600 healthy adults, whole heads.

    ```
    IXI-T1/IXI002-Guys-0828-T1.nii.gz
    IXI-T2/IXI002-Guys-0828-T2.nii.gz
    IXI-PD/IXI002-Guys-0828-PD.nii.gz
    IXI-MRA/IXI002-Guys-0828-MRA.nii.gz
    ```

    The archives unpack into one folder: give that, with or without folders for the contrasts in it.
    The hospital in the name (Guys 1.5 T, HH 3 T, IOP 1.5 T) is the subject's `site`. There are no
    masks and no labels.

    **T1 and MRA are not registered to T2 and PD**, and have other voxel sizes. T2 and PD are echoes
    of one scan and share a grid. So only `t2` and `pd` are listed, until you have registered the
    others, resampled them to the T2 and say so by `registered`.

    Args:
        registered: Whether T1 and MRA lie on the grid of T2, so that `t1` and `mra` can be used.
    """

    def __init__(self, registered: bool = False) -> None:
        self.registered = registered

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the subjects, sorted by id.

        Raises:
            DataError: If the folder holds no usable scan, one contrast alone, or a scan twice.
        """
        root = data_folder(root, "ixi")
        scans = _scans(root)
        if not scans:
            raise DataError(f"ixi: no subject in {root}", f"{_below(root)}{_LAYOUT}")
        names = (*_SHARED, *_OWN_GRID) if self.registered else _SHARED
        found = [
            Subject(
                id=subject,
                volumes={name: files[name] for name in names if name in files},
                group=subject.split("-")[0],
                site=subject.split("-")[1],
            )
            for subject, files in sorted(scans.items())
        ]
        subjects = [subject for subject in found if subject.volumes]
        if len({name for subject in subjects for name in subject.volumes}) < 2:
            raise DataError(f"ixi: {root} holds {_contrasts(scans)} alone", self._advice(root))
        return subjects

    def example_id(self, number: int) -> str:
        """Name a subject; the hospitals alternate."""
        return f"IXI{number + 2:03d}-{('Guys', 'HH', 'IOP')[number % 3]}-{828 + number:04d}"

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file lies; T1 and MRA are read back with ``registered`` only."""
        if what not in (*_SHARED, *_OWN_GRID):
            return None
        return Path(f"IXI-{what.upper()}", f"{subject}-{what.upper()}.nii.gz")

    def _advice(self, root: Path) -> str:
        if _FILE_FOLDER.match(root.name):
            return f"Give {root.absolute().parent} as the data folder. {_LAYOUT}"
        own = "" if self.registered else " T1 and MRA need registering first (registered=true)."
        return f"{_LAYOUT}{own}"


_FILE_FOLDER = re.compile(r"^IXI-(T1|T2|PD|MRA)$")


def _scans(root: Path) -> dict[str, dict[str, Path]]:
    """Find the files of each subject, in the folder or one below."""
    scans: dict[str, dict[str, Path]] = {}
    for path in _files(root):
        name = _FILE.match(image_stem(path) or "")
        if name is None:
            continue
        files, scan = scans.setdefault(name["id"], {}), name["scan"].lower()
        if scan in files:
            raise two_files(scan, name["id"], files[scan], path)
        files[scan] = path
    return scans


def _files(root: Path) -> Iterator[Path]:
    for folder in (root, *subfolders(root)):
        yield from sorted(folder.iterdir())


def _contrasts(scans: dict[str, dict[str, Path]]) -> str:
    return ", ".join(sorted({name for files in scans.values() for name in files}))


def _below(root: Path) -> str:
    """Name the data folder where it lies one folder deeper."""
    found = next((folder for folder in subfolders(root) if _scans(folder)), None)
    return f"Give {found.absolute()} as the data folder. " if found else ""
