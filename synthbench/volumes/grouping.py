"""Say which subjects belong to one patient, where the dataset cannot know it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from synthbench.api import DataError, UsageError
from synthbench.api.dataset import Subject


def group_subjects(
    subjects: Sequence[Subject], *, pattern: str | None, column: Mapping[str, str] | None
) -> list[Subject]:
    """Set the group of each subject, from its id or from a table.

    Args:
        subjects: As the dataset lists them.
        pattern: Regular expression with one group, searched in the id, e.g. ``"(P[0-9]+)"``.
        column: Group of each subject id, e.g. the patient column of a table.

    Returns:
        The subjects in the same order; unchanged where neither is given.

    Raises:
        UsageError: If both are given, or the pattern is not a regular expression with one group.
        DataError: If the pattern does not match an id, or the table lacks one.
    """
    if pattern is not None and column is not None:
        raise UsageError("groups are given both as a pattern and as a table", "drop one of them")
    if pattern is not None:
        column = {subject.id: _search(_compiled(pattern), subject.id) for subject in subjects}
    if column is None:
        return list(subjects)
    for subject in subjects:
        if not column.get(subject.id):
            raise DataError(
                f"the table of groups has no entry for subject {subject.id}", "add its group"
            )
    return [replace(subject, group=column[subject.id]) for subject in subjects]


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"group pattern {pattern!r} is not a regular expression: {error}",
            "write one with one group in parentheses, e.g. '(P[0-9]+)'",
        ) from error
    if compiled.groups != 1:
        raise UsageError(
            f"group pattern {pattern!r} has {compiled.groups} groups, not one",
            "put the part that names the patient in parentheses; others as (?:...)",
        )
    return compiled


def _search(pattern: re.Pattern[str], subject: str) -> str:
    found = pattern.search(subject)
    if found is None or not found[1]:
        raise DataError(
            f"group pattern {pattern.pattern!r} does not match subject {subject}",
            "widen the pattern, or give a table of groups",
        )
    return found[1]
