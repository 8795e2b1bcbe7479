"""LPIPS, FID and KID: paths, weights and refusals, through networks with random weights."""

from __future__ import annotations

import hashlib
import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from synthbench_plugins.evaluators.perceptual import declared, distribution, networks, similarity
from synthbench_plugins.evaluators.perceptual.backbones import ALEXNET, INCEPTION, VGG16
from synthbench_plugins.evaluators.perceptual.distances import frechet_distance, kernel_distance
from synthbench_plugins.evaluators.perceptual.slices import VIEWS, positions
from synthbench_plugins.optional.torchvision import ensure_torchvision
from tests.plugins.evaluators.closed_form import case_of

SHAPE = (36, 34, 32)


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch):
    """Where weights are looked for; networks of other tests are forgotten."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for cached in (networks.lpips_network, networks.inception_features):
        cached.cache_clear()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def pair(seed=0, shape=SHAPE, **fields):
    target = np.random.default_rng(seed).random(shape).astype(np.float32)
    mask = np.zeros(shape, bool)
    mask[3:9, 4:-4, 5:-5] = True
    made = (0.8 * target + 0.1).astype(np.float32)
    return case_of(target, made, mask, subject=f"s{seed}", **fields)


def published(state, folder: Path, stem: str) -> str:
    """A file of weights, named as torch hub names it."""
    unnamed = folder / "unnamed"
    torch.save(state, unnamed)
    digest = hashlib.sha256(unnamed.read_bytes()).hexdigest()
    unnamed.rename(folder / f"{stem}-{digest[:8]}.pth")
    return f"{stem}-{digest[:8]}.pth"


def alexnet(folder: Path):
    """LPIPS of the package itself, and where its backbone was stored."""
    ensure_torchvision()
    import lpips

    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(1)
        theirs = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    state = {f"features.{n.partition('.')[2]}": w for n, w in theirs.net.state_dict().items()}
    return theirs, replace(ALEXNET, file=published(state, folder, "alexnet-owt"))


def test_lpips_is_the_packages_on_grey_slices_in_minus_one_to_one(checkpoints, monkeypatch):
    theirs, backbone = alexnet(checkpoints)
    monkeypatch.setattr(similarity.AlexNetSimilarity, "backbone", backbone)
    case = pair()
    (row,) = similarity.AlexNetSimilarity().evaluate([case])
    views = []
    for axis, chosen in ((0, range(3, 9)), (1, range(4, 30)), (2, range(5, 27))):
        made, real = (
            torch.from_numpy(np.stack([np.take(volume, at, axis) for at in chosen]))
            for volume in (case.prediction, case.target)
        )
        images = [2 * stack[:, None].repeat(1, 3, 1, 1) - 1 for stack in (made, real)]
        with torch.inference_mode():
            views.append(float(theirs(*images).mean()))
    assert row.status == "ok"
    assert row.value == pytest.approx(np.mean(views), rel=1e-5)
    assert row.value > 1e-3


def test_the_published_inception_is_loaded(checkpoints, monkeypatch):
    ensure_torchvision()
    from torchvision.models import inception_v3

    with torch.device("meta"):
        theirs = inception_v3(weights=None, init_weights=False)  # with its auxiliary classifier
    theirs.to_empty(device="cpu")
    with torch.no_grad():
        for value in theirs.state_dict().values():
            value.fill_(0)
        theirs.Mixed_7c.branch_pool.bn.bias.fill_(0.5)
    file = published(theirs.state_dict(), checkpoints, "inception_v3_google")
    monkeypatch.setattr(networks, "INCEPTION", replace(INCEPTION, file=file))
    features = networks.inception_features(random=False)(torch.zeros(1, 3, 75, 75))
    assert features.shape == (1, declared.FEATURES)
    assert features[0, -192:].tolist() == [0.5] * 192
    assert float(features[0, :-192].abs().max()) == 0


def test_missing_weights_say_which_file_belongs_where(checkpoints):
    (row,) = similarity.VGG16Similarity().evaluate([pair()])
    assert (row.status, row.metric) == ("unavailable", "lpips_vgg")
    assert math.isnan(row.value)
    assert VGG16.file in row.detail and str(checkpoints) in row.detail
    (row,) = distribution.KernelDistance().evaluate([pair()])
    assert (row.status, row.subject) == ("unavailable", "")
    assert INCEPTION.file in row.detail and str(checkpoints) in row.detail


def test_damaged_weights_are_not_used(checkpoints):
    (checkpoints / VGG16.file).write_bytes(b"not these")
    (row,) = similarity.VGG16Similarity().evaluate([pair()])
    assert row.status == "unavailable"
    assert "SHA-256" in row.detail and "397923af" in row.detail


def test_missing_packages_say_what_to_install(monkeypatch):
    from synthbench_plugins.evaluators.perceptual import backbones

    monkeypatch.setattr(backbones.importlib.util, "find_spec", lambda name: None)
    (row,) = similarity.RandomSimilarity().evaluate([pair()])
    assert row.status == "unavailable"
    assert "synthbench[perceptual]" in row.detail


def test_the_random_vgg_is_always_the_same_and_leaves_torchs_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    values = set()
    for seed in (1, 2):
        networks.lpips_network.cache_clear()
        torch.manual_seed(seed)
        values |= {row.value for row in similarity.RandomSimilarity().evaluate([pair()])}
    assert len(values) == 1
    torch.manual_seed(0)
    networks.lpips_network.cache_clear()
    networks.lpips_network(VGG16, random=True)
    assert torch.equal(before, torch.get_rng_state())


def test_a_slice_smaller_than_the_network_accepts_is_undefined():
    small, sound = pair(shape=(36, 34, 15)), pair()
    rows = list(similarity.RandomSimilarity().evaluate([small, sound]))
    assert [row.status for row in rows] == ["undefined", "ok"]
    assert "smaller than VGG16 accepts (16 a side)" in rows[0].detail


def test_an_empty_foreground_has_no_slices_and_no_number():
    empty = pair(1)
    empty = replace(empty, mask=np.zeros_like(empty.mask))
    rows = list(similarity.RandomSimilarity().evaluate([empty, pair()]))
    assert [row.status for row in rows] == ["undefined", "ok"]
    assert rows[0].detail == "no slice meets the foreground, which is empty"
    (row,) = distribution.RandomKernelDistance().evaluate([empty])
    assert (row.status, row.voxels) == ("undefined", 0)
    assert row.detail == "0 slices are too few, at least 2 are needed"


def test_identical_volumes_have_no_distance():
    same = pair()
    same = replace(same, prediction=same.target)
    (row,) = similarity.RandomSimilarity().evaluate([same])
    assert (row.value, row.status) == (0.0, "ok")
    (row,) = distribution.RandomFrechetDistance().evaluate([same])
    assert (row.value, row.status) == (pytest.approx(0.0, abs=1e-9), "ok")


def test_slices_are_spread_over_the_foreground():
    mask = np.zeros((10, 40, 6), bool)
    mask[2:5, 3:36, 1:] = True
    assert positions(mask, VIEWS["sagittal"], 32) == [2, 3, 4]
    chosen = positions(mask, VIEWS["coronal"], 5)
    assert chosen == [6, 12, 19, 26, 32]
    assert positions(np.zeros_like(mask), 2, 5) == []


def features(n, seed, width=6):
    return np.random.default_rng(seed).normal(seed, 1, (n, width))


def test_frechet_distance_is_monais_and_exact_where_covariances_are_singular():
    from monai.metrics.fid import get_fid_score

    one, other = features(40, 0), features(50, 1)
    theirs = float(get_fid_score(torch.from_numpy(one), torch.from_numpy(other)))
    assert frechet_distance(one, other) == pytest.approx(theirs, rel=1e-6)
    few = features(4, 0, width=30)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(few, few + 2) == pytest.approx(30 * 4)


def test_golden_distances():
    i, j = np.mgrid[:12, :4]
    one, other = np.sin(1.3 * i * (j + 1)), 0.9 * np.cos(0.7 * i * (j + 2)) + 0.2
    assert frechet_distance(one, other) == pytest.approx(0.808694, abs=1e-6)
    assert kernel_distance(one, other) == pytest.approx(-0.060893, abs=1e-6)


def test_kernel_distance_is_the_unbiased_sum_over_pairs():
    one, other = features(5, 0), features(7, 1)

    def kernel(x, y):
        return (x @ y / 6 + 1) ** 3

    def among(z):
        pairs = [kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]
        return np.mean(pairs)

    across = np.mean([kernel(a, b) for a in one for b in other])
    expected = among(one) + among(other) - 2 * across
    assert kernel_distance(one, other) == pytest.approx(expected)


def test_a_set_has_one_row_that_counts_slices():
    (row,) = distribution.RandomKernelDistance().evaluate([pair(0), pair(1)])
    assert (row.subject, row.region, row.status, row.voxels) == ("", "whole", "ok", 4)
    assert row.metric == "kid_inception_v3_random_axial2"


def test_fid_of_few_slices_is_refused_unless_forced():
    class Refused(distribution.RandomFrechetDistance):
        fewest = distribution.FrechetDistance.fewest

    cases = [pair(0), pair(1)]
    (row,) = Refused().evaluate(cases)
    assert (row.status, row.voxels) == ("undefined", 4)
    assert "4 slices are fewer than 4096" in row.detail
    (row,) = distribution.RandomFrechetDistance().evaluate(cases)
    assert row.status == "ok" and row.value > 0


def test_a_set_that_lacks_a_prediction_has_no_number():
    broken = replace(pair(1), prediction=np.empty((0, 0, 0), np.float32))
    (row,) = distribution.RandomKernelDistance().evaluate([pair(0), broken])
    assert (row.status, row.detail) == ("undefined", "s1: the prediction is missing")


def test_slices_keep_their_proportions():
    images = torch.ones(1, 3, 40, 20)
    square = distribution._square(images, 80)
    assert square.shape == (1, 3, 80, 80)
    assert float(square[0, 0, 40, 40]) == 1
    assert float(square[0, 0, 40, 5]) == -1
