"""``synthbench run``: train and score methods, then print the tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthbench.cli.options import output_option

if TYPE_CHECKING:
    from synthbench.execution.planning import Plan
    from synthbench.execution.runs import RunWriter
    from synthbench.suite import Suite

_EXIT_SOME_FAILED = 3


@click.command()
@click.argument("suite_file", type=click.Path(path_type=Path), required=False)
@click.option("--methods", "-m", help="Names or patterns, separated by commas; 'all' for all.")
@click.option("--dataset", "-d", help="Dataset name.")
@click.option("--data-root", type=click.Path(path_type=Path), help="The dataset's folder.")
@click.option("--source", help="Source modality, or several separated by commas.")
@click.option("--target", help="Target modality.")
@click.option("--preset", type=click.Choice(["smoke", "quick", "paper"]), help="Size of training.")
@click.option("--spacing", help="Voxel size in mm: one number, or three separated by commas.")
@click.option("--folds", type=click.IntRange(min=2), help="Cross-validate with this many folds.")
@click.option("--test", type=click.FloatRange(0, 1, True, True), help="Fraction held out.")
@click.option("--split-seed", type=int, help="Seed of the division into train and test.")
@click.option("--seeds", help="Training seeds, separated by commas.")
@click.option("--evaluators", help="Evaluator names, separated by commas.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="[METHOD.]PATH=VALUE",
    help="Change part of a recipe, e.g. --set batch=2 or --set pix2pix_resunet.losses=l1@100.",
)
@click.option(
    "--dataset-set",
    "dataset_assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the dataset reader, e.g. --dataset-set subjects=12.",
)
@click.option("--group-pattern", help="Regular expression; its group in a subject id: the patient.")
@click.option(
    "--group-file", type=click.Path(path_type=Path), help="CSV with columns subject and patient."
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
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Cells at a time [one a GPU, or 1].")
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
        "preset": options["preset"],
        "evaluators": _list(options["evaluators"]),
        "seeds": _list(options["seeds"]),
        "spacing": _spacing(options["spacing"]),
    }
    data |= {name: value for name, value in simple.items() if value is not None}
    if dataset := _dataset(data, options):
        data["datasets"] = [dataset]
    split = {
        "folds": options["folds"],
        "test": options["test"],
        "seed": options["split_seed"],
        "kind": "kfold" if options["folds"] else ("holdout" if options["test"] else None),
    }
    given = {name: value for name, value in split.items() if value is not None}
    if given:
        data["split"] = {**data.get("split", {}), **given}
    return make_suite(data, str(path) if path else "options")


def _dataset(data: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The dataset the options describe, on top of the suite file's only one."""
    from synthbench.api import UsageError
    from synthbench.cli.datasets import parse_parameters

    fields: dict[str, Any] = {
        "name": options["dataset"],
        "root": options["data_root"],
        "group_pattern": options["group_pattern"],
        "group_file": options["group_file"],
    }
    given = {name: value for name, value in fields.items() if value is not None}
    params = parse_parameters(options["dataset_assignments"])
    if options["source"] or options["target"]:
        if not (options["source"] and options["target"]):
            raise UsageError("--source and --target belong together", "give both, or neither")
        given["tasks"] = [{"source": options["source"], "target": options["target"]}]
    listed = data.get("datasets", [])
    if not given and not params:
        return {}
    if len(listed) == 1 and "name" not in given:
        only = listed[0]
        base: dict[str, Any] = {"name": only} if isinstance(only, str) else dict(only)
    else:
        base = {}
    base |= given
    if params:
        base["params"] = {**base.get("params", {}), **params}
    if "name" not in base:
        raise UsageError("no dataset was given", "add --dataset, see `synthbench list datasets`")
    return base


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _spacing(text: str | None) -> Any:
    if text is None:
        return None
    from synthbench.api import UsageError

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3) or min(numbers) <= 0:
        raise UsageError(
            f"--spacing {text!r} is not a voxel size", "give one positive number in mm, or three"
        )
    return numbers[0] if len(numbers) == 1 else numbers


def _execute(
    plan: Plan, run: RunWriter, executor: str, jobs: int | None, time_limit: float | None
) -> dict[str, int]:
    from synthbench.cli.progress import ProgressPrinter
    from synthbench.execution.dispatch import execute
    from synthbench.execution.executors import Executor, InlineExecutor, LocalExecutor
    from synthbench.registry import load_registry

    registry = load_registry()
    where: Executor
    if executor == "inline":
        where = InlineExecutor(run.store, registry)
    else:
        where = LocalExecutor(run.store, jobs, None if time_limit is None else time_limit * 60)
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
