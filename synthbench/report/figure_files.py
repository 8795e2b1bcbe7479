"""Writes figures for papers, in the size they are printed in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from synthbench.store.atomic import write_atomic

#: File formats.
FORMATS = ("png", "pdf")
#: A millimetre in inches.
MM = 1 / 25.4
_DPI = 600


def save(figure: Figure, paths: Sequence[Path], title: str) -> None:
    """Write a figure; the suffix, ``.png`` or ``.pdf``, decides the format.

    Raises:
        DataError: If a file cannot be written.
    """
    about = {"Title": title, "Creator": "synthbench"}
    for path in paths:
        form = path.suffix[1:].lower()
        # Journals refuse the Type 3 fonts that are matplotlib's default; a date would make two
        # figures of the same run differ.
        metadata = about | ({"CreationDate": None} if form == "pdf" else {})
        with matplotlib.rc_context({"pdf.fonttype": 42}):
            write_atomic(
                path,
                lambda temporary, form=form, metadata=metadata: figure.savefig(  # type: ignore[misc]
                    temporary, format=form, dpi=_DPI, metadata=metadata
                ),
            )
