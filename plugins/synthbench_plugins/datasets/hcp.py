"""The Human Connectome Project's young adults: structural scans as released."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from synthbench.api import DataError, Dataset, Subject, UsageError
from synthbench_plugins.datasets.files import data_folder, image_file, listed, present

Space = Literal["T1w", "MNINonLinear"]

#: Name of the bias-corrected T1w volume in each space, without suffix; T2w is named alike.
_STEM = {"T1w": "{}_acpc_dc_restore", "MNINonLinear": "{}_restore"}
_MODALITIES = {"t1": "T1w", "t2": "T2w"}
#: Columns of the restricted table whose equal values make two subjects relatives. A family id names
#: both parents, so half-siblings have two.
_RELATED = ("Family_ID", "Mother_ID", "Father_ID")

_LAYOUT = (
    "Expected <subject>/T1w/{T1w,T2w}_acpc_dc_restore[_brain].nii.gz or "
    "<subject>/MNINonLinear/{T1w,T2w}_restore[_brain].nii.gz, as HCP1200 is released."
)


class Hcp(Dataset):
    """HCP1200, structural scans after the minimal preprocessing: 0.7 mm, T1w and T2w on one grid.

    ```
    <subject>/T1w/T1w_acpc_dc_restore_brain.nii.gz         space: T1w (default)
                  T2w_acpc_dc_restore_brain.nii.gz
                  brainmask_fs.nii.gz
    <subject>/MNINonLinear/T1w_restore_brain.nii.gz        space: MNINonLinear
                           T2w_restore_brain.nii.gz
                           brainmask_fs.nii.gz
    ```

    With `skull_stripped=false` the volumes without `_brain` are read, and the foreground is found
    in them. Other files are ignored, the unprocessed scans too: they share no grid.

    **Families.** Many subjects are twins or siblings. Who is related is restricted data: ask for
    access at ConnectomeDB, download the restricted table (CSV) and give it as `families`. Then
    subjects that share a family, a mother or a father stay on one side of every split. Without it
    every subject counts as a family of its own, and relatives may be trained and tested on.

    Args:
        space: `T1w` (the subject's own, rigidly aligned) or `MNINonLinear` (warped to MNI152).
        skull_stripped: Whether to read the brain alone, with its mask.
        families: Restricted table, relative to the data folder: columns `Subject` and `Family_ID`,
            `Mother_ID` or `Father_ID`.

    Raises:
        UsageError: If ``space`` is neither.
    """

    def __init__(
        self,
        space: Space = "T1w",
        skull_stripped: bool = True,
        families: str | Path | None = None,
    ) -> None:
        if space not in _STEM:
            raise UsageError(f"hcp: space={space!r}", f"Choose {' or '.join(_STEM)}.")
        self.space = space
        self.skull_stripped = skull_stripped
        self.families = families

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the subjects, sorted by id.

        Raises:
            DataError: If the folder holds no subject, or the table of families is missing, is not
                one, or lacks a subject.
        """
        found = listed("hcp", root, _LAYOUT, self._read, depth=1)
        if self.families is None:
            return found
        table = data_folder(root, "hcp") / self.families
        family = _families(table)
        for subject in found:
            if subject.id not in family:
                raise DataError(
                    f"{table} has no row for subject {subject.id}",
                    "Give the table of the release that the data is from.",
                )
        return [replace(subject, group=family[subject.id]) for subject in found]

    def example_id(self, number: int) -> str:
        """Name a subject by six digits."""
        return f"{100000 + number}"

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file lies, in the chosen space."""
        if what == "mask" and self.skull_stripped:
            return Path(subject, self.space, "brainmask_fs.nii.gz")
        return Path(subject, f"{self._stem(what)}.nii.gz") if what in _MODALITIES else None

    def _stem(self, modality: str) -> str:
        name = _STEM[self.space].format(_MODALITIES[modality])
        return f"{self.space}/{name}{'_brain' if self.skull_stripped else ''}"

    def _read(self, folder: Path) -> Iterator[Subject]:
        volumes = present({name: image_file(folder / self._stem(name)) for name in _MODALITIES})
        if volumes:
            mask = image_file(folder / self.space / "brainmask_fs") if self.skull_stripped else None
            yield Subject(id=folder.name, volumes=volumes, mask=mask)


def _families(table: Path) -> Mapping[str, str]:
    """Read which subjects are related, also through a third one.

    Returns:
        Of each subject id, the first id (by name) of its family.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"hcp: cannot read the families from {table}: {error}",
            "Give the restricted table of ConnectomeDB as CSV.",
        ) from error
    columns = [name for name in _RELATED if rows and name in rows[0]]
    if not columns or "Subject" not in rows[0]:
        raise DataError(
            f"hcp: {table} does not say who is related",
            f"It needs a column Subject and one of {', '.join(_RELATED)}.",
        )
    return _joined(rows, columns)


def _joined(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> dict[str, str]:
    families: dict[str, set[str]] = {}  # one set, shared by all its members
    by_value: dict[tuple[str, str], str] = {}
    for row in rows:
        subject = (row["Subject"] or "").strip()
        families.setdefault(subject, {subject})
        for column in columns:
            value = (row[column] or "").strip()
            if not value:
                continue
            relative = by_value.setdefault((column, value), subject)
            merged = families[subject] | families[relative]
            families.update(dict.fromkeys(merged, merged))
    return {subject: min(family) for subject, family in families.items()}
