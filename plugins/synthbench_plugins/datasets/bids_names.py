"""Names of the Brain Imaging Data Structure (BIDS): ``sub-01_ses-1_desc-x_T1w``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from synthbench_plugins.datasets.files import image_stem


@dataclass(frozen=True)
class Name:
    """A file name, taken apart.

    Attributes:
        entities: E.g. ``{"sub": "01", "desc": "x"}``.
        suffix: What follows the last underscore, e.g. ``T1w``.
        path: The file.
    """

    entities: Mapping[str, str]
    suffix: str
    path: Path


def images(folder: Path) -> Iterator[Name]:
    """Yield the NIfTI files of a folder, sorted by name."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if stem := image_stem(path):
            *pairs, suffix = stem.split("_")
            entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
            yield Name(entities, suffix, path)


def sessions(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield id and folder of each session of a subject's folder; a subject may have none.

    The id is ``sub-01_ses-1``, or ``sub-01`` where there are no sessions.
    """
    if not folder.name.startswith("sub-"):
        return
    yield folder.name, folder
    for session in sorted(folder.glob("ses-*")):
        yield f"{folder.name}_{session.name}", session
