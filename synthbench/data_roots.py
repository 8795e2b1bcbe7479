"""Where the folder of a dataset is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthbench.api.errors import DataError, UsageError
from synthbench.api.specs import DatasetSpec
from synthbench.registry import Entry, Registry

#: Folder with one sub-folder a dataset, named by the dataset's short name.
DATA_VARIABLE = "SYNTHBENCH_DATA"
#: Another place for the configuration file.
CONFIG_VARIABLE = "SYNTHBENCH_CONFIG"


def resolve_root(entry: Entry, given: Path | None, registry: Registry) -> Path | None:
    """Return the folder of a dataset, or ``None`` for one that is made on the fly.

    Looked for in this order: ``given`` (``--data-root``), ``$SYNTHBENCH_DATA/<dataset>``, the
    configuration file, what plugins know (``synthbench_locate_data``).

    Args:
        entry: The dataset.
        given: What the user said, if anything.
        registry: Where plugins are asked.

    Raises:
        DataError: If there is no such folder; the hint says how to get the data.
        UsageError: If a folder is given for a dataset that reads none, or the configuration file
            is not valid.
    """
    spec = _spec(entry)
    if not spec.needs_root:
        if given is not None:
            raise UsageError(
                f"dataset {entry.id} is made on the fly and reads no folder", "drop --data-root"
            )
        return None
    if given is not None:
        return _folder(given, "--data-root", entry)
    found = find_root(entry, registry)
    if found is not None:
        return found
    obtain = f"{spec.obtain.rstrip('.')}; then " if spec.obtain else ""
    raise DataError(
        f"no folder is known for dataset {entry.id}",
        f"{obtain}pass --data-root FOLDER or set {DATA_VARIABLE} "
        f"(the folder that holds {entry.name}/); `--dataset phantom` needs no data",
    )


def find_root(entry: Entry, registry: Registry) -> Path | None:
    """Return where a dataset lies without being told, or ``None`` when nothing says so.

    Raises:
        DataError: If the configuration file or a plugin names a folder that is not there.
        UsageError: If the configuration file is not valid.
    """
    if not _spec(entry).needs_root:
        return None
    if base := os.environ.get(DATA_VARIABLE):
        folder = Path(base).expanduser() / entry.name
        if folder.is_dir():
            return folder
    configured = _configured(entry)
    if configured is not None:
        return _folder(configured, str(config_file()), entry)
    located = registry.locate_data(entry.id)
    return None if located is None else _folder(located, "a plugin", entry)


def config_file() -> Path:
    """Return where the user's configuration file is, or would be."""
    if chosen := os.environ.get(CONFIG_VARIABLE):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "synthbench" / "config.yaml"


def _spec(entry: Entry) -> DatasetSpec:
    assert isinstance(entry.spec, DatasetSpec)
    return entry.spec


def _folder(path: Path, origin: str, entry: Entry) -> Path:
    folder = path.expanduser()
    if folder.is_dir():
        return folder
    fault = "is not a folder" if folder.exists() else "does not exist"
    raise DataError(
        f"dataset {entry.id}: {folder} {fault}", f"correct the path (it comes from {origin})"
    )


def _configured(entry: Entry) -> Path | None:
    file = config_file()
    if not file.is_file():
        return None
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"{file} cannot be read: {first}", "correct or remove it") from error
    folders: Any = content.get("data", {}) if isinstance(content, Mapping) else content
    if not isinstance(folders or {}, Mapping):
        raise UsageError(
            f"{file}: `data` must map dataset names to folders", "e.g. data: {brats: /data/brats}"
        )
    for name in (entry.id, entry.name):
        if name in (folders or {}):
            return Path(str(folders[name]))
    return None
