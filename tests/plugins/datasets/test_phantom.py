"""The simulated brain, usual parameters: physics, geometry, determinism, and what makes it hard."""

import json
from dataclasses import replace

import numpy as np
import pytest

from synthbench.api import Generated, Subject, UsageError
from synthbench_plugins.datasets.phantom.anatomy import build_anatomy
from synthbench_plugins.datasets.phantom.contrast import (
    AIR_HOUNSFIELD,
    PROTOCOLS,
    TISSUES,
    flair,
    mprage,
    nulling_time,
    signal,
)
from synthbench_plugins.datasets.phantom.dataset import Phantom
from synthbench_plugins.datasets.phantom.deformation import template_points
from synthbench_plugins.datasets.phantom.grid import make_grid, smooth_field, stream

SPACING = 4.0


@pytest.fixture(scope="module")
def subjects() -> list[Subject]:
    return Phantom(subjects=8, spacing=SPACING).subjects(None)


@pytest.fixture(scope="module")
def volumes(subjects) -> list[dict[str, np.ndarray]]:
    return [
        {name: origin.make().array for name, origin in subject.volumes.items()}
        | {"label": subject.label.make().array, "mask": subject.mask.make().array}
        for subject in subjects
    ]


def unit(array: np.ndarray) -> np.ndarray:
    return np.clip(array / np.percentile(array, 99.9).astype(np.float64), 0, 1)


# --- contrast


def contrast(modality: str, tissue: str) -> float:
    if tissue == "air":
        return AIR_HOUNSFIELD
    protocol = PROTOCOLS[modality]
    if protocol.kind == "flair":
        protocol = replace(protocol, ti=nulling_time(TISSUES["csf"].t1, protocol.tr))
    return signal(TISSUES[tissue], protocol)


@pytest.mark.parametrize(
    ("modality", "bright_to_dark"),
    [
        ("t1", ["fat", "white", "deep_grey", "grey", "csf"]),
        ("t1", ["white", "oedema", "necrosis", "csf"]),
        ("t1ce", ["enhancing", "white", "grey", "solid", "csf"]),
        ("t2", ["csf", "necrosis", "oedema", "grey", "white"]),
        ("t2", ["grey", "deep_grey"]),
        ("flair", ["oedema", "grey", "white", "csf"]),
        ("flair", ["lesion", "grey", "white", "csf"]),
        ("ct", ["bone", "grey", "white", "csf", "fat", "air"]),
        ("cbct", ["bone", "grey", "white", "csf", "fat", "air"]),
        ("mr", ["fat", "prostate", "urine", "bone"]),
        ("mr", ["fat", "trunk_muscle", "urine"]),
        ("t2", ["urine", "prostate", "fat", "trunk_muscle", "bone"]),
    ],
)
def test_tissues_rank_as_in_the_literature(modality, bright_to_dark):
    values = [contrast(modality, tissue) for tissue in bright_to_dark]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


def test_flair_nulls_the_fluid_it_is_set_to_null():
    ti = nulling_time(4163, 9000)
    assert flair(4163, 2000, replace(PROTOCOLS["flair"], ti=ti)) == pytest.approx(0, abs=1e-12)
    assert 2300 < ti < 2600  # what scanners at 3 T use


def test_mprage_closed_form_matches_pulse_by_pulse_simulation():
    protocol = PROTOCOLS["t1"]
    t1, t2 = 1000.0, 80.0
    angle = np.deg2rad(protocol.flip)
    gap = protocol.ti - protocol.pulses * protocol.echo_spacing / 2
    rest = protocol.tr - protocol.ti - protocol.pulses * protocol.echo_spacing / 2

    def relax(m: float, time: float) -> float:
        return 1 + (m - 1) * np.exp(-time / t1)

    m, middle = 1.0, 0.0
    for _ in range(30):
        m = relax(-m, gap)
        for pulse in range(protocol.pulses):
            if pulse == protocol.pulses // 2:
                middle = abs(m) * np.sin(angle) * np.exp(-protocol.te / t2)
            m = relax(m * np.cos(angle), protocol.echo_spacing)
        m = relax(m, rest)
    assert mprage(t1, t2, protocol) == pytest.approx(middle, rel=1e-9)


def test_measured_images_rank_tissues_like_the_equations(volumes):
    for index, images in enumerate(volumes[:4]):
        anatomy = build_anatomy(0, index, SPACING)
        means = {
            name: {
                modality: images[modality][(part > 0.9) & anatomy.brain].mean()
                for modality in ("t1", "t2", "flair")
            }
            for name, part in anatomy.fractions.items()
            if name in ("white", "grey", "csf")
        }
        white, grey, csf = means["white"], means["grey"], means["csf"]
        assert white["t1"] > grey["t1"] > csf["t1"]
        assert csf["t2"] > grey["t2"] > white["t2"]
        assert grey["flair"] > white["flair"] > 2 * csf["flair"]
        oedema = images["flair"][images["label"] == 2]
        assert oedema.mean() > 1.2 * white["flair"]


