"""The table of differences: what stands behind each mark, as text."""

from __future__ import annotations

import math

from synthbench.report.columns import percent, signed
from synthbench.report.evidence import evidence
from synthbench.report.tables import Table

#: What the numbers are, for under the table.
DIFFERENCES_NOTE = (
    "Mean paired differences; the intervals are not corrected for several tests, g_z is the "
    "difference in standard deviations of the differences."
)


def difference_rows(table: Table) -> list[list[str]]:
    """The header and one row a test; nothing where nothing was tested."""
    behind = evidence(table)
    if not behind:
        return []
    level = f"{percent(1 - table.alpha)} interval"
    rows = [["metric", "method", "minus", "difference", level, "g_z", "p", "adjusted p"]]
    for each in behind:
        # One digit more than the table: differences are smaller than what they are made of.
        digits = each.column.decimals + 1
        test = each.cell.test
        assert test is not None
        low, high = each.interval.low, each.interval.high
        between = "--" if math.isnan(low) else f"{signed(low, digits)} to {signed(high, digits)}"
        effect = each.effects.g_z
        rows.append(
            [
                each.column.name,
                each.row.label,
                each.opponent.label,
                signed(test.mean_difference, digits),
                between,
                "--" if math.isnan(effect) else signed(effect, 2),
                f"{test.p:.2g}",
                f"{each.cell.p_adjusted:.2g}",
            ]
        )
    return rows
