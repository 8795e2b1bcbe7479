"""Look at every file of a dataset before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import nibabel as nib
import numpy as np
import numpy.typing as npt

from synthbench.api import DataError, Intensity
from synthbench.api.dataset import Subject
from synthbench.volumes.alignment import find_shift
from synthbench.volumes.arrays import grid_difference
from synthbench.volumes.hashing import voxel_digest
from synthbench.volumes.headers import header_doubts
from synthbench.volumes.intensity import unit_fault
from synthbench.volumes.orientation import voxel_size
from synthbench.volumes.parallel import side_by_side
from synthbench.volumes.percentiles import percentiles
from synthbench.volumes.reading import Native, name_of, parts, read

#: ``error``: no run can use the subject as it is; ``warning``: worth knowing.
Severity = Literal["error", "warning"]

#: A CT whose lowest value is above this holds no air, HU.
_AIR = -500.0


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


@dataclass(frozen=True)
class Intensities:
    """Raw values of one volume.

    Attributes:
        dtype: Type in which the file keeps them.
        minimum: Lowest value.
        p1: 1st percentile.
        median: 50th percentile.
        p99: 99th percentile.
        maximum: Highest value.
    """

    dtype: str
    minimum: float
    p1: float
    median: float
    p99: float
    maximum: float


@dataclass
class SubjectCheck:
    """What was found of one subject.

    Attributes:
        id: Subject id.
        patient: Unit of splitting.
        site: Scanner or hospital, where known.
        volumes: Modalities (and ``label``, ``mask``) it has and that can be read.
        shape: In RAS, of the first volume that can be read.
        spacing: Voxel size in mm, of the same.
        orientation: Axes of its file, e.g. ``LPS``.
        intensities: Of each modality that can be read.
        digests: Of the voxels of each modality that can be read.
        findings: In the order of reading.
    """

    id: str
    patient: str
    site: str = ""
    volumes: list[str] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    spacing: tuple[float, float, float] | None = None
    orientation: str = ""
    intensities: dict[str, Intensities] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether nothing is wrong with what it has."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def fault(self) -> str:
        """The first error, or ``""``."""
        errors = (found.message for found in self.findings if found.severity == "error")
        return next(errors, "")


def check(
    subjects: Sequence[Subject],
    models: Mapping[str, Intensity] | None = None,
    *,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[SubjectCheck]:
    """Read every volume, label and mask once.

    Errors: files missing, damaged, not 3D, NaN, infinite or constant, a non-invertible affine,
    voxels of an absurd size, values that cannot be in their unit; volumes of a subject on different
    grids; an id given twice; the same volume in two patients, or as two
    modalities, however it is compressed. Warnings: a modality the subject
    lacks, where others have it besides all of its own (so a data set of MR with CT and of cone-beam
    CT with CT lacks nothing); the same volume twice within a patient; volumes that fit better when
    one is shifted; headers that contradict themselves; a CT without air.

    Args:
        subjects: As the dataset lists them.
        models: Intensity model of each modality; those not named have no unit.
        jobs: Subjects at a time, ``None`` for one a core.
        progress: Called after each subject with (subjects done, subjects in all).

    Returns:
        One entry a subject, in the same order.
    """

    def work(subject: Subject) -> SubjectCheck:
        return check_subject(subject, models or {})

    found: dict[int, SubjectCheck] = {}
    for done, (position, one) in enumerate(side_by_side(work, subjects, jobs), start=1):
        found[position] = one
        if progress is not None:
            progress(done, len(subjects))
    checks = [found[position] for position in range(len(subjects))]
    _check_ids(checks)
    _check_gaps(subjects, checks)
    _check_duplicates(subjects, checks)
    return checks


def check_subject(
    subject: Subject, models: Mapping[str, Intensity], *, faults_only: bool = False
) -> SubjectCheck:
    """Read one subject's files; arguments as in :func:`check`.

    With ``faults_only`` what gives warnings and statistics is left out, which halves the time.
    """
    found = SubjectCheck(subject.id, subject.patient, subject.site)
    reference: tuple[str, Native] | None = None
    for name, origin, kind in parts(subject):
        what = f"{name} of subject {subject.id}"
        try:
            native = read(origin, what=what, kind=kind)
            doubts = [] if faults_only else header_doubts(origin, what)
        except DataError as error:
            found.findings.append(Finding("error", name, error.message))
            continue
        found.volumes.append(name)
        found.findings += [Finding("warning", name, doubt) for doubt in doubts]
        if kind == "image" and not faults_only:
            found.digests[name] = voxel_digest(native.volume.array)
            found.intensities[name] = _intensities(native)
        if kind == "image":
            found.findings += _unit(name, name_of(origin, what), models.get(name), native)
        if reference is None:
            reference = (name, native)
            found.shape = native.volume.array.shape
            found.spacing = voxel_size(native.volume.affine)
            found.orientation = "".join(nib.aff2axcodes(native.native_affine))
        elif difference := grid_difference(reference[1], native):
            found.findings.append(
                Finding(
                    "error",
                    name,
                    f"{name} of subject {subject.id} ({origin}) is not on the grid of "
                    f"{reference[0]}: {difference}",
                )
            )
        elif kind == "image" and not faults_only:
            found.findings += _alignment(subject.id, reference, name, native)
    return found


def _intensities(native: Native) -> Intensities:
    array = native.volume.array
    p1, median, p99 = percentiles(array, (1, 50, 99))
    return Intensities(native.dtype, float(array.min()), p1, median, p99, float(array.max()))


def _unit(name: str, named: str, model: Intensity | None, native: Native) -> list[Finding]:
    array: npt.NDArray[np.float32] = native.volume.array
    if model is None:
        return []
    if fault := unit_fault(model, array):
        return [Finding("error", name, f"{named} {fault[0]}; {fault[1]}")]
    if model.unit == "HU" and array.min() > _AIR:
        lowest = f"its lowest value is {float(array.min()):g} HU"
        return [Finding("warning", name, f"{named} holds no air: {lowest}")]
    return []


def _alignment(
    subject: str, reference: tuple[str, Native], name: str, native: Native
) -> list[Finding]:
    volume = reference[1].volume
    shift = find_shift(volume.array, native.volume.array, voxel_size(volume.affine))
    if shift is None:
        return []
    return [
        Finding(
            "warning",
            name,
            f"{name} of subject {subject} looks unregistered: it fits {reference[0]} better when "
            f"shifted by about {shift:.0f} mm",
        )
    ]


def _check_ids(checks: Sequence[SubjectCheck]) -> None:
    seen: set[str] = set()
    for found in checks:
        if found.id in seen:
            found.findings.append(Finding("error", "id", f"subject id {found.id} occurs twice"))
        seen.add(found.id)


def _check_gaps(subjects: Sequence[Subject], checks: Sequence[SubjectCheck]) -> None:
    order = list(dict.fromkeys(name for subject in subjects for name in subject.volumes))
    kinds = {frozenset(subject.volumes) for subject in subjects}
    for subject, found in zip(subjects, checks, strict=True):
        own = frozenset(subject.volumes)
        richer: set[str] = set().union(*(kind for kind in kinds if own < kind))
        found.findings[:0] = [
            Finding("warning", name, f"subject {subject.id} has no {name}")
            for name in order
            if name in richer - own
        ]


def _check_duplicates(subjects: Sequence[Subject], checks: Sequence[SubjectCheck]) -> None:
    owners: dict[str, tuple[SubjectCheck, str]] = {}
    for subject, found in zip(subjects, checks, strict=True):
        for name, digest in found.digests.items():
            other, modality = owners.setdefault(digest, (found, name))
            if other is found and modality == name:
                continue
            found.findings.append(
                Finding(
                    # A session kept twice does no harm; one modality in place of another does.
                    "warning" if other is not found and other.patient == found.patient else "error",
                    name,
                    f"{name} of subject {subject.id} ({subject.volumes[name]}) is the same volume "
                    f"as {modality} of subject {other.id}",
                )
            )
