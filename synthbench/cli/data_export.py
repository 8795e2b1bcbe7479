"""``synthbench data export``: a dataset's volumes in the layout of another."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synthbench.cli.datasets import data_root_option
from synthbench.cli.options import dataset_set_option

if TYPE_CHECKING:
    from synthbench.api import DatasetSpec
    from synthbench.registry import Entry, Registry
    from synthbench.volumes.exporting import Export

#: Subjects named in a line.
_MOST_NAMED = 5


@click.command("export")
@click.argument("dataset")
@click.option("--layout", required=True, help="Name of the dataset in whose layout to write.")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A new or empty folder, or one in which the same export was interrupted.",
)
@data_root_option
@dataset_set_option
@click.option("--modalities", help="Those to write, separated by commas.  [default: all]")
@click.option("--subjects", type=click.IntRange(min=1), help="Write only this many patients.")
def command(
    dataset: str,
    layout: str,
    folder: Path,
    data_root: Path | None,
    dataset_assignments: tuple[str, ...],
    modalities: str | None,
    subjects: int | None,
) -> None:
    """Write the volumes of DATASET as NIfTI files in the layout of another dataset.

    Mostly for `phantom`: it gives every reader, and scripts of your own, something to read without
    real data. The same command again completes what was interrupted.
    """
    from synthbench.api import DataError
    from synthbench.cli.datasets import open_dataset
    from synthbench.registry import load_registry
    from synthbench.volumes.exporting import plan_export

    registry = load_registry()
    target = _layout(registry, layout)
    opened = open_dataset(registry, dataset, data_root, dataset_assignments)
    wanted = _modalities(modalities, {name for s in opened.subjects for name in s.volumes})
    reader = target.resolve()()
    export = plan_export(opened.subjects, reader, wanted, subjects)
    request = {
        "dataset": opened.id,
        "code_version": opened.spec.code_version,
        "root": None if opened.root is None else str(opened.root.absolute()),
        "params": opened.params,
        "layout": target.id,
        "modalities": wanted,
        "patients": subjects,
    }
    with click.progressbar(length=len(export), label="writing", file=sys.stderr) as bar:
        found = export.write(
            folder, request, opened.spec.modalities, lambda done: bar.update(done - bar.pos)
        )
    _tell(export, opened.id, target.name)
    there = f" ({found} were there already)" if found else ""
    count = "1 subject" if len(export.names) == 1 else f"{len(export.names)} subjects"
    click.echo(
        f"{count} of {opened.id} in {folder} in the layout of {target.name}: "
        f"{len(export)} files{there}"
    )
    try:
        listed = {modality for s in reader.subjects(folder) for modality in s.volumes}
    except DataError as error:
        # What was asked for is written; whether another parameter reads it is the reader's to say.
        click.echo(f"{target.name} with its default parameters does not read it: {error.message}")
        click.echo(f"hint: {error.hint}")
        return
    unread = [name for name in export.modalities if name not in listed]
    if unread:
        click.echo(f"{target.name} with its default parameters does not read {', '.join(unread)}")
    click.echo(f"try: {_next(target, folder, listed)}")


def _layout(registry: Registry, name: str) -> Entry:
    from synthbench.api import UsageError

    known = {entry.id: entry.name for entry in registry.all("datasets") if entry.spec.exportable}
    choices = f"exportable layouts: {', '.join(known.values())}"
    try:
        entry = registry.get("datasets", name)
    except UsageError as error:
        raise UsageError(f"there is no layout {name!r}", choices) from error
    if entry.id not in known:
        raise UsageError(f"nothing can be written in the layout of {entry.id}", choices)
    return entry


def _modalities(text: str | None, known: set[str]) -> list[str]:
    from synthbench.api import UsageError
    from synthbench.registry.names import did_you_mean

    names = [part.strip() for part in (text or "").split(",") if part.strip()]
    for name in names:
        if name not in known:
            raise UsageError(
                f"--modalities: no subject has {name!r}",
                did_you_mean(name, known, f"there are {', '.join(sorted(known))}"),
            )
    return names


def _tell(export: Export, dataset: str, layout: str) -> None:
    """Say what is not in the new folder."""
    from synthbench.api.errors import few

    total = len(export.names) + len(export.empty)
    for name, count in export.unplaced.items():
        share = "" if count == total else f" for {count} of {total} subjects"
        click.echo(f"{name}: the layout of {layout} has no place{share}")
    if export.empty:
        click.echo(f"left out, with no volume to place: {few(export.empty, _MOST_NAMED)}")
    if export.sessions:
        named = few(export.sessions, _MOST_NAMED)
        click.echo(f"left out, further sessions of a patient of {dataset}: {named}")


def _next(layout: Entry, folder: Path, modalities: set[str]) -> str:
    """The command that trains on what was written."""
    spec: DatasetSpec = layout.spec
    words = ["synthbench", "run", "--dataset", layout.name, "--data-root", str(folder)]
    possible = [task for task in spec.tasks if {*task.source, task.target} <= modalities]
    if possible and possible[0] != spec.tasks[0]:
        words += ["--source", ",".join(possible[0].source), "--target", possible[0].target]
    elif not possible and len(modalities) > 1:
        source, target = sorted(modalities)[:2]
        words += ["--source", source, "--target", target]
    return shlex.join([*words, "--preset", "smoke"])
