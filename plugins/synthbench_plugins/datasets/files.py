"""What the readers of folders share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from synthbench.api import DataError, Subject

_SUFFIX = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
#: A session or time point at the end of an id: ``-S1``, ``_ses-2``, ``-TP1``. With two digits ``S``
#: more often counts subjects (``set_S01`` to ``set_S40``) than sessions.
_SESSION = re.compile(r"[-_](?:s[1-9]|ses-?\d+|tp\d+)$", re.IGNORECASE)
#: How many levels up, and how many subfolders, the data folder is looked for where a user gave one
#: that is not it.
_LEVELS, _LOOKED_INTO = 2, 50

#: Folders at the root of a disk that only the system may list.
_SYSTEM = ("lost+found", "$RECYCLE.BIN", "System Volume Information")

#: Yields the subjects of one folder.
Read = Callable[[Path], Iterable[Subject]]


def image_stem(path: Path) -> str | None:
    """Name of a NIfTI file without its suffix; ``None`` for anything else, and hidden files."""
    hidden = path.name.startswith(".")  # macOS leaves ._name beside name on foreign disks
    if hidden or _SUFFIX.search(path.name) is None or not _is_file(path):
        return None
    return _SUFFIX.sub("", path.name)


def image_file(stem: Path) -> Path | None:
    """The NIfTI file of a path without suffix, compressed or not; ``None`` if there is none.

    Raises:
        DataError: If there are both.
    """
    found = [path for s in (".nii.gz", ".nii") if _is_file(path := Path(f"{stem}{s}"))]
    if len(found) > 1:
        raise two_files(stem.name, stem.parent.name, *found)
    return found[0] if found else None


def _is_file(path: Path) -> bool:
    """Whether a file is there, or a link to one that is not: a check names it (git-annex)."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def present(files: dict[str, Path | None]) -> dict[str, Path]:
    """Leave out what there is no file of."""
    return {name: path for name, path in files.items() if path is not None}


def two_files(what: str, subject: str, one: Path, two: Path) -> DataError:
    """Build the error for two files that could both be meant."""
    return DataError(
        f"Two files for {what} of subject {subject}: {one} and {two.name}", "Remove one of them."
    )


def without_session(subject: str) -> str:
    """Strip a session suffix, so that the sessions of a patient share what is left."""
    return _SESSION.sub("", subject) or subject


def data_folder(root: Path | None, dataset: str) -> Path:
    """Return ``root`` if it is a folder.

    Raises:
        DataError: If it is not.
    """
    if root is None or not root.is_dir():
        raise DataError(
            f"{dataset}: {root or 'no data folder'} is not a folder",
            "Give the folder that holds the subjects with --data-root.",
        )
    return root


def subfolders(root: Path, depth: int = 1) -> Iterator[Path]:
    """Yield the folders below ``root``, each before those in it.

    Hidden ones and those of the system are left out.

    Raises:
        DataError: If one must not be listed.
    """
    for folder in sorted(root.iterdir()):
        hidden = folder.name.startswith(".") or folder.name in _SYSTEM
        if folder.is_dir() and not hidden:
            if not os.access(folder, os.R_OK | os.X_OK):
                raise DataError(
                    f"{folder} must not be listed", "Ask for permission to read it, or move it."
                )
            yield folder
            if depth > 1:
                yield from subfolders(folder, depth - 1)


def listed(dataset: str, root: Path | None, layout: str, read: Read, depth: int) -> list[Subject]:
    """List the subjects of a data folder, sorted by id.

    Args:
        dataset: Its name, for messages.
        root: The data folder.
        layout: One line that says what is expected.
        read: Yields the subjects that a folder holds, if it is one of those that hold some.
        depth: How deep those folders may lie; 1 is directly in the data folder.

    Raises:
        DataError: If there is no such folder, it holds no subject (the hint names the folder that
            was probably meant), or one twice.
    """
    root = data_folder(root, dataset)
    subjects = unique(_found(root, read, depth))
    if not subjects:
        meant = _meant(root.absolute(), read, depth)
        hint = f"Give {meant} as the data folder. {layout}" if meant else layout
        raise DataError(f"{dataset}: no subject in {root}", hint)
    return subjects


def _found(root: Path, read: Read, depth: int) -> Iterator[Subject]:
    return (subject for folder in subfolders(root, depth) for subject in read(folder))


def _meant(root: Path, read: Read, depth: int) -> Path | None:
    """Name the data folder that ``root`` lies in, or that lies in it."""
    for folder in (root, *root.parents[:_LEVELS]):
        if _yields(read(folder)):
            return folder.parent
    below = islice(subfolders(root), _LOOKED_INTO)
    return next((folder for folder in below if _yields(_found(folder, read, depth))), None)


def _yields(subjects: Iterable[Subject]) -> bool:
    try:
        return any(True for _ in subjects)
    except (DataError, OSError):
        return False  # the faults of a folder that was not asked for


def unique(subjects: Iterable[Subject]) -> list[Subject]:
    """Sort subjects by id.

    Raises:
        DataError: If two have the same id.
    """
    found: dict[str, Subject] = {}
    for subject in subjects:
        if subject.id in found:
            raise DataError(
                f"Subject {subject.id} occurs twice ({_place(found[subject.id])}, "
                f"{_place(subject)})",
                "Rename or remove one of the two.",
            )
        found[subject.id] = subject
    return [found[name] for name in sorted(found)]


def _place(subject: Subject) -> str:
    return str(next(iter(subject.volumes.values())))
