"""Digests of what volumes contain, and the refusal of volumes that train and test share."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthbench.api import DataError
from synthbench.api.dataset import Generated, Origin
from synthbench.store.atomic import read_json, write_json
from synthbench.store.keys import canonical
from synthbench.volumes.pairs import header_of
from synthbench.volumes.parallel import workers
from synthbench.volumes.splitting import Split

#: Bytes at the end of a gzip file: checksum and length of what is packed.
_GZIP_TAIL = 8


class ContentIndex:
    """SHA-256 of file contents, remembered until a file's size or time changes.

    Args:
        folder: Where the index is kept (``content.json``); made when first written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "content.json"
        self._known = self._stored()

    def digest(self, path: Path) -> str:
        """Digest of one file; see :meth:`digests`."""
        return self.digests([path])[path]

    def digests(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Digest files; the index is written once, after all of them.

        Raises:
            DataError: If a file cannot be read, or the index not be written.
        """
        found: dict[Path, str] = {}
        unknown: dict[Path, tuple[str, list[int]]] = {}
        for path in paths:
            name, stamp = os.path.abspath(path), _stamp(path)  # noqa: PTH100 (five times faster)
            entry = self._known.get(name)
            if entry is None or entry["stamp"] != stamp:
                unknown[path] = (name, stamp)
            else:
                found[path] = entry["sha256"]
        if unknown:
            fresh: dict[str, Any] = {}
            with ThreadPoolExecutor(workers()) as pool:
                digests = zip(unknown.items(), pool.map(file_digest, unknown), strict=True)
                for (path, (name, stamp)), sha256 in digests:
                    fresh[name] = {"stamp": stamp, "sha256": sha256}
                    found[path] = sha256
            # Another process may have written in between: its entries stay.
            self._known = {**self._stored(), **self._known, **fresh}
            write_json(self._path, self._known)
        return found

    def _stored(self) -> dict[str, Any]:
        try:
            stored = read_json(self._path)
        except (DataError, OSError):
            return {}  # a memory only: it is made anew
        return stored if isinstance(stored, dict) else {}


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex; of an image in several, of all of them."""
    digests = [_digest(part) for part in _parts(path)]
    return (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _parts(path: Path) -> list[Path]:
    header = header_of(path)
    if header is None:
        return [path]
    matrix = header.with_suffix(".mat")  # SPM's affine
    return [path, header, matrix] if matrix.is_file() else [path, header]


def origin_digest(index: ContentIndex | None, origin: Origin) -> str:
    """SHA-256 that stands for a volume: a file's content, or a generated volume's key.

    Args:
        index: Remembers the digests of files; ``None`` computes them.
        origin: Where the volume comes from.
    """
    if isinstance(origin, Generated):
        return hashlib.sha256(canonical(origin.key).encode()).hexdigest()
    return file_digest(origin) if index is None else index.digest(origin)


def voxel_digest(array: npt.NDArray[Any]) -> str:
    """SHA-256 of a volume's values, whatever its file is called or how it is compressed.

    Args:
        array: In RAS, C order.
    """
    start = canonical({"shape": array.shape, "dtype": array.dtype.str})
    return hashlib.sha256(start.encode() + np.ascontiguousarray(array).data).hexdigest()


def unpacked_digests(digests: Mapping[Path, str]) -> dict[Path, str]:
    """Give compressed files that hold the same the same digest.

    The same volume compressed twice differs: gzip keeps a file's name and time. Only files that
    agree in what gzip says of their content (checksum and length) are unpacked.

    Args:
        digests: Of each file, as from :meth:`ContentIndex.digests`.

    Returns:
        Of each file; those that no other file resembles keep theirs.

    Raises:
        DataError: If a file cannot be read.
    """
    alike: dict[bytes, list[Path]] = {}
    for path in digests:
        if path.suffix == ".gz" and (tail := _gzip_tail(path)):
            alike.setdefault(tail, []).append(path)
    found = dict(digests)
    for paths in alike.values():
        if len({digests[path] for path in paths}) > 1:
            found |= {path: _unpacked_digest(path) for path in paths}
    return found


def _gzip_tail(path: Path) -> bytes:
    """Checksum and length of what is packed; empty for an empty last block (bgzip)."""
    try:
        with path.open("rb") as file:
            file.seek(max(-_GZIP_TAIL, -path.stat().st_size), os.SEEK_END)
            tail = file.read()
    except OSError as error:
        raise _unreadable(path, error) from error
    return tail if any(tail) else b""


def _unpacked_digest(path: Path) -> str:
    try:
        with gzip.open(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError, zlib.error):
        return file_digest(path)  # damaged: said when it is prepared


def find_duplicates(
    digests: Mapping[str, Iterable[str]], patients: Mapping[str, str]
) -> dict[str, str]:
    """Find subjects that hold a volume of another patient's.

    Args:
        digests: Of the volumes of each subject id; see :func:`find_leaks`.
        patients: Patient of each subject id.

    Returns:
        By id of the later subject, the id of the earlier one.
    """
    owners: dict[str, str] = {}
    copies: dict[str, str] = {}
    for subject, held in digests.items():
        for digest in held:
            owner = owners.setdefault(digest, subject)
            if patients[owner] != patients[subject]:
                copies.setdefault(subject, owner)
    return copies


def find_leaks(digests: Mapping[str, Iterable[str]], split: Split) -> None:
    """Refuse a split in which two parts share a volume under two names.

    Args:
        digests: Of the volumes of each subject id. Leave labels and masks out: two subjects may
            well share an empty one.
        split: Parts to compare.

    Raises:
        DataError: Naming both subjects.
    """
    seen: dict[str, tuple[str, str]] = {}
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    for part, ids in parts.items():
        for subject in ids:
            for digest in digests[subject]:
                other_part, other = seen.setdefault(digest, (part, subject))
                if other_part != part:
                    raise DataError(
                        f"subjects {other} ({other_part}) and {subject} ({part}) hold the same "
                        "volume under two names",
                        "remove one of them, or give both the same group",
                    )


def _stamp(path: Path) -> list[int]:
    stamp = []
    for part in _parts(path):
        try:
            status = part.stat()
        except OSError as error:
            raise _unreadable(part, error) from error
        stamp += [status.st_size, status.st_mtime_ns]
    return stamp


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot read {path}: {error.strerror or error}", "check the path and its permissions"
    )