def test_enhancing_tumour_is_bright_only_after_contrast_agent(volumes):
    images = next(item for item in volumes if (item["label"] == 4).sum() > 20)
    enhancing = images["label"] == 4
    brain = images["mask"] > 0
    assert images["t1ce"][enhancing].mean() > 1.4 * images["t1ce"][brain].mean()
    assert images["t1"][enhancing].mean() < 0.9 * images["t1"][brain].mean()


# --- geometry


def test_deformation_does_not_fold():
    grid = make_grid(SPACING)
    for index in range(6):
        points = template_points(stream(index, "fold"), grid)
        jacobian = np.stack([np.stack(np.gradient(part, SPACING), -1) for part in points], -2)
        determinant = np.linalg.det(jacobian)
        assert determinant.min() > 0.2
        assert determinant.max() < 4


def test_random_fields_are_smooth_and_the_same_on_every_grid():
    fine = smooth_field(stream(3, "field"), make_grid(2.0), 20.0)
    coarse = smooth_field(stream(3, "field"), make_grid(4.0), 20.0)
    assert coarse.mean() == pytest.approx(0, abs=0.15)
    assert coarse.std() == pytest.approx(1, abs=0.15)
    # The 4 mm grid lies on the corners between eight voxels of the 2 mm one.
    corners = fine[: 2 * coarse.shape[0], : 2 * coarse.shape[1], : 2 * coarse.shape[2]]
    means = corners.reshape(coarse.shape[0], 2, coarse.shape[1], 2, coarse.shape[2], 2).mean(
        axis=(1, 3, 5)
    )
    np.testing.assert_allclose(means, coarse, atol=0.05)


def test_fractions_fill_a_voxel_at_most_and_the_brain_entirely():
    anatomy = build_anatomy(0, 0, SPACING)
    total = sum(anatomy.fractions.values())
    assert all(part.min() >= -1e-5 for part in anatomy.fractions.values())
    assert total.max() <= 1 + 1e-5
    assert total[anatomy.brain].min() > 0.95
    assert total[0, 0, -1] == 0
    litres = anatomy.brain.sum() * SPACING**3 / 1e6
    assert 1.2 < litres < 2.4


def test_every_subject_has_a_plausible_tumour_inside_its_brain(volumes):
    for images in volumes:
        label, mask = images["label"], images["mask"]
        assert label.dtype == np.uint8
        assert set(np.unique(label)) <= {0, 1, 2, 4}
        millilitres = (label > 0).sum() * SPACING**3 / 1000
        assert 2 < millilitres < 250
        assert not label[mask == 0].any()


def test_brain_shape_hardly_depends_on_spacing():
    anatomy = {spacing: build_anatomy(0, 0, spacing) for spacing in (3.0, 4.0)}
    brain, tumour = (
        [
            getattr(item, name)[...].astype(bool).sum() * spacing**3
            for spacing, item in anatomy.items()
        ]
        for name in ("brain", "label")
    )
    assert brain[0] == pytest.approx(brain[1], rel=0.03)
    assert tumour[0] == pytest.approx(tumour[1], rel=0.15)


def test_mr_is_stripped_and_ct_shows_the_head(volumes):
    for images in volumes:
        outside = images["mask"] == 0
        for modality in ("t1", "t1ce", "t2", "flair"):
            assert not images[modality][outside].any()
            assert images[modality].min() == 0
        assert images["ct"].max() > 600
        assert np.median(images["ct"][outside]) < -900
        assert 15 < np.median(images["ct"][~outside]) < 40


def test_whole_head_on_request():
    subject = Phantom(subjects=1, spacing=SPACING, skull_stripped=False).subjects(None)[0]
    head = subject.mask.make().array
    t1, ct = (subject.volumes[name].make().array for name in ("t1", "ct"))
    assert head.sum() > 1.3 * build_anatomy(0, 0, SPACING).brain.sum()
    bone, fat = ct > 700, build_anatomy(0, 0, SPACING).fractions["fat"] > 0.6
    assert t1[bone].mean() < 0.7 * t1[fat].mean()  # bone is dark on MR, but bright on CT
    assert t1[head == 0].mean() < 0.1 * t1[fat].mean()


