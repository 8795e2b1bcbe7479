"""``synthbench figure``: the figures of a paper: one subject, or how the methods rank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from synthbench.cli.options import names, output_option

if TYPE_CHECKING:
    from synthbench.report.ranks import Ranks
    from synthbench.report.run_folder import RunFolder


def _point(_: click.Context, __: click.Parameter, value: str) -> str | tuple[float, float, float]:
    """Read ``auto``, ``off`` or three world coordinates."""
    if value in ("auto", "off"):
        return value
    try:
        numbers = [float(part) for part in value.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 3:
        raise click.BadParameter(f"{value!r} is neither auto nor off nor X,Y,Z in mm")
    return numbers[0], numbers[1], numbers[2]


@click.command("figure")
@click.argument("runs", nargs=-1)
@click.option(
    "--ranks",
    is_flag=True,
    help="Draw how the methods rank instead: a critical-difference diagram over five or more "
    "datasets or tasks, else rank intervals of one task.",
)
@click.option("--subject", help="Held-out subject to show.  [default: the most ordinary one]")
@click.option("--dataset", "-d", help="Dataset, where the run has several.")
@click.option("--task", help="Task as the report prints it, where the run has several.")
@click.option(
    "--methods",
    multiple=True,
    callback=names,
    help="Methods by name or pattern, in this order.  [default: all]",
)
@click.option(
    "--metrics",
    multiple=True,
    callback=names,
    help="Metrics above each method, at most two, or to rank by.  [default: the first two of the "
    "report; the first with --ranks]",
)
@click.option(
    "--protocol", default="", help="Metric protocol, where the run was scored under several."
)
@click.option(
    "--views",
    multiple=True,
    callback=names,
    help="Rows: axial, coronal, sagittal.  [default: all three]",
)
@click.option(
    "--zoom",
    default="auto",
    show_default=True,
    metavar="auto|off|X,Y,Z",
    callback=_point,
    help="Enlarge the label, or where methods differ most; or a point (world mm, RAS+), which "
    "the slices then pass through.",
)
@click.option(
    "--zoom-size",
    type=click.FloatRange(0, min_open=True),
    metavar="MM",
    help="Side of the enlarged region.  [default: a fifth of the smallest slice]",
)
@click.option("--errors", is_flag=True, help="Add a row of absolute errors below every view.")
@click.option(
    "--width",
    type=click.FloatRange(60, 1000),
    default=180.0,
    show_default=True,
    metavar="MM",
    help="Width of the page; with few methods the figure of a subject is narrower.",
)
@click.option(
    "--out",
    "outs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File, .png or .pdf; without either, both.  [default: figure]",
)
@output_option
def command(
    runs: tuple[str, ...],
    ranks: bool,
    subject: str | None,
    dataset: str | None,
    task: str | None,
    methods: tuple[str, ...],
    metrics: tuple[str, ...],
    protocol: str,
    views: tuple[str, ...],
    zoom: str | tuple[float, float, float],
    zoom_size: float | None,
    errors: bool,
    width: float,
    outs: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Draw one held-out subject: views down; source, target and methods across.

    RUNS is a run's name or folder; by default the latest run. Methods of several runs stand in one
    figure. Prints the caption. With --ranks, draws how the methods rank.
    """
    from synthbench.api.errors import UsageError
    from synthbench.report.comparison import load_comparison
    from synthbench.report.joining import join
    from synthbench.report.paper_figure import draw_paper_figure, paper_caption
    from synthbench.report.planes import VIEWS
    from synthbench.report.run_folder import RunFolder, find_run
    from synthbench.report.tables import build_table
    from synthbench.report.testing import find_methods
    from synthbench.report.zoom import zooms
    from synthbench.store.paths import output_root

    chosen = _views(views, VIEWS)
    paths = _paths(outs or (Path("ranks" if ranks else "figure"),))
    root = output_root(output)
    folder = join([RunFolder.load(find_run(root, run)) for run in runs or (None,)]).under(protocol)
    if ranks:
        if subject or methods or views or zoom != "auto" or zoom_size or errors:
            raise UsageError(
                "--ranks shows all methods over all subjects",
                "leave out --subject, --methods, --views, --zoom, --zoom-size and --errors",
            )
        click.echo(_draw_ranks(folder, dataset, task, metrics, paths, width))
        click.echo(f"wrote {', '.join(str(path) for path in paths)}", err=True)
        return
    table = build_table(folder, *_task(folder, dataset, task), metrics=metrics)
    comparison = load_comparison(
        folder,
        table,
        subject,
        methods=find_methods(methods, {row.method: row.label for row in table.rows}, table.task),
        views=chosen,
        at=None if isinstance(zoom, str) else zoom,
    )
    regions = () if zoom == "off" else zooms(comparison, zoom_size)
    draw_paper_figure(comparison, paths, zoom=regions, errors=errors, width=width)
    click.echo(paper_caption(comparison, regions, errors))
    click.echo(f"wrote {', '.join(str(path) for path in paths)}", err=True)


