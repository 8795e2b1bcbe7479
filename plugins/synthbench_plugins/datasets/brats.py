"""The BraTS layouts: 2018 to 2021, and 2023 and later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from synthbench.api import DataError, Dataset, Subject, UsageError
from synthbench_plugins.datasets.files import data_folder, image_stem, unique, without_session

#: Modality by file name suffix.
_CLASSIC = {"_flair": "flair", "_t1": "t1", "_t1ce": "t1ce", "_t2": "t2"}
_RENAMED = {"-t1n": "t1", "-t1c": "t1ce", "-t2w": "t2", "-t2f": "flair"}
_LABEL, _MASK = ("_seg", "-seg"), ("_brainmask", "-brainmask")
#: BraTS 2020 case 355 has a segmentation that kept its original name, W39_1998.09.19_Segm.nii.
_STRAY_LABEL = re.compile(r"_segm$", re.IGNORECASE)
#: Ids of 2023 and later end in a time point.
_TIME_POINT = re.compile(r"^(BraTS-[A-Za-z]+-\d{5})-\d{3}$")
#: How deep subject folders may lie: <root>/<challenge>/HGG/<id>.
_DEPTH = 3

Labels = Literal["auto", "brats", "brats2023", "values"]
_REGIONS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "brats": {"whole_tumour": (1, 2, 4), "tumour_core": (1, 4), "enhancing": (4,)},
    "brats2023": {"whole_tumour": (1, 2, 3), "tumour_core": (1, 3), "enhancing": (3,)},
    "values": {},
}

_LAYOUT = (
    "Expected <id>/<id>_{t1,t1ce,t2,flair,seg}.nii[.gz] (2018-2021) or "
    "<id>/<id>-{t1n,t1c,t2w,t2f,seg}.nii[.gz] (2023 and later)."
)


class Brats(Dataset):
    """BraTS, any year since 2018, and other data in its layout.

    Subject folders may lie in subfolders (``HGG``, ``LGG``); subjects may lack modalities, the
    label or the brain mask. Sessions of one patient are grouped: by the five-digit id from 2023 on,
    else by the id without a session suffix such as ``-S1``, ``_ses-2`` or ``-TP1``.

    Args:
        labels: What the label values mean. ``brats``: 1 necrosis and non-enhancing core, 2 oedema,
            4 enhancing (2018 to 2021); ``brats2023``: the same with 3 for enhancing; ``values``:
            something else, each value is a region of its own; ``auto``: by the names of files and
            subjects, where other names than BraTS's give ``values``. It sets ``regions``, for
            ``auto`` when the subjects are listed.

    Raises:
        UsageError: If ``labels`` is none of these.
    """

    def __init__(self, labels: Labels = "auto") -> None:
        if labels != "auto" and labels not in _REGIONS:
            raise UsageError(f"brats: labels={labels!r}", f"Choose auto, {', '.join(_REGIONS)}.")
        self.labels = labels
        self.regions = _REGIONS.get(labels, {})

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the subjects, sorted by id.

        Raises:
            DataError: If the folder holds no subject, a subject twice, or both layouts.
        """
        root = data_folder(root, "brats")
        found = [subject for folder in _folders(root, _DEPTH) for subject in _read(folder)]
        if not found:
            raise DataError(f"brats: no subject in {root}", _LAYOUT)
        subjects = unique(found)
        if self.labels == "auto":
            self.regions = _REGIONS[_meaning(subjects, root)]
        return subjects


def _folders(root: Path, depth: int) -> Iterator[Path]:
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        yield folder
        if depth > 1:
            yield from _folders(folder, depth - 1)


def _read(folder: Path) -> Iterator[Subject]:
    """Yield the subject that a folder holds, if it holds one."""
    volumes: dict[str, Path] = {}
    parts: dict[str, Path] = {}
    stray: Path | None = None
    for path in sorted(folder.iterdir()):
        stem = image_stem(path)
        if stem is None:
            continue
        suffix = stem.removeprefix(folder.name).lower()
        if suffix == stem.lower():
            stray = path if _STRAY_LABEL.search(stem) else stray
        elif modality := {**_CLASSIC, **_RENAMED}.get(suffix):
            _put(volumes, modality, path)
        elif suffix in _LABEL:
            _put(parts, "label", path)
        elif suffix in _MASK:
            _put(parts, "mask", path)
    if volumes:
        time_point = _TIME_POINT.match(folder.name)
        yield Subject(
            id=folder.name,
            volumes=volumes,
            label=parts.get("label", stray),
            mask=parts.get("mask"),
            group=time_point[1] if time_point else without_session(folder.name),
        )


def _put(files: dict[str, Path], what: str, path: Path) -> None:
    if what in files:
        raise DataError(
            f"Two files for {what} of subject {path.parent.name}: {files[what]} and {path.name}",
            "Remove one of them.",
        )
    files[what] = path


def _meaning(subjects: list[Subject], root: Path) -> str:
    """Guess what the label values mean from the names of files and subjects."""
    renamed = {
        any(str(path).lower().split(".nii")[0].endswith(tuple(_RENAMED)) for path in paths)
        for paths in (subject.volumes.values() for subject in subjects)
    }
    if len(renamed) > 1:
        raise DataError(
            f"brats: {root} mixes the layouts before and since 2023, whose labels differ",
            "Give one of them as the data folder.",
        )
    if renamed == {True}:
        return "brats2023"
    official = all(subject.id.lower().startswith("brats") for subject in subjects)
    return "brats" if official else "values"
