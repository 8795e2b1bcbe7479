"""What is missing from a table, and why: part of its notes."""

from __future__ import annotations

from collections.abc import Sequence

from synthbench.report.caption import count, join
from synthbench.report.tables import Table

_LONGEST_MESSAGE = 400
#: Columns or subjects that a note names.
_MOST_NAMED = 3


def progress(table: Table) -> list[str]:
    """Say that cells are still to come."""
    state = table.progress
    if state.finished == state.total:
        return []
    return [
        f"PARTIAL TABLE: {state.finished} of {count(state.total, 'cell')} finished; "
        "numbers, ranks and tests will change."
    ]


def failures(table: Table) -> list[str]:
    """Name cells that failed, and methods that lack subjects for it."""
    lines = []
    for row in table.rows:
        state = table.progress.methods[row.method]
        broken = state.total - state.done - state.unfinished
        if broken:
            why = f": {_shorten(state.message)}" if state.message else ""
            lines.append(
                f"{row.label}: {broken} of {count(state.total, 'cell')} {state.mark}{why}."
            )
        partial = [cell.n for cell in row.cells if not cell.state and not cell.ranked]
        if row.bound:
            continue
        of_subjects = any(not scores.of_sets for scores in table.scores)
        if partial and of_subjects:
            sizes = " to ".join(str(size) for size in sorted({min(partial), max(partial)}))
            lines.append(
                f"{row.label} lacks subjects that other methods have: its numbers stand for "
                f"n = {sizes} and are neither ranked nor tested."
            )
        elif state.done and state.done < state.total:
            lines.append(f"{row.label}: means over {state.done} of {count(state.total, 'cell')}.")
    return lines


def missing_values(table: Table) -> list[str]:
    """Say what evaluators flagged, grouped by reason, methods and columns."""
    labels = {row.method: row.label for row in table.rows}
    flagged: dict[tuple[str, str, str], dict[str, set[str]]] = {}
    for column, scores in zip(table.columns, table.scores, strict=True):
        for method, status, subject, detail in scores.details:
            where = flagged.setdefault((method, status, detail), {})
            where.setdefault(column.name, set()).add(subject)
    alike: dict[tuple[str, str, tuple[str, ...]], dict[str, set[str]]] = {}
    for (method, status, detail), where in flagged.items():
        group = alike.setdefault((status, detail, tuple(where)), {})
        group[labels.get(method, method)] = set().union(*where.values())
    lines = []
    for (status, detail, names), group in alike.items():
        why = f": {_shorten(detail)}" if detail else ""
        cases = _cases([*group.values()])
        lines.append(f"{join([*group])}: {name_columns(names, table)} {status} in {cases}{why}.")
    dropped: dict[int, list[str]] = {}
    for index, (column, scores) in enumerate(zip(table.columns, table.scores, strict=True)):
        if 0 < table.n(index) < len(scores.units):
            dropped.setdefault(len(scores.units) - table.n(index), []).append(column.name)
    if dropped:
        listed = join(
            [f"{count(n, 'case')} from {name_columns(c, table)}" for n, c in dropped.items()]
        )
        lines.append(f"Only cases with a value from every ranked method count; left out: {listed}.")
    return lines


def name_columns(names: Sequence[str], table: Table) -> str:
    """Columns in a sentence, none of it longer than the table's own head."""
    if len(names) == len(table.columns) > 1:
        return "every column"
    if len(names) <= _MOST_NAMED + 1:
        return join([*names])
    return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more columns"


def _cases(subjects: Sequence[set[str]]) -> str:
    """Of how many subjects, and of which, where they are few and the same for all methods."""
    every = set().union(*subjects)
    if every == {""}:
        return "the whole set"
    sizes = sorted({len(each) for each in subjects})
    if len(sizes) > 1:
        return f"{sizes[0]} to {sizes[-1]} subjects"
    told = ""
    if len(every) == sizes[0] <= _MOST_NAMED:
        told = f" ({', '.join(sorted(every))})"
    return f"{count(sizes[0], 'subject')}{told}"


def _shorten(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"
