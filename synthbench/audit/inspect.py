"""All checks of a table, the worst findings first."""

from __future__ import annotations

from collections.abc import Sequence

from synthbench.audit.findings import SEVERITIES, Finding
from synthbench.audit.implied import check_implied
from synthbench.audit.marks import check_marks
from synthbench.audit.possible import check_possible
from synthbench.audit.table import Claim
from synthbench.audit.winner import check_winners


def audit(claims: Sequence[Claim]) -> list[Finding]:
    """Check a table.

    Args:
        claims: From :func:`synthbench.audit.read`.

    Returns:
        Errors, then warnings, then what else the numbers imply; each in the table's order of tasks.
    """
    found = [
        *check_marks(claims),
        *check_possible(claims),
        *check_winners(claims),
        *check_implied(claims),
    ]
    tasks = list(dict.fromkeys(claim.task for claim in claims))
    return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), tasks.index(each.task)))
