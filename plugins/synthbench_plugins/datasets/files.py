"""What the readers of folders share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from synthbench.api import DataError, Subject

_SUFFIX = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
#: A session or time point at the end of an id: ``-S1``, ``_ses-2``, ``-TP1``. With two digits ``S``
#: more often counts subjects (``set_S01`` to ``set_S40``) than sessions.
_SESSION = re.compile(r"[-_](?:s[1-9]|ses-?\d+|tp\d+)$", re.IGNORECASE)


def image_stem(path: Path) -> str | None:
    """Name of a NIfTI file without its suffix; ``None`` for anything else."""
    if _SUFFIX.search(path.name) is None or not path.is_file():
        return None
    return _SUFFIX.sub("", path.name)


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
