"""How likely is it that the claimed winner is not better?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from synthbench.audit.findings import Finding, Severity
from synthbench.audit.table import Claim, by_column

#: Correlations between two methods' scores over subjects, which no table prints. Errors of two
#: methods usually rise and fall together, so 0 is hard on the table and 0.9 kind to it.
CORRELATIONS = (0.0, 0.5, 0.9)
#: Above this probability a win is not shown.
LIMIT = 0.05


def probability_not_better(winner: Claim, rival: Claim, correlation: float) -> float:
    """Probability that the claimed winner is not the better one, from means and spreads alone.

    ``T_{n-1}(-sqrt(n) gain / sqrt(sA^2 + sB^2 - 2 r sA sB))`` with Student's distribution T
    (Christodoulou et al. 2025, arXiv 2505.04720).

    Args:
        winner: Needs a standard deviation, n of at least 2 and a direction.
        rival: Needs a standard deviation.
        correlation: Between the two methods' scores over subjects, in [-1, 1].
    """
    # All of scipy.stats would take longer to import than a whole audit takes.
    from scipy.special import stdtr

    assert winner.sd is not None
    assert rival.sd is not None
    assert winner.n is not None
    gain = winner.mean - rival.mean
    gain = gain if winner.better == "higher" else -gain
    variance = winner.sd**2 + rival.sd**2 - 2 * correlation * winner.sd * rival.sd
    if variance <= 0:
        return 0.5 if gain == 0 else float(gain < 0)
    return float(stdtr(winner.n - 1, -math.sqrt(winner.n / variance) * gain))


def check_winners(claims: Sequence[Claim]) -> list[Finding]:
    """Compare each column's claimed winner (else its best mean) with the best of the others."""
    found = []
    for column in by_column(claims).values():
        better = column[0].better
        if not better or len(column) < 2:
            continue
        ordered = sorted(column, key=lambda claim: claim.mean, reverse=better == "higher")
        marked = [claim for claim in ordered if claim.mark == "best"]
        winner = (marked or ordered)[0]
        # Methods that the table itself calls equal are no rivals.
        rivals = [
            claim
            for claim in ordered
            if claim is not winner and not (claim.mean == winner.mean and claim.mark == "best")
        ]
        if not rivals:
            continue
        rival = rivals[0]
        if winner.sd is None or rival.sd is None or winner.n is None or winner.n < 2:
            continue
        found += _judge(winner, rival)
    return found


def _judge(winner: Claim, rival: Claim) -> list[Finding]:
    chances = [probability_not_better(winner, rival, r) for r in CORRELATIONS]
    kept = [r for r, chance in zip(CORRELATIONS, chances, strict=True) if chance <= LIMIT]
    if chances[0] <= LIMIT:
        return []
    middle = chances[CORRELATIONS.index(0.5)]
    severity: Severity = "warning" if middle > LIMIT else "info"
    listed = " / ".join(f"{chance:.2g}" for chance in chances)
    correlations = " / ".join(f"{r:g}" for r in CORRELATIONS)
    verdict = (
        f"shown only if the two correlate by about {kept[0]:g} or more"
        if kept
        else "not shown at any of these correlations"
    )
    message = (
        f"{winner.method} ({winner.printed}) over {rival.method} ({rival.printed}), "
        f"n = {winner.n}: the chance that it is not better is {listed} at correlations "
        f"{correlations}; {verdict}."
    )
    values = tuple((f"p_at_{r:g}", chance) for r, chance in zip(CORRELATIONS, chances, strict=True))
    return [
        Finding(
            severity,
            "winner",
            winner.task,
            winner.method,
            winner.metric,
            message,
            winner.line,
            values,
        )
    ]
