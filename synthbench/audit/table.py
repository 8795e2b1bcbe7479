"""A table as its claims: one printed number each, with the marks beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

#: ``best`` is printed in bold, ``second`` underlined.
Mark = Literal["best", "second", ""]
Better = Literal["higher", "lower", ""]

#: Metrics by what they are; names are compared in small letters without anything but letters.
_KINDS = {
    "ssim": ("ssim", "higher"),
    "msssim": ("ssim", "higher"),
    "psnr": ("psnr", "higher"),
    "mae": ("mae", "lower"),
    "mse": ("mse", "lower"),
    "rmse": ("rmse", "lower"),
    "nmse": ("nmse", "lower"),
    "nrmse": ("error", "lower"),
    "nmae": ("error", "lower"),
    "lpips": ("error", "lower"),
    "fid": ("error", "lower"),
    "kid": ("", "lower"),
    "hd": ("error", "lower"),
    "dice": ("share", "higher"),
    "dsc": ("share", "higher"),
    "iou": ("share", "higher"),
}
#: Closed range of each kind; the others may be any number.
BOUNDS = {
    "ssim": (-1.0, 1.0),
    "share": (0.0, 1.0),
    "mae": (0.0, float("inf")),
    "mse": (0.0, float("inf")),
    "rmse": (0.0, float("inf")),
    "nmse": (0.0, float("inf")),
    "error": (0.0, float("inf")),
}


@dataclass(frozen=True)
class Claim:
    """One printed number.

    Attributes:
        task: What is compared with each other; ``""`` where the table holds one task.
        method: Row.
        metric: Column, as printed but without arrow and unit.
        mean: The number.
        sd: Standard deviation beside it; ``None`` where there is none.
        n: Subjects behind it; ``None`` where it is not known.
        decimals: Digits printed after the point.
        sd_decimals: The same of the standard deviation.
        better: Direction of improvement; ``""`` where it is not known.
        mark: What the table marks, or its text claims.
        data_range: Width of the intensity range (L of PSNR and SSIM); ``None`` where not said.
        line: Line of the file, from 1.
    """

    task: str
    method: str
    metric: str
    mean: float
    sd: float | None = None
    n: int | None = None
    decimals: int = 3
    sd_decimals: int = 3
    better: Better = ""
    mark: Mark = ""
    data_range: float | None = None
    line: int = 0

    @property
    def kind(self) -> str:
        """What the metric is, for checks that need to know; ``""`` for others."""
        return kind(self.metric)

    @property
    def half(self) -> float:
        """Half a unit of the last printed digit: what rounding may have hidden."""
        return 0.5 * 10.0**-self.decimals

    @property
    def low(self) -> float:
        """Smallest value that prints like this one."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Largest value that prints like this one."""
        return self.mean + self.half

    @property
    def printed(self) -> str:
        """The mean with its digits."""
        return f"{self.mean:.{max(self.decimals, 0)}f}"


def kind(metric: str) -> str:
    """What a metric is: ``psnr``, ``mse``, ``share`` of volumes, ...; ``""`` for others."""
    return _KINDS.get(_plain(metric), ("", ""))[0]


def direction(metric: str) -> Better:
    """Direction of improvement of a well-known metric; ``""`` for others."""
    found = _KINDS.get(_plain(metric), ("", ""))[1]
    return "higher" if found == "higher" else "lower" if found == "lower" else ""


def by_column(claims: Iterable[Claim]) -> dict[tuple[str, str], list[Claim]]:
    """Group claims that are compared with each other: by task and metric."""
    groups: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        groups.setdefault((claim.task, claim.metric), []).append(claim)
    return groups


def by_row(claims: Iterable[Claim]) -> dict[tuple[str, str], dict[str, Claim]]:
    """Group claims about the same images, by task and method (and region); then by kind."""
    groups: dict[tuple[str, str], dict[str, Claim]] = {}
    for claim in claims:
        _, comma, region = claim.metric.partition(",")
        if claim.kind:
            row = groups.setdefault((claim.task, claim.method + comma + region), {})
            row.setdefault(claim.kind, claim)
    return groups


def _plain(metric: str) -> str:
    # What follows a comma is the region: "PSNR, foreground".
    return re.sub("[^a-z]", "", metric.lower().partition(",")[0])