def test_modalities_share_geometry_but_not_noise(volumes):
    for images in volumes[:3]:
        brain = images["mask"] > 0
        inside = np.stack([images[name][brain] for name in ("t1", "t1ce", "t2")])
        assert np.corrcoef(inside)[0, 2] < -0.6
        assert not np.array_equal(images["t1"], images["t1ce"])
    # The part of T1 and T1ce that no tissue explains is independent: noise and bias are their own.
    anatomy = build_anatomy(0, 0, SPACING)
    white = (anatomy.fractions["white"] > 0.95) & (volumes[0]["label"] == 0)
    residual = [np.diff(volumes[0][name].astype(np.float64), axis=2) for name in ("t1", "t1ce")]
    pair = white[..., 1:] & white[..., :-1]
    assert abs(np.corrcoef(residual[0][pair], residual[1][pair])[0, 1]) < 0.6


# --- determinism


def test_same_seed_gives_the_same_bits(subjects, volumes):
    build_anatomy.cache_clear()
    again = Phantom(subjects=2, spacing=SPACING).subjects(None)[1]
    for name, origin in again.volumes.items():
        assert np.array_equal(origin.make().array, volumes[1][name])
    assert np.array_equal(again.label.make().array, volumes[1]["label"])
    assert again.volumes["t1"].key == subjects[1].volumes["t1"].key


def test_subjects_and_seeds_differ(volumes):
    other = Phantom(subjects=1, spacing=SPACING, seed=1).subjects(None)[0]
    mask = other.mask.make().array
    for images in volumes:
        overlap = 2 * (mask & images["mask"]).sum() / (mask.sum() + images["mask"].sum())
        assert 0.8 < overlap < 0.99
        assert not np.array_equal(images["label"], other.label.make().array)


def test_keys_are_unique_and_hold_every_parameter(subjects):
    def keys(dataset: Phantom) -> set[str]:
        return {
            json.dumps(origin.key, sort_keys=True)
            for subject in dataset.subjects(None)
            for origin in (*subject.volumes.values(), subject.label, subject.mask)
            if isinstance(origin, Generated)
        }

    base = keys(Phantom(subjects=3, spacing=SPACING))
    assert len(base) == 3 * 8
    for changed in ({"seed": 1}, {"spacing": 3.0}, {"skull_stripped": False}):
        assert not base & keys(Phantom(**({"subjects": 3, "spacing": SPACING} | changed)))
    assert base < keys(Phantom(subjects=4, spacing=SPACING))


def test_handed_out_arrays_are_not_shared(subjects):
    subjects[0].label.make().array[:] = 9
    assert subjects[0].label.make().array.max() < 9


def test_affine_puts_the_brain_at_the_origin_of_mni(subjects):
    volume = subjects[0].mask.make()
    centre = volume.affine[:3, :3] @ np.argwhere(volume.array).mean(axis=0) + volume.affine[:3, 3]
    np.testing.assert_allclose(np.diag(volume.affine)[:3], SPACING)
    np.testing.assert_allclose(centre, [0, -20, 5], atol=12)


@pytest.mark.parametrize("bad", [{"subjects": 0}, {"spacing": 0.5}, {"spacing": 20}, {"seed": -1}])
def test_parameters_out_of_range_are_refused(bad):
    with pytest.raises(UsageError, match=next(iter(bad))):
        Phantom(**bad)


# --- difficulty


def errors(volumes, source: str, target: str) -> dict[str, float]:
    """Mean absolute errors in the brain of unseen subjects, by model of the intensities."""

    def pairs(items) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        parts = [
            (unit(item[source])[brain], unit(item[target])[brain], item["label"][brain] > 0)
            for item in items
            for brain in [item["mask"] > 0]
        ]
        x, y, label = (np.concatenate(column) for column in zip(*parts, strict=True))
        return x, y, label

    x, y, _ = pairs(volumes[:6])
    bins = np.linspace(0, 1, 41)[1:-1]
    counts = np.bincount(np.digitize(x, bins), minlength=40)
    table = np.bincount(np.digitize(x, bins), y, minlength=40) / np.maximum(counts, 1)
    line = np.polyfit(x, y, 1)
    x, y, label = pairs(volumes[6:])
    best = np.abs(table[np.digitize(x, bins)] - y)
    return {
        "identity": np.abs(x - y).mean(),
        "linear": np.abs(np.polyval(line, x) - y).mean(),
        "voxelwise": best.mean(),
        "voxelwise, tumour": best[label].mean(),
        "voxelwise, healthy": best[~label].mean(),
    }


@pytest.mark.parametrize(("source", "target", "gain"), [("t1", "t2", 1.1), ("t2", "flair", 1.5)])
def test_linear_regression_is_a_floor_and_tumours_need_context(volumes, source, target, gain):
    mae = errors(volumes, source, target)
    assert mae["identity"] > 1.5 * mae["linear"]
    assert mae["linear"] > gain * mae["voxelwise"]
    # One intensity of the source stands for several tissues: only surroundings tell them apart.
    assert mae["voxelwise, tumour"] > 1.7 * mae["voxelwise, healthy"]
