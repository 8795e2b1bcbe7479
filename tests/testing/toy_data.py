"""Datasets and evaluators that break one promise each; ``fault`` says which."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from synthbench.api import Case, DataError, Dataset, Evaluator, Generated, Score, Subject, Volume

_runs = itertools.count()


class Balls(Dataset):
    """Two subjects made on the fly."""

    fault = ""

    def subjects(self, root: Path | None) -> list[Subject]:
        if self.fault == "none":
            return []
        names = ["a", "a"] if self.fault == "twice" else ["a", "b"]
        if self.fault == "order" and next(_runs) % 2:
            names.reverse()
        if self.fault == "regions":
            self.regions = {"core": (0.5,)}  # type: ignore[dict-item]
        return [self._subject(name) for name in names]

    def _subject(self, name: str) -> Subject:
        def origin(what: str) -> Generated:
            key = {"name": name, "volume": "any" if self.fault == "keys" else what}
            return Generated(key, partial(self._make, name, what))

        return Subject(
            name,
            {modality: origin(modality) for modality in ("t1", "t2")},
            label=origin("label"),
            mask=origin("mask"),
            valid=origin("valid") if self.fault == "disjoint" else None,
        )

    def _make(self, name: str, what: str) -> Volume:
        radius = np.sqrt((np.indices((10, 9, 8)) - 4.0) ** 2).sum(0) + ord(name[0]) / 100
        image = {
            "t1": 10 - radius,
            "t2": radius,
            "label": np.where(radius < 3, 0.5 if self.fault == "fractions" else 1, 0),
            "mask": radius < 6,
            "valid": radius > 9,
        }[what]
        if self.fault == "noise" and what == "t1":
            image = image + next(_runs)
        if self.fault == "grid" and what == "t2":
            image = image[1:]
        return Volume(np.asarray(image, dtype=np.float32), np.eye(4))


class Folders(Dataset):
    """A folder a subject, with text files for volumes: enough for whoever never reads them."""

    fault = ""

    def subjects(self, root: Path | None) -> list[Subject]:
        assert root is not None
        found = [
            Subject(path.name, {"t1": path / "t1.nii.gz", "t2": path / "t2.nii.gz"})
            for path in sorted(root.iterdir())
            if path.is_dir()
        ]
        if not found and self.fault != "accepts anything":
            hint = "" if self.fault == "no hint" else "expected <subject>/t1.nii.gz"
            raise DataError(f"{root} holds no subject", hint)
        if self.fault == "writes":
            (root / "index.csv").write_text("subject")
        return found


class Errors(Evaluator):
    """Mean absolute error by region, and its square root for the set."""

    fault = ""

    def evaluate(self, cases: Iterable[Case]) -> Iterator[Score]:
        errors = []
        if self.fault == "keeps":
            cases = list(cases)
        if self.fault == "stops":
            cases = itertools.islice(cases, 2)
        for case in cases:
            if self.fault == "writes":
                case.prediction += 1
            error = np.abs(case.prediction.astype(np.float64) - case.target)
            regions = {"whole": np.ones_like(case.mask), "foreground": case.mask, **case.regions}
            for region, mask in regions.items():
                yield self._score(case, region, mask, error)
            errors.append(float(error.mean()))
        mean = float(np.mean(errors))
        if math.isfinite(mean):
            yield Score("", "whole", "set_error", math.sqrt(mean))

    def _score(self, case: Case, region: str, mask: np.ndarray, error: np.ndarray) -> Score:
        if self.fault == "unmasked":
            mask = np.ones_like(mask)
        unit = "mm" if self.fault == "unit" else case.unit
        name = "other" if self.fault == "undeclared" else "error"
        values = error[mask]
        if self.fault == "raises" and not values.size:
            raise ZeroDivisionError("no voxels")
        value = float(values.mean()) * case.scale if values.size else math.nan
        if self.fault == "backwards":
            value = -value
        if self.fault == "blind":
            value = 1.0
        if self.fault == "random":
            value += next(_runs) * 1e-9
        if not math.isfinite(value) and self.fault != "silent nan":
            return Score(
                case.subject, region, name, math.nan, unit, 0, "undefined", "there is no number"
            )
        return Score(case.subject, region, name, value, unit, values.size)
