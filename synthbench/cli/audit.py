"""``synthbench audit``: does a table of means and standard deviations hold together?"""

from __future__ import annotations

import json
from pathlib import Path

import click

#: As with `run`: the command worked, and something in it is wrong.
EXIT_FOUND = 3


@click.command("audit")
@click.argument(
    "table", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="TABLE.csv"
)
@click.option(
    "--n", type=click.IntRange(2), help="Subjects behind each mean, where the table does not say."
)
@click.option(
    "--range",
    "data_range",
    type=click.FloatRange(0, min_open=True),
    help="Intensity range L of PSNR, where the table does not say.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def command(
    ctx: click.Context, table: Path, n: int | None, data_range: float | None, as_json: bool
) -> None:
    """Check a table that somebody printed.

    Looks for wrong bold and underlined cells, numbers that cannot stand beside each other, claimed
    winners that may not be better, and tells the intensity range and NMSE normaliser that the
    numbers imply. Ends with 3 if anything in the table cannot be so, else with 0.
    """
    from synthbench.audit import audit, read

    claims = read(table, n=n, data_range=data_range)
    findings = audit(claims)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        content = {
            "table": str(table),
            "numbers": len(claims),
            "errors": errors,
            "findings": [finding.as_dict() for finding in findings],
        }
        click.echo(json.dumps(content, indent=1, allow_nan=False))
    else:
        for finding in findings:
            where = f"{finding.where}: " if finding.where else ""
            line = f" (line {finding.line})" if finding.line else ""
            click.echo(f"{finding.severity:<7}  {where}{finding.message}{line}")
        warnings = sum(finding.severity == "warning" for finding in findings)
        click.echo(
            f"\n{table.name}: {len(claims)} numbers, {_count(errors, 'error')}, "
            f"{_count(warnings, 'warning')}"
        )
    if errors:
        ctx.exit(EXIT_FOUND)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
