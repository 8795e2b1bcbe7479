"""Protocols give the numbers that the code they follow gives."""

import math

import numpy as np
import pytest

from synthbench.registry import load_registry
from synthbench_plugins.evaluators import declared
from synthbench_plugins.evaluators.protocols.brasyn import BraSyn
from synthbench_plugins.evaluators.protocols.fastmri import FastMRI
from synthbench_plugins.evaluators.protocols.mdaunet import MDAUNet
from synthbench_plugins.evaluators.protocols.syndiff import SynDiff, slice_psnr
from synthbench_plugins.evaluators.protocols.synthrad2023 import SynthRAD2023
from synthbench_plugins.evaluators.protocols.synthrad2025 import SynthRAD2025
from tests.plugins.evaluators.closed_form import case_of, closed_form_pair

HU = {"scale": 2400.0, "unit": "HU", "low": -1024.0}


def rows(evaluator, case):
    return {score.metric: score for score in evaluator.evaluate([case])}


@pytest.fixture(scope="module")
def phantom():
    return closed_form_pair()


def check(found, expected, tolerance=1e-5):
    assert {name: row.value for name, row in found.items()} == pytest.approx(
        expected, abs=tolerance
    )
    assert {row.status for row in found.values()} == {"ok"}


def test_mdaunet(phantom):
    found = rows(MDAUNet(), case_of(*phantom[:3]))
    expected = {"ssim": 0.817343, "psnr": 27.301189}
    check(found, expected | {"nmse_energy": 0.020135, "nmse_variance": 0.027101})
    assert {row.region for row in found.values()} == {"whole"}


def test_synthrad2023(phantom):
    found = rows(SynthRAD2023(), case_of(*phantom[:3], **HU))
    mae = found.pop("mae")
    check(found, {"ssim": 0.935134, "psnr": 26.168049})
    assert mae.value == pytest.approx(115.264165, abs=1e-3)
    assert (mae.unit, mae.region, mae.voxels) == ("HU", "foreground", 37216)


def test_synthrad2025(phantom):
    found = rows(SynthRAD2025(), case_of(*phantom[:3], **HU))
    mae = found.pop("mae")
    check(found, {"ms_ssim": 0.985411, "psnr": 26.319968})
    assert mae.value == pytest.approx(115.264165, abs=1e-3)


def test_clipping_is_of_each_protocol(phantom):
    target, prediction, mask, _ = phantom
    wide = {"scale": 6000.0, "unit": "HU", "low": -2000.0}
    first, second = (
        rows(kind(), case_of(target, prediction, mask, **wide))["psnr"].value
        for kind in (SynthRAD2023, SynthRAD2025)
    )
    real, made = (np.float32(v) * 6000.0 - 2000 for v in (target, prediction))
    for value, high in ((first, 3000), (second, 3071)):
        d = np.clip(made, -1024, high) - np.clip(real, -1024, high)
        expected = 10 * math.log10((high + 1024) ** 2 / np.mean(d[mask] ** 2))
        assert value == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("regions", ["lesion", "whole_tumour"])
def test_brasyn(phantom, regions):
    target, prediction, mask, lesion = phantom
    named = {"lesion": lesion} if regions == "lesion" else {"edema": mask, "whole_tumour": lesion}
    found = rows(BraSyn(), case_of(target, prediction, mask, regions=named))
    expected = {"ssim_tumour": 0.999749, "ssim_healthy": 0.685163}
    check(found, expected | {"ssim_tumour_cropped": 0.999522, "ssim_healthy_cropped": 0.829887})


def test_brasyn_does_not_see_a_gain(phantom):
    target, prediction, mask, lesion = phantom
    honest, halved = (
        rows(BraSyn(), case_of(target, image, mask, regions={"lesion": lesion}))
        for image in (prediction, prediction / 2)
    )
    for name, row in honest.items():
        assert halved[name].value == pytest.approx(row.value, abs=1e-4)


