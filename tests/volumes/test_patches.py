from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from synthbench.api import UsageError
from synthbench.api.recipe import Patch
from synthbench.volumes import patches
from synthbench.volumes.patches import PatchSampler, patch_sides, whole
from synthbench.volumes.prepared import Prepared

from .images import prepared, subject


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("cohort")
    shapes = {"A": (20, 24, 18), "B": (20, 24, 18), "C": (26, 22, 6)}
    subjects = [
        subject(folder, name, shape, seed=seed) for seed, (name, shape) in enumerate(shapes.items())
    ]
    return prepared(subjects, folder / "out")


def sampler(
    cohort: Prepared,
    ids: str = "AB",
    *,
    batch: int = 2,
    intensity: tuple[float, float] = (0.0, 1.0),
    multiple: int | tuple[int, int, int] = 1,
    seed: int = 0,
    **patch: object,
) -> PatchSampler:
    return PatchSampler(
        cohort, list(ids), ["t1"], "t2", Patch(**patch), batch, intensity, multiple, seed
    )


def places(volume: np.ndarray, patch: np.ndarray) -> list[tuple[int, ...]]:
    """Where a patch without padding lies in a volume."""
    windows = np.lib.stride_tricks.sliding_window_view(volume, patch.shape)
    return [tuple(p) for p in np.argwhere((windows == patch).all(axis=(3, 4, 5)))]


@pytest.mark.parametrize(
    ("size", "shape", "multiple", "expected"),
    [
        ((16, 16, 16), (20, 24, 18), 8, (16, 16, 16)),
        ((10, 16, 1), (20, 24, 18), 8, (16, 16, 1)),
        ((0, 1, 0), (20, 24, 18), 16, (32, 1, 32)),
        (None, (20, 24, 18), (4, 8, 1), (20, 24, 18)),
        (None, (20, 24, 18), 16, (32, 32, 32)),
        (None, (20, 24, 1), 16, (32, 32, 1)),
    ],
)
def test_sides(size: object, shape: object, multiple: object, expected: object) -> None:
    assert patch_sides(size, shape, multiple) == expected  # type: ignore[arg-type]


def test_patches_are_cut_at_one_place_from_every_array(cohort: Prepared) -> None:
    draw = sampler(cohort, size=(6, 7, 5))
    for step in range(6):
        batch = draw.batch(step)
        assert batch.target is not None and batch.label is not None and batch.mask is not None
        assert batch.source.shape == batch.target.shape == batch.mask.shape == (2, 1, 6, 7, 5)
        assert batch.source.dtype == torch.float32
        assert batch.mask.dtype == torch.bool
        assert not batch.label.is_floating_point()
        for i in range(2):
            found = [
                (name, place)
                for name in "AB"
                for place in places(cohort[name].volume("t1"), batch.source[i, 0].numpy())
            ]
            if len(found) != 1:  # all background
                continue
            one, at = cohort[found[0][0]], found[0][1]
            cut = tuple(slice(a, a + n) for a, n in zip(at, (6, 7, 5), strict=True))
            np.testing.assert_array_equal(batch.target[i, 0], one.volume("t2")[cut])
            np.testing.assert_array_equal(batch.mask[i, 0], one.mask[cut])
            assert one.label is not None
            np.testing.assert_array_equal(batch.label[i, 0], one.label[cut])


def test_source_modalities_are_channels_in_order(cohort: Prepared) -> None:
    draw = PatchSampler(
        cohort, ["A"], ["t2", "t1"], "t1", Patch(size=(8, 8, 8)), 1, (0.0, 1.0), 1, 0
    )
    batch = draw.batch(0)
    assert batch.target is not None
    assert batch.source.shape == (1, 2, 8, 8, 8)
    assert torch.equal(batch.source[:, 1:], batch.target)
    assert not torch.equal(batch.source[:, :1], batch.target)


