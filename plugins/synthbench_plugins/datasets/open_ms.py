"""The Ljubljana multiple-sclerosis sets, as published in the repository open_ms_data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from synthbench.api import Dataset, Subject, UsageError
from synthbench_plugins.datasets.files import image_stem, listed, two_files

Subset = Literal["cross_sectional", "longitudinal"]
Processing = Literal["coregistered", "MNI"]

_PATIENT = re.compile(r"^patient\d+$")
_STUDY = re.compile(r"^study(?P<number>[12])_(?P<rest>.+)$")
#: The registered volumes of MNI carry their history in the name: T1_N4_noneck_..._regtoMNI.
_MNI = re.compile(r"^(?P<what>FLAIR|T1|T1POST|T2|GOLD_STANDARD)_N4_\w*regtoMNI$")
_WHAT = {
    "FLAIR": "flair",
    "T1W": "t1",
    "T1": "t1",
    "T1WKS": "t1ce",
    "T1POST": "t1ce",
    "T2W": "t2",
    "T2": "t2",
    "brainmask": "mask",
    "consensus_gt": "label",
    "GOLD_STANDARD": "label",
    "gt": "label",
}
#: What both studies of a patient share in the longitudinal set.
_COMMON = ("label", "mask")
#: Names under which each modality is published there.
_PUBLISHED = {"flair": "FLAIR", "t1": "T1W", "t1ce": "T1WKS", "t2": "T2W", "mask": "brainmask"}
#: <root>/cross_sectional/coregistered/patient01.
_DEPTH = 3

_LAYOUT = (
    "Expected {cross_sectional,longitudinal}/coregistered/patient01/{FLAIR,T1W,T2W,brainmask}"
    ".nii.gz, in the longitudinal set with study1_ or study2_ before the modality."
)


class OpenMs(Dataset):
    """Multiple sclerosis, from the Ljubljana University Medical Centre: 30 patients once, 20 twice.

    ```
    cross_sectional/coregistered/patient01/     longitudinal/coregistered/patient01/
        FLAIR.nii.gz                                study1_FLAIR.nii.gz  study2_FLAIR.nii.gz
        T1W.nii.gz                                  study1_T1W.nii.gz    study2_T1W.nii.gz
        T1WKS.nii.gz                                study1_T2W.nii.gz    study2_T2W.nii.gz
        T2W.nii.gz                                  brainmask.nii.gz
        brainmask.nii.gz                            gt.nii.gz
        consensus_gt.nii.gz
    ```

    The names may begin with the patient (`patient01_FLAIR.nii.gz`), as in the laboratory's own
    archives, where the patients' folders lie in the data folder itself. `T1WKS` is T1 with contrast
    agent, `t1ce`. The mask is that of the brain; the head is defaced, not stripped.

    `MNI` of the cross-sectional set holds brains registered to MNI space
    (`FLAIR_N4_..._regtoMNI.nii.gz`), without masks. The scans in `raw` share no grid and are not
    read.

    In the cross-sectional set the label marks lesions (region `lesion`), by consensus of three
    raters. In the longitudinal set it marks what changed between a patient's two studies (region
    `lesion_change`), and both carry it; each study is a subject, and a patient's two stay together.

    Args:
        subset: `cross_sectional` or `longitudinal`.
        processing: `coregistered` or, for the cross-sectional set, `MNI`.

    Raises:
        UsageError: If a parameter is none of these, or they do not go together.
    """

    def __init__(
        self, subset: Subset = "cross_sectional", processing: Processing = "coregistered"
    ) -> None:
        if subset not in ("cross_sectional", "longitudinal"):
            raise UsageError(
                f"open_ms: subset={subset!r}", "Choose cross_sectional or longitudinal."
            )
        if processing not in ("coregistered", "MNI"):
            raise UsageError(f"open_ms: processing={processing!r}", "Choose coregistered or MNI.")
        if subset == "longitudinal" and processing == "MNI":
            raise UsageError("open_ms: the longitudinal set has no MNI", "Choose coregistered.")
        self.subset = subset
        self.processing = processing
        change = subset == "longitudinal"
        self.regions = {"lesion_change" if change else "lesion": (1,)}

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the studies, sorted by id.

        Raises:
            DataError: If the folder holds none of the chosen, or one twice.
        """
        chosen = f"subset={self.subset} and processing={self.processing}"
        layout = f"{_LAYOUT} Only {chosen} is read (parameters)."
        return listed("open_ms", root, layout, self._read, _DEPTH)

    def example_id(self, number: int) -> str:
        """Name a study; in the longitudinal set, the first of another patient."""
        study = "-study1" if self.subset == "longitudinal" else ""
        return f"patient{number + 1:02d}{study}"

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file lies."""
        patient, _, study = subject.partition("-")
        if self.processing == "MNI":
            name = {"t1ce": "T1POST", "label": "GOLD_STANDARD"}.get(what, what.upper())
            tail = "_N4_noneck_reduced_winsor_regtoFLAIR_regtoMNI"
            file = f"{name}{tail}" if name in _WHAT and what != "mask" else ""
        elif what == "label":
            file = "gt" if study else "consensus_gt"
        elif what not in _PUBLISHED or (study and what == "t1ce"):
            file = ""
        else:
            file = f"{study}_{_PUBLISHED[what]}" if study and what != "mask" else _PUBLISHED[what]
        folder = Path(self.subset, self.processing, patient)
        return folder / f"{file}.nii.gz" if file else None

    def _read(self, folder: Path) -> Iterator[Subject]:
        """Yield the studies of a patient's folder."""
        if not _PATIENT.match(folder.name) or not self._is_chosen(folder):
            return
        studies: dict[str, dict[str, Path]] = {}
        for path in sorted(folder.iterdir()):
            stem = (image_stem(path) or "").removeprefix(f"{folder.name}_")
            study = _STUDY.match(stem)
            history = _MNI.match(stem)
            name = study["rest"] if study else history["what"] if history else stem
            if name not in _WHAT:
                continue
            what, files = _WHAT[name], studies.setdefault(study["number"] if study else "", {})
            if what in files:
                raise two_files(what, folder.name, files[what], path)
            files[what] = path
        common = studies.pop("", {})
        if self.subset == "cross_sectional":
            studies = {"": common}
            common = {}
        else:
            common = {what: path for what, path in common.items() if what in _COMMON}
        for number, files in studies.items():
            parts = {**common, **files}
            label, mask = parts.pop("label", None), parts.pop("mask", None)
            if parts:
                name = f"{folder.name}-study{number}" if number else folder.name
                yield Subject(name, parts, label=label, mask=mask, group=folder.name)

    def _is_chosen(self, folder: Path) -> bool:
        """Whether the folders around a patient's say that it is of the chosen kind, or nothing."""
        processing, subset = folder.absolute().parent.name, folder.absolute().parent.parent.name
        if processing not in ("coregistered", "MNI", "raw"):
            return self.processing == "coregistered"
        known = subset in ("cross_sectional", "longitudinal")
        return processing == self.processing and (subset == self.subset or not known)
