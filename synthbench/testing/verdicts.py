"""How a check ends other than well."""

from __future__ import annotations


class Skipped(Exception):  # noqa: N818 - a verdict, not an error
    """The check cannot be made here; the message says what is missing."""


class Failed(AssertionError):  # noqa: N818 - a verdict
    """The check was made and failed; the message says how, in one line."""


def demand(condition: object, reason: str) -> None:
    """Fail the check for ``reason`` unless the condition holds (`assert` can be switched off)."""
    if not condition:
        raise Failed(reason)
