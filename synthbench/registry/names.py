"""Names: what an id may look like, and which known name somebody probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Owner of everything that ships with synthbench itself.
CORE = "core"

_LEGAL = re.compile(r"[a-z0-9][a-z0-9_-]*")


def is_legal(name: object) -> bool:
    """Whether ``name`` may be the short id of a component or an owner."""
    return isinstance(name, str) and _LEGAL.fullmatch(name) is not None


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Return the known names closest to ``name``, best first; short names match canonical ids."""
    from difflib import get_close_matches

    by_spelling: dict[str, str] = {}
    for full in known:
        by_spelling.setdefault(full, full)
        by_spelling.setdefault(full.rpartition("/")[2], full)
    matches = get_close_matches(name.lower(), by_spelling, n=2 * most, cutoff=0.6)
    return list(dict.fromkeys(by_spelling[match] for match in matches))[:most]


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return ``"did you mean a or b?"``, or ``otherwise`` when nothing comes close."""
    matches = nearest(name, known)
    return f"did you mean {' or '.join(matches)}?" if matches else otherwise
