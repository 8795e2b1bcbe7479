"""Loss curves: a table that grows with training and is rewound with it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synthbench.api import SynthbenchError
from synthbench.store.atomic import write_text


class LossTable:
    """Means of the losses over short stretches of steps.

    Args:
        rows: Rows so far; the list itself grows.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self._pending: dict[str, list[Tensor]] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Keep one step's losses; nothing is read back from the device yet."""
        for name, value in values.items():
            self._pending.setdefault(name, []).append(value)

    def flush(self, stage: str, step: int, seconds: float, lr: float) -> dict[str, float]:
        """Average what was kept into a row.

        Raises:
            SynthbenchError: If any loss is not finite.
        """
        means = {
            name: float(torch.stack([v.float() for v in values]).mean())
            for name, values in self._pending.items()
        }
        self._pending.clear()
        bad = [name for name, value in means.items() if not torch.isfinite(torch.tensor(value))]
        if bad:
            raise SynthbenchError(
                f"training diverged: {', '.join(bad)} not finite at step {step} of stage {stage}",
                "lower optimiser.lr, set clip_norm, or use precision fp32 (with --set)",
            )
        if means:
            self.rows.append(
                {"stage": stage, "step": step, "seconds": round(seconds, 3), "lr": lr, **means}
            )
        return means

    def write(self, path: Path) -> None:
        """Write the table as CSV."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns or ["stage", "step", "seconds", "lr"])
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(path, buffer.getvalue())
