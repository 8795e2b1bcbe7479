"""``synthbench translate``: a trained cell applied to NIfTI files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthbench.cli.options import output_option

if TYPE_CHECKING:
    from synthbench.api import Subject


@click.command()
@click.argument("model")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the synthetic volumes, <name>_<target>.nii.gz each.",
)
@output_option
@click.option("--overwrite", is_flag=True, help="Replace volumes that are there already.")
def command(
    model: str, files: tuple[str, ...], folder: Path, output: Path | None, overwrite: bool
) -> None:
    """Translate NIfTI files with a trained method.

    MODEL is RUN:METHOD (fold 0, first seed), RUN:METHOD/fold-1_seed-0, or the folder of a trained
    model. FILES are volumes of the source modality; for several source modalities write one
    subject's files with commas between them, in the order of training.
    """
    from synthbench.execution.translating import read_model, translate_files
    from synthbench.registry import load_registry
    from synthbench.store.paths import output_root

    trained = read_model(model, output_root(output))
    subjects = [_subject(text, trained.card["source"]) for text in files]
    for subject, path in translate_files(load_registry(), trained, subjects, folder, overwrite):
        click.echo(f"{subject}: {path}")


def _subject(text: str, source: list[str]) -> Subject:
    from synthbench.api import Subject, UsageError

    paths = [Path(part) for part in text.split(",")]
    if len(paths) != len(source):
        raise UsageError(
            f"{text}: {len(paths)} file(s) for {len(source)} source modality(ies)",
            f"give {','.join(f'<{name}>' for name in source)} for each subject",
        )
    volumes: dict[str, Any] = dict(zip(source, paths, strict=True))
    name = paths[0].name
    for suffix in (".gz", ".nii"):
        name = name.removesuffix(suffix)
    return Subject(id=name, volumes=volumes)
