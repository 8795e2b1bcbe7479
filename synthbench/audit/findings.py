"""What an audit found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

#: ``error``: it cannot be so. ``warning``: it may be so, but readers should know. ``info``: what
#: the numbers imply.
Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        severity: How bad it is.
        check: Which check found it, e.g. ``jensen``.
        task: Rows compared with each other; ``""`` where the table has no tasks.
        method: Row; ``""`` where it concerns all.
        metric: Column; ``""`` where it concerns several.
        message: What and why, one sentence.
        line: Line of the file, from 1; 0 where it concerns several.
        values: The numbers behind it, by name.
    """

    severity: Severity
    check: str
    task: str
    method: str
    metric: str
    message: str
    line: int = 0
    values: tuple[tuple[str, float], ...] = ()

    @property
    def where(self) -> str:
        """The cell in words: task, method, metric."""
        return ", ".join(part for part in (self.task, self.method, self.metric) if part)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self) | {"values": dict(self.values)}
