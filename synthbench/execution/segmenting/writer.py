"""What ``synthbench segment`` leaves in the run folder: ``segmentation/<tag>/``.

``jobs/`` holds the state of every segmenter; ``scores.csv`` and ``info.json`` are what reports
read, rebuilt from the store every time as a run's own tables are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synthbench.execution.runs import as_csv
from synthbench.execution.segmenting.job import SegmentJob, write_segment_job
from synthbench.execution.segmenting.request import SegmentPlan
from synthbench.store.atomic import read_json, write_json, write_text
from synthbench.store.tables import SCORE_COLUMNS, SEGMENTATION, SEGMENTER_COLUMNS


class SegmentWriter:
    """Writes the results of one plan.

    Args:
        plan: What is trained and tested.
        store: Root of the store.
    """

    def __init__(self, plan: SegmentPlan, store: Path) -> None:
        self.plan = plan
        self.store = store
        self.path = plan.run / SEGMENTATION / plan.tag

    def cell_folder(self, job: SegmentJob) -> Path:
        """Folder of one job."""
        return self.path / "jobs" / job.label

    def write(self) -> None:
        """Write the jobs, so that workers find them."""
        for job in self.plan.jobs:
            write_segment_job(self.cell_folder(job), job)

    def record(self, job: SegmentJob, outcome: Mapping[str, Any]) -> None:
        """Keep how the last attempt at a job ended."""
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(self.cell_folder(job) / "attempt.json", {**outcome, "ended": ended})

    def collect(self, command: str) -> None:
        """Rebuild the tables from the store.

        Args:
            command: The command line, for the record.
        """
        scores: list[dict[str, Any]] = []
        states: list[dict[str, Any]] = []
        failures: list[str] = []
        for job in self.plan.jobs:
            states.append(self._state(job))
            if states[-1]["state"] != "done":
                why = f": {states[-1]['message']}" if states[-1]["message"] else ""
                failures.append(
                    f"{self.plan.title}, {job.method} fold {job.fold} seed {job.seed}: "
                    f"{states[-1]['state']}{why}"
                )
                continue
            shared = {k: v for k, v in job.facts().items() if k != "label"}
            for evaluator in job.evaluators:
                rows = read_json(job.stage(self.store, f"score/{evaluator}").path / "scores.json")
                scores += [
                    {
                        **shared,
                        "evaluator": self._evaluator(evaluator),
                        **row,
                        "metric": self._metric(row["metric"]),
                    }
                    for row in rows
                ]
        write_text(self.path / "scores.csv", as_csv(scores, SCORE_COLUMNS))
        write_text(self.path / "segmenters.csv", as_csv(states, SEGMENTER_COLUMNS))
        info = {
            "tag": self.plan.tag,
            "title": self.plan.title,
            "command": command,
            "metrics": self._metrics(),
            "methods": self.plan.methods,
            "notes": [*self._remarks(), *self.plan.notes, *failures],
        }
        write_json(self.path / "info.json", info)

    def metrics(self) -> list[str]:
        """Names of the metrics as reports know them."""
        return list(self._metrics())

    def _state(self, job: SegmentJob) -> dict[str, Any]:
        if job.blocked:
            return {**job.facts(), "state": "blocked", "message": job.blocked[0]}
        if job.finished(self.store):
            record = job.stage(self.store, "segment").record or {}
            fields = ("seconds_train", "seconds_predict", "peak_rss_mb", "peak_vram_mb")
            sizes = {"train_subjects": len(job.train), "test_subjects": len(job.test)}
            return {
                **job.facts(),
                "state": "done",
                "message": "",
                **sizes,
                **{name: record.get(name) for name in fields},
            }
        last = read_json(self.cell_folder(job) / "attempt.json")
        last = last or {"state": "pending", "message": ""}
        return {**job.facts(), "state": last["state"], "message": last["message"]}

    def _remarks(self) -> list[str]:
        """What was said when the segmenters were trained: nnU-Net may be another one by now."""
        records = [job.stage(self.store, "segment").record for job in self.plan.jobs]
        told = [record.get("remarks", self.plan.remarks) for record in records if record]
        remarks = dict.fromkeys(remark for each in told or [self.plan.remarks] for remark in each)
        return [f"{self.plan.title}: {remark}" for remark in remarks]

    def _metric(self, name: str) -> str:
        return f"{name}_{self.plan.tag}"

    def _evaluator(self, identity: str) -> str:
        return f"{identity}:{self.plan.tag}"

    def _metrics(self) -> dict[str, dict[str, Any]]:
        return {
            self._metric(metric.name): {
                "name": self._metric(metric.name),
                "evaluator": self._evaluator(entry.id),
                "protocol": "",
                "protocol_version": entry.spec.code_version,
                "label": f"{metric.label} ({self.plan.title})",
                "better": metric.better,
                "unit": metric.unit,
                "decimals": metric.decimals,
                "data_range": metric.data_range,
                "definition": f"{metric.definition}; segmenter {self.plan.title}, tested on real "
                "targets",
                "version": metric.version,
                "family": metric.family,
            }
            for entry in self.plan.evaluators
            for metric in entry.spec.metrics
        }
