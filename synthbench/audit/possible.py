"""Can these numbers stand beside each other at all?

Means over the same images obey inequalities whatever the images are; rounding is granted in favour
of the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from synthbench.audit.findings import Finding, Severity
from synthbench.audit.table import BOUNDS, Claim, by_row

#: dB that a mean of PSNR may exceed the PSNR of the mean MSE before it needs an explanation: they
#: are that far apart where PSNR has a standard deviation of about 7 dB.
_WIDE = 6.0
#: dB granted where the spread of the errors is known, because it need not be log-normal.
_NARROW = 1.0


def check_possible(claims: Sequence[Claim]) -> list[Finding]:
    """Look for values out of range, impossible spreads and impossible combinations."""
    percent = _in_percent(claims)
    found = [finding for claim in claims for finding in _alone(claim, claim.metric in percent)]
    for kinds in by_row(claims).values():
        found += _together(kinds)
    return found


def _in_percent(claims: Sequence[Claim]) -> set[str]:
    """Metrics whose values can only be meant in percent: most are above 2, none above 100."""
    metrics: dict[str, list[float]] = {}
    for claim in claims:
        if claim.kind in ("ssim", "share"):
            metrics.setdefault(claim.metric, []).append(claim.mean)
    return {
        metric
        for metric, values in metrics.items()
        if max(values) <= 100 and sum(value > 2 for value in values) * 2 > len(values)
    }


def _alone(claim: Claim, in_percent: bool) -> Iterator[Finding]:
    scale = 100.0 if in_percent else 1.0
    low, high = (bound * scale for bound in BOUNDS.get(claim.kind, (-math.inf, math.inf)))
    if not low <= claim.mean <= high:
        limit = f"below {low:g}" if claim.mean < low else f"above {high:g}"
        yield _finding(claim, "range", f"{claim.printed} is {limit}; no {claim.metric} can be")
        return
    if claim.sd is None:
        return
    if claim.sd < 0:
        yield _finding(claim, "spread", f"standard deviation {claim.sd:g} is negative")
        return
    n = claim.n or math.inf
    least = claim.sd - 0.5 * 10.0**-claim.sd_decimals
    most = math.inf
    if math.isfinite(high):
        # Bhatia and Davis: a mean between two bounds leaves only so much room to vary.
        room = max((high - value) * (value - low) for value in _rounded(claim, low, high))
        most = math.sqrt(max(0.0, room) * (n / (n - 1) if 1 < n < math.inf else 1.0))
    elif math.isfinite(low) and n < math.inf:
        # n values of at least 0 vary most where all but one are 0.
        most = claim.high * math.sqrt(n)
    if least > most:
        yield _finding(
            claim,
            "spread",
            f"standard deviation {claim.sd:g} is impossible beside a mean of {claim.printed}: at "
            f"most {most:.3g}",
        )


def _rounded(claim: Claim, low: float, high: float) -> tuple[float, ...]:
    middle = (low + high) / 2
    nearest = min(max(middle, claim.low), claim.high)
    return tuple(min(max(value, low), high) for value in (claim.low, claim.high, nearest))


def _together(kinds: dict[str, Claim]) -> Iterator[Finding]:
    mae, mse, rmse, psnr = (kinds.get(name) for name in ("mae", "mse", "rmse", "psnr"))
    if mae and rmse and rmse.high < mae.low:
        yield _finding(
            rmse,
            "rmse-mae",
            f"RMSE {rmse.printed} is below MAE {mae.printed}, but a root mean square never lies "
            "below the mean",
        )
    # With all on one scale: MSE >= RMSE^2 >= MAE^2, in each image and so in the means.
    for other in (rmse, mae):
        if mse and other and mse.high < max(other.low, 0.0) ** 2:
            yield _finding(
                mse,
                "mse-mae" if other is mae else "mse-rmse",
                f"MSE {mse.printed} is below the square of the {other.metric} {other.printed}",
            )
    if mse and mae and mse.data_range and mse.low > mse.data_range * mae.high:
        yield _finding(
            mse,
            "mse-mae",
            f"MSE {mse.printed} exceeds the range {mse.data_range:g} times the MAE {mae.printed}",
        )
    if psnr and psnr.data_range:
        if mse:
            yield from _jensen(psnr, mse, psnr.data_range, power=1)
        if rmse:
            yield from _jensen(psnr, rmse, psnr.data_range, power=2)
        if mae:
            yield from _loud(psnr, mae, psnr.data_range)


def _jensen(psnr: Claim, error: Claim, data_range: float, *, power: int) -> Iterator[Finding]:
    """A mean of PSNR is at least the PSNR of the mean error, because -log is convex."""

    def psnr_of(value: float) -> float:
        return 10 * math.log10(data_range**2 / value**power)

    if error.high <= 0:
        return
    least = psnr_of(error.high)
    if psnr.high < least:
        yield _finding(
            psnr,
            "jensen",
            f"mean PSNR {psnr.printed} dB is impossible beside a mean {error.metric} of "
            f"{error.printed} with range {data_range:g}: at least {least:.2f} dB, with rounding in "
            "its favour",
            values=(("least_psnr", least),),
        )
    elif error.low > 0 and psnr.low - psnr_of(error.low) > _WIDE:
        yield _finding(
            psnr,
            "jensen",
            f"mean PSNR {psnr.printed} dB is {psnr.low - psnr_of(error.low):.1f} dB above the PSNR "
            f"of the mean {error.metric} {error.printed}: only a few very bad images could do that",
            severity="warning",
        )


def _loud(psnr: Claim, mae: Claim, data_range: float) -> Iterator[Finding]:
    """RMSE is at least MAE in each image, so PSNR is at most that of the MAE.

    Between means this holds up to the spread of MAE between images.
    """
    if mae.low <= 0:
        return
    most = 20 * math.log10(data_range / mae.low) + spread_allowance(mae)
    if psnr.low > most + (_WIDE if mae.sd is None else _NARROW):
        yield _finding(
            psnr,
            "psnr-mae",
            f"PSNR {psnr.printed} dB is impossible beside {mae.metric} {mae.printed} with range "
            f"{data_range:g}: RMSE is at least MAE, which leaves about {most:.1f} dB",
            severity="warning" if mae.sd is None else "error",
            values=(("most_psnr", most),),
        )


def spread_allowance(error: Claim) -> float:
    """How far a mean of -20 log10 exceeds that of the mean, for log-normal errors, in dB."""
    if error.sd is None or error.mean <= 0:
        return 0.0
    return 10 / math.log(10) * math.log1p((error.sd / error.mean) ** 2)


def _finding(
    claim: Claim,
    check: str,
    message: str,
    *,
    severity: Severity = "error",
    values: tuple[tuple[str, float], ...] = (),
) -> Finding:
    text = message[0].upper() + message[1:]
    return Finding(
        severity, check, claim.task, claim.method, claim.metric, f"{text}.", claim.line, values
    )
