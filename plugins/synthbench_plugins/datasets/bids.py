"""Anything in the Brain Imaging Data Structure (BIDS)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from synthbench.api import DataError, Dataset, Subject
from synthbench_plugins.datasets.bids_names import Name, images, sessions
from synthbench_plugins.datasets.files import data_folder, listed, two_files

#: Modality by suffix.
_SUFFIXES = {
    "T1w": "t1",
    "T2w": "t2",
    "FLAIR": "flair",
    "PDw": "pd",
    "T2star": "t2s",
    "T2starw": "t2s",
    "ct": "ct",
    "CT": "ct",
    "cbct": "cbct",
    "pet": "pet",
}
_FOLDERS = ("anat", "ct", "pet")
#: Folder and name under which an exported modality is put, where they are not ``anat`` and the
#: first suffix above.
_PLACES = {"t1ce": "anat/ce-gadolinium_T1w", "label": "anat/dseg", "mask": "anat/desc-brain_mask"}
PARTICIPANTS = "participants.tsv"

_LAYOUT = (
    "Expected sub-<id>/[ses-<id>/]anat/sub-<id>_[ses-<id>_]{T1w,T2w,FLAIR,PDw,...}.nii.gz; for "
    "derivatives, give the pipeline's folder."
)


class Bids(Dataset):
    """Any data set in BIDS, raw or a pipeline's derivatives.

    ```
    participants.tsv                                  (optional: column site)
    sub-01/[ses-1/]anat/sub-01_[ses-1_]T1w.nii.gz           t1
                        sub-01_[ses-1_]ce-gadolinium_T1w.nii.gz    t1ce
                        sub-01_[ses-1_]T2w.nii.gz           t2
                        sub-01_[ses-1_]FLAIR.nii.gz         flair
                        sub-01_[ses-1_]PDw.nii.gz           pd (T2starw: t2s)
                        sub-01_[ses-1_]dseg.nii.gz          label
                        sub-01_[ses-1_]desc-brain_mask.nii.gz
           [ses-1/]ct/sub-01_[ses-1_]ct.nii.gz              ct (cbct: cbct; also in anat)
           [ses-1/]pet/sub-01_[ses-1_]pet.nii.gz            pet
    ```

    A session is a subject, and the sessions of a participant stay together in a split. T1w with an
    entity `ce` is `t1ce`. Files with other suffixes are ignored. Where several files of a session
    could be meant (two runs, two reconstructions), say which by `entities`: a file that has another
    value of an entity, or lacks it beside one that has it, is left out. The `site` is that of
    `participants.tsv`.

    Raw scans of different sequences rarely share a grid: register and resample them first, or read
    the derivatives of a pipeline that did. `synthbench data check` tells.

    Args:
        entities: Which file is meant where there are several, e.g. `{"run": "1", "space": "T1w"}`.
    """

    def __init__(self, entities: Mapping[str, str | int] | None = None) -> None:
        self.entities = {name: str(value) for name, value in (entities or {}).items()}

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the sessions, sorted by id.

        Raises:
            DataError: If the folder holds none, two files could be meant for one modality, or the
                table of participants cannot be read.
        """
        found = listed("bids", root, _LAYOUT, self._read, depth=1)
        sites = _sites(data_folder(root, "bids") / PARTICIPANTS)
        return [replace(s, site=sites.get(s.patient, "")) for s in found]

    def example_id(self, number: int) -> str:
        """Name a participant; there are no sessions."""
        return f"sub-{number + 1:03d}"

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file lies."""
        suffix = {modality: name for name, modality in reversed(_SUFFIXES.items())}.get(what)
        folder = {"ct": "ct", "cbct": "ct", "pet": "pet"}.get(what, "anat")
        place = _PLACES.get(what) or (suffix and f"{folder}/{suffix}")
        if not place:
            return None
        folder, name = place.split("/")
        return Path(subject, folder, f"{subject}_{name}.nii.gz")

    def _read(self, folder: Path) -> Iterator[Subject]:
        for name, session in sessions(folder):
            files: dict[str, list[Name]] = {}
            for datatype in _FOLDERS:
                for image in images(session / datatype):
                    if (what := _what(image)) and self._may_be(image):
                        files.setdefault(what, []).append(image)
            chosen = {what: self._one(name, what, found) for what, found in files.items()}
            label, mask = chosen.pop("label", None), chosen.pop("mask", None)
            if chosen:
                yield Subject(name, chosen, label=label, mask=mask, group=folder.name)

    def _may_be(self, image: Name) -> bool:
        return all(image.entities.get(n, value) == value for n, value in self.entities.items())

    def _one(self, subject: str, what: str, found: list[Name]) -> Path:
        """Choose the file that has most of the wanted entities."""
        wanted = [sum(name in image.entities for name in self.entities) for image in found]
        best = [image for image, count in zip(found, wanted, strict=True) if count == max(wanted)]
        if len(best) > 1:
            raise DataError(
                two_files(what, subject, best[0].path, best[1].path).message,
                "Remove one of them, or say which is meant by the parameter 'entities'.",
            )
        return best[0].path


def _what(image: Name) -> str | None:
    if image.suffix == "dseg":
        return "label"
    if image.suffix == "mask":
        return "mask" if image.entities.get("desc") == "brain" else None
    modality = _SUFFIXES.get(image.suffix)
    return "t1ce" if modality == "t1" and "ce" in image.entities else modality


def _sites(table: Path) -> dict[str, str]:
    """Site of each participant, where the table has such a column."""
    if not table.is_file():
        return {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"bids: cannot read {table}: {error}", "Save it as tab-separated text in UTF-8."
        ) from error
    sites = {row.get("participant_id") or "": row.get("site") or "" for row in rows}
    return {name: "" if site == "n/a" else site for name, site in sites.items()}
