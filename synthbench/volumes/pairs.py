"""Volumes in two files: Analyze and NIfTI pairs, whose header lies beside the image."""

from __future__ import annotations

import re
from pathlib import Path

_IMAGE = re.compile(r"\.img(\.gz)?$", re.IGNORECASE)


def header_of(image: Path) -> Path | None:
    """Return the header file of an ``.img`` or ``.img.gz``; ``None`` for any other file.

    A compressed image may have a header that is not, as LONI distributes them.
    """
    found = _IMAGE.search(image.name)
    if found is None:
        return None
    plain = image.with_name(f"{image.name[: found.start()]}.hdr")
    compressed = plain.with_name(f"{plain.name}.gz")
    return compressed if found[1] and compressed.is_file() else plain
