"""A trained cell applied to volumes outside any dataset."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthbench.api import DataError, Intensity, Recipe, Subject, UsageError
from synthbench.registry import Registry
from synthbench.registry.names import did_you_mean
from synthbench.report.run_folder import find_run
from synthbench.store.atomic import read_json


@dataclass(frozen=True)
class TrainedModel:
    """A trained cell on disk.

    Attributes:
        folder: Holds ``model.pt`` and ``model.json``.
        card: Content of ``model.json``.
    """

    folder: Path
    card: dict[str, Any]


def read_model(text: str, output: Path) -> TrainedModel:
    """Find a trained model.

    Args:
        text: ``RUN:METHOD``, ``RUN:METHOD/fold-1_seed-0``, or the model's folder.
        output: Output root, where runs are kept.

    Raises:
        UsageError: If the run has no such cell.
        DataError: If it was not trained.
    """
    folder = Path(text)
    if not (folder / "model.json").is_file():
        folder = _from_run(text, output)
    card = read_json(folder / "model.json")
    if card is None or not (folder / "model.pt").is_file():
        raise DataError(f"{text} is not trained", "run it first, see `synthbench run --help`")
    return TrainedModel(folder, card)


def _from_run(text: str, output: Path) -> Path:
    import csv

    run, colon, wanted = text.rpartition(":")
    if not colon:
        raise UsageError(
            f"{text} is neither RUN:METHOD nor a trained model's folder",
            "`synthbench report` names the latest run and its methods",
        )
    path = find_run(output, run)
    method, _, cell = wanted.partition("/fold-")
    with (path / "cells.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    matching = [
        row
        for row in rows
        if method in (row["method"], row["method"].split("/")[-1])
        and (not cell or row["label"].endswith(f"/fold-{cell}"))
    ]
    if not matching:
        labels = sorted({row["method"].split("/")[-1] for row in rows})
        raise UsageError(
            f"run {run} has no method {wanted!r}",
            did_you_mean(method, labels) or f"it has {', '.join(labels)}",
        )
    if not matching[0]["train_dir"]:
        raise DataError(f"{wanted} of run {run} is not trained", matching[0]["message"])
    return path / matching[0]["train_dir"]


def translate_files(
    registry: Registry, model: TrainedModel, subjects: list[Subject], folder: Path, overwrite: bool
) -> Iterator[tuple[str, Path]]:
    """Translate subjects one by one.

    Args:
        registry: Where the translator is found.
        model: What to translate with.
        subjects: With exactly the model's source modalities.
        folder: Where ``<subject>_<target>.nii.gz`` goes.
        overwrite: Whether existing volumes are replaced.

    Yields:
        Subject id and path written.

    Raises:
        DataError: For unreadable input, or output that is there already.
    """
    from synthbench.inference.translate import load_translator, translate
    from synthbench.volumes.intensity import Bounds
    from synthbench.volumes.patches import whole
    from synthbench.volumes.preparing import prepare
    from synthbench.volumes.writing import write_prediction

    card = model.card
    source, target = card["source"], card["target"]
    paths = {subject.id: folder / f"{subject.id}_{target}.nii.gz" for subject in subjects}
    if len(paths) < len(subjects):
        raise UsageError("two files would be written under one name", "give each file its own name")
    there = [path for path in paths.values() if path.exists()]
    if there and not overwrite:
        raise DataError(f"{there[0]} is there already", "choose another folder or add --overwrite")
    recipe = Recipe.model_validate(card["recipe"])
    intensities = {name: Intensity(**card["intensities"][name]) for name in source}
    physical = card["intensities"][target]["kind"] == "window"
    spacing = card["spacing"]
    translator = load_translator(registry, recipe, len(source), model.folder / "model.pt")
    for subject in subjects:
        with tempfile.TemporaryDirectory(prefix="synthbench-") as temporary:
            prepared = prepare(
                [subject],
                intensities,
                source,
                spacing=tuple(spacing) if isinstance(spacing, list) else spacing,
                folder=Path(temporary),
                regions={},
                crop=card.get("crop"),  # models trained before there was a crop have none
            )[subject.id]
            batch = whole(prepared, source, None, recipe.intensity)
            unit = translate(translator, recipe, batch, card["seed"])
            write_prediction(
                unit,
                prepared,
                Bounds(**card["target_bounds"]),
                paths[subject.id],
                integer=physical,
            )
        yield subject.id, paths[subject.id]
