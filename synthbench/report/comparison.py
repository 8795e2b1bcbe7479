"""Gathers the slices of one held-out subject: source, target and every method's prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthbench.api.errors import DataError, UsageError
from synthbench.report.planes import VIEWS, FloatArray, Plane, planes_through
from synthbench.report.progress import NOT_AVAILABLE
from synthbench.report.run_folder import RunFolder, of_task
from synthbench.report.tables import Row, Table

if TYPE_CHECKING:
    from synthbench.volumes.prepared import PreparedSubject

#: Metrics printed above each method's panel: the first ones of the table.
_TITLE_METRICS = 2


@dataclass(frozen=True)
class Panel:
    """One method's row of slices.

    Attributes:
        label: Method as printed.
        scores: Its scores of this subject, e.g. ``"PSNR 27.1"``.
        slices: One a plane; empty if there is no prediction.
        state: What to print instead of an image, e.g. ``OOM``.
        baseline: Whether it is a floor that every trained method must beat.
    """

    label: str
    scores: tuple[str, ...]
    slices: tuple[FloatArray, ...]
    state: str = ""
    baseline: bool = False


@dataclass(frozen=True)
class Comparison:
    """What the comparison figure shows. All slices are in the unit range [0, 1].

    Attributes:
        subject: Subject id.
        why: How the subject was chosen, in words; may be empty.
        task: The task.
        planes: Axial, coronal, sagittal, unless others were asked for.
        spacing: Voxel size in mm.
        sources: Slices of each source modality by name, one a plane.
        target: Slices of the real target.
        target_name: Its modality.
        panels: One a method.
        scale: Width of the unit range in physical units.
        unit: Physical unit of the target, or ``""``.
        scored: Region that the panels' scores are from, in words.
        low: Physical value of the unit range's 0.
        mask: Foreground, one slice a plane.
        label: Whether a voxel has any label, one slice a plane; empty without a label.
        at: Voxel that was asked for, or ``None``.
        seed: Training seed of the predictions, where there are several; else ``None``.
    """

    subject: str
    why: str
    task: str
    planes: tuple[Plane, ...]
    spacing: tuple[float, float, float]
    sources: Mapping[str, tuple[FloatArray, ...]]
    target: tuple[FloatArray, ...]
    target_name: str
    panels: tuple[Panel, ...]
    scale: float = 1.0
    unit: str = ""
    scored: str = ""
    low: float = 0.0
    mask: tuple[npt.NDArray[np.bool_], ...] = ()
    label: tuple[npt.NDArray[np.bool_], ...] = ()
    at: tuple[int, int, int] | None = None
    seed: int | None = None


def representative_subject(table: Table, run: RunFolder) -> str:
    """The scanned subject that is most ordinary: closest to the median of the first column.

    Raises:
        DataError: If no subject has a score yet.
    """
    return ordered_subjects(table, run)[1]


def ordered_subjects(table: Table, run: RunFolder) -> tuple[list[str], str]:
    """Subjects from best to worst in the first column, and the one closest to its median.

    Scores are averaged over the ranked methods first, so no method picks its own show-piece. Of a
    patient with several sessions, the first one stands for all.

    Raises:
        DataError: If no subject has a score yet.
    """
    scores = table.scores[0]
    if not scores.common.any() or scores.of_sets:
        raise DataError(
            f"{run.name}: no subject of {table.task} has scores of every method yet",
            "name one with --subject, or wait until the run has come further",
        )
    means = scores.values[scores.ranked][:, scores.common].mean(axis=0)
    patients = run.patients(table.dataset)
    rows = of_task(run.scores, table.dataset, table.task)
    scanned: dict[str, str] = {}
    for subject in rows["subject"].unique():
        scanned.setdefault(patients.get(str(subject), str(subject)), str(subject))
    names = [scanned[str(unit)] for unit in np.array(scores.units)[scores.common]]
    better = -1 if table.columns[0].higher_is_better else 1
    ordered = [names[position] for position in np.argsort(better * means, kind="stable")]
    return ordered, names[int(np.argmin(np.abs(means - np.median(means))))]


def load_comparison(
    run: RunFolder,
    table: Table,
    subject: str | None = None,
    *,
    methods: Sequence[str] = (),
    views: Sequence[str] = VIEWS,
    at: tuple[float, float, float] | None = None,
    planes: Callable[[Any, Any, tuple[int, ...]], tuple[Plane, ...]] | None = None,
) -> Comparison:
    """Load the slices of one subject.

    By default, planes pass through the largest extent of the label where the subject has one, else
    through the centre of its foreground.

    Args:
        run: The run.
        table: Its table of the task; rows become panels.
        subject: Subject id; default: :func:`representative_subject`.
        methods: Canonical ids of the panels, in this order; default: all of the table.
        views: Names of the planes, in this order.
        at: World coordinates (mm, RAS+) of a point that all planes pass through instead.
        planes: Chooses the planes from label, foreground and shape, in place of ``views`` and
            ``at``.

    Raises:
        UsageError: If the run did not test such a subject, or the point is outside its volume.
        DataError: If its prepared volumes are gone.
    """
    from synthbench.volumes.prepared import Prepared

    first = table.columns[0]
    why = "" if subject else f"the closest to the median {first.label} in the {first.region_name}"
    subject = subject or representative_subject(table, run)
    scores = of_task(run.scores, table.dataset, table.task)
    known = sorted(set(scores["subject"]) - {""})
    if subject not in known:
        raise UsageError(
            f"{run.name} tested no subject {subject!r} in {table.task}",
            f"it tested {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}",
        )
    scores = scores[scores["subject"] == subject]
    cells = of_task(run.cells, table.dataset, table.task)
    cells = cells[cells["fold"] == scores["fold"].iloc[0]]
    folders = [folder for folder in cells["prep_dir"] if folder]
    if not folders:
        raise DataError(
            f"{run.name}: nothing is prepared for {table.task} yet",
            "wait until the run has come further",
        )
    prepared = Prepared(run.path / folders[0])[subject]
    sources, target_name = _modalities(table.task)
    spacing = tuple(float(side) for side in prepared.spacing)
    target = prepared.volume(target_name)
    label, mask = prepared.label, prepared.mask
    voxel = None if at is None else _voxel(prepared, at)
    if planes is not None:
        cuts = planes(label, mask, target.shape)
    else:
        found = {plane.name: plane for plane in planes_through(label, mask, target.shape, voxel)}
        cuts = tuple(found[name] for name in views)
    rows = {row.method: row for row in table.rows}
    shown = [rows[method] for method in methods or rows]
    bounds = prepared.bounds[target_name]
    unit = _target_unit(run, scores)
    return Comparison(
        subject=subject,
        why=why,
        task=table.task,
        planes=cuts,
        spacing=(spacing[0], spacing[1], spacing[2]),
        sources={name: _cut(cuts, prepared.volume(name)) for name in sources},
        target=_cut(cuts, target),
        target_name=target_name,
        panels=tuple(
            _panel(run, table, row, cuts, target.shape, cells, scores)
            for row in shown
            if not row.bound
        ),
        scale=float(bounds.high - bounds.low) if unit else 1.0,
        unit=unit,
        scored=first.region_name,
        low=float(bounds.low) if unit else 0.0,
        mask=tuple(np.array(plane.cut(mask), dtype=bool) for plane in cuts),
        label=() if label is None else tuple(np.array(plane.cut(label)) > 0 for plane in cuts),
        at=voxel,
        seed=min(table.progress.seeds) if len(table.progress.seeds) > 1 else None,
    )


def _voxel(subject: PreparedSubject, at: tuple[float, float, float]) -> tuple[int, int, int]:
    """The voxel at a point in the world."""
    place = np.linalg.solve(subject.affine, np.array([*at, 1.0]))[:3]
    index = np.rint(place).astype(int)
    if (index < 0).any() or (index >= np.array(subject.shape)).any():
        corners = np.array([[0, 0, 0, 1], [*(side - 1 for side in subject.shape), 1]])
        ends = (corners @ subject.affine.T)[:, :3]
        listed = ", ".join(
            f"{name} {low:.0f} to {high:.0f}"
            for name, low, high in zip("xyz", ends.min(axis=0), ends.max(axis=0), strict=True)
        )
        raise UsageError(
            f"the point {', '.join(f'{value:g}' for value in at)} is outside subject {subject.id}",
            f"its volume spans {listed} mm",
        )
    return int(index[0]), int(index[1]), int(index[2])


def _modalities(task: str) -> tuple[list[str], str]:
    sources, _, target = task.partition("->")
    return [name.strip() for name in sources.split("+")], target.strip()


def _target_unit(run: RunFolder, scores: pd.DataFrame) -> str:
    declared = [name for name, info in run.metrics.items() if info.get("unit") == "target"]
    units = scores.loc[scores["metric"].isin(declared), "unit"]
    return next((str(unit) for unit in units if unit), "")


def _cut(planes: Sequence[Plane], volume: npt.NDArray[Any]) -> tuple[FloatArray, ...]:
    return tuple(np.array(plane.cut(volume), dtype=np.float32) for plane in planes)


def _panel(
    run: RunFolder,
    table: Table,
    row: Row,
    planes: Sequence[Plane],
    shape: tuple[int, ...],
    cells: pd.DataFrame,
    scores: pd.DataFrame,
) -> Panel:
    subject = str(scores["subject"].iloc[0])
    done = cells[(cells["method"] == row.method) & (cells["state"] == "done")]
    if done.empty:
        return Panel(row.label, (), (), table.progress.methods[row.method].mark)
    cell = done.sort_values("seed").iloc[0]
    file = run.path / cell["predict_dir"] / f"{subject}.npy"
    if not cell["predict_dir"] or not file.is_file():
        return Panel(row.label, (), (), NOT_AVAILABLE)
    volume = _load(file, shape)
    mine = scores[(scores["method"] == row.method) & (scores["seed"] == cell["seed"])]
    shown = [column for column in table.columns if column.region == table.columns[0].region]
    texts = []
    for column in shown[:_TITLE_METRICS]:
        found = mine[(mine["metric"] == column.metric) & (mine["region"] == column.region)]
        if len(found) and np.isfinite(found["value"].iloc[0]):
            unit = f" {column.unit}" if column.unit else ""
            texts.append(f"{column.label} {column.format(float(found['value'].iloc[0]))}{unit}")
    return Panel(row.label, tuple(texts), _cut(planes, volume), baseline=row.baseline)


def _load(file: Path, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        volume: npt.NDArray[Any] = np.load(file, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file} cannot be read: {error}",
            "delete it and repeat the `synthbench run` command; nothing is trained again",
        ) from error
    if volume.shape != shape:
        raise DataError(
            f"{file} has shape {volume.shape}, the target {shape}",
            "it belongs to another grid; repeat the `synthbench run` command",
        )
    return volume
