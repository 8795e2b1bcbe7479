"""The work of the four stages; each fills its folder and returns the record to keep."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from synthbench.api import Case, Recipe
from synthbench.execution.cells import Cell, PrepJob
from synthbench.execution.environment import versions
from synthbench.execution.memory import forget_peaks, peaks
from synthbench.registry import Entry, Registry
from synthbench.registry.recipes import with_changes
from synthbench.store.atomic import read_json, write_atomic, write_json
from synthbench.volumes.intensity import Bounds
from synthbench.volumes.prepared import Prepared

if TYPE_CHECKING:
    from synthbench.api import Batch

Report = Callable[[Mapping[str, Any]], None]

#: Where the windows of each prediction met.
_SEAMS = "seams.json"
#: Why subjects have no prediction, where that is known.
FAULTS = "faults.json"


def run_prep(
    registry: Registry, job: PrepJob, folder: Path, report: Report, jobs: int | None = None
) -> dict[str, Any]:
    """Prepare a dataset's volumes for one task, ``jobs`` subjects at a time."""
    from synthbench.volumes.preparing import prepare

    started = time.monotonic()
    dataset = registry.get("datasets", job.dataset).resolve()(**job.params)
    root = None if job.root is None else Path(job.root)
    by_id = {subject.id: subject for subject in dataset.subjects(root)}
    modalities = (*job.source, job.target)
    prepared = prepare(
        [by_id[identity] for identity in job.subjects],
        {modality: job.intensity(modality) for modality in modalities},
        job.source,
        spacing=job.spacing,
        folder=folder,
        regions=dataset.regions,
        crop=job.crop,
        content={
            identity: {"of": content, "dataset": job.dataset, "code": job.payload["code_version"]}
            for identity, content in job.payload["subjects"].items()
        },
        others=[other for other in folder.parent.parent.glob("*/*") if other != folder],
        jobs=jobs,
        progress=lambda done, total: report(progress_of("prep", done, total)),
    )
    told = {identity: prepared[identity].warnings for identity in sorted(job.subjects)}
    warnings = {identity: found for identity, found in told.items() if found}
    return {
        "subjects": len(job.subjects),
        "warnings": warnings,
        "seconds": round(time.monotonic() - started, 3),
        "versions": versions(),
    }


def run_train(
    registry: Registry,
    cell: Cell,
    job: PrepJob,
    prepared_folder: Path,
    folder: Path,
    report: Report,
    should_stop: Callable[[], bool],
    checkpoint_seconds: float,
) -> dict[str, Any]:
    """Train a cell's method, continuing from a checkpoint where there is one."""
    import torch

    from synthbench.training import checkpoint
    from synthbench.training.engine import Engine, TrainingJob
    from synthbench.training.precision import pick_device
    from synthbench.volumes.patches import PatchSampler, whole

    forget_peaks()
    prepared = Prepared(prepared_folder)
    recipe = Recipe.model_validate(cell.recipe)
    write_json(folder / "model.json", model_card(cell, job, prepared, recipe))
    device = str(pick_device())
    warnings: list[str] = []

    def sampler(patch: Any, batch: int, multiple: Any, seed: int) -> Callable[[int], Batch]:
        drawing = PatchSampler(
            prepared,
            cell.train,
            job.source,
            job.target,
            patch,
            batch,
            recipe.intensity,
            multiple,
            seed,
            device=device,
        )
        warnings.extend(w for w in drawing.warnings if w not in warnings)
        return drawing.batch

    def volumes() -> Iterable[Batch]:
        return (
            whole(prepared[i], job.source, job.target, recipe.intensity, device=device)
            for i in cell.train
        )

    engine = Engine(
        registry,
        TrainingJob(
            recipe=recipe,
            source_channels=len(job.source),
            subjects=len(cell.train),
            sampler=sampler,
            volumes=volumes,
            seed=cell.seed,
            folder=folder,
            override=lambda base, changes: with_changes(base, changes, what=cell.method),
            report=lambda p: report({**p, "part": p.get("stage"), "stage": "train"}),
            should_stop=should_stop,
            checkpoint_seconds=checkpoint_seconds,
        ),
    )
    record = engine.run()
    checkpoint.clear(folder)
    return {
        **record,
        "warnings": warnings,
        "threads": torch.get_num_threads(),
        **peaks(),
        "versions": versions(),
    }


def model_card(cell: Cell, job: PrepJob, prepared: Prepared, recipe: Recipe) -> dict[str, Any]:
    """Everything `synthbench translate` needs beside the weights."""
    fitted = [prepared[i].bounds[job.target] for i in cell.train]
    return {
        "method": cell.method,
        "recipe": recipe.model_dump(mode="json"),
        "components": list(cell.components),
        "dataset": cell.dataset,
        "source": list(job.source),
        "target": job.target,
        "intensities": job.intensities,
        "spacing": list(job.spacing) if isinstance(job.spacing, tuple) else job.spacing,
        "crop": job.crop,
        # A new scan has no real target to take the bounds from: the training population's medians
        # stand in, and are exact where the window is fixed (CT).
        "target_bounds": {
            "low": float(np.median([b.low for b in fitted])),
            "high": float(np.median([b.high for b in fitted])),
        },
        "train_subjects": list(cell.train),
        "seed": cell.seed,
        "versions": versions(),
    }


