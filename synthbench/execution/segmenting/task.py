"""Segmenters of one task: what each learns from, and on whom it is tested."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthbench.api import DataError
from synthbench.api.errors import few
from synthbench.execution.cells import Cell, PrepJob
from synthbench.execution.planning import slug
from synthbench.execution.segmenting.job import SegmentJob
from synthbench.execution.segmenting.labels import classes_of, regions_of
from synthbench.execution.segmenting.out_of_fold import Part, divide, refuse_leaks
from synthbench.execution.segmenting.request import Request, SegmentPlan
from synthbench.registry import Entry
from synthbench.report.run_folder import RunFolder
from synthbench.store import versions
from synthbench.store.keys import digest
from synthbench.volumes.prepared import Prepared

_MOST_NAMED = 5


class TaskPlanner:
    """Adds the segmenters of one task on one dataset to a plan."""

    def __init__(
        self,
        plan: SegmentPlan,
        run: RunFolder,
        store: Path,
        entry: Entry,
        params: dict[str, Any],
        asked: Request,
        cells: list[Cell],
    ) -> None:
        self.plan, self.store, self.asked = plan, store, asked
        self.entry, self.params = entry, params
        self.cells = {(cell.method, cell.seed, cell.fold): cell for cell in cells}
        self.dataset, self.task = cells[0].dataset, cells[0].task
        self.patients = run.patients(self.dataset)
        self.tested = {cell.fold: cell.test for cell in sorted(cells, key=lambda cell: cell.fold)}
        self.fold_of = {s: fold for fold, subjects in self.tested.items() for s in subjects}
        self.preps = {s: cell.prep for cell in cells for s in cell.test}
        labelled, without = self._labelled()
        self.regions = regions_of(labelled, asked.regions)
        self.classes = classes_of(self.regions)
        self.parts = divide(self.tested, [subject.id for subject in labelled], self.patients)
        self._note(without)

    @property
    def job(self) -> PrepJob:
        """Any of the prep jobs: they differ in the grid only."""
        return self.plan.preps[next(iter(self.preps.values()))]

    def add(self, methods: set[str]) -> None:
        """Add the segmenters of the chosen methods and of the bounds."""
        seeds = list(dict.fromkeys(seed for _, seed, _ in self.cells))
        for seed in seeds:
            if "synthetic" in self.asked.modes:
                for method in dict.fromkeys(method for method, _, _ in self.cells):
                    if method in methods:
                        self._add_method(method, seed)
            if "source" in self.asked.modes:
                for modality in self.job.source:
                    self._add_bound(f"bound/source-{modality}", modality, "lower", seed)
            if "real" in self.asked.modes:
                self._add_bound("bound/real", self.job.target, "upper", seed)

    def _labelled(self) -> tuple[list[Any], list[str]]:
        labelled, without = [], []
        for subject, prep in self.preps.items():
            job = self.plan.preps[prep]
            if job.stage(self.store).record is None:
                raise DataError(
                    f"the prepared volumes of {self.dataset} are gone",
                    "repeat the `synthbench run` command: it prepares them again",
                )
            opened = Prepared(job.stage(self.store).path)[subject]
            if opened.has_label and opened.regions:
                labelled.append(opened)
            else:
                without.append(subject)
        if not labelled:
            raise DataError(
                f"{self.dataset} has no labels to train a segmenter with",
                "without labels, compare what TotalSegmentator finds: "
                "`synthbench run ... --evaluators totalsegmentator`",
            )
        return labelled, without

    def _note(self, without: Sequence[str]) -> None:
        head = f"{self.plan.title} on {self.dataset}, {self.task}: "
        classes = f"{len(self.classes)} class{'' if len(self.classes) == 1 else 'es'}"
        if len(self.tested) > 1:
            how = (
                "every synthetic volume is from the fold that tested its subject; each fold's "
                "segmenter learns from the other folds"
            )
        else:
            how = (
                f"one split: only its {len(self.tested[next(iter(self.tested))])} test subjects "
                f"have volumes out of fold; they are divided into {len(self.parts)} folds"
            )
        self.plan.notes.append(f"{head}{classes}; {how}.")
        if without:
            self.plan.notes.append(
                f"{head}{len(without)} subjects without a label left out: "
                f"{few(without, _MOST_NAMED)}."
            )

    def _add_method(self, method: str, seed: int) -> None:
        blocked = self._blocked(method, seed)
        for part in self.parts:
            images: dict[str, str] = {}
            made: dict[str, Any] = {}
            for subject in [] if blocked else part.train:
                cell = self.cells[method, seed, self.fold_of[subject]]
                folder = cell.stage(self.store, "predict")
                images[subject] = str((folder.path / f"{subject}.npy").relative_to(self.store))
                made[subject] = {"prep": self.preps[subject], "predict": folder.key}
            for fold in {self.fold_of[subject] for subject in images}:
                whose = [subject for subject in images if self.fold_of[subject] == fold]
                refuse_leaks(self.cells[method, seed, fold], whose, part, self.patients)
            self._add(method, seed, part, images, "", made, blocked)

    def _blocked(self, method: str, seed: int) -> list[str] | None:
        """Why a method cannot be judged: fewer images than the others had would be unfair."""
        for fold in self.tested:
            cell = self.cells.get((method, seed, fold))
            if cell is None or cell.blocked or cell.stage(self.store, "predict").record is None:
                return [
                    f"fold {fold}, seed {seed} has no synthetic volumes",
                    "repeat the `synthbench run` command",
                ]
            if "train" not in cell.payloads:
                return [
                    "it is not known on whom the method was trained, so its volumes cannot be "
                    "told to be out of fold",
                    "train the method with `synthbench run`",
                ]
        return None

    def _add_bound(self, method: str, modality: str, kind: str, seed: int) -> None:
        target = self.job.target
        name = f"{'real' if kind == 'upper' else modality} → real"
        self.plan.methods[method] = {
            "label": name,
            "bound": kind,
            "summary": f"segmenter trained on real {modality}, tested on real {target}",
        }
        for part in self.parts:
            made = {s: {"prep": self.preps[s], "modality": modality} for s in part.train}
            self._add(method, seed, part, dict.fromkeys(part.train, ""), modality, made, None)

    def _add(
        self,
        method: str,
        seed: int,
        part: Part,
        images: dict[str, str],
        modality: str,
        made: dict[str, Any],
        blocked: list[str] | None,
    ) -> None:
        intensity = self.job.intensity(modality or self.job.target)
        unit = intensity.unit if intensity.kind == "window" else ""
        tests = {s: {"prep": self.preps[s], "modality": self.job.target} for s in part.test}
        segment = {
            "stage": "segment",
            "version": versions.SEGMENT,
            "segmenter": self.entry.id,
            "code_version": self.entry.spec.code_version,
            "sources": self.entry.editable_digest,
            "params": self.params,
            "seed": seed,
            "unit": unit,
            "classes": self.classes,
            "train": made,
            "test": tests,
        }
        short = method.replace("/", "__")
        name = self.dataset.split("/")[-1]
        self.plan.jobs.append(
            SegmentJob(
                label=f"{name}/{slug(self.task)}/{short}/fold-{part.fold}_seed-{seed}",
                dataset=self.dataset,
                task=self.task,
                method=method,
                fold=part.fold,
                seed=seed,
                segmenter=self.entry.id,
                params=self.params,
                unit=unit,
                target=self.job.target,
                regions=self.regions,
                classes=self.classes,
                preps={s: self.preps[s] for s in (*part.train, *part.test)},
                images=images,
                modality=modality,
                test=list(part.test),
                payloads={"segment": segment, **self._scores(digest(segment))},
                blocked=blocked,
            )
        )

    def _scores(self, segment: str) -> dict[str, dict[str, Any]]:
        return {
            f"score/{entry.id}": {
                "stage": "score",
                "version": versions.SCORE,
                "segment": segment,
                "regions": self.regions,
                "evaluator": entry.id,
                "code_version": entry.spec.code_version,
                "sources": entry.editable_digest,
                "metrics": {metric.name: metric.version for metric in entry.spec.metrics},
            }
            for entry in self.plan.evaluators
        }
