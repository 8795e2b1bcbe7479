"""The phantom beyond its usual parameters: cone-beam CT, pelvis, and the faults of real data."""

from collections import Counter

import numpy as np
import pytest
from scipy import ndimage

from synthbench.api import Subject, UsageError
from synthbench_plugins.datasets.phantom.acquisition import acquire
from synthbench_plugins.datasets.phantom.anatomy import build_anatomy
from synthbench_plugins.datasets.phantom.dataset import MODALITIES, Phantom
from synthbench_plugins.datasets.phantom.grid import make_grid, stream
from synthbench_plugins.datasets.phantom.motion import draw_move
from synthbench_plugins.datasets.phantom.pelvis import LABELS, build_pelvis

SPACING = 6.0


def subjects(count: int = 4, **params) -> list[Subject]:
    return Phantom(subjects=count, spacing=SPACING, **params).subjects(None)


def array(subject: Subject, what: str) -> np.ndarray:
    return {"label": subject.label, "mask": subject.mask, **subject.volumes}[what].make().array


@pytest.fixture(scope="module")
def pelvis() -> list[dict[str, np.ndarray]]:
    return [
        {what: array(subject, what) for what in (*MODALITIES["pelvis"], "label", "mask")}
        for subject in subjects(3, region="pelvis")
    ]


# --- what there was stays


def test_the_usual_parameters_give_the_voxels_and_keys_they_always_gave():
    subject = subjects(4)[3]
    key = dict(subject.volumes["t1"].key)
    assert key.pop("atlas").startswith("nilearn ")
    assert key == {
        **{"generator": "phantom", "code": 1, "seed": 0, "subject": 3},
        **{"spacing": 6.0, "skull_stripped": True, "volume": "t1"},
    }
    label = Counter(array(subject, "label").ravel().tolist())
    assert label == {0: 38395, 1: 50, 2: 242, 4: 73}
    for name, expected in (("t1", (112.709343, 923.739563)), ("ct", (-545.329102, 823.419495))):
        image = array(subject, name)
        np.testing.assert_allclose((image.mean(), image.max()), expected, rtol=1e-4)


# --- cone-beam CT


def test_cone_beam_ct_is_the_same_body_with_worse_numbers(pelvis):
    head = subjects(1, skull_stripped=False)[0]
    heads = {what: array(head, what) for what in ("ct", "cbct", "mask")}
    for images in (pelvis[0], pelvis[1], heads):
        ct, cbct, body = images["ct"], images["cbct"], images["mask"] > 0
        assert np.corrcoef(ct[body], cbct[body])[0, 1] > 0.85
        soft = ndimage.binary_erosion(body) & (np.abs(ct) < 100)
        error = (cbct - ct)[soft]
        assert 10 < np.abs(error).mean() < 120
        shading = ndimage.gaussian_filter(np.where(soft, cbct - ct, 0), 3)
        assert np.ptp(shading[soft]) > 20  # what no noise explains
        assert cbct.min() >= -1000 and cbct.max() <= 2000


def test_cone_beam_ct_is_noisier_than_ct():
    anatomy = build_anatomy(0, 0, SPACING)
    white = anatomy.fractions["white"] > 0.9
    pairs = white[..., 1:] & white[..., :-1]
    noise = {}
    for modality in ("ct", "cbct"):
        image = acquire(anatomy, 0, 0, modality, skull_stripped=True)
        noise[modality] = np.diff(image, axis=2)[pairs].std()
    assert noise["cbct"] > 2.5 * noise["ct"]


# --- pelvis


def test_the_pelvis_has_organs_of_plausible_size(pelvis):
    millilitres: dict[str, list[float]] = {name: [] for name in LABELS}
    for images in pelvis:
        label, body = images["label"], images["mask"] > 0
        assert set(np.unique(label)) == {0, *LABELS.values()}
        assert not label[~body].any()
        assert 8 < body.sum() * SPACING**3 / 1e6 < 16  # litres
        for name, value in LABELS.items():
            millilitres[name].append(float((label == value).sum() * SPACING**3 / 1000))
    ranges = {"bladder": (20, 350), "prostate": (8, 90), "rectum": (25, 160), "bone": (500, 2000)}
    for name, (low, high) in ranges.items():
        assert low < min(millilitres[name]) <= max(millilitres[name]) < high, millilitres
    assert len(set(millilitres["bladder"])) == 3


def test_the_pelvis_looks_like_one_in_every_modality(pelvis):
    parts, images = build_pelvis(0, 1, SPACING).fractions, pelvis[1]

    def mean(modality: str, tissue: str, least: float = 0.9) -> float:
        return float(images[modality][parts[tissue] > least].mean())

    assert mean("mr", "fat") > mean("mr", "trunk_muscle") > mean("mr", "urine")
    assert mean("t1", "fat") > mean("t1", "trunk_muscle") > mean("t1", "urine")
    assert mean("t2", "urine") > mean("t2", "fat") > mean("t2", "trunk_muscle")
    assert mean("ct", "trabecular") > mean("ct", "trunk_muscle") > mean("ct", "fat")
    assert -130 < mean("ct", "fat") < -60
    outside = images["mask"] == 0
    assert not images["mr"][outside].any()
    assert np.median(images["ct"][outside]) < -950
    assert images["ct"][images["label"] == LABELS["rectum"]].min() < -200  # gas
    assert sum(parts.values()).max() <= 1 + 1e-5
    assert min(part.min() for part in parts.values()) >= -1e-6


