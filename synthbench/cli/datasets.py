"""Datasets as the command line names them: by name, folder and parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthbench.cli.options import dataset_parameters

if TYPE_CHECKING:
    from synthbench.api import DatasetSpec, Subject
    from synthbench.registry import Registry

data_root_option: Callable[..., Any] = click.option(
    "--data-root",
    type=click.Path(path_type=Path, file_okay=False),
    help="The dataset's folder.  [default: as configured; see the documentation]",
)


@dataclass(frozen=True)
class Opened:
    """A dataset that lists its subjects.

    Attributes:
        id: Canonical name.
        spec: What it declares.
        root: Its folder; ``None`` for one made on the fly.
        params: Parameters of the reader.
        subjects: In the dataset's order.
        regions: Named sets of label values.
    """

    id: str
    spec: DatasetSpec
    root: Path | None
    params: dict[str, Any]
    subjects: list[Subject]
    regions: Mapping[str, tuple[int, ...]]


def open_dataset(
    registry: Registry, name: str, data_root: Path | None, assignments: Sequence[str]
) -> Opened:
    """Find a dataset and list its subjects.

    Raises:
        UsageError: For an unknown name or parameter.
        DataError: If its folder is not there, or not in its layout.
    """
    from synthbench.api import DatasetSpec
    from synthbench.data_roots import resolve_root
    from synthbench.execution.subjects import build_dataset

    entry = registry.get("datasets", name)
    assert isinstance(entry.spec, DatasetSpec)
    params = dataset_parameters(assignments)
    root = resolve_root(entry, data_root, registry)
    reader = build_dataset(entry, params)
    # Some readers know their regions only when they have seen the folder.
    subjects = reader.subjects(root)
    return Opened(entry.id, entry.spec, root, params, subjects, reader.regions)
