"""The cascade's edges: levels, invariances, labels, and the cache."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from synthbench.api import UsageError
from synthbench_plugins.edge_cascade import sketch as module
from synthbench_plugins.edge_cascade.sketch import SketchCache, sketch, to_network


def ball(side=24, radius=7.0):
    grid = np.indices((side,) * 3) - (side - 1) / 2
    distance = np.sqrt(np.square(grid).sum(0))
    return np.where(distance < radius, 600.0, 0.0).astype(np.float32), distance


def test_edges_lie_on_the_surface_and_are_thin():
    volume, distance = ball()
    lines = sketch(volume)
    assert lines.dtype == np.uint8
    assert lines.max() > 200
    assert np.abs(distance[lines > 0] - 7).max() < 1.8
    # Every direction from the middle meets the surface, once.
    middle = lines[:, 12, 12] > 0
    assert middle[:12].sum() == 1
    assert middle[12:].sum() == 1


def test_a_constant_volume_has_no_edges():
    assert not sketch(np.full((9, 8, 7), 3.0)).any()


@pytest.mark.parametrize(("scale", "shift"), [(4.0, 64.0), (0.37, -11.0)])
def test_gain_and_offset_change_nothing(scale, shift):
    volume = ball()[0] + np.random.default_rng(0).integers(0, 64, (24, 24, 24))
    difference = sketch(volume).astype(int) - sketch(scale * volume + shift)
    # Rounding may move a grey level, never an edge.
    assert np.abs(difference).max() <= 1


def test_labels_are_drawn_with_their_own_level_over_the_edges():
    volume, _ = ball()
    label = np.zeros(volume.shape, dtype=np.int16)
    for value in range(1, 6):
        label[value] = value
    drawn = sketch(volume, label)
    assert [drawn[value].min() for value in range(1, 6)] == [63, 127, 191, 255, 255]
    assert np.array_equal(drawn[label == 0], sketch(volume)[label == 0])
    np.testing.assert_allclose(
        to_network(np.array([0, 63, 127, 191, 255], dtype=np.uint8)),
        [-1, -0.506, -0.004, 0.498, 1],
        atol=5e-4,
    )


def test_weak_edges_stay_where_they_touch_strong_ones():
    ramp = np.linspace(0.12, 1, 30)[:, None, None]
    step = (np.arange(30) >= 15)[:, None]
    volume = np.broadcast_to(ramp * step, (30, 30, 12)).astype(np.float32)
    followed, strong = sketch(volume), sketch(volume, low=0.6, high=0.6)
    assert (followed[:, 13:17, 6] > 0).any(axis=1).sum() == 30
    assert (strong[:, 13:17, 6] > 0).any(axis=1).sum() < 20
    alone = np.where(np.arange(30)[:, None, None] < 8, volume, 0)
    alone[25:, :, :] = 1
    assert not sketch(alone.astype(np.float32), low=0.05, high=0.4)[:4, 13:17].any()


def test_outliers_are_clipped_by_percentiles():
    volume, _ = ball()
    volume[0, 0, 0] = 60_000
    assert (sketch(volume) > 0).sum() < 30
    assert (sketch(volume, clip=(0.0, 99.9)) > 0).sum() > 300


def as_tensor(volume):
    return torch.from_numpy(np.asarray(volume, dtype=np.float32))[None, None]


def test_the_cache_draws_a_volume_once(monkeypatch):
    drawn = []
    draw = module.sketch
    monkeypatch.setattr(
        module, "sketch", lambda *args, **options: drawn.append(1) or draw(*args, **options)
    )
    cache = SketchCache(2 * 24**3)
    first, second, third = (as_tensor(ball(radius=radius)[0]) for radius in (5.0, 6.0, 7.0))
    label = torch.zeros_like(first)
    label[..., :3] = 2
    assert np.array_equal(cache.get(first, None).numpy(), draw(first[0, 0].numpy()))
    cache.get(second, None)
    cache.get(first.clone(), None)
    assert len(drawn) == 2
    assert (cache.get(first, label) == 127).any()
    # The second was not used for longest and had to go; the first was not.
    cache.get(first, None)
    assert len(drawn) == 3
    cache.get(second, None)
    assert len(drawn) == 4
    cache.get(third, None)
    assert len(drawn) == 5


def test_a_volume_larger_than_the_cache_is_drawn_all_the_same():
    cache = SketchCache(10)
    assert cache.get(as_tensor(ball()[0]), None).any()


def test_copies_of_the_cache_start_empty():
    cache = SketchCache(10**6, low=0.2, high=0.3)
    cache.get(as_tensor(ball()[0]), None)
    for other in (copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        assert other.options == cache.options
        assert len(pickle.dumps(other)) < 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 0.3, "high": 0.2}, "thresholds low 0.3 and high 0.2"),
        ({"high": 1.0}, "thresholds"),
        ({"sigma": 0.0}, "sigma is 0"),
        ({"clip": [99, 1]}, r"clip is \[99, 1\]"),
    ],
)
def test_options_that_make_no_sense_are_named(options, message):
    with pytest.raises(UsageError, match=message):
        SketchCache(10, **options)
