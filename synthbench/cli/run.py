"""``synthbench run``: train and score methods, then print the tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthbench.cli.options import data_fields, data_options, output_option

if TYPE_CHECKING:
    from synthbench.execution.planning import Plan
    from synthbench.execution.runs import RunWriter
    from synthbench.suite import Suite

_EXIT_SOME_FAILED = 3


@click.command()
@click.argument("suite_file", type=click.Path(path_type=Path), required=False)
@click.option("--methods", "-m", help="Names or patterns, separated by commas; 'all' for all.")
@data_options
@click.option("--seeds", help="Training seeds, separated by commas.")
@click.option("--evaluators", help="Evaluator names, separated by commas.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="[METHOD.]PATH=VALUE",
    help="Change part of a recipe, e.g. --set batch=2 or --set pix2pix_resunet.losses=l1@100.",
)
@click.option("--name", help="Prefix of the run's folder.")
@output_option
@click.option(
    "--executor",
    type=click.Choice(["local", "inline"]),
    default="local",
    show_default=True,
    help="local: a subprocess a cell; inline: in this process.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="Cells at a time.  [default: one a GPU; without GPUs one a core with 8 GiB of memory]",
)
@click.option("--time-limit", type=float, help="Minutes after which a cell is stopped.")
@click.option(
    "--dry-run", is_flag=True, help="Show the plan and what is already done; run nothing."
)
def command(
    suite_file: Path | None,
    output: Path | None,
    executor: str,
    jobs: int | None,
    time_limit: float | None,
    dry_run: bool,
    **options: Any,
) -> int:
    """Train methods on a dataset, score them, and print the tables.

    What to run comes from SUITE_FILE (YAML, see docs/suites.md), from the options, or from both:
    options win. The same command again continues where it stopped, and does nothing once all is
    done.
    """
    from synthbench.execution.planning import make_plan
    from synthbench.execution.runs import RunWriter
    from synthbench.registry import load_registry
    from synthbench.store.paths import output_root

    suite = _suite(suite_file, options)
    root = output_root(output)
    registry = load_registry()
    plan = make_plan(registry, suite, root / "store")
    run = RunWriter(root, plan)
    if dry_run:
        _show_plan(plan, run)
        return 0
    run.write(plan, registry, ["synthbench", *sys.argv[1:]])
    return carry_out(plan, run, executor, jobs, time_limit)


def carry_out(
    plan: Plan,
    run: RunWriter,
    executor: str,
    jobs: int | None,
    time_limit: float | None = None,
) -> int:
    """Run a plan that is written, print its tables, and return the exit code."""
    states = _execute(plan, run, executor, jobs, time_limit)
    _show_tables(run.path)
    failed = sum(n for state, n in states.items() if state not in ("done", "pending"))
    if failed:
        click.echo(
            f"{failed} of {len(plan.cells)} cells did not finish; why is in the table's notes, in "
            f"{run.path / 'cells.csv'} and in each cell's log.txt",
            err=True,
        )
        return _EXIT_SOME_FAILED
    return 0


def _suite(path: Path | None, options: dict[str, Any]) -> Suite:
    from synthbench.suite import make_suite, parse_assignments, read_suite

    data: dict[str, Any] = read_suite(path) if path else {}
    everywhere, single = parse_assignments(options.pop("assignments"))
    if everywhere:
        data["set"] = {**data.get("set", {}), **everywhere}
    for name, changes in single.items():
        known = data.setdefault("set_for", {})
        known[name] = {**known.get(name, {}), **changes}
    simple: dict[str, Any] = {
        "name": options["name"],
        "methods": _list(options["methods"]),
        "evaluators": _list(options["evaluators"]),
        "seeds": _list(options["seeds"]),
    }
    data |= data_fields(data, options)
    data |= {name: value for name, value in simple.items() if value is not None}
    return make_suite(data, str(path) if path else "options")


def names_in(text: str | None) -> list[str]:
    """Names separated by commas."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _list(text: str | None) -> list[str] | None:
    return None if text is None else names_in(text)


def _execute(
    plan: Plan, run: RunWriter, executor: str, jobs: int | None, time_limit: float | None
) -> dict[str, int]:
    from synthbench.cli.progress import ProgressPrinter
    from synthbench.execution.dispatch import execute
    from synthbench.execution.executors import make_executor
    from synthbench.registry import load_registry

    registry = load_registry()
    where = make_executor(executor, run.store, registry, jobs, time_limit, len(plan.cells))
    with ProgressPrinter() as printer:
        registry.register_local(printer, "progress")
        return execute(plan, run, where, registry, printer.tick)


def _show_plan(plan: Plan, run: RunWriter) -> None:
    click.echo(f"run {plan.name}: {len(plan.cells)} cells")
    for cell in plan.cells:
        if cell.blocked:
            state = f"blocked: {cell.blocked[0]} ({cell.blocked[1]})"
        elif cell.finished(run.store):
            state = "done"
        elif cell.stage(run.store, "train").record is not None:
            state = "trained, to be scored"
        elif cell.stage(run.store, "train").begun:
            state = "to be continued"
        else:
            state = "new"
        click.echo(f"  {cell.label:60s}  {len(cell.train)} train, {len(cell.test)} test  {state}")
    for note in plan.notes:
        click.echo(f"note: {note}")


def _show_tables(run: Path) -> None:
    from synthbench.cli.report import print_run

    print_run(run)
