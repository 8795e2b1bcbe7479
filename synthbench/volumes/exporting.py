"""Write a dataset's subjects in the layout that another dataset reader reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthbench.api import DataError, Dataset, Intensity, UsageError
from synthbench.api.dataset import Origin, Subject, Volume
from synthbench.store.atomic import read_json, sweep, write_json
from synthbench.volumes.integers import fits, whole_numbers
from synthbench.volumes.orientation import from_ras
from synthbench.volumes.reading import Kind, parts, read
from synthbench.volumes.writing import write_nifti

#: What was exported, in the folder beside the subjects.
RECORD = "export.json"
_SUFFIXES = (".nii", ".nii.gz")


@dataclass(frozen=True)
class _File:
    """One file to write: where to, what of which subject, and where it comes from."""

    path: Path
    what: str
    kind: Kind
    source: str
    origin: Origin


@dataclass
class Export:
    """What is to be written, and what is not.

    Attributes:
        names: Id in the layout of every subject that is written.
        unplaced: How many subjects have a volume that the layout has no place for, by modality,
            ``label``, ``mask`` or ``valid``.
        sessions: Ids of further sessions of a patient, left out.
        empty: Ids of subjects none of whose modalities has a place.
    """

    names: dict[str, str] = field(default_factory=dict)
    unplaced: dict[str, int] = field(default_factory=dict)
    sessions: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    _files: list[_File] = field(default_factory=list)

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    @property
    def modalities(self) -> list[str]:
        """What images are written of, each once."""
        return list(dict.fromkeys(file.what for file in self._files if file.kind == "image"))

    def write(
        self,
        folder: Path,
        request: Mapping[str, Any],
        models: Mapping[str, Intensity],
        progress: Callable[[int], object] = lambda done: None,
    ) -> int:
        """Write what is missing in ``folder``.

        Volumes keep their own grid. Labels and masks are stored as integers, volumes in HU rounded
        to int16, others as integers where they hold nothing else, and as float32.

        Args:
            folder: Made when missing; must be empty, or hold (part of) the same export.
            request: JSON-able; another request is another export.
            models: Intensity model of each modality.
            progress: Called after each file with the number of files that are done.

        Returns:
            How many files were there already.

        Raises:
            DataError: If the folder holds anything else, a volume cannot be read, or a file cannot
                be written.
        """
        _claim(folder, request)
        record = {**request, "subjects": {name: source for source, name in self.names.items()}}
        write_json(folder / RECORD, {**record, "complete": False})
        found = 0
        for done, file in enumerate(self._files, start=1):
            path = folder / file.path
            if path.is_file():
                found += 1
            else:
                model = models.get(file.what)
                write_nifti(_load(file, hounsfield=model is not None and model.unit == "HU"), path)
            progress(done)
        write_json(folder / RECORD, {**record, "complete": True})
        return found


def plan_export(
    subjects: Sequence[Subject],
    layout: Dataset,
    modalities: Sequence[str] = (),
    patients: int | None = None,
) -> Export:
    """Find a place for every volume, label and mask; nothing is read or written.

    The ids of a layout cannot say which sessions are one patient's, and a split must never separate
    them: of each patient the session with most modalities is taken, the first of several.

    Args:
        subjects: As their dataset lists them.
        layout: Gives ids and places.
        modalities: Those to write; all when empty.
        patients: Most patients to write; all when not given.

    Raises:
        UsageError: If the layout has no place for any of them, or for anything but NIfTI files.
    """
    export = Export()
    by_patient: dict[str, list[Subject]] = {}
    for subject in subjects:
        by_patient.setdefault(subject.patient, []).append(subject)
    taken: set[Path] = set()
    for number, sessions in enumerate(list(by_patient.values())[:patients]):
        subject = max(sessions, key=lambda s: len(_images(s, modalities)))
        export.sessions += [other.id for other in sessions if other is not subject]
        name = layout.example_id(number)
        files = []
        chosen = replace(subject, volumes=_images(subject, modalities))
        for what, origin, kind in parts(chosen):
            path = layout.place(name, what) if what != "valid" else None
            if path is None or path in taken:
                export.unplaced[what] = export.unplaced.get(what, 0) + 1
                continue
            _check_place(path, type(layout).__name__)
            taken.add(path)
            files.append(_File(path, what, kind, subject.id, origin))
        if any(file.kind == "image" for file in files):
            export.names[subject.id] = name
            export._files += files
        else:
            export.empty.append(subject.id)
    if not export.names:
        wanted = ", ".join(modalities or export.unplaced)
        raise UsageError(
            f"the layout has no place for any of {wanted}" if wanted else "there is no volume",
            "choose another --layout, or other --modalities",
        )
    return export


def _images(subject: Subject, modalities: Sequence[str]) -> dict[str, Origin]:
    return {
        name: origin
        for name, origin in subject.volumes.items()
        if not modalities or name in modalities
    }


def _check_place(path: Path, layout: str) -> None:
    if path.is_absolute() or ".." in path.parts or not path.name.endswith(_SUFFIXES):
        raise UsageError(
            f"{layout} would put a volume at {path}",
            "only .nii and .nii.gz files within the data folder can be written",
        )


def _claim(folder: Path, request: Mapping[str, Any]) -> None:
    """Refuse a folder that holds anything but this export."""
    known = read_json(folder / RECORD)
    if not isinstance(known, dict):
        if folder.is_dir() and any(folder.iterdir()):
            raise DataError(
                f"{folder} is not empty and no export made it",
                "choose a new or empty folder with --to",
            )
        return
    other = [name for name, value in request.items() if known.get(name) != value]
    if other:
        raise DataError(
            f"{folder} holds another export ({', '.join(other)} differ; see {RECORD})",
            "repeat that command to complete it, or choose another folder with --to",
        )
    sweep(folder)


def _load(file: _File, *, hounsfield: bool) -> Volume:
    native = read(file.origin, what=f"{file.what} of subject {file.source}", kind=file.kind)
    array = from_ras(native.volume.array, native.native_affine)
    return Volume(_typed(array, file.kind, hounsfield=hounsfield), native.native_affine)


def _typed(array: npt.NDArray[Any], kind: Kind, *, hounsfield: bool) -> npt.NDArray[Any]:
    if kind == "mask":
        return array.astype(np.uint8)
    if kind == "label":
        return array.astype(np.uint8) if fits(array, np.uint8) else whole_numbers(array)
    if fits(array, np.int16) and (hounsfield or np.array_equal(np.rint(array), array)):
        return whole_numbers(array)
    return array