def _draw_ranks(
    run: RunFolder,
    dataset: str | None,
    task: str | None,
    metrics: tuple[str, ...],
    paths: list[Path],
    width: float,
) -> str:
    """Draw how the methods rank; returns the caption."""
    from synthbench.api.errors import DataError
    from synthbench.report.rank_figure import draw_ranks
    from synthbench.report.ranks import rank_intervals, ranks_over_datasets
    from synthbench.report.tables import build_table, build_tables

    panels = []
    if dataset is None and task is None:
        panels = ranks_over_datasets(run, build_tables(run, metrics=metrics))
    if not panels:
        table = build_table(run, *_task(run, dataset, task), metrics=metrics)
        panels = rank_intervals(table, run)
    if not panels:
        raise DataError(
            f"run {run.name} has nothing to rank",
            "ranks need two methods with scores of the same two subjects",
        )
    # Each metric in its first region only; without a choice, the report's first column.
    first: dict[str, Ranks] = {}
    for panel in panels:
        first.setdefault(panel.metric, panel)
    panels = list(first.values()) if metrics else panels[:1]
    draw_ranks(panels, paths, width)
    return "\n".join(panel.what for panel in panels)


def _views(wanted: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    from synthbench.api.errors import UsageError
    from synthbench.registry.names import did_you_mean

    for name in wanted:
        if name not in known:
            raise UsageError(
                f"there is no view {name!r}",
                did_you_mean(name, known, f"there are {', '.join(known)}"),
            )
    return tuple(dict.fromkeys(wanted)) or known


def _paths(outs: tuple[Path, ...]) -> list[Path]:
    """The files to write; a name without a format gets all formats."""
    from synthbench.api.errors import UsageError
    from synthbench.report.figure_files import FORMATS

    paths: list[Path] = []
    for out in outs:
        suffix = out.suffix[1:].lower()
        if suffix in FORMATS:
            paths.append(out)
        elif suffix in ("jpg", "jpeg", "svg", "eps", "tif", "tiff"):
            raise UsageError(
                f"{out}: figures are written as {' and '.join(FORMATS)}", "name such a file"
            )
        else:
            paths += [out.with_name(f"{out.name}.{form}") for form in FORMATS]
    return list(dict.fromkeys(paths))


def _task(run: RunFolder, dataset: str | None, task: str | None) -> tuple[str, str]:
    """The one (dataset, task) that was asked for."""
    from synthbench.api.errors import UsageError
    from synthbench.report.run_folder import short_name

    found = [
        (data, name)
        for data, name in run.tasks
        if dataset in (None, data, short_name(data))
        and (task is None or "".join(task.split()).replace("→", "->") == "".join(name.split()))
    ]
    if len(found) == 1:
        return found[0]
    listed = "; ".join(f"--dataset {short_name(data)} --task {name!r}" for data, name in run.tasks)
    raise UsageError(
        f"run {run.name} has {'several such tasks' if found else 'no such task'}",
        f"choose one: {listed}" if listed else "wait until the run has started",
    )
