"""The run folder: the plan, every cell's state, and the tables collected from the store.

The truth is in the store, one small file a finished stage; ``scores.csv`` and ``cells.csv`` can be
rebuilt from it at any time.
"""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synthbench import __version__
from synthbench.execution.cells import Cell, write_job
from synthbench.execution.environment import hardware, versions
from synthbench.execution.methods import Method
from synthbench.execution.planning import Plan
from synthbench.registry import Registry
from synthbench.store.atomic import read_json, write_json, write_text
from synthbench.store.tables import CELL_COLUMNS, SCORE_COLUMNS


class RunWriter:
    """Writes one run's folder.

    Args:
        output: Output root; the run is ``<output>/runs/<name>``, the store ``<output>/store``.
        plan: What the run does.
    """

    def __init__(self, output: Path, plan: Plan) -> None:
        self.store = output / "store"
        self.path = output / "runs" / plan.name

    def cell_folder(self, cell: Cell) -> Path:
        """Folder of one cell."""
        return self.path / "cells" / cell.label

    def prep_folder(self, name: str) -> Path:
        """Folder of one prep job."""
        return self.path / "preps" / name

    def write(self, plan: Plan, registry: Registry, command: list[str]) -> None:
        """Write the plan, so that workers and reports find it.

        Args:
            plan: What the run does.
            registry: For the metadata of methods and metrics.
            command: The command line, for the record.
        """
        for name, job in plan.preps.items():
            write_job(self.prep_folder(name) / "prep.json", job)
        for cell in plan.cells:
            write_job(self.cell_folder(cell) / "cell.json", cell)
        write_json(self.path / "splits.json", plan.splits)
        write_json(self.path / "suite.json", plan.suite.model_dump(mode="json"))
        existing = read_json(self.path / "run.json") or {}
        write_json(
            self.path / "run.json",
            {
                **_describe(plan, registry),
                "created": existing.get("created", datetime.now(UTC).isoformat(timespec="seconds")),
                "command": shlex.join(command),
            },
        )

    def record(self, cell: Cell, outcome: Mapping[str, Any]) -> None:
        """Keep how an attempt at a cell ended; earlier attempts stay listed."""
        path = self.cell_folder(cell) / "attempts.json"
        attempts = read_json(path) or []
        attempts.append(
            {
                **outcome,
                "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
        write_json(path, attempts)

    def collect(self, plan: Plan) -> None:
        """Rebuild ``scores.csv`` and ``cells.csv`` from the store."""
        scores: list[dict[str, Any]] = []
        cells: list[dict[str, Any]] = []
        for cell in plan.cells:
            cells.append(self._cell_row(cell, plan))
            for evaluator in cell.evaluators if not cell.blocked else []:
                stage = cell.stage(self.store, f"score/{evaluator}")
                if stage.record is None:
                    continue
                shared = {k: v for k, v in cell.facts().items() if k != "label"}
                scores += [
                    {**shared, "evaluator": evaluator, **row}
                    for row in read_json(stage.path / "scores.json")
                ]
        info = read_json(self.path / "run.json")
        write_json(self.path / "run.json", {**info, "notes": plan.notes + self._warnings(plan)})
        write_text(self.path / "scores.csv", as_csv(scores, SCORE_COLUMNS))
        write_text(self.path / "cells.csv", as_csv(cells, CELL_COLUMNS))

    def _warnings(self, plan: Plan) -> list[str]:
        """What was changed, and what preparing and training found worth saying, each kind once."""
        notes = [
            f"{method.label}: changed in its recipe: "
            + "; ".join(f"{path} = {value}" for path, value in method.changes.items())
            for method in plan.methods.values()
            if isinstance(method, Method) and method.changes and method.recipe.budget.steps != 0
        ]
        for job in plan.preps.values():
            record = job.stage(self.store).record or {"warnings": {}}
            kinds: dict[str, list[str]] = {}
            for subject, warnings in record["warnings"].items():
                for warning in warnings:
                    kinds.setdefault(warning.split(":")[0], []).append(subject)
            notes += [
                f"{job.dataset}: {kind} ({len(found)} of {len(job.subjects)} subjects, "
                f"first {found[0]})"
                for kind, found in kinds.items()
            ]
        for cell in plan.cells:
            if not cell.blocked:
                record = cell.stage(self.store, next(iter(cell.payloads))).record or {}
                name = plan.methods[cell.method].label
                notes += [f"{name}: {warning}" for warning in record.get("warnings", [])]
        return list(dict.fromkeys(notes))

    def _cell_row(self, cell: Cell, plan: Plan) -> dict[str, Any]:
        prep = plan.preps[cell.prep].stage(self.store)
        attempts = read_json(self.cell_folder(cell) / "attempts.json") or []
        last = attempts[-1] if attempts else {"state": "pending", "message": ""}
        row: dict[str, Any] = {**cell.facts(), "prep_dir": self._relative(prep.path)}
        if cell.blocked:
            return {**row, "state": "blocked", "message": cell.blocked[0]}
        train = None if cell.outside else cell.stage(self.store, "train")
        predict = cell.stage(self.store, "predict")
        records = [s.record or {} if s else {} for s in (prep, train, predict)]
        scored = [cell.stage(self.store, f"score/{e}").record or {} for e in cell.evaluators]
        done = cell.finished(self.store)
        return {
            **row,
            "state": "done" if done else last["state"],
            "message": "" if done else last["message"],
            "seconds_prep": records[0].get("seconds"),
            "seconds_train": records[1].get("seconds"),
            "seconds_predict": records[2].get("seconds"),
            "seconds_score": round(sum(r.get("seconds", 0.0) for r in scored), 3),
            "volumes": len(records[2].get("seconds_by_subject", ())) or None,
            **{
                f"{peak}_{stage}_mb": record.get(f"{peak}_mb")
                for stage, record in zip(("train", "predict"), records[1:], strict=True)
                for peak in ("peak_rss", "peak_vram")
            },
            "threads": records[1].get("threads"),
            "parameters": records[1].get("parameters"),
            "steps": records[1].get("steps"),
            "resumed": records[1].get("resumed"),
            "train_dir": self._relative(train.path) if train else "",
            "predict_dir": self._relative(predict.path),
        }

    def _relative(self, path: Path) -> str:
        """Path as seen from the run folder, so that the output folder can be moved."""
        return str(Path("..", "..", path.relative_to(self.store.parent)))


def _describe(plan: Plan, registry: Registry) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for name in dict.fromkeys(e for cell in plan.cells for e in cell.evaluators):
        spec = registry.get("evaluators", name).spec
        for metric in spec.metrics:
            # Evaluators may use the same name; the first keeps it, as in runs with one protocol.
            key = metric.name if metric.name not in metrics else f"{name}:{metric.name}"
            metrics[key] = {
                "name": metric.name,
                "evaluator": name,
                "protocol": spec.protocol,
                "protocol_version": spec.code_version,
                "regions": dict(spec.regions),
                **{
                    field: getattr(metric, field)
                    for field in (
                        *("label", "better", "unit", "decimals"),
                        *("data_range", "definition", "version", "family", "sample"),
                    )
                },
            }
    return {
        "name": plan.name,
        "synthbench_version": __version__,
        "preset": plan.suite.preset,
        "dataset": list(dict.fromkeys(cell.dataset for cell in plan.cells)),
        "tasks": list(dict.fromkeys(cell.task for cell in plan.cells)),
        "split": plan.splits[0]["choice"],
        "seeds": list(plan.suite.seeds),
        "spacing": plan.suite.spacing,
        "crop": plan.suite.crop,
        "hardware": hardware(),
        "versions": versions(),
        "methods": {
            method.id: {
                "label": method.label,
                "summary": method.spec.summary,
                "baseline": method.spec.baseline,
                "notes": method.spec.notes,
                "remarks": list(method.remarks),
                "paper": method.spec.paper,
                "variant_of": method.spec.variant_of,
            }
            for method in plan.methods.values()
        },
        "metrics": metrics,
        "patients": plan.patients,
        "left_out": plan.left_out,
        "notes": plan.notes,
        **({"published": plan.published} if plan.published else {}),
    }


def as_csv(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """Rows as the text of a CSV file; fields that are no column are left out."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
