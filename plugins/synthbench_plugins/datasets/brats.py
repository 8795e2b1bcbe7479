"""The BraTS layouts: 2018 to 2021, and 2023 and later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from synthbench.api import DataError, Dataset, Subject, UsageError
from synthbench_plugins.datasets.files import (
    data_folder,
    image_stem,
    listed,
    two_files,
    without_session,
)

#: Modality by file name suffix.
_CLASSIC = {"_flair": "flair", "_t1": "t1", "_t1ce": "t1ce", "_t2": "t2"}
_RENAMED = {"-t1n": "t1", "-t1c": "t1ce", "-t2w": "t2", "-t2f": "flair"}
_LABEL, _MASK = ("_seg", "-seg"), ("_brainmask", "-brainmask")
#: BraTS 2020 case 355 has a segmentation that kept its original name, W39_1998.09.19_Segm.nii.
_STRAY_LABEL = re.compile(r"_segm$", re.IGNORECASE)
#: Ids of 2023 and later end in a time point.
_TIME_POINT = re.compile(r"^(BraTS-[A-Za-z]+-\d{5})-\d{3}$")
#: The children's challenge numbered its labels otherwise in 2023 than since, under the same names.
_CHILD = re.compile(r"^brats-ped", re.IGNORECASE)
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

    Subject folders lie in the data folder or up to two folders deeper (`HGG/`, `LGG/`).

    ```
    2018, 2020, 2021                            2023 and later
    [<any>/][HGG|LGG/]<id>/                     [<any>/]<id>/
        <id>_t1.nii.gz                              <id>-t1n.nii.gz
        <id>_t1ce.nii.gz                            <id>-t1c.nii.gz
        <id>_t2.nii.gz                              <id>-t2w.nii.gz
        <id>_flair.nii.gz                           <id>-t2f.nii.gz
        <id>_seg.nii.gz                             <id>-seg.nii.gz
        <id>_brainmask.nii.gz    (optional)         <id>-brainmask.nii.gz
    ```

    `.nii` and `.nii.gz` both do. A subject may lack any of the files except all images; subjects
    without the modalities of a task are left out of it. Other files in the folders are ignored, but
    for `W39_1998.09.19_Segm.nii`, which is the segmentation of case 355 of BraTS 2020. Modalities
    have the same names in all years.

    Ids of 2023 and later, `BraTS-GLI-00000-001`, are grouped without the time point
    (`BraTS-GLI-00000`). Other ids are grouped without a session suffix: `-S1` to `-S9`, `-ses2`,
    `-ses-2`, `-TP1`, with `-` or `_` before it and in any case. A group is never split.

    | `labels` | values | `whole_tumour` | `tumour_core` | `enhancing` |
    | --- | --- | --- | --- | --- |
    | `brats` | 1 necrotic and non-enhancing core, 2 oedema, 4 enhancing | 1, 2, 4 | 1, 4 | 4 |
    | `brats2023` | the same with 3 for enhancing | 1, 2, 3 | 1, 3 | 3 |

    With `values` (for other data in this layout) every label value found is a region of its own. So
    it is for `BraTS-PED`, where since 2024 1 to 4 are enhancing, non-enhancing, cyst and oedema.
    The resection cavity (4) of `BraTS-GLI` of 2024 is in no region. A region that a subject lacks
    gives no row. BraTS 2015 and earlier are MetaImages (`.mha`): they are not read.

    Args:
        labels: What the label values mean: `brats` (2018 to 2021), `brats2023`, `values`, or
            `auto`: `brats2023` for file names of 2023 (but `values` for `BraTS-PED`), else `brats`
            if all ids begin with `BraTS`, else `values`.

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

        Sets ``regions`` where they depend on what is found.

        Raises:
            DataError: If the folder holds no subject, a subject twice, or both layouts.
        """
        subjects = listed("brats", root, _LAYOUT, _read, _DEPTH)
        if self.labels == "auto":
            self.regions = _REGIONS[_meaning(subjects, data_folder(root, "brats"))]
        return subjects

    def example_id(self, number: int) -> str:
        """Name a subject as BraTS 2021 does."""
        return f"BraTS2021_{number:05d}"

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file lies, in the layout of 2021."""
        known = {**{name: end for end, name in _CLASSIC.items()}, "label": "_seg", "mask": _MASK[0]}
        return Path(subject, f"{subject}{known[what]}.nii.gz") if what in known else None


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
        raise two_files(what, path.parent.name, files[what], path)
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
        children = any(_CHILD.match(subject.id) for subject in subjects)
        return "values" if children else "brats2023"
    official = all(subject.id.lower().startswith("brats") for subject in subjects)
    return "brats" if official else "values"
