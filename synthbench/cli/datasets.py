"""Datasets as the command line names them: by name, folder and parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from synthbench.api import DatasetSpec, Subject
    from synthbench.registry import Registry

data_root_option: Callable[..., Any] = click.option(
    "--data-root",
    type=click.Path(path_type=Path, file_okay=False),
    help="The dataset's folder.  [default: as configured; see the documentation]",
)
dataset_set_option: Callable[..., Any] = click.option(
    "--dataset-set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the dataset reader, e.g. --dataset-set subjects=12.",
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
    """

    id: str
    spec: DatasetSpec
    root: Path | None
    params: dict[str, Any]
    subjects: list[Subject]


def parse_parameters(assignments: Sequence[str]) -> dict[str, Any]:
    """Read ``--dataset-set`` options; values are YAML.

    Raises:
        UsageError: If one has no equals sign or is not YAML.
    """
    import yaml

    from synthbench.api import UsageError

    params = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--dataset-set {text!r} has no value", "write NAME=VALUE")
        try:
            params[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(
                f"--dataset-set {name}: {value!r} is not a YAML value", "put it in quotes"
            ) from error
    return params


def open_dataset(
    registry: Registry, name: str, data_root: Path | None, assignments: Sequence[str]
) -> Opened:
    """Find a dataset and list its subjects.

    Raises:
        UsageError: For an unknown name or parameter.
        DataError: If its folder is not there, or not in its layout.
    """
    from synthbench.api import DatasetSpec, UsageError
    from synthbench.data_roots import resolve_root

    entry = registry.get("datasets", name)
    assert isinstance(entry.spec, DatasetSpec)
    params = parse_parameters(assignments)
    root = resolve_root(entry, data_root, registry)
    try:
        dataset = entry.resolve()(**params)
    except TypeError as error:
        raise UsageError(
            f"{entry.id}: {error}", f"`synthbench info {entry.id}` shows its parameters"
        ) from error
    return Opened(entry.id, entry.spec, root, params, dataset.subjects(root))