def test_fastmri(phantom):
    # Its slices are those across the first axis of the phantom, here the last.
    turned = [volume.transpose(2, 1, 0) for volume in phantom[:3]]
    found = rows(FastMRI(), case_of(*turned))
    check(found, {"ssim": 0.743339, "psnr": 26.855661, "nmse": 0.020135, "mse": 0.001862})


def test_syndiff(phantom):
    target, prediction, _, _ = phantom
    one = [volume.reshape(-1, 1, 1) for volume in (prediction, target)]
    assert slice_psnr(*one) == pytest.approx([25.929506], abs=1e-6)
    found = rows(SynDiff(), case_of(target, prediction))["psnr"]
    assert found.value == pytest.approx(np.mean(slice_psnr(prediction, target)), abs=1e-4)


def test_syndiff_is_not_decided_by_one_slice_that_is_equal():
    """A slice of a single voxel is equal after division by its maximum, whatever its value."""
    target = np.random.default_rng(0).random((12, 12, 5))
    prediction = 0.5 * target**2
    (others,) = SynDiff().evaluate([case_of(target[:, :, 1:], prediction[:, :, 1:])])
    for volume, value in ((target, 0.7), (prediction, 0.3)):
        volume[:, :, 0] = 0
        volume[3, 3, 0] = value
    (row,) = SynDiff().evaluate([case_of(target, prediction)])
    assert row.value == pytest.approx((4 * others.value + 100) / 5)
    assert (row.status, row.detail) == ("capped", "1 of 5 slices above 100 dB count as 100")


def test_syndiff_leaves_black_slices_out_and_does_not_see_a_gain():
    target = np.random.default_rng(0).random((8, 8, 5))
    target[:, :, 0] = 0
    prediction = np.sqrt(target)
    honest, halved = (
        rows(SynDiff(), case_of(target, image))["psnr"] for image in (prediction, prediction / 2)
    )
    assert honest.voxels == 4 * 64
    assert halved.value == pytest.approx(honest.value, abs=1e-4)


@pytest.mark.parametrize("kind", [SynthRAD2023, SynthRAD2025])
@pytest.mark.parametrize(
    ("fields", "why"), [({}, "another unit"), ({"unit": "HU", "scale": 4024.0}, "unknown")]
)
def test_challenges_for_ct_say_when_there_is_no_hu(kind, fields, why):
    target = np.random.default_rng(0).random((12, 12, 12))
    found = rows(kind(), case_of(target, target, **fields))
    assert set(found) == {metric.name for metric in kind.spec.metrics}
    assert {row.status for row in found.values()} == {"unavailable"}
    assert all(why in row.detail and math.isnan(row.value) for row in found.values())


@pytest.mark.parametrize("label", ["none", "empty"])
def test_brasyn_says_when_there_is_no_tumour(label):
    target = np.random.default_rng(0).random((12, 12, 12))
    regions = {"whole_tumour": np.zeros((12, 12, 12), bool)} if label == "empty" else {}
    found = rows(BraSyn(), case_of(target, target, regions=regions))
    assert len(found) == 4
    assert {row.status for row in found.values()} == {"unavailable"}


def test_every_protocol_is_declared_once_and_only_one_is_default():
    entries = load_registry().all("evaluators")
    protocols = [e.spec.protocol for e in entries if e.spec.protocol and e.id.startswith("core/")]
    wanted = {"synthbench", "mdaunet", "synthrad2023", "synthrad2025", "brasyn", "fastmri"}
    assert wanted | {"syndiff"} <= set(protocols)
    assert len(set(protocols)) == len(protocols)
    assert [e.spec.protocol for e in entries if e.spec.default and e.spec.protocol] == [
        "synthbench"
    ]


@pytest.mark.parametrize("spec", declared.SPECS, ids=lambda spec: spec.name)
def test_metrics_say_how_they_are_computed(spec):
    assert all(metric.definition for metric in spec.metrics)
    if spec.protocol:
        assert all(metric.data_range or metric.name == "mae" for metric in spec.metrics)
