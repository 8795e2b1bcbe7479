"""What cannot be scored says why, in its own rows, and leaves the rest alone."""

import math
from importlib import import_module

import numpy as np
import pytest

from synthbench_plugins.evaluators import declared
from synthbench_plugins.evaluators.iqa import ImageQuality
from tests.plugins.evaluators.closed_form import case_of

SHAPE = (14, 15, 16)
HU = {"scale": 4024.0, "unit": "HU", "low": -1024.0}


def evaluator(spec):
    module, _, name = spec.target.partition(":")
    return getattr(import_module(module), name)()


def sound(prediction=None, **fields):
    target = np.random.default_rng(0).random(SHAPE)
    mask, lesion = np.zeros((2, *SHAPE), bool)
    mask[2:-2, 2:-2, 2:-2] = True
    lesion[5:9, 5:9, 5:9] = True
    defaults = {"regions": {"whole_tumour": lesion}, "seams": ((7,), (), ()), **HU}
    made = 0.9 * target + 0.05 if prediction is None else prediction(target)
    return case_of(target, made, mask, **(defaults | fields))


def with_nan(target):
    broken = target.copy()
    broken[0, 0, 0] = np.nan
    return broken


BROKEN = {
    "missing": (lambda target: np.empty((0, 0, 0)), "missing"),
    "another grid": (lambda target: target[:-1], "13x15x16"),
    "NaN": (with_nan, "NaN or infinite"),
    "infinite": (lambda target: np.where(target > 0.9, np.inf, target), "NaN or infinite"),
    "raw intensities": (lambda target: target * 4000, "other intensities"),
    "wrapped integers": (lambda target: np.where(target > 0.9, -8.0, target), "overflowed"),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("spec", declared.SPECS, ids=lambda spec: spec.name)
def test_broken_predictions_are_undefined_and_the_next_case_is_scored(spec, what):
    change, why = BROKEN[what]
    cases = [sound(change, subject="bad"), sound(subject="good")]
    rows = list(evaluator(spec).evaluate(cases))
    bad = [row for row in rows if row.subject == "bad"]
    assert {row.metric for row in bad} == {metric.name for metric in spec.metrics}
    assert {row.status for row in bad} == {"undefined"}
    assert all(why in row.detail and math.isnan(row.value) for row in bad)
    good = [row for row in rows if row.subject == "good"]
    assert {row.metric for row in good} == {metric.name for metric in spec.metrics}
    assert {row.status for row in good} == {"ok"}


@pytest.mark.parametrize("spec", declared.SPECS, ids=lambda spec: spec.name)
def test_a_constant_prediction_has_scores_and_a_remark(spec):
    rows = list(evaluator(spec).evaluate([sound(lambda target: np.full(target.shape, 0.5))]))
    scored = [row for row in rows if row.status == "ok"]
    assert all(row.detail == "the prediction is constant" for row in scored)
    assert all(math.isfinite(row.value) for row in scored)
    # BraSyn maps by percentiles, of which a constant has but one; no number, but a reason.
    assert scored or {row.status for row in rows} == {"undefined"}


@pytest.mark.parametrize("spec", declared.SPECS, ids=lambda spec: spec.name)
def test_an_empty_mask_raises_nothing(spec):
    rows = list(evaluator(spec).evaluate([empty_mask()]))
    assert all(row.region != "foreground" for row in rows)
    assert all(math.isfinite(row.value) for row in rows if row.status == "ok")


def empty_mask():
    case = sound()
    return case_of(case.target, case.prediction, np.zeros(SHAPE, bool), regions=case.regions, **HU)


def test_absent_labels_give_no_rows():
    lesion, absent = sound().regions["whole_tumour"], np.zeros(SHAPE, bool)
    rows = ImageQuality().evaluate([sound(regions={"lesion": lesion, "absent": absent})])
    found = {row.region for row in rows}
    assert "lesion" in found
    assert "absent" not in found


@pytest.mark.parametrize("spec", declared.SPECS, ids=lambda spec: spec.name)
def test_identical_volumes_are_capped_or_perfect(spec):
    rows = list(evaluator(spec).evaluate([sound(lambda target: target)]))
    for row in rows:
        if row.metric == "psnr":
            assert (row.value, row.status) == (100.0, "capped")
        else:
            perfect = 1.0 if "ssim" in row.metric or spec.name == "artefacts" else 0.0
            assert (row.value, row.status) == (pytest.approx(perfect, abs=1e-12), "ok")


@pytest.mark.parametrize("side", [1, 3, 6])
@pytest.mark.parametrize("spec", declared.SPECS, ids=lambda spec: spec.name)
def test_sides_below_any_window_raise_nothing(spec, side):
    target = np.random.default_rng(0).random((20, 20, side))
    lesion = target > 0.7
    case = case_of(target, np.sqrt(target), regions={"whole_tumour": lesion}, **HU)
    rows = list(evaluator(spec).evaluate([case]))
    assert {row.metric for row in rows} == {metric.name for metric in spec.metrics}
    for row in rows:
        assert (row.status in ("ok", "capped")) == math.isfinite(row.value)
        assert row.status == "ok" or row.detail
