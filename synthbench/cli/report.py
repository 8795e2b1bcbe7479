"""``synthbench report``: tables and a comparison figure from a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from synthbench.cli.options import names, output_option

if TYPE_CHECKING:
    from synthbench.report.run_folder import RunFolder
    from synthbench.report.tables import Table
    from synthbench.statistics import Correction, TestName

_SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv", "html": "html"}


def _margins(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> dict[str, float]:
    """Read ``psnr=0.5 ssim=0.01`` given once or several times."""
    margins = {}
    for text in value:
        metric, _sign, number = text.partition("=")
        try:
            margins[metric.strip()] = float(number)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not METRIC=VALUE, e.g. psnr=0.5") from None
        if not 0 < margins[metric.strip()] < float("inf"):
            raise click.BadParameter(f"the margin in {text!r} must be positive")
    return margins


def _decimals(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> dict[str, int]:
    """Read ``2 ssim=4`` given once or several times; the number alone is for all others."""
    decimals = {}
    for text in names(_, __, value):
        metric, sign, number = text.rpartition("=")
        if not (number.isdecimal() and int(number) <= 9 and bool(sign) == bool(metric)):
            raise click.BadParameter(f"{text!r} is neither N nor METRIC=N, with N from 0 to 9")
        decimals[metric] = int(number)
    return decimals


@click.command("report")
@click.argument("runs", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(sorted(_SUFFIXES)),
    default="markdown",
    show_default=True,
    help="How to print the table.",
)
@click.option(
    "--metrics",
    multiple=True,
    callback=names,
    help="Metrics by name or pattern, or all.  [default: the first four of each evaluator]",
)
@click.option(
    "--regions",
    multiple=True,
    callback=names,
    help="foreground, whole, a label region, or all.  [default: foreground, and whole in brief]",
)
@click.option(
    "--protocol", default="", help="Metric protocol, where the run was scored under several."
)
@click.option(
    "--protocol-spread",
    "spread",
    is_flag=True,
    help="Print how each method's score and rank change between the run's metric protocols.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write table, caption and figure into this folder.",
)
@click.option(
    "--test",
    type=click.Choice(["wilcoxon", "permutation", "paired-t"]),
    default="wilcoxon",
    show_default=True,
    help="Paired test over subjects.",
)
@click.option(
    "--correction",
    type=click.Choice(["holm", "bh", "none"]),
    default="holm",
    show_default=True,
    help="Correction over all tests of a table.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.05,
    show_default=True,
    help="Significance level after correction.",
)
@click.option("--reference", help="Test against this method.  [default: the best of each column]")
@click.option(
    "--margin",
    "margins",
    multiple=True,
    metavar="METRIC=VALUE",
    callback=_margins,
    help="Also test equivalence: the largest difference that does not matter.",
)
@click.option(
    "--decimals",
    multiple=True,
    metavar="N|METRIC=N",
    callback=_decimals,
    help="Digits after the point, of all metrics or of one.  [default: what each declares]",
)
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    help="Subject of the figure; in HTML, may be given several times.  [default: the most ordinary "
    "one; in HTML, the best and the worst too]",
)
@output_option
def command(
    runs: tuple[str, ...],
    form: str,
    metrics: tuple[str, ...],
    regions: tuple[str, ...],
    protocol: str,
    spread: bool,
    test: TestName,
    correction: Correction,
    alpha: float,
    reference: str | None,
    margins: dict[str, float],
    decimals: dict[str, int],
    out: Path | None,
    subjects: tuple[str, ...],
    output: Path | None,
) -> None:
    """Print the table of a run, with significance tests.

    RUNS is a run's name or folder; by default the latest run. Methods of several runs stand in one
    table. A run still in progress gives a partial table, which says so.
    """
    from synthbench.api.errors import UsageError
    from synthbench.report import latex, markdown, protocol_spread, tidy
    from synthbench.report.caption import caption
    from synthbench.report.joining import join
    from synthbench.report.run_folder import RunFolder, find_run
    from synthbench.report.stats import stats
    from synthbench.report.tables import build_tables
    from synthbench.report.testing import Testing
    from synthbench.store.atomic import write_json, write_text
    from synthbench.store.paths import output_root

    root = output_root(output)
    folder = join([RunFolder.load(find_run(root, run)) for run in runs or (None,)])
    if spread:
        if form != "markdown" or protocol or metrics or regions or subjects:
            raise UsageError(
                "--protocol-spread prints one table of all protocols, as markdown",
                "leave out --format, --protocol, --metrics, --regions and --subject",
            )
        text = protocol_spread.render(folder)
        click.echo(text, nl=False)
        if out is not None:
            write_text(out / "protocol_spread.md", text)
            click.echo(f"\nwrote {out / 'protocol_spread.md'}", err=True)
        return
    folder = folder.under(protocol)
    testing = Testing(test, correction, alpha, reference, margins)
    tables = build_tables(
        folder, metrics=metrics, regions=regions, testing=testing, decimals=decimals
    )
    if form == "html":
        _write_page(folder, tables, out, subjects)
        return
    if len(subjects) > 1:
        raise UsageError(
            "a figure shows one subject", "give --subject once, or several with --format html"
        )
    subject = subjects[0] if subjects else None
    if form == "csv":
        text = tidy.render(tables, folder)
    else:
        render = markdown.render if form == "markdown" else latex.render
        text = "\n".join(render(table, folder) for table in tables)
    click.echo(text, nl=False)
    if out is None:
        return
    figures = [
        figure
        for number, table in enumerate(tables, start=1)
        if (figure := _draw(folder, table, subject, out, number if len(tables) > 1 else 0))
    ]
    if form == "markdown":
        text += markdown.appendix(folder, tables, figures)
    written = [out / f"table.{_SUFFIXES[form]}", out / "caption.txt", out / "stats.json"]
    write_text(written[0], text)
    write_text(written[1], "\n".join(f"{caption(table, folder)}\n" for table in tables))
    write_json(written[2], stats(tables, folder))
    names = ", ".join(str(path) for path in [*written, *(out / name for name in figures)])
    click.echo(f"\nwrote {names}", err=True)


def print_run(run: Path) -> None:
    """Print a run's tables as markdown, for each metric protocol in turn.

    Args:
        run: The run's folder.
    """
    from synthbench.report import markdown
    from synthbench.report.run_folder import RunFolder
    from synthbench.report.tables import build_tables

    loaded = RunFolder.load(run)
    for protocol in loaded.protocols or [""]:
        folder = loaded.under(protocol)
        click.echo("\n".join(markdown.render(table, folder) for table in build_tables(folder)))


def _write_page(
    run: RunFolder, tables: list[Table], out: Path | None, subjects: tuple[str, ...]
) -> None:
    """Write the HTML page, into the run's own folder unless another is named."""
    from synthbench.api.errors import UsageError
    from synthbench.report.html.page import write_page
    from synthbench.report.stats import stats
    from synthbench.store.atomic import write_json

    if run.parts and out is None:
        raise UsageError(
            "a page of several runs belongs into none of their folders",
            "say where to write it with --out",
        )
    page = (out or run.path) / "report.html"
    found = stats(tables, run)
    for line in write_page(run, tables, found, page, subjects):
        click.echo(line, err=True)
    if out is not None:
        write_json(out / "stats.json", found)
    click.echo(page)


def _draw(run: RunFolder, table: Table, subject: str | None, out: Path, number: int) -> str:
    """Draw the figure of one task; a table without a figure is still worth having."""
    from synthbench.api.errors import DataError, UsageError
    from synthbench.report.comparison import load_comparison
    from synthbench.report.figure import draw

    name = f"figure_{number}.png" if number else "figure.png"
    try:
        draw(load_comparison(run, table, subject), out / name)
    except DataError as error:
        click.echo(f"no figure of {table.task}: {error.message}", err=True)
        return ""
    except UsageError as error:
        # With several tasks, a subject need not be in all of them.
        if not number:
            raise
        click.echo(f"no figure of {table.task}: {error.message}", err=True)
        return ""
    return name
