"""``synthbench data show``: a picture of a dataset."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synthbench.cli.datasets import data_root_option
from synthbench.cli.options import dataset_set_option

if TYPE_CHECKING:
    from synthbench.api import Subject

#: Shown when nothing else is asked for, and at most.
_DEFAULT, _MOST = 4, 100


@click.command("show")
@click.option("--dataset", required=True, help="Name of the dataset; see `synthbench list`.")
@data_root_option
@dataset_set_option
@click.option(
    "--subjects",
    default=str(_DEFAULT),
    show_default=True,
    help="How many, from all over the list, or their ids separated by commas.",
)
@click.option(
    "--to",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="PNG file to write.",
)
@click.pass_context
def command(
    ctx: click.Context,
    dataset: str,
    data_root: Path | None,
    dataset_assignments: tuple[str, ...],
    subjects: str,
    file: Path,
) -> None:
    """Draw the middle slice of every volume of a few subjects, with the outline of the label.

    A file that cannot be read is named, in the picture too; the exit code is then 6.
    """
    from synthbench.api import UsageError
    from synthbench.cli.datasets import open_dataset
    from synthbench.registry import load_registry
    from synthbench.report.montage import load_montage
    from synthbench.report.montage_figure import draw_montage

    if file.suffix.lower() != ".png":
        raise UsageError(f"--to {file} is not the name of a PNG file", "end it in .png")
    opened = open_dataset(load_registry(), dataset, data_root, dataset_assignments)
    chosen = _choose(opened.subjects, subjects)
    spec = opened.spec
    # In the order in which the dataset declares them; modalities of free-form folders follow.
    there = [name for subject in chosen for name in subject.volumes]
    names = [*(name for name in spec.modalities if name in there), *there]
    models = spec.intensities(names)
    with click.progressbar(length=len(chosen), label="reading", file=sys.stderr) as bar:
        montage = load_montage(
            opened.id, chosen, models, opened.regions, progress=lambda: bar.update(1)
        )
    draw_montage(montage, file)
    click.echo(f"{len(chosen)} of {len(opened.subjects)} subjects: {file}")
    for problem in montage.problems:
        click.echo(f"error: {problem}", err=True)
    if montage.problems:
        ctx.exit(6)


def _choose(subjects: Sequence[Subject], text: str) -> list[Subject]:
    from synthbench.api import UsageError
    from synthbench.registry.names import did_you_mean

    by_id = {subject.id: subject for subject in subjects}
    if text.isdigit() and text not in by_id:
        # From all over the list, which sites, tasks or patients often are in the order of.
        count = min(int(text), len(subjects))
        chosen = [subjects[len(subjects) * n // count] for n in range(count)]
    else:
        names = [part.strip() for part in text.split(",") if part.strip()]
        for name in names:
            if name not in by_id:
                raise UsageError(
                    f"--subjects: there is no subject {name!r}",
                    did_you_mean(name, by_id, f"the first is {next(iter(by_id))}"),
                )
        chosen = [by_id[name] for name in names]
    if not 0 < len(chosen) <= _MOST:
        raise UsageError(
            f"--subjects {text} asks for {len(chosen)} subjects", f"choose 1 to {_MOST} of them"
        )
    return chosen
