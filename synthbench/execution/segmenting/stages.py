"""The work of one segmenter: training, segmenting real targets, scoring."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthbench.api import Case, DataError, PluginError, Scan, SegmenterSetting
from synthbench.execution.environment import versions
from synthbench.execution.memory import forget_peaks, peaks
from synthbench.execution.segmenting.job import SegmentJob
from synthbench.execution.segmenting.labels import encode, masks_of
from synthbench.execution.stages import Report, progress_of, score_rows, write_array
from synthbench.registry import Registry
from synthbench.store.atomic import write_json
from synthbench.volumes.prepared import Prepared, PreparedSubject

#: Prepared volumes of each prep job, by its name.
Folders = Mapping[str, Path]


def run_segment(
    registry: Registry,
    job: SegmentJob,
    prepared: Folders,
    store: Path,
    folder: Path,
    report: Report,
) -> dict[str, Any]:
    """Train a segmenter and segment the real target of every test subject.

    Returns:
        The record to keep; ``<subject>.npy`` holds the classes found, uint8.
    """
    started = time.monotonic()
    forget_peaks()
    setting = SegmenterSetting(classes=len(job.classes), seed=job.seed, unit=job.unit)
    entry = registry.get("segmenters", job.segmenter)
    segmenter = entry.resolve()(setting, **job.params)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    labels = folder / "labels"

    def told(fraction: float) -> None:
        report({"stage": "fit", "fraction": fraction})  # of steps only the segmenter knows

    segmenter.fit(_TrainingScans(job, prepared, store, labels), work, told)
    trained = time.monotonic()
    found = segmenter.segment(_test_scans(job, prepared), work)
    for number, (subject, classes) in enumerate(zip(job.test, found, strict=True)):
        report(progress_of("segment", number, len(job.test)))
        _check(job, _subject(job, prepared, subject), classes)
        write_array(folder / f"{subject}.npy", classes)
    shutil.rmtree(work)
    shutil.rmtree(labels, ignore_errors=True)  # there are none if it asked for no scan
    return {
        "train": job.train,
        "remarks": entry.remarks(job.params),
        "seconds_train": round(trained - started, 3),
        "seconds_predict": round(time.monotonic() - trained, 3),
        **peaks(children=True),
        "versions": versions(),
    }


def run_segment_score(
    registry: Registry,
    job: SegmentJob,
    prepared: Folders,
    segmented: Path,
    evaluator: str,
    folder: Path,
    report: Report,
) -> dict[str, Any]:
    """Compare what a segmenter found with the labels."""
    started = time.monotonic()
    entry = registry.get("evaluators", evaluator)
    rows = score_rows(entry, _cases(job, prepared, segmented, report))
    write_json(folder / "scores.json", rows)
    return {"rows": len(rows), "seconds": round(time.monotonic() - started, 3)}


class _TrainingScans(Sequence[Scan]):
    """Training scans, opened when they are asked for; classes are made once, into ``labels``."""

    def __init__(self, job: SegmentJob, prepared: Folders, store: Path, labels: Path) -> None:
        self._job, self._prepared, self._store, self._labels = job, prepared, store, labels

    def __len__(self) -> int:
        return len(self._job.images)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        job = self._job
        subject = job.train[index]
        opened = _subject(job, self._prepared, subject)
        file = job.images[subject]
        image = _load(self._store / file) if file else opened.volume(job.modality)
        if image.shape != opened.shape:
            raise DataError(
                f"{file} is not on the grid of subject {subject}",
                "delete its folder and repeat the `synthbench run` command",
            )
        # Segmenters ask for a scan with every patch: to encode a label takes longer than all else.
        classes = self._labels / f"{job.train.index(subject)}.npy"
        if not classes.is_file():
            write_array(classes, encode(_label(opened), job.classes))
        return Scan(subject, image, opened.spacing, _load(classes))


def _test_scans(job: SegmentJob, prepared: Folders) -> Iterator[Scan]:
    for subject in job.test:
        opened = _subject(job, prepared, subject)
        yield Scan(subject, opened.volume(job.target), opened.spacing)


def _cases(job: SegmentJob, prepared: Folders, segmented: Path, report: Report) -> Iterator[Case]:
    sources = [name.strip() for name in job.task.partition("->")[0].split("+")]
    for number, subject in enumerate(job.test):
        report(progress_of("score", number, len(job.test)))
        opened = _subject(job, prepared, subject)
        target = np.asarray(opened.volume(job.target))
        label = encode(_label(opened), job.classes)
        found = _load(segmented / f"{subject}.npy")
        yield Case(
            subject=subject,
            prediction=target,
            target=target,
            source=np.stack([opened.volume(name) for name in sources]),
            mask=np.asarray(opened.mask),
            regions=masks_of(label, job.classes, job.regions),
            spacing=opened.spacing,
            segmented=masks_of(found, job.classes, job.regions),
        )


def _subject(job: SegmentJob, prepared: Folders, subject: str) -> PreparedSubject:
    return Prepared(prepared[job.preps[subject]])[subject]


def _label(subject: PreparedSubject) -> npt.NDArray[Any]:
    label = subject.label
    assert label is not None  # planning leaves subjects without a label out
    return np.asarray(label)


def _load(path: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} cannot be read: {error}",
            "delete its folder and repeat the `synthbench run` command",
        ) from error


def _check(job: SegmentJob, subject: PreparedSubject, found: npt.NDArray[Any]) -> None:
    most = int(found.max()) if found.size else 0
    if found.dtype != np.uint8 or found.shape != subject.shape or most > len(job.classes):
        raise PluginError(
            f"{job.segmenter} gave {found.dtype} {found.shape} up to {most} for subject "
            f"{subject.id}, not uint8 {subject.shape} up to {len(job.classes)}",
            "report it to the plugin's author",
        )
