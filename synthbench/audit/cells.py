"""Reads one cell of a printed table: ``**28.1 ± 0.3**`` and its many relatives."""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthbench.audit.table import Mark

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_CELL = re.compile(
    rf"(?P<mean>{_NUMBER})\s*%?\s*"
    rf"(?:±\s*(?P<sd>{_NUMBER})|\(\s*±?\s*(?P<in_brackets>{_NUMBER})\s*\))?\s*%?\s*"
    r"(?:\(\s*n\s*=\s*(?P<n>\d+)\s*\))?"
)
_BEST = re.compile(r"\*\*|__|</?(?:b|strong)>|\\(?:textbf|mathbf|bm)\b")
_SECOND = re.compile(r"</?(?:u|ins)>|\\(?:underline|uline)\b")
#: Superscripts of significance tests say nothing about the number.
_SUPERSCRIPT = re.compile(r"\\textsuperscript\{[^}]*\}|\\phantom\{[^}]*\}+|\^\{?[*†‡]+\}?|[*†‡]+$")
_NOTHING = re.compile(r"[-–—]*|n/?a|nan", re.IGNORECASE)  # noqa: RUF001


@dataclass(frozen=True)
class PrintedNumber:
    """A cell's content.

    Attributes:
        mean: The number.
        sd: The one beside it.
        n: From ``(n = 3)``.
        decimals: Digits of the mean after the point.
        sd_decimals: Digits of the standard deviation.
        mark: From bold or underlining.
    """

    mean: float
    sd: float | None
    n: int | None
    decimals: int
    sd_decimals: int
    mark: Mark


def parse_cell(text: str) -> PrintedNumber | None:
    """Read a cell.

    Standard deviations follow ``±``, ``+-``, ``+/-`` or ``\\pm``, or stand in brackets. Bold is
    ``**``, ``<b>`` or ``\\textbf``, underlining ``<u>``, ``<ins>`` or ``\\underline``; footnote
    marks, percent signs and dollar signs are skipped.

    Returns:
        ``None`` for an empty cell: nothing, dashes, ``n/a`` or ``nan``.

    Raises:
        ValueError: If it is neither empty nor a number.
    """
    mark: Mark = "best" if _BEST.search(text) else "second" if _SECOND.search(text) else ""
    plain = _BEST.sub("", _SECOND.sub("", text))
    plain = plain.replace("\\%", "%").replace("\\,", "").replace("$", "").strip()
    plain = _SUPERSCRIPT.sub("", plain).strip()
    plain = re.sub(r"\\pm|\+/?[-−]", "±", plain)  # noqa: RUF001
    plain = re.sub(r"^−", "-", re.sub(r"[{}]", "", plain)).strip()  # noqa: RUF001
    if _NOTHING.fullmatch(plain):
        return None
    found = _CELL.fullmatch(plain)
    if found is None:
        raise ValueError(text)
    sd = found["sd"] or found["in_brackets"]
    return PrintedNumber(
        mean=float(found["mean"]),
        sd=None if sd is None else float(sd),
        n=int(found["n"]) if found["n"] else None,
        decimals=decimals(found["mean"]),
        sd_decimals=decimals(sd or ""),
        mark=mark,
    )


def decimals(number: str) -> int:
    """Count the printed digits after the point; negative powers of ten add to them."""
    mantissa, _, exponent = number.lower().partition("e")
    return len(mantissa.partition(".")[2]) - (int(exponent) if exponent else 0)
