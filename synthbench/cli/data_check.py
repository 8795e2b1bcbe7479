"""``synthbench data check``: is a dataset ready for training?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synthbench.cli.datasets import data_root_option
from synthbench.cli.options import dataset_set_option

if TYPE_CHECKING:
    from synthbench.api import Task
    from synthbench.volumes.check import Intensities, SubjectCheck

#: Subjects named in a line.
_MOST_NAMED = 5


@click.command("check")
@click.option("--dataset", required=True, help="Name of the dataset; see `synthbench list`.")
@data_root_option
@dataset_set_option
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Subjects at a time [one a core].")
@click.option("--verbose", "-v", is_flag=True, help="Also list every volume's intensities.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write everything that was found into this file.",
)
@click.pass_context
def command(
    ctx: click.Context,
    dataset: str,
    data_root: Path | None,
    dataset_assignments: tuple[str, ...],
    jobs: int | None,
    verbose: bool,
    json_file: Path | None,
) -> None:
    """Read every file of a dataset and say what is wrong with it.

    Looks for files that are missing or damaged, NaN and constant volumes, values that cannot be
    Hounsfield units, volumes of a subject that are not on one grid or not registered, headers that
    contradict themselves, and volumes that occur twice. Exits with 6 when something found would
    make a run impossible, else with 0.
    """
    from synthbench.cli.datasets import open_dataset
    from synthbench.registry import load_registry
    from synthbench.volumes.check import check

    opened = open_dataset(load_registry(), dataset, data_root, dataset_assignments)
    spec, subjects = opened.spec, opened.subjects
    modalities = list(dict.fromkeys(name for s in subjects for name in s.volumes))
    models = spec.intensities(modalities)
    with click.progressbar(length=len(subjects), label="reading", file=sys.stderr) as bar:
        checks = check(subjects, models, jobs=jobs, progress=lambda done, total: bar.update(1))
    problems = _problems(checks, spec.tasks)
    if json_file is not None:
        _write(json_file, opened.id, opened.root, checks, problems)
    _print(opened.id, checks, spec.tasks, problems, verbose)
    if problems:
        ctx.exit(6)


def _problems(checks: Sequence[SubjectCheck], tasks: Sequence[Task]) -> list[str]:
    """What would make a run impossible, one line each."""
    from synthbench.api.errors import few

    broken = [check.id for check in checks if not check.usable]
    problems = []
    if broken:
        problems.append(
            f"{len(broken)} of {len(checks)} subjects cannot be used: {few(broken, _MOST_NAMED)}"
        )
    patients = {check.patient for check in checks if check.usable}
    if len(patients) < 2:
        usable = f"{len(patients)} usable patient{'' if len(patients) == 1 else 's'}"
        problems.append(f"{usable}: too few, one must train and another be tested")
    elif tasks and not any(len(_patients_of(task, checks)) > 1 for task in tasks):
        problems.append("no usual task of this dataset has volumes of two patients or more")
    return problems


def _patients_of(task: Task, checks: Sequence[SubjectCheck]) -> set[str]:
    needed = {*task.source, task.target}
    return {c.patient for c in checks if c.usable and needed <= set(c.volumes)}


def _write(
    path: Path,
    dataset: str,
    root: Path | None,
    checks: Sequence[SubjectCheck],
    problems: Sequence[str],
) -> None:
    from dataclasses import asdict

    from synthbench.store.atomic import write_json

    record: dict[str, Any] = {
        "dataset": dataset,
        "root": None if root is None else str(root),
        "subjects": [{**asdict(check), "usable": check.usable} for check in checks],
        "problems": list(problems),
    }
    write_json(path, record)


def _print(
    dataset: str,
    checks: Sequence[SubjectCheck],
    tasks: Sequence[Task],
    problems: Sequence[str],
    verbose: bool,
) -> None:
    sites = any(check.site for check in checks)
    rows = [
        (
            check.id,
            check.patient,
            *((check.site,) if sites else ()),
            " x ".join(map(str, check.shape)),
            " x ".join(f"{side:.3g}" for side in check.spacing or ()),
            check.orientation,
            ", ".join(check.volumes),
            _state(check),
        )
        for check in checks
    ]
    site = ("site",) if sites else ()
    headers = ("patient", *site, "shape", "spacing (mm)", "axes", "volumes", "state")
    _table(dataset, ("subject", *headers), rows)
    if verbose:
        click.echo()
        volumes = [
            (check.id, name, found.dtype, *(f"{value:.5g}" for value in _values(found)))
            for check in checks
            for name, found in check.intensities.items()
        ]
        statistics = ("min", "p1", "median", "p99", "max")
        _table("intensities", ("subject", "volume", "type", *statistics), volumes)
    findings = [finding for check in checks for finding in check.findings]
    if findings:
        click.echo()
    for finding in findings:
        click.echo(f"{finding.severity}: {finding.message}")
    click.echo()
    for task in tasks:
        click.echo(f"{task}: {len(_patients_of(task, checks))} patients")
    for problem in problems:
        click.echo(problem)
    if not problems:
        click.echo(f"{len(checks)} subjects, ready for a run")


def _values(found: Intensities) -> tuple[float, ...]:
    return found.minimum, found.p1, found.median, found.p99, found.maximum


def _table(title: str, headers: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # a pipe has no width: do not cut what grep is looking for
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for header in headers:
        if header == "subject":
            table.add_column(header, no_wrap=True)
        else:
            table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table, markup=False)


def _state(check: SubjectCheck) -> str:
    errors = sum(finding.severity == "error" for finding in check.findings)
    warnings = len(check.findings) - errors
    counts = (("error", errors), ("warning", warnings))
    parts = [f"{n} {word}{'s' if n > 1 else ''}" for word, n in counts if n]
    return ", ".join(parts) or "ok"
