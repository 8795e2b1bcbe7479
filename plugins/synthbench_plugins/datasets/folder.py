"""Free-form data: a folder a subject, or a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from synthbench.api import DataError, Dataset, Subject
from synthbench_plugins.datasets.files import (
    data_folder,
    image_stem,
    listed,
    two_files,
    unique,
    without_session,
)

MANIFEST = "manifest.csv"
_LABELS = ("seg", "label")
#: In order of preference.
_MASKS = ("mask", "brainmask")
_VALID = ("valid",)
_GROUPS = ("group", "patient")
_NO_IMAGE = (*_LABELS, *_MASKS, *_VALID)
_RESERVED = ("subject", "site", *_NO_IMAGE, *_GROUPS)

_LAYOUT = (
    "Expected <subject>/<subject>_<modality>.nii[.gz] for every subject, or a manifest.csv with a "
    "column 'subject' and one a modality."
)


class Folder(Dataset):
    """Your own NIfTI volumes, of any modality: private sets, or sets in no layout known here.

    Either **a folder a subject**:

    ```
    <root>/<subject>/<subject>_<modality>.nii.gz        or .nii
                     <subject>_seg.nii.gz               label (also _label)
                     <subject>_mask.nii.gz              foreground (also _brainmask)
                     <subject>_valid.nii.gz             field of view of all modalities
    ```

    * Every other suffix is a modality, lower-cased: `p01_CT.nii.gz` is `ct` of subject `p01`.
    * The mask is `mask`, else `brainmask`, else derived from the first source modality. `valid`
      marks the field of view in which all modalities hold data: the foreground is cut to it.
    * Files that do not begin with the folder's name are ignored beside ones that do; a folder in
      which no NIfTI file does is an error. Folders without NIfTI files are ignored.
    * Session suffixes are stripped to find the patient, as for `brats`.

    Or **a table**, `manifest.csv` in the data folder. When there is a table the tree is not read.

    ```
    subject,t1,ct,label,mask,patient,site
    a-1,scans/a1_mr.nii.gz,scans/a1_ct.nii.gz,scans/a1_gtv.nii.gz,,A,Bonn
    a-2,scans/a2_mr.nii.gz,,,,A,Bonn
    ```

    * UTF-8, commas, one header line; column names in any case.
    * `subject`: unique id. Required.
    * `label` or `seg`, `mask` or `brainmask`, `valid`: optional.
    * `patient` or `group` (not both): what must stay together in a split. Empty: the id without
      session suffix.
    * `site`: scanner or hospital, optional.
    * Every other column is a modality. An empty cell: the subject lacks it.
    * Paths are relative to the table, or absolute. A path without a file is an error.

    There is no default task: give `--source` and `--target`. Each label value found is a region of
    its own. The 939 training and 100 test pairs of AdelaideMRI (FLAIR to T1, Pix2Pix-ResUNet paper)
    are private; who has them lays them out like this and runs `--source flair --target t1`.

    Args:
        manifest: Another table, relative to the data folder. Without it, and without
            `manifest.csv`, the tree is read.
    """

    def __init__(self, manifest: str | Path | None = None) -> None:
        self.manifest = manifest

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the subjects, sorted by id.

        Raises:
            DataError: If neither layout fits, files are missing or doubled, or ids are.
        """
        table = data_folder(root, "folder") / (self.manifest or MANIFEST)
        if not table.is_file():
            if self.manifest is not None:
                raise DataError(f"folder: no manifest {table}", "Check the parameter 'manifest'.")
            return listed("folder", root, _LAYOUT, _read, depth=1)
        subjects = unique(_rows(table))
        if not subjects:
            raise DataError(f"folder: no subject in {table}", _LAYOUT)
        return subjects

    def example_id(self, number: int) -> str:
        """Name a subject."""
        return f"subject-{number:03d}"

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file lies; any modality has a place."""
        return Path(subject, f"{subject}_{'seg' if what == 'label' else what}.nii.gz")


def _read(folder: Path) -> Iterator[Subject]:
    """Yield the subject that a folder holds, if it holds one."""
    images = [(stem, path) for path in sorted(folder.iterdir()) if (stem := image_stem(path))]
    files: dict[str, Path] = {}
    for stem, path in images:
        modality = stem.removeprefix(f"{folder.name}_").lower()
        if modality == stem.lower():
            continue
        if modality in files:
            raise two_files(modality, folder.name, files[modality], path)
        files[modality] = path
    if not images:
        return
    if not files:
        raise DataError(f"folder: {images[0][1]} is not named after its folder", _LAYOUT)
    volumes = {name: path for name, path in files.items() if name not in _NO_IMAGE}
    if not volumes:
        raise DataError(f"folder: subject {folder.name} has no image", _LAYOUT)
    yield Subject(
        id=folder.name,
        volumes=volumes,
        label=_first(files, _LABELS),
        mask=_first(files, _MASKS),
        valid=files.get("valid"),
        group=without_session(folder.name),
    )


def _first(files: dict[str, Path], names: tuple[str, ...]) -> Path | None:
    return next((files[name] for name in names if name in files), None)


def _rows(table: Path) -> Iterator[Subject]:
    columns, rows = _parse(table)
    modalities = _modalities(columns, table)
    for line, cells in rows:
        subject = cells["subject"]
        if not subject:
            raise DataError(f"{table}, line {line}: no subject", "Give every row a unique id.")
        files = {
            name: _file(table, line, subject, name, cells[name])
            for name in (*modalities, *_NO_IMAGE)
            if cells.get(name)
        }
        volumes = {name: files[name] for name in modalities if name in files}
        if not volumes:
            raise DataError(
                f"{table}, line {line}: subject {subject} has no image",
                "Fill in a modality or remove the row.",
            )
        group = next((cells[name] for name in _GROUPS if cells.get(name)), "")
        yield Subject(
            id=subject,
            volumes=volumes,
            label=_first(files, _LABELS),
            mask=_first(files, _MASKS),
            valid=files.get("valid"),
            group=group or without_session(subject),
            site=cells.get("site", ""),
        )


def _parse(table: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read column names (lower-cased) and the rows that are not empty, with their line number."""
    rows = []
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            columns = [name.strip().lower() for name in next(reader, [])]
            for cells in reader:
                values = [cell.strip() for cell in cells]
                if not any(values):
                    continue
                if len(values) != len(columns):
                    raise csv.Error(f"{len(values)} cells in {len(columns)} columns")
                rows.append((reader.line_num, dict(zip(columns, values, strict=True))))
    except UnicodeDecodeError as error:
        raise DataError(f"{table}: not UTF-8", "Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise DataError(
            f"{table}, line {reader.line_num}: {error}", "Separate cells by commas."
        ) from error
    return columns, rows


def _modalities(columns: list[str], table: Path) -> list[str]:
    modalities = [name for name in columns if name not in _RESERVED]
    problem = ""
    if "subject" not in columns:
        problem = "no column 'subject'"
    elif len(set(columns)) < len(columns) or "" in columns:
        problem = "a column without a name or two with the same"
    elif set(_GROUPS) <= set(columns):
        problem = "both a column 'group' and a column 'patient'"
    elif not modalities:
        problem = "no column for a modality"
    if problem:
        raise DataError(
            f"{table}: {problem}",
            "Columns: subject, one a modality; optional: label, mask, group or patient, site.",
        )
    return modalities


def _file(table: Path, line: int, subject: str, column: str, cell: str) -> Path:
    path = table.parent / cell
    if not path.is_file():
        raise DataError(
            f"{table}, line {line}: {column} of subject {subject} is missing: {path}",
            "Paths are relative to the table; leave the cell empty where there is none.",
        )
    return path
