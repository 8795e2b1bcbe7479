from __future__ import annotations

import numpy as np
import pytest

from synthbench.api import DataError, Intensity, UsageError
from synthbench.volumes.intensity import Bounds, fit, from_unit, to_unit

ARRAY = np.linspace(-100, 900, 1001, dtype=np.float32).reshape(7, 11, 13)
MASK = ARRAY >= 400


def test_minmax() -> None:
    assert fit(Intensity(kind="minmax"), ARRAY, MASK) == Bounds(-100, 900)


def test_percentiles_include_the_background() -> None:
    bounds = fit(Intensity(kind="percentile"), ARRAY, MASK)
    assert (bounds.low, bounds.high) == pytest.approx((-99, 899))
    bounds = fit(Intensity(kind="percentile", low=0, high=50), ARRAY, MASK)
    assert (bounds.low, bounds.high) == pytest.approx((-100, 400))


def test_zscore_looks_at_the_foreground_only() -> None:
    inside = ARRAY[MASK].astype(float)
    bounds = fit(Intensity(kind="zscore", low=-2, high=3), ARRAY, MASK)
    assert bounds.low == pytest.approx(inside.mean() - 2 * inside.std())
    assert bounds.high == pytest.approx(inside.mean() + 3 * inside.std())
    default = fit(Intensity(kind="zscore"), ARRAY, MASK)
    assert default.width == pytest.approx(10 * inside.std())


def test_window_ignores_the_volume() -> None:
    model = Intensity(kind="window", low=-1024, high=3000)
    assert fit(model, ARRAY, MASK) == Bounds(-1024, 3000)


def test_window_needs_its_values() -> None:
    with pytest.raises(UsageError, match=r"ct of subject A.*window"):
        fit(Intensity(kind="window", low=0), ARRAY, MASK, what="ct of subject A")


def test_a_volume_that_is_nearly_all_background_has_no_percentile_range() -> None:
    array = np.zeros((30, 30, 30), dtype=np.float32)
    array[0, 0, :5] = 9
    with pytest.raises(DataError, match=r"t1 of subject A.*no range \(0 to 0\)"):
        fit(Intensity(kind="percentile"), array, array > 0, what="t1 of subject A")


def test_unit_range_is_clipped_and_float32() -> None:
    unit = to_unit(np.array([-2000, -1024, 988, 3000, 4000], dtype=np.int16), Bounds(-1024, 3000))
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [0, 0, 0.5, 1, 1])


def test_hounsfield_units_survive_the_round_trip() -> None:
    bounds = Bounds(-1024, 3000)
    raw = np.arange(-1024, 3001, dtype=np.float32)
    np.testing.assert_array_equal(np.rint(from_unit(to_unit(raw, bounds), bounds)), raw)


def test_predictions_outside_the_unit_range_are_clipped() -> None:
    given = np.array([-0.5, 0.5, 1.5], dtype=np.float32)
    assert from_unit(given, Bounds(10, 20)).tolist() == [10, 15, 20]
    assert given.tolist() == [-0.5, 0.5, 1.5]