def test_a_batch_depends_on_seed_and_step_only(cohort: Prepared) -> None:
    size = (8, 8, 8)
    one, other = sampler(cohort, size=size), sampler(cohort, size=size)
    forward = [one.batch(step).source for step in range(5)]
    backward = [other.batch(step).source for step in reversed(range(5))]
    for a, b in zip(forward, reversed(backward), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(forward[0], forward[1])
    assert not torch.equal(forward[0], sampler(cohort, size=size, seed=1).batch(0).source)


def test_every_subject_is_drawn_once_an_epoch(cohort: Prepared) -> None:
    draw = sampler(cohort, "ABC", batch=1, size=None, flip=())
    volumes = {name: whole(cohort[name], ["t1"], None, (0.0, 1.0)).source for name in "ABC"}
    orders = []
    for epoch in range(6):
        drawn = [draw.batch(3 * epoch + i).source for i in range(3)]
        names = [
            next(name for name, v in volumes.items() if v.shape == d.shape and torch.equal(v, d))
            for d in drawn
        ]
        assert sorted(names) == ["A", "B", "C"]
        orders.append(names)
    assert any(order != orders[0] for order in orders)


def test_the_intensity_range_is_the_recipes(cohort: Prepared) -> None:
    unit = sampler(cohort, size=(8, 8, 8)).batch(0)
    wide = sampler(cohort, size=(8, 8, 8), intensity=(-1.0, 1.0)).batch(0)
    assert unit.target is not None and wide.target is not None
    torch.testing.assert_close(wide.source, unit.source * 2 - 1)
    torch.testing.assert_close(wide.target, unit.target * 2 - 1)


@pytest.mark.parametrize(("probability", "least", "most"), [(1.0, 1.0, 1.0), (0.0, 0.0, 0.7)])
def test_foreground_centres(
    cohort: Prepared, probability: float, least: float, most: float
) -> None:
    draw = sampler(cohort, size=(1, 1, 1), foreground=probability, batch=4)
    hits = [bool(v) for step in range(50) for v in draw.batch(step).mask.flatten()]
    assert least <= np.mean(hits) <= most


def test_patches_anywhere_reach_every_corner(cohort: Prepared) -> None:
    draw = sampler(cohort, "A", size=(18, 22, 16), foreground=0.0, batch=1)
    volume = cohort["A"].volume("t1")
    found = {places(volume, draw.batch(step).source[0, 0].numpy())[0] for step in range(300)}
    assert found == {(x, y, z) for x in range(3) for y in range(3) for z in range(3)}


def test_flips_mirror_every_array_along_the_listed_axes_half_the_time(cohort: Prepared) -> None:
    one = cohort["A"]
    draw = sampler(cohort, "A", batch=1, size=None, flip=(0, 2))
    axes_seen = []
    for step in range(80):
        batch = draw.batch(step)
        assert batch.target is not None and batch.label is not None and batch.mask is not None
        axes = next(
            axes
            for axes in ((), (0,), (2,), (0, 2))
            if np.array_equal(np.flip(one.volume("t1"), axes), batch.source[0, 0])
        )
        np.testing.assert_array_equal(np.flip(one.volume("t2"), axes), batch.target[0, 0])
        np.testing.assert_array_equal(np.flip(one.label, axes), batch.label[0, 0])
        np.testing.assert_array_equal(np.flip(one.mask, axes), batch.mask[0, 0])
        axes_seen.append(axes)
    for axis in (0, 2):
        assert 0.3 < np.mean([axis in axes for axes in axes_seen]) < 0.7


def test_slices_are_not_padded_to_the_multiple(cohort: Prepared) -> None:
    batch = sampler(cohort, size=(16, 16, 1), multiple=8).batch(0)
    assert batch.source.shape == (2, 1, 16, 16, 1)


def test_a_zero_takes_the_whole_side(cohort: Prepared) -> None:
    draw = sampler(cohort, "A", batch=1, size=(0, 0, 1))
    slab = draw.batch(0).source[0, 0].numpy()
    assert slab.shape == (20, 24, 1)
    assert len(places(cohort["A"].volume("t1"), slab)) >= 1


def test_a_patch_larger_than_the_volume_is_padded_with_background(cohort: Prepared) -> None:
    draw = sampler(cohort, "AC", batch=2, size=(16, 16, 16), intensity=(-1.0, 1.0))
    assert draw.warnings == [
        "patch.size (16, 16, 16) is larger than some volumes, which are padded with background"
    ]
    batch = draw.batch(0)
    assert batch.target is not None and batch.label is not None and batch.mask is not None
    padded = [i for i in range(2) if not batch.mask[i, 0, :, :, :5].any()]
    assert len(padded) == 1
    image, target = batch.source[padded[0], 0], batch.target[padded[0], 0]
    # 16 - 6 voxels are missing: 5 before and 5 after.
    for outside in (slice(0, 5), slice(11, 16)):
        assert (image[..., outside] == -1).all()
        assert (target[..., outside] == -1).all()
        assert (batch.label[padded[0], 0, ..., outside] == 0).all()
        assert not batch.mask[padded[0], 0, ..., outside].any()
    inside = (image[..., 5:11].numpy() + 1) / 2
    volume = cohort["C"].volume("t1")
    windows = np.lib.stride_tricks.sliding_window_view(volume, inside.shape)
    assert np.isclose(windows, inside, atol=1e-6).all(axis=(3, 4, 5)).any()


def test_whole_volumes_are_padded_to_the_multiple(cohort: Prepared) -> None:
    draw = sampler(cohort, "A", batch=1, size=None, multiple=16)
    batch = draw.batch(0)
    assert batch.source.shape == (1, 1, 32, 32, 32)
    np.testing.assert_array_equal(batch.source[0, 0, 6:26, 4:28, 7:25], cohort["A"].volume("t1"))
    assert batch.source.sum() == pytest.approx(float(cohort["A"].volume("t1").sum()), rel=1e-5)
    assert draw.warnings == []


def test_sides_that_are_no_multiple_are_rounded_up_and_mentioned(cohort: Prepared) -> None:
    draw = sampler(cohort, size=(10, 16, 1), multiple=8)
    assert draw.batch(0).source.shape == (2, 1, 16, 16, 1)
    assert "rounded up to (16, 16, 1)" in draw.warnings[0]


@pytest.mark.parametrize("size", [None, (0, 8, 8)])
def test_whole_volumes_of_different_shape_need_batch_one(cohort: Prepared, size: object) -> None:
    with pytest.raises(UsageError, match=r"A .* and C .*differ in shape") as caught:
        sampler(cohort, "ABC", batch=2, size=size)
    assert "batch must be 1" in caught.value.hint
    assert sampler(cohort, "ABC", batch=1, size=size).batch(0).source.shape[0] == 1


def test_whole_volumes_of_one_padded_shape_may_share_a_batch(cohort: Prepared) -> None:
    draw = sampler(cohort, "ABC", batch=3, size=None, multiple=32)
    assert draw.batch(0).source.shape == (3, 1, 32, 32, 32)


def test_labels_are_left_out_unless_every_subject_has_one(tmp_path: Path, cohort: Prepared) -> None:
    both = prepared([subject(tmp_path, "L"), subject(tmp_path, "N", label=False)], tmp_path / "out")
    assert sampler(both, "LN", size=(8, 8, 8)).batch(0).label is None
    assert sampler(both, "L", size=(8, 8, 8)).batch(0).label is not None


def test_arrays_stay_mapped_and_only_the_patch_is_read(
    cohort: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = sampler(cohort, size=(4, 4, 4))
    draw.batch(0)

    def never(*args: object, **options: object) -> None:
        raise AssertionError("opened again")

    monkeypatch.setattr(np, "load", never)
    draw.batch(1)


def test_more_subjects_than_may_stay_open(
    cohort: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "_MOST_OPEN", 1)
    few = sampler(cohort, "ABC", size=(4, 4, 4))
    monkeypatch.setattr(patches, "_MOST_OPEN", 10)
    many = sampler(cohort, "ABC", size=(4, 4, 4))
    for step in range(4):
        assert torch.equal(few.batch(step).source, many.batch(step).source)


def test_no_subjects(cohort: Prepared) -> None:
    with pytest.raises(UsageError, match="no subject"):
        sampler(cohort, "", size=(4, 4, 4))


def test_whole_gives_the_volume_as_it_is(cohort: Prepared) -> None:
    one = cohort["C"]
    batch = whole(one, ["t1", "t2"], None, (-1.0, 1.0))
    assert batch.source.shape == (1, 2, *one.shape)
    assert batch.target is None
    np.testing.assert_allclose(batch.source[0, 1], one.volume("t2") * 2 - 1, atol=1e-6)
    assert batch.mask is not None and batch.label is not None
    np.testing.assert_array_equal(batch.mask[0, 0], one.mask)
    assert whole(one, ["t1"], "t2", (0.0, 1.0)).target is not None
