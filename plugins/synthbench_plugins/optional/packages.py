"""Optional Python packages that are not there, and how to install them."""

from __future__ import annotations

import importlib.util

SEGMENTATION = "pip install 'synthbench[segmentation]'"


def missing(package: str, extra: str) -> list[tuple[str, str]]:
    """Say that a package is not installed.

    Args:
        package: Its import name.
        extra: The command that installs it.

    Returns:
        Pairs of (what, how to fix it); empty when it is there.
    """
    if importlib.util.find_spec(package) is not None:
        return []
    return [(f"the Python package {package!r} is not installed", extra)]
