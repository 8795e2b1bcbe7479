"""Look at every file of a dataset before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from synthbench.api import DataError
from synthbench.api.dataset import Origin, Subject
from synthbench.volumes.hashing import origin_digest
from synthbench.volumes.orientation import voxel_size
from synthbench.volumes.preparing import grid_difference
from synthbench.volumes.reading import Kind, Native, read

#: ``error``: no run can use the subject as it is; ``warning``: worth knowing.
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something wrong or notable.

    Attributes:
        severity: See :data:`Severity`.
        what: Modality, ``label`` or ``mask``.
        message: One line, naming the file.
    """

    severity: Severity
    what: str
    message: str


@dataclass
class SubjectCheck:
    """What was found of one subject.

    Attributes:
        id: Subject id.
        patient: Unit of splitting.
        volumes: Modalities (and ``label``, ``mask``) it has and that can be read.
        shape: In RAS, of the first volume that can be read.
        spacing: Voxel size in mm, of the same.
        findings: In the order of reading.
    """

    id: str
    patient: str
    volumes: list[str] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    spacing: tuple[float, float, float] | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether nothing is wrong with what it has."""
        return all(finding.severity != "error" for finding in self.findings)


def check(
    subjects: Sequence[Subject],
    modalities: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
) -> list[SubjectCheck]:
    """Read every volume, label and mask once.

    Errors: files missing, damaged, not 3D, NaN, infinite or constant, a non-invertible affine;
    volumes of a subject on different grids; an id given twice; the same volume in two patients.
    Warnings: a modality the subject lacks; the same volume twice within a patient.

    Args:
        subjects: As the dataset lists them.
        modalities: Those that a subject should have.
        progress: Called after each subject with (subjects done, subjects in all).

    Returns:
        One entry a subject, in the same order.
    """
    checks: list[SubjectCheck] = []
    owners: dict[str, tuple[SubjectCheck, str]] = {}
    ids: set[str] = set()
    for done, subject in enumerate(subjects, start=1):
        found = SubjectCheck(subject.id, subject.patient)
        if subject.id in ids:
            found.findings.append(Finding("error", "id", f"subject id {subject.id} occurs twice"))
        ids.add(subject.id)
        _check_volumes(subject, modalities, found)
        _check_duplicates(subject, found, owners)
        checks.append(found)
        if progress is not None:
            progress(done, len(subjects))
    return checks


def _check_volumes(subject: Subject, modalities: Sequence[str], found: SubjectCheck) -> None:
    for name in modalities:
        if name not in subject.volumes:
            found.findings.append(Finding("warning", name, f"subject {subject.id} has no {name}"))
    wanted: list[tuple[str, Origin, Kind]] = [
        (name, origin, "image") for name, origin in subject.volumes.items()
    ]
    if subject.label is not None:
        wanted.append(("label", subject.label, "label"))
    for name, origin in (("mask", subject.mask), ("valid", subject.valid)):
        if origin is not None:
            wanted.append((name, origin, "mask"))
    reference: tuple[str, Native] | None = None
    for name, origin, kind in wanted:
        try:
            native = read(origin, what=f"{name} of subject {subject.id}", kind=kind)
        except DataError as error:
            found.findings.append(Finding("error", name, error.message))
            continue
        found.volumes.append(name)
        if reference is None:
            reference = (name, native)
            found.shape = native.volume.array.shape
            found.spacing = voxel_size(native.volume.affine)
        elif difference := grid_difference(reference[1], native):
            found.findings.append(
                Finding(
                    "error",
                    name,
                    f"{name} of subject {subject.id} ({origin}) is not on the grid of "
                    f"{reference[0]}: {difference}",
                )
            )


def _check_duplicates(
    subject: Subject, found: SubjectCheck, owners: dict[str, tuple[SubjectCheck, str]]
) -> None:
    for name, origin in subject.volumes.items():
        if name not in found.volumes:
            continue
        other, modality = owners.setdefault(origin_digest(None, origin), (found, name))
        if other is found and modality == name:
            continue
        found.findings.append(
            Finding(
                "warning" if other.patient == found.patient else "error",
                name,
                f"{name} of subject {subject.id} ({origin}) is the same volume as "
                f"{modality} of subject {other.id}",
            )
        )
