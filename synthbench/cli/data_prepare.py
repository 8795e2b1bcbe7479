"""``synthbench data prepare``: everything a run needs of its volumes, before it starts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from synthbench.cli.options import data_fields, data_options, output_option


@click.command("prepare")
@click.argument("suite_file", type=click.Path(path_type=Path), required=False)
@data_options
@output_option
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Subjects at a time [one a core].")
def command(suite_file: Path | None, output: Path | None, jobs: int | None, **options: Any) -> None:
    """Prepare a dataset's volumes, so that training can start at once.

    Takes the options of `run` that concern the data, or the same SUITE_FILE; a run with the same
    choices then has nothing left to prepare. May be interrupted and repeated: subjects that are
    done stay. Subjects that cannot be used are named at the end; the others are prepared
    nonetheless.
    """
    from synthbench.execution.stages import run_prep
    from synthbench.execution.tasks import plan_tasks
    from synthbench.registry import load_registry
    from synthbench.store.paths import output_root
    from synthbench.suite import make_suite, read_suite

    data: dict[str, Any] = read_suite(suite_file) if suite_file else {}
    data |= data_fields(data, options)
    suite = make_suite(data, str(suite_file) if suite_file else "options")
    store = output_root(output) / "store"
    registry = load_registry()
    tasks = plan_tasks(registry, suite, store)
    for task in tasks:
        for note in task.notes:
            click.echo(f"note: {note}")
    for name, job in {name: job for task in tasks for name, job in task.jobs.items()}.items():
        told = f"{job.dataset}, {'+'.join(job.source)} -> {job.target}"
        with click.progressbar(length=len(job.subjects), label=told, file=sys.stderr) as bar:

            def report(progress: Any, bar: Any = bar) -> None:
                bar.update(progress["step"] - bar.pos)

            record, new = job.stage(store).ensure(
                lambda folder, job=job, report=report: run_prep(  # type: ignore[misc]
                    registry, job, folder, report, jobs
                )
            )
        state = f"prepared in {record['seconds']:.1f} s" if new else "was prepared already"
        click.echo(f"{told}: {len(job.subjects)} subjects, {state} ({name})")
