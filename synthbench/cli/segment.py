"""``synthbench segment``: what synthetic volumes are worth for training a segmenter."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthbench.cli.options import output_option

if TYPE_CHECKING:
    from synthbench.execution.segmenting.request import SegmentPlan

_EXIT_SOME_FAILED = 3


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (value or "").split(",") if part.strip())


@click.command("segment")
@click.argument("run", required=False)
@click.option("--segmenter", "-s", required=True, help="unet, nnunet, or a plugin's.")
@click.option(
    "--preset",
    type=click.Choice(["smoke", "quick", "paper"]),
    default="paper",
    show_default=True,
    help="Size of the segmenter's training.",
)
@click.option(
    "--methods", "-m", default="all", callback=_names, help="Methods of the run.  [default: all]"
)
@click.option(
    "--modes",
    default="synthetic,real,source",
    show_default=True,
    callback=_names,
    help="What segmenters learn from: synthetic targets; real targets (upper bound); real sources "
    "(lower bound).",
)
@click.option(
    "--regions", callback=_names, help="Regions to learn and score.  [default: the dataset's]"
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the segmenter, e.g. --set epochs=200.",
)
@output_option
@click.option(
    "--executor",
    type=click.Choice(["local", "inline"]),
    default="local",
    show_default=True,
    help="local: a subprocess a segmenter; inline: in this process.",
)
@click.option(
    "--jobs", "-j", type=click.IntRange(min=1), help="Segmenters at a time [one a GPU, or 1]."
)
@click.option("--time-limit", type=float, help="Minutes after which a segmenter is stopped.")
@click.option("--dry-run", is_flag=True, help="Show what would be trained; train nothing.")
def command(
    run: str | None,
    segmenter: str,
    preset: Any,
    methods: tuple[str, ...],
    modes: Any,
    regions: tuple[str, ...],
    assignments: tuple[str, ...],
    output: Path | None,
    executor: str,
    jobs: int | None,
    time_limit: float | None,
    dry_run: bool,
) -> int:
    """Train segmenters on a run's synthetic targets, test them on real ones.

    RUN is a run's name or folder; by default the latest run. Its dataset must have labels. No
    synthetic volume of a subject that its generator was trained on is ever used, see
    docs/synthetic_to_real.md. Dice and HD95 become columns of `synthbench report`. The same command
    again trains only what is missing.
    """
    from synthbench.api import UsageError
    from synthbench.execution.segmenting.planning import plan_segmentation
    from synthbench.execution.segmenting.request import MODES, Request
    from synthbench.execution.segmenting.writer import SegmentWriter
    from synthbench.registry import load_registry
    from synthbench.report.run_folder import RunFolder, find_run
    from synthbench.store.paths import output_root

    if unknown := [mode for mode in modes if mode not in MODES]:
        raise UsageError(f"there is no mode {unknown[0]!r}", f"modes: {', '.join(MODES)}")
    path = find_run(output_root(output), run).resolve()
    store = path.parent.parent / "store"
    asked = Request(segmenter, preset, _parameters(assignments), methods, modes or MODES, regions)
    plan = plan_segmentation(load_registry(), RunFolder.load(path), store, asked)
    writer = SegmentWriter(plan, store)
    if dry_run:
        _show(plan, store)
        return 0
    writer.write()
    try:
        states = _execute(writer, executor, jobs, time_limit)
    finally:
        writer.collect(shlex.join(["synthbench", *sys.argv[1:]]))
    _print(path, writer.metrics())
    failed = sum(n for state, n in states.items() if state != "done")
    if failed:
        click.echo(
            f"{failed} of {len(plan.jobs)} segmenters did not finish; why is in the table's notes, "
            f"in {writer.path / 'segmenters.csv'} and in each job's log.txt",
            err=True,
        )
        return _EXIT_SOME_FAILED
    return 0


def _parameters(assignments: tuple[str, ...]) -> dict[str, Any]:
    import yaml

    from synthbench.api import UsageError

    found = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r} has no value", "write NAME=VALUE")
        try:
            found[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(
                f"--set {name}: {value!r} is not a YAML value", "put it in quotes"
            ) from error
    return found


def _execute(
    writer: Any, executor: str, jobs: int | None, time_limit: float | None
) -> dict[str, int]:
    from synthbench.cli.progress import ProgressPrinter
    from synthbench.execution.dispatch import run_jobs
    from synthbench.execution.executors import make_executor
    from synthbench.registry import load_registry

    registry = load_registry()
    where = make_executor(executor, writer.store, registry, jobs, time_limit)
    every = writer.plan.jobs
    pending = [job for job in every if not job.blocked and not job.finished(writer.store)]
    blocked = sum(1 for job in every if job.blocked)
    states = {"done": len(every) - len(pending) - blocked}
    if blocked:
        states["blocked"] = blocked
    with ProgressPrinter("segmenters") as printer:
        registry.register_local(printer, "progress")
        printer.synthbench_run_started(str(writer.path), len(every), len(pending))
        run_jobs(pending, writer, where, registry, printer.tick, states)
    return states


def _show(plan: SegmentPlan, store: Path) -> None:
    click.echo(f"{plan.title}: {len(plan.jobs)} segmenters")
    for job in plan.jobs:
        state = "done" if job.finished(store) else "new"
        if job.blocked:
            state = f"blocked: {job.blocked[0]} ({job.blocked[1]})"
        click.echo(f"  {job.label:60s}  {len(job.train)} train, {len(job.test)} test  {state}")
    for note in (*(f"{plan.title}: {remark}" for remark in plan.remarks), *plan.notes):
        click.echo(f"note: {note}")


def _print(run: Path, metrics: list[str]) -> None:
    from synthbench.report import markdown
    from synthbench.report.run_folder import RunFolder
    from synthbench.report.tables import build_tables

    loaded = RunFolder.load(run)
    # Under any of the run's protocols: scores of masks belong to none.
    folder = loaded.under(next(iter(loaded.protocols), ""))
    scored = [name for name in metrics if (folder.scores["metric"] == name).any()]
    if scored:
        tables = build_tables(folder, metrics=scored, regions=["all"])
        click.echo("\n".join(markdown.render(table, folder) for table in tables))
