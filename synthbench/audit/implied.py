"""What the numbers say about things the table leaves out: intensity range and normaliser."""

from __future__ import annotations

import math
from collections.abc import Sequence

from synthbench.audit.findings import Finding
from synthbench.audit.possible import spread_allowance
from synthbench.audit.table import Claim, by_row

#: The range of 8-bit images, which readers take for granted beside errors in grey values.
_EIGHT_BIT = 255.0
#: A normaliser is a property of the real images; it cannot differ this much between methods.
_UNSTEADY = 2.0


def implied_range(psnr: Claim, error: Claim) -> float:
    """Intensity range L that an error and a PSNR imply together.

    Args:
        psnr: Mean PSNR in dB.
        error: MAE, RMSE or MSE. From MAE it is the smallest possible L, because RMSE is at least
            MAE in every image; from the others it is the largest (Jensen).
    """
    root = math.sqrt(error.mean) if error.kind == "mse" else error.mean
    return root * 10 ** (psnr.mean / 20)


def check_implied(claims: Sequence[Claim]) -> list[Finding]:
    """Tell the implied data range, and the implied normaliser of NMSE, task by task."""
    rows = by_row(claims)
    found = []
    for task in dict.fromkeys(task for task, _ in rows):
        of_task = {method: kinds for (where, method), kinds in rows.items() if where == task}
        found += _range(task, of_task)
        found += _normaliser(task, of_task)
    return found


def _range(task: str, rows: dict[str, dict[str, Claim]]) -> list[Finding]:
    for error, limit in (("rmse", "at most"), ("mse", "at most"), ("mae", "at least")):
        implied = {
            method: implied_range(kinds["psnr"], kinds[error])
            for method, kinds in rows.items()
            if "psnr" in kinds and error in kinds and not kinds["psnr"].data_range
        }
        if not implied:
            continue
        # The bound that binds: largest lower bound, smallest upper bound.
        pick = max if error == "mae" else min
        method = pick(implied, key=lambda name: implied[name])
        each = ", ".join(f"{name} {_short(value)}" for name, value in implied.items())
        message = (
            f"PSNR and {error.upper()} together imply a data range of {limit} about "
            f"{_short(implied[method])} ({each})"
        )
        narrow = [
            implied[name] / 10 ** (spread_allowance(rows[name][error]) / 20) for name in implied
        ]
        too_wide = error == "mae" and max(narrow) > _EIGHT_BIT
        if too_wide:
            message += "; with an 8-bit range of 255, RMSE would be below MAE"
        return [
            Finding(
                "warning" if too_wide else "info",
                "data-range",
                task,
                "",
                "PSNR",
                f"{message}.",
                0,
                tuple(implied.items()),
            )
        ]
    return []


def _normaliser(task: str, rows: dict[str, dict[str, Claim]]) -> list[Finding]:
    implied = {}
    for method, kinds in rows.items():
        nmse, psnr, mse = (kinds.get(name) for name in ("nmse", "psnr", "mse"))
        if nmse is None or nmse.mean <= 0:
            continue
        if mse is not None:
            implied[method] = mse.mean / nmse.mean
        elif psnr is not None and psnr.data_range:
            implied[method] = psnr.data_range**2 * 10 ** (-psnr.mean / 10) / nmse.mean
    if not implied:
        return []
    low, high = min(implied.values()), max(implied.values())
    unsteady = high > _UNSTEADY * low
    message = f"NMSE is MSE divided by about {low:.3g}" + (f" to {high:.3g}" if high > low else "")
    if unsteady:
        message += "; one set of real images has one normaliser, so something was averaged or "
        message += "normalised in another way"
    else:
        message += ": compare it with the images' mean square (energy), variance and squared range"
    return [
        Finding(
            "warning" if unsteady else "info",
            "nmse-normaliser",
            task,
            "",
            "NMSE",
            f"{message}.",
            0,
            tuple(implied.items()),
        )
    ]


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