def test_a_pelvis_is_reproducible_and_its_own(pelvis):
    build_pelvis.cache_clear()
    again = subjects(3, region="pelvis")[2]
    assert np.array_equal(array(again, "cbct"), pelvis[2]["cbct"])
    assert not np.array_equal(pelvis[0]["mask"], pelvis[1]["mask"])
    brain = {str(origin.key) for origin in subjects(3)[2].volumes.values()}
    assert not brain & {str(origin.key) for origin in again.volumes.values()}
    assert Phantom(region="pelvis").regions["prostate"] == (2,)


# --- misregistration


def test_misregistration_moves_all_modalities_but_the_first():
    still, moved = subjects(1)[0], subjects(1, misregistration=5.0)[0]
    for what in ("t1", "label", "mask"):
        assert np.array_equal(array(still, what), array(moved, what))
    brains = {name: array(moved, name) > 0 for name in ("t1", "t2", "flair")}
    for one, two in (("t1", "t2"), ("t1", "flair"), ("t2", "flair")):
        overlap = 2 * (brains[one] & brains[two]).sum() / (brains[one].sum() + brains[two].sum())
        assert 0.7 < overlap < 0.97
    assert brains["t2"].sum() == pytest.approx(brains["t1"].sum(), rel=0.1)
    assert still.volumes["t1"].key == moved.volumes["t1"].key
    assert still.volumes["t2"].key != moved.volumes["t2"].key


def test_moves_have_the_size_that_was_asked_for():
    grid = make_grid(8.0)
    middle = [n // 2 for n in grid.shape]
    shifts = [
        8.0 * (draw_move(stream(i, "move"), grid, 4.0)[(slice(None), *middle)] - middle)
        for i in range(30)
    ]
    assert 3.0 < np.std(shifts) < 5.2


# --- missing modalities


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 1.0])
def test_a_fraction_of_the_subjects_lacks_one_modality(fraction):
    found = subjects(40, missing=fraction)
    lacking = [subject for subject in found if len(subject.volumes) < 6]
    assert len(lacking) == pytest.approx(40 * fraction, abs=1.5)
    assert all(len(subject.volumes) == 5 for subject in lacking)
    if lacking:
        gone = {name for s in lacking for name in MODALITIES["brain"] if name not in s.volumes}
        assert len(gone) > 3
        assert max(Counter(s.site for s in lacking).values()) < 0.5 * len(lacking)


def test_a_fraction_by_modality():
    found = subjects(50, missing={"flair": 0.4, "ct": 1.0})
    assert sum("flair" not in s.volumes for s in found) == pytest.approx(20, abs=2)
    assert not any("ct" in s.volumes for s in found)
    shorter = subjects(9, missing={"flair": 0.4, "ct": 1.0})
    assert [list(s.volumes) for s in shorter] == [list(s.volumes) for s in found[:9]]
    other = subjects(50, missing={"flair": 0.4}, seed=1)
    assert ["flair" in s.volumes for s in other] != ["flair" in s.volumes for s in found]


def test_no_subject_loses_everything():
    every = dict.fromkeys(MODALITIES["brain"], 1.0)
    assert all(list(subject.volumes) == ["t1"] for subject in subjects(3, missing=every))


# --- site shift


def test_site_shift_changes_the_last_scanner_only():
    usual, shifted = subjects(4), subjects(4, site_shift=1.0)
    assert shifted[0].volumes["t2"].key == usual[0].volumes["t2"].key
    assert shifted[3].volumes["t2"].key != usual[3].volumes["t2"].key
    assert shifted[3].site == "scanner-4"
    parts = build_anatomy(0, 3, SPACING).fractions
    noise, weighting = [], []
    for subject in (usual[3], shifted[3]):
        t2, ct = array(subject, "t2"), array(subject, "ct")
        weighting.append(t2[parts["csf"] > 0.8].mean() / t2[parts["white"] > 0.9].mean())
        noise.append(ct[parts["white"] > 0.9].std())
    assert noise[1] > 1.3 * noise[0]
    assert weighting[1] < 0.9 * weighting[0]  # a shorter echo
    assert np.array_equal(array(usual[3], "label"), array(shifted[3], "label"))


# --- bad input


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"region": "knee"}, "brain or pelvis"),
        ({"misregistration": -1}, "misregistration=-1"),
        ({"misregistration": 50}, "20 mm"),
        ({"site_shift": 2}, "site_shift=2"),
        ({"missing": 1.5}, "missing=1.5"),
        ({"missing": {"flair": -0.1}}, "fractions from 0 to 1"),
        ({"missing": {"pet": 0.1}}, "'pet'\nThere are t1"),
        ({"region": "pelvis", "missing": {"flair": 0.1}}, "'flair'"),
        ({"missing": "half"}, "missing='half'"),
    ],
)
def test_options_out_of_range_are_refused(bad, message):
    with pytest.raises(UsageError, match=message):
        Phantom(**bad)
