from __future__ import annotations

import numpy as np
import pytest

from synthbench.volumes import percentiles as module
from synthbench.volumes.percentiles import percentiles

WANTED = [0.0, 0.1, 0.5, 1, 25, 50, 98, 99.9, 99.99, 100.0]


def volumes() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shape = (60, 55, 50)
    noise = random.standard_normal(shape).astype(np.float32)
    stripped = np.where(noise > 0.8, 1000 * noise, 0).astype(np.float32)
    few = stripped.copy()
    few[few < np.partition(few.ravel(), -40)[-40]] = 0  # forty voxels that are not background
    return {
        "noise": noise,
        "whole numbers": np.rint(200 * noise),
        "stripped": stripped,
        "nearly all background": few,
        "sorted": np.sort(noise.ravel()).reshape(shape),
        "period of the sample": np.resize(np.arange(61, dtype=np.float32), shape),
        "in another order": np.asfortranarray(noise)[::-1, :, ::-1],
        "large offset": noise + np.float32(3e7),
        "small": noise[:5],
    }


@pytest.mark.parametrize("name", volumes())
def test_they_are_numpys_bit_by_bit(name: str) -> None:
    array = volumes()[name]
    before = array.copy()
    assert percentiles(array, WANTED) == [float(v) for v in np.percentile(array, WANTED)]
    np.testing.assert_array_equal(array, before)


def test_a_sample_that_misleads_costs_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CERTAIN", 0.0)
    for array in volumes().values():
        assert percentiles(array, WANTED) == [float(v) for v in np.percentile(array, WANTED)]


def test_few_voxels_are_ordered(monkeypatch: pytest.MonkeyPatch) -> None:
    array, ordered = volumes()["noise"], []
    partition = np.partition
    monkeypatch.setattr(
        module.np, "partition", lambda a, kth: (ordered.append(a.size), partition(a, kth))[1]
    )
    percentiles(array, (0.1, 99.9))
    assert 0 < max(ordered) < array.size / 50
