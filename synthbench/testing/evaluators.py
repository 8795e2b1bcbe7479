"""Level 1: evaluators, on volumes whose scores can be foretold."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from synthbench.api import Case, Evaluator, EvaluatorSpec, Metric, Score
from synthbench.api.evaluator import ScoreStatus
from synthbench.testing import samples
from synthbench.testing.checks import check
from synthbench.testing.specimens import Specimen
from synthbench.testing.verdicts import Failed, Skipped, demand

_SHAPE = (34, 24, 20)
#: The foreground's and the region's extent along the first axis; what lies behind `_FAR` is further
#: from both than the windows of local metrics reach.
_FOREGROUND, _REGION, _FAR = slice(3, 13), slice(5, 9), 24
_SUBJECTS = ("one", "two", "three")
#: Strengths of degradation, weakest first.
_NOISE = (0.0, 0.1, 0.4)
_STATUSES = get_args(ScoreStatus)

_Array = npt.NDArray[Any]
_Key = tuple[str, str, str]


def _case(subject: str, noise: float = 0.0) -> Case:
    seed = _SUBJECTS.index(subject)
    target = 0.15 + 0.4 * (samples.images(_SHAPE, batch=1, seed=seed)[0, 0].numpy() + 1) / 2
    random = np.random.default_rng(seed)
    # Only ever brighter, so that signed differences grow as well.
    prediction = target + noise * random.random(_SHAPE, dtype=np.float32)
    mask = np.zeros(_SHAPE, dtype=np.bool_)
    mask[_FOREGROUND, 3:-3, 3:-3] = True
    region = np.zeros(_SHAPE, dtype=np.bool_)
    region[_REGION, 6:-6, 6:-6] = True
    arrays = [np.asarray(a, dtype=np.float32) for a in (prediction, target, target[None])]
    # Of segmentations the error is a shift.
    segmented = {"region": np.roll(region, round(10 * noise), axis=0)}
    case = Case(subject, arrays[0], arrays[1], arrays[2], mask, {"region": region})
    return _frozen(replace(case, segmented=segmented))


def _frozen(case: Case) -> Case:
    """Arrays of a real run are memory-mapped read-only; writing to them is an error here too."""
    images = (case.prediction, case.target, case.source, case.mask)
    for array in (*images, *case.regions.values(), *case.segmented.values()):
        array.setflags(write=False)
    return case


def _cases(
    noise: float = 0.0, change: Callable[[Case], Case] = lambda case: case
) -> Iterator[Case]:
    return (change(_case(subject, noise)) for subject in _SUBJECTS)


def _build(specimen: Specimen) -> Evaluator:
    evaluator: Evaluator = specimen.component.resolve()()
    return evaluator


def _scored(specimen: Specimen, cases: Iterator[Case]) -> dict[_Key, Score]:
    rows = list(_build(specimen).evaluate(cases))
    keyed = {(row.subject, row.region, row.metric): row for row in rows}
    demand(len(keyed) == len(rows), "two rows for one subject, region and metric")
    return keyed


def _equal(specimen: Specimen) -> dict[_Key, Score]:
    """Scores of identical volumes; what cannot be computed here is no reason to fail."""
    rows = _scored(specimen, _cases())
    demand(rows, "it gives no scores")
    absent = [row for row in rows.values() if row.status == "unavailable"]
    if len(absent) == len(rows):
        raise Skipped(absent[0].detail or "its weights or packages are missing")
    return {key: row for key, row in rows.items() if row.status != "unavailable"}


def _metrics(specimen: Specimen) -> dict[str, Metric]:
    spec = specimen.component.spec
    assert isinstance(spec, EvaluatorSpec)
    return {metric.name: metric for metric in spec.metrics}


@check("evaluators", level=1)
def declared(specimen: Specimen) -> None:
    """It gives rows of all its declared metrics and of no other, in their declared units, for the
    subjects it was given, each with one of the four statuses."""
    metrics = _metrics(specimen)
    physical = dict(scale=1000.0, unit="HU")
    rows = _scored(specimen, _cases(0.1, lambda case: replace(case, **physical)))  # type: ignore[arg-type]
    given = {metric for _, _, metric in rows}
    demand(not given - {*metrics}, f"not declared: {', '.join(sorted(given - {*metrics}))}")
    demand(not {*metrics} - given, f"declared, not given: {', '.join(sorted({*metrics} - given))}")
    for (subject, region, name), row in rows.items():
        unit = "HU" if metrics[name].unit == "target" else metrics[name].unit
        demand(row.unit == unit, f"{name} is in {row.unit!r}, declared is {unit!r}")
        demand(subject in (*_SUBJECTS, ""), f"{name} is given for an unknown subject {subject!r}")
        demand(region, f"{name} is given for no region")
        demand(row.status in _STATUSES, f"{name} has the status {row.status!r}")


@check("evaluators", level=1)
def optimum(specimen: Specimen) -> None:
    """For identical volumes every score is a number, and none is better for volumes that differ."""
    equal = specimen.once(_equal)
    for (_, region, name), row in equal.items():
        number = row.status in ("ok", "capped") and math.isfinite(row.value)
        demand(number, f"{name} ({region}) of identical volumes is {row.value}: {row.status}")
    for noise in _NOISE[1:]:
        _demand_not_better(specimen, equal, _scored(specimen, _cases(noise)), noise)


@check("evaluators", level=1)
def direction(specimen: Specimen) -> None:
    """Every score gets worse, in the direction that `better` declares, as an error grows."""
    few, many = _NOISE[1:]
    weak, strong = _scored(specimen, _cases(few)), _scored(specimen, _cases(many))
    _demand_not_better(specimen, weak, strong, many)
    for (subject, region, name), row in specimen.once(_equal).items():
        worst = strong[subject, region, name]
        demand(worst.value != row.value, f"{name} ({region}) does not see an error of {many}")


def _demand_not_better(
    specimen: Specimen, before: dict[_Key, Score], after: dict[_Key, Score], noise: float
) -> None:
    metrics = _metrics(specimen)
    for key, row in before.items():
        other = after.get(key)
        _, region, name = key
        demand(other is not None, f"{name} ({region}) is missing for another prediction")
        assert other is not None
        if name not in metrics or "unavailable" in (row.status, other.status):
            continue
        sign = 1 if metrics[name].better == "higher" else -1
        slack = 1e-6 * max(1.0, abs(row.value))
        demand(
            sign * other.value <= sign * row.value + slack,
            f"{name} ({region}): {metrics[name].better} is better, but with an error of {noise} "
            f"{row.value:.6g} becomes {other.value:.6g}",
        )


@check("evaluators", level=1)
def mask(specimen: Specimen) -> None:
    """What happens far outside (more than ten voxels away) changes no score of the foreground or of
    a label region."""

    def disturb(case: Case) -> Case:
        prediction = case.prediction.copy()
        prediction[_FAR:] = 0.9
        return _frozen(replace(case, prediction=prediction))

    masked = [key for key in specimen.once(_equal) if key[1] not in ("whole", "")]
    if not masked:
        raise Skipped("it scores whole volumes only")
    before, after = _scored(specimen, _cases(0.1)), _scored(specimen, _cases(0.1, disturb))
    for key in masked:
        subject, region, name = key
        values = before[key].value, after[key].value if key in after else math.nan
        demand(
            math.isclose(*values, rel_tol=1e-6, abs_tol=1e-9),
            f"{name} ({region}) of {subject} changes from {values[0]:.6g} to {values[1]:.6g}",
        )


@check("evaluators", level=1)
def no_number(specimen: Specimen) -> None:
    """Where no number exists (an empty mask or region, a prediction with NaN, a target that is
    constant or zero) it raises nothing: rows say so by `status` and `detail`, with the value NaN,
    and a score that is `ok` or `capped` is finite."""

    def nowhere(case: Case) -> Case:
        return replace(case, mask=case.mask & False, regions={"region": case.mask & False})

    def invalid(case: Case) -> Case:
        prediction = case.prediction.copy()
        prediction[_FOREGROUND] = np.nan
        return replace(case, prediction=prediction)

    def flat(value: float) -> Callable[[Case], Case]:
        return lambda case: replace(case, target=np.full_like(case.target, value))

    oddities = {
        "an empty mask": nowhere,
        "NaN in the prediction": invalid,
        "a constant target": flat(0.5),
        "a target of zeros": flat(0.0),
    }
    for what, change in oddities.items():
        try:
            rows = _scored(specimen, _cases(0.1, change))
        except Exception as error:
            raise Failed(f"{what}: {type(error).__name__}: {error}") from error
        for (_, region, name), row in rows.items():
            finite = math.isfinite(row.value)
            good = row.status in ("ok", "capped")
            demand(finite == good, f"{what}: {name} ({region}) is {row.value} and {row.status}")
            demand(row.status == "ok" or row.detail, f"{what}: {name} ({region}) does not say why")


@check("evaluators", level=1)
def one_at_a_time(specimen: Specimen) -> None:
    """It reads the cases from an iterator, once, and keeps none of them: whole test sets do not fit
    in memory."""
    seen: list[weakref.ref[Case]] = []

    def loaded() -> Iterator[Case]:
        for subject in _SUBJECTS:
            if len(seen) > 1 and seen[-2]() is not None:
                gc.collect()
                demand(seen[-2]() is None, "it keeps cases it has already scored")
            case = _case(subject, 0.1)
            seen.append(weakref.ref(case))
            yield case
            del case

    list(_build(specimen).evaluate(loaded()))
    demand(len(seen) == len(_SUBJECTS), f"it reads {len(seen)} of {len(_SUBJECTS)} cases")


@check("evaluators", level=1)
def repeats(specimen: Specimen) -> None:
    """Scored again, the same volumes give the same rows, and they are not changed."""
    first, second = (_scored(specimen, _cases(0.1)) for _ in range(2))
    different = [
        f"{name} ({region})"
        for (subject, region, name), row in first.items()
        if repr(row) != repr(second.get((subject, region, name)))
    ]
    demand(not different, f"scored again, {', '.join(different)} differs")
