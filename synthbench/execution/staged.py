"""What jobs have in common that train something and score it: cells, and segmenters."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthbench.store.stage import StageFolder


@dataclass(frozen=True)
class Staged:
    """A job whose stages are in the store.

    Attributes:
        label: Unique and readable, also the job's folder in its run.
        dataset: Canonical dataset id.
        task: ``source -> target``.
        method: Canonical method id; of segmenters also a bound (``bound/...``).
        fold: Number of the fold.
        seed: Seed of training.
        payloads: Payload by stage; ``score/<evaluator id>`` for each evaluator.
        blocked: Reason and hint when it cannot run.
    """

    label: str
    dataset: str
    task: str
    method: str
    fold: int
    seed: int
    payloads: dict[str, dict[str, Any]] = field(default_factory=dict, kw_only=True)
    blocked: Any = field(default=None, kw_only=True)

    def facts(self) -> dict[str, Any]:
        """What lifecycle hooks, progress and tables call this job."""
        return {
            "label": self.label,
            "dataset": self.dataset,
            "task": self.task,
            "method": self.method,
            "fold": self.fold,
            "seed": self.seed,
        }

    def stage(self, store: Path, name: str) -> StageFolder:
        """The folder of one of its stages; ``name`` is a key of ``payloads``."""
        return StageFolder(store, name.split("/")[0], self.payloads[name])  # type: ignore[arg-type]

    @property
    def evaluators(self) -> list[str]:
        """Ids of its evaluators."""
        return [name.removeprefix("score/") for name in self.payloads if name.startswith("score/")]

    def finished(self, store: Path) -> bool:
        """Whether every stage is done."""
        return not self.blocked and all(
            self.stage(store, name).record is not None for name in self.payloads
        )
