"""How methods are compared: the test, its correction, and with whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from synthbench.api.errors import UsageError
from synthbench.registry.names import did_you_mean
from synthbench.statistics import Correction, TestName

#: Significance level, after correction.
ALPHA = 0.05


@dataclass(frozen=True)
class Testing:
    """What is declared before looking at the numbers.

    Attributes:
        test: The paired test.
        correction: How all tests of a table are corrected.
        alpha: Significance level after correction.
        reference: Method that all others are tested against; ``None`` for the best of each column.
        margins: By metric, the largest difference that does not matter, in the column's unit.
    """

    test: TestName = "wilcoxon"
    correction: Correction = "holm"
    alpha: float = ALPHA
    reference: str | None = None
    margins: Mapping[str, float] = field(default_factory=dict)

    __test__ = False  # not a test class, whatever its name says to pytest


def find_method(wanted: str, labels: Mapping[str, str], task: str) -> str:
    """Find a method by its id or by its printed name.

    Args:
        wanted: What the user wrote.
        labels: Printed name of each method of the task, by canonical id.
        task: The task, for the message.

    Raises:
        UsageError: If no method, or more than one, has this name; suggests the nearest.
    """
    if wanted in labels:
        return wanted
    found = [method for method, label in labels.items() if label == wanted]
    if len(found) == 1:
        return found[0]
    known = [*labels.values()]
    raise UsageError(
        f"{task} has {'no method' if not found else 'several methods'} {wanted!r}",
        did_you_mean(wanted, known, f"it has {', '.join(known)}")
        if not found
        else f"use one of {', '.join(found)}",
    )


def find_methods(wanted: Sequence[str], labels: Mapping[str, str], task: str) -> list[str]:
    """Find methods by id, printed name or pattern, in the order they were asked for.

    Raises:
        UsageError: As :func:`find_method`; also if a pattern fits no method.
    """
    found: list[str] = []
    for name in wanted:
        fitting = [
            method
            for method, label in labels.items()
            if fnmatchcase(method, name) or fnmatchcase(label, name)
        ]
        found += fitting or [find_method(name, labels, task)]
    return list(dict.fromkeys(found))


def check_metrics(named: Iterable[str], metrics: Sequence[str], what: str) -> None:
    """Refuse what was said of metrics that are not in any table.

    Args:
        named: Metrics that something was said of.
        metrics: Those of the tables.
        what: What was said, for the message.

    Raises:
        UsageError: Names the first one.
    """
    for metric in named:
        if metric not in metrics:
            raise UsageError(
                f"no table has a metric {metric!r} for {what}",
                did_you_mean(metric, metrics, f"they have {', '.join(metrics)}"),
            )