def run_predict(
    registry: Registry,
    cell: Cell,
    job: PrepJob,
    prepared_folder: Path,
    train_folder: Path,
    folder: Path,
    report: Report,
) -> dict[str, Any]:
    """Translate the test subjects: unit-range arrays for scoring, NIfTI in each one's own space."""
    from synthbench.inference.translate import load_translator, translate
    from synthbench.inference.window import SlidingWindow
    from synthbench.volumes.patches import whole
    from synthbench.volumes.writing import write_prediction

    forget_peaks()
    prepared = Prepared(prepared_folder)
    recipe = Recipe.model_validate(cell.recipe)
    card = read_json(train_folder / "model.json")
    bounds = Bounds(**card["target_bounds"])
    integer = job.intensity(job.target).kind == "window"
    translator = load_translator(registry, recipe, len(job.source), train_folder / "model.pt")
    window = SlidingWindow(
        recipe.inference, recipe.patch.size, translator.size_multiple, recipe.intensity[0]
    )
    seconds: dict[str, float] = {}
    seams: dict[str, Any] = {}
    for number, subject in enumerate(cell.test):
        report(progress_of("predict", number, len(cell.test)))
        started = time.monotonic()
        batch = whole(prepared[subject], job.source, None, recipe.intensity)
        unit = translate(translator, recipe, batch, cell.seed)
        seams[subject] = window.seams(unit.shape)
        seconds[subject] = round(time.monotonic() - started, 4)
        write_array(folder / f"{subject}.npy", unit)
        write_prediction(
            unit, prepared[subject], bounds, folder / f"{subject}.nii.gz", integer=integer
        )
    write_json(folder / _SEAMS, seams)
    return {
        "seconds": round(sum(seconds.values()), 3),
        "seconds_by_subject": seconds,
        **peaks(),
        "versions": versions(),
    }


def run_score(
    registry: Registry,
    cell: Cell,
    job: PrepJob,
    prepared_folder: Path,
    predict_folder: Path,
    evaluator: str,
    folder: Path,
    report: Report,
) -> dict[str, Any]:
    """Score a cell's predictions with one evaluator."""
    started = time.monotonic()
    entry = registry.get("evaluators", evaluator)
    prepared = Prepared(prepared_folder)
    rows = score_rows(entry, _cases(cell, job, prepared, predict_folder, report))
    write_json(folder / "scores.json", rows)
    return {
        "rows": len(rows),
        "seconds": round(time.monotonic() - started, 3),
        "versions": versions(),
    }


def score_rows(entry: Entry, cases: Iterable[Case]) -> list[dict[str, Any]]:
    """Scores of an evaluator as rows of JSON; NaN becomes ``None``."""
    version = {metric.name: metric.version for metric in entry.spec.metrics}
    return [
        {
            **asdict(score),
            "metric_version": version[score.metric],
            "value": None if np.isnan(score.value) else float(score.value),
        }
        for score in entry.resolve()().evaluate(cases)
    ]


def _cases(
    cell: Cell, job: PrepJob, prepared: Prepared, predict_folder: Path, report: Report
) -> Iterator[Case]:
    intensity = job.intensity(job.target)
    seams = read_json(predict_folder / _SEAMS) or {}
    faults = read_json(predict_folder / FAULTS) or {}
    for number, identity in enumerate(cell.test):
        report(progress_of("score", number, len(cell.test)))
        subject = prepared[identity]
        bounds = subject.bounds[job.target]
        physical = intensity.kind == "window"
        yield Case(
            subject=identity,
            prediction=_prediction(predict_folder / f"{identity}.npy"),
            target=np.asarray(subject.volume(job.target)),
            source=np.stack([subject.volume(m) for m in job.source]),
            mask=np.asarray(subject.mask),
            regions=subject.region_masks(),
            spacing=subject.spacing,
            scale=bounds.high - bounds.low if physical else 1.0,
            unit=intensity.unit if physical else "",
            low=bounds.low if physical else None,
            seams=_three(seams.get(identity)),
            fault=faults.get(identity, ""),
        )


def _three(axes: Any) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    if axes is None:
        return None
    x, y, z = axes
    return tuple(x), tuple(y), tuple(z)


def _prediction(path: Path) -> np.ndarray[Any, Any]:
    """The prediction; one that is missing is empty, and evaluators say so."""
    return np.load(path) if path.is_file() else np.empty((0, 0, 0), dtype=np.float32)


def write_array(path: Path, array: np.ndarray[Any, Any]) -> None:
    """Write a prediction; the file appears complete or not at all."""

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:  # given a name, numpy would append .npy to it
            np.save(file, array)

    write_atomic(path, save)


def progress_of(stage: str, done: int, total: int) -> dict[str, Any]:
    """How far a stage is, in subjects."""
    return {"stage": stage, "step": done, "steps": total, "fraction": done / total}
