"""Errors meant for the user: one line that names the thing, one line that says what to do."""

from __future__ import annotations

from collections.abc import Sequence


class SynthbenchError(Exception):
    """An error the user can act on; the command line prints it without a traceback.

    Args:
        message: One line that names the file, subject or option at fault.
        hint: One line that says what to do about it; may be empty.
    """

    #: Process exit code when this error ends a command.
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)  # both, so that the error survives pickling
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(SynthbenchError):
    """A wrong name, option or recipe path (exit code 2)."""

    exit_code = 2


class NothingSelectedError(SynthbenchError):
    """The selection is valid but empty (exit code 4)."""

    exit_code = 4


class PluginError(SynthbenchError):
    """A plugin that is broken, incompatible or in conflict with another (exit code 5)."""

    exit_code = 5


class DataError(SynthbenchError):
    """Data, paths or permissions (exit code 6)."""

    exit_code = 6


def few(texts: Sequence[str], most: int, mark: str = ", ") -> str:
    """List the first of many in a message, and say how many more there are.

    Args:
        texts: Names or clauses.
        most: How many are told.
        mark: What stands between two of them: a comma between names, a semicolon between clauses.
    """
    told, more = mark.join(texts[:most]), len(texts) - most
    if more <= 0:
        return told
    return f"{told}{'' if mark == ', ' else mark.rstrip()} and {more} more"
