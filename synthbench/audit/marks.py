"""Are the best in bold and the second best underlined?"""

from __future__ import annotations

from collections.abc import Sequence

from synthbench.audit.findings import Finding, Severity
from synthbench.audit.table import Claim, by_column


def check_marks(claims: Sequence[Claim]) -> list[Finding]:
    """Compare bold and underlined cells with the printed means; ties share a mark.

    Kinds of marks that the table does not use are not missed. Behind a tie for the best place, the
    next value may be underlined or not.
    """
    uses = {claim.mark for claim in claims}
    found: list[Finding] = []
    for column in by_column(claims).values():
        if len(column) < 2 or not uses - {""}:
            continue
        if not column[0].better:
            found.append(_unknown(column))
            continue
        sign = 1 if column[0].better == "higher" else -1
        values = sorted({sign * claim.mean for claim in column}, reverse=True)
        best = [claim for claim in column if sign * claim.mean == values[0]]
        second = [claim for claim in column if len(values) > 1 and sign * claim.mean == values[1]]
        if "best" in uses:
            found += _check(column, best, "best", needed=True)
        if "second" in uses:
            found += _check(column, second, "second", needed=len(best) == 1)
    return found


_WORDS = {"best": ("marked as the best", "is the best"), "second": ("underlined", "is second")}


def _check(
    column: Sequence[Claim], right: Sequence[Claim], mark: str, *, needed: bool
) -> list[Finding]:
    marked, is_so = _WORDS[mark]
    wrong = [claim for claim in column if claim.mark == mark and claim not in right]
    missing = [claim for claim in right if claim.mark != mark]
    rightly = " and ".join(f"{claim.method} ({claim.printed})" for claim in right)
    found = [
        _finding(claim, "error", f"{claim.printed} is {marked}, but {rightly} {is_so}")
        for claim in wrong
        if right
    ]
    # A wrong mark has named the right cell already.
    if needed and not wrong:
        shared = len(missing) < len(right)
        found += [
            _finding(
                claim,
                "warning",
                f"{claim.printed} {'ties with a cell that is' if shared else is_so + ' but not'} "
                f"{marked}" + (", and is not" if shared else ""),
            )
            for claim in missing
        ]
    return found


def _finding(claim: Claim, severity: Severity, message: str) -> Finding:
    return Finding(
        severity, "marks", claim.task, claim.method, claim.metric, f"{message}.", claim.line
    )


def _unknown(column: Sequence[Claim]) -> Finding:
    first = column[0]
    return Finding(
        "info",
        "marks",
        first.task,
        "",
        first.metric,
        "Direction of improvement not known, so marks and winner were not checked; add an arrow to "
        "the title, or a column named better.",
    )
