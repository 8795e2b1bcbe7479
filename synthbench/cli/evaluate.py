"""``synthbench evaluate``: scores volumes made elsewhere, as a run of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from synthbench.cli.options import data_fields, data_options, output_option


@click.command()
@click.option(
    "--predictions",
    "-p",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the volumes of a method; may be repeated.",
)
@click.option(
    "--method",
    "-m",
    "names",
    multiple=True,
    help="What tables call the method, once a folder.  [default: the folder's name]",
)
@data_options
@click.option("--evaluators", help="Evaluator names, separated by commas.")
@click.option("--protocol", help="Metric protocols, separated by commas, instead of the default.")
@click.option("--resample", is_flag=True, help="Resample volumes that are on another grid.")
@click.option(
    "--values",
    metavar="LOW,HIGH",
    help="Values that stand for the target's intensity bounds, e.g. --values=-1,1.  "
    "[default: the volumes are in the target's own intensities]",
)
@click.option("--name", help="Prefix of the run's folder.")
@output_option
@click.option(
    "--executor",
    type=click.Choice(["local", "inline"]),
    default="local",
    show_default=True,
    help="local: a subprocess a method; inline: in this process.",
)
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Methods at a time.")
def command(
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    protocol: str | None,
    resample: bool,
    values: str | None,
    output: Path | None,
    executor: str,
    jobs: int | None,
    **options: Any,
) -> int:
    """Score volumes that a method made elsewhere, and print the table.

    Options of dataset, task and split are those of `synthbench run`: the same ones test the same
    subjects. A subject's volume is <id>.nii.gz, <id>_<target>.nii.gz, or the only one in a folder
    <id>. It must be on the grid of the subject's own files. `synthbench report RUN OTHER_RUN` puts
    the method beside those of a run.
    """
    from synthbench.api import UsageError
    from synthbench.cli.run import carry_out, names_in
    from synthbench.execution.evaluating import Predictions, evaluators_of, plan_evaluation
    from synthbench.execution.outside import parse_values
    from synthbench.execution.runs import RunWriter
    from synthbench.registry import load_registry
    from synthbench.store.paths import output_root
    from synthbench.suite import make_suite

    if names and len(names) != len(folders):
        raise UsageError(
            f"{len(folders)} --predictions and {len(names)} --method", "give one name a folder"
        )
    made = [
        Predictions(name, folder, resample, parse_values(values))
        for name, folder in zip(
            names or [folder.resolve().name for folder in folders], folders, strict=True
        )
    ]
    registry = load_registry()
    fields = data_fields({}, options)
    chosen = evaluators_of(registry, names_in(protocol)) + names_in(options["evaluators"])
    fields |= {"evaluators": chosen, "name": options["name"] or ""}
    root = output_root(output)
    plan = plan_evaluation(registry, make_suite(fields), root / "store", made)
    run = RunWriter(root, plan)
    run.write(plan, registry, ["synthbench", *sys.argv[1:]])
    return carry_out(plan, run, executor, jobs)
