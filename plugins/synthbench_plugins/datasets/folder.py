"""Free-form data: a folder a subject, or a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from synthbench.api import DataError, Dataset, Subject
from synthbench_plugins.datasets.files import data_folder, image_stem, unique, without_session

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
    """NIfTI volumes of any modality.

    Either a folder a subject, ``<subject>/<subject>_<modality>.nii[.gz]``, where the "modalities"
    ``seg`` and ``label`` are the label, ``mask`` and ``brainmask`` (in this order) the mask, and
    ``valid`` the field of view in which every modality holds data; or a table, ``manifest.csv`` in
    the data folder. See ``docs/datasets.md``.

    Modality names are lower-cased. Each label value found is a region of its own.

    Args:
        manifest: Another table, relative to the data folder. Without it, and without
            ``manifest.csv``, the tree is read.
    """

    def __init__(self, manifest: str | Path | None = None) -> None:
        self.manifest = manifest

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the subjects, sorted by id.

        Raises:
            DataError: If neither layout fits, files are missing or doubled, or ids are.
        """
        root = data_folder(root, "folder")
        table = root / (self.manifest or MANIFEST)
        if table.is_file():
            subjects = unique(_rows(table))
        elif self.manifest is not None:
            raise DataError(f"folder: no manifest {table}", "Check the parameter 'manifest'.")
        else:
            subjects = unique(_tree(root))
        if not subjects:
            raise DataError(f"folder: no subject in {root}", _LAYOUT)
        return subjects


def _tree(root: Path) -> Iterator[Subject]:
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        images = [(stem, path) for path in sorted(folder.iterdir()) if (stem := image_stem(path))]
        files: dict[str, Path] = {}
        for stem, path in images:
            modality = stem.removeprefix(f"{folder.name}_").lower()
            if modality == stem.lower():
                continue
            if modality in files:
                raise DataError(
                    f"Two files for {modality} of subject {folder.name}: {files[modality]} and "
                    f"{path.name}",
                    "Remove one of them.",
                )
            files[modality] = path
        if images and not files:
            raise DataError(
                f"folder: {images[0][1]} is not named after its folder",
                _LAYOUT,
            )
        label = _first(files, _LABELS)
        mask = _first(files, _MASKS)
        if files:
            if not files.keys() - {*_NO_IMAGE}:
                raise DataError(f"folder: subject {folder.name} has no image", _LAYOUT)
            volumes = {name: path for name, path in files.items() if name not in _NO_IMAGE}
            yield Subject(
                id=folder.name,
                volumes=volumes,
                label=label,
                mask=mask,
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
