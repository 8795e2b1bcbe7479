"""Kernels against golden values and against independent libraries."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from synthbench_plugins.evaluators.kernels import (
    GAUSSIAN,
    UNIFORM7,
    Window,
    errors,
    ms_ssim,
    ms_ssim_synthrad2025,
    psnr,
    ssim,
)
from tests.plugins.evaluators.closed_form import closed_form_pair


@pytest.fixture(scope="module")
def phantom():
    target, prediction, mask, lesion = closed_form_pair()
    return prediction, target, {"whole": None, "mask": mask, "lesion": lesion}


@pytest.mark.parametrize(
    ("window", "axes", "region", "value"),
    [
        (GAUSSIAN, (0, 1, 2), "whole", 0.842484),
        (GAUSSIAN, (0, 1, 2), "mask", 0.920902),
        (UNIFORM7, (0, 1, 2), "whole", 0.817343),
        (UNIFORM7, (0, 1, 2), "mask", 0.929048),
        (UNIFORM7, (0, 1, 2), "lesion", 0.527424),
        (Window(UNIFORM7.taps), (0, 1, 2), "whole", 0.817361),
        (UNIFORM7, (1, 2), "whole", 0.756713),
        (UNIFORM7, (0, 2), "whole", 0.771953),
        (UNIFORM7, (0, 1), "whole", 0.759738),
        (GAUSSIAN, (1, 2), "whole", 0.770189),
        (GAUSSIAN, (0, 2), "whole", 0.793603),
        (GAUSSIAN, (0, 1), "whole", 0.779488),
    ],
)
def test_golden_ssim(phantom, window, axes, region, value):
    found = ssim(*phantom, window=window, axes=axes)
    assert found[region].value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("length", [0.95, 4024.0])
def test_dynamic_range(phantom, length):
    prediction, target, _ = phantom
    (mean,) = ssim(prediction, target, data_range=length).values()
    expected = structural_similarity(
        *(target, prediction),
        **{"data_range": length, "gaussian_weights": True, "sigma": 1.5},
        use_sample_covariance=False,
    )
    assert mean.value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", [(11, 12, 90), (40, 11, 11), (19, 75, 23)])
def test_every_voxel_of_odd_shapes_agrees_with_scikit_image(shape):
    random = np.random.default_rng(0)
    target = random.random(shape)
    prediction = 0.7 * target + 0.3 * random.random(shape)
    _, full = structural_similarity(
        *(target, prediction),
        **{"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "full": True},
        use_sample_covariance=False,
    )
    corners = [(5, 5, 5), tuple(side - 6 for side in shape), tuple(side // 2 for side in shape)]
    masks = {str(place): np.zeros(shape, bool) for place in corners}
    for place in corners:
        masks[str(place)][place] = True
    found = ssim(prediction, target, {"all": None, **masks})
    assert found["all"].value == pytest.approx(full[5:-5, 5:-5, 5:-5].mean(), abs=1e-9)
    for place in corners:
        assert found[str(place)].voxels == 1
        assert found[str(place)].value == pytest.approx(full[place], abs=1e-9)


def test_monai_defines_the_same(phantom):
    regression = pytest.importorskip("monai.metrics.regression")
    prediction, target, regions = phantom
    pair = [torch.from_numpy(a)[None, None].float() for a in (prediction, target)]
    three = {"kernel_type": "uniform", "kernel_size": (3, 3, 3), "kernel_sigma": (1.5,) * 3}
    full, _ = regression.compute_ssim_and_cs(*pair, spatial_dims=3, data_range=1.0, **three)
    window = Window((1 / 3,) * 3)
    found = ssim(prediction, target, {"lesion": regions["lesion"]}, window=window)["lesion"]
    expected = full[0, 0].numpy()[regions["lesion"][1:-1, 1:-1, 1:-1]].mean()
    assert found.value == pytest.approx(expected, abs=1e-4)  # MONAI computes in float32
    expected = float(regression.compute_ms_ssim(*pair, spatial_dims=3, data_range=1.0, **three))
    found = ms_ssim(prediction, target, window=window)
    assert found == pytest.approx(expected, abs=1e-5)


def test_golden_multiscale():
    target, prediction, _, _ = closed_form_pair((176, 180, 184))
    assert ms_ssim(prediction, target) == pytest.approx(0.986852, abs=1e-5)


def test_golden_multiscale_as_coded_by_synthrad2025(phantom):
    prediction, target, regions = phantom
    images = [np.where(regions["mask"], 2400 * image, 0) for image in (prediction, target)]
    value = ms_ssim_synthrad2025(*images, regions["mask"], data_range=4095.0)
    assert value == pytest.approx(0.985411, abs=1e-6)


def test_sides_below_176_have_no_multiscale_ssim(phantom):
    prediction, target, _ = phantom
    assert math.isnan(ms_ssim(prediction, target))


@pytest.mark.parametrize(
    ("name", "whole", "mask", "lesion"),
    [
        ("mae", 0.018391, 0.048027, 0.230436),
        ("mse", 0.001862, 0.006793, 0.056887),
        ("rmse", 0.043146, 0.082422, 0.238509),
        ("nmse_energy", 0.020135, 0.019564, 0.063032),
        ("nmse_variance", 0.027101, 0.563581, math.nan),
        ("nmse_range", 0.002063, 0.014174, math.nan),
    ],
)
def test_golden_errors(phantom, name, whole, mask, lesion):
    found = errors(*phantom)
    for region, value in {"whole": whole, "mask": mask, "lesion": lesion}.items():
        assert getattr(found[region], name) == pytest.approx(value, abs=1e-6, nan_ok=True)


def test_golden_psnr(phantom):
    found = errors(*phantom)
    values = [found[region].psnr(1.0) for region in ("whole", "mask", "lesion")]
    assert values == pytest.approx([27.301189, 21.679114, 12.449888], abs=1e-6)
    assert found["whole"].psnr(0.95) == pytest.approx(26.855661, abs=1e-6)
    assert psnr(0.0, 1.0) == math.inf
    assert math.isnan(psnr(0.1, 0.0))


def test_small_variances_on_a_large_offset_do_not_cancel():
    random = np.random.default_rng(1)
    noise = [1e-3 * random.random((16, 16, 16)) for _ in range(2)]
    near, far = (
        ssim(*(image.astype(np.float32) + np.float32(offset) for image in noise), data_range=1.0)
        for offset in (0.0, 0.5)
    )
    # Rounding to float32 moves the offset images by 3e-8; more would be the kernel's doing.
    exact = ssim(*(image + 0.5 for image in noise), data_range=1.0)["whole"].value
    assert far["whole"].value == pytest.approx(exact, abs=1e-6)
    assert near["whole"].value < far["whole"].value


def test_identical_volumes_score_exactly_one(phantom):
    _, target, regions = phantom
    assert {mean.value for mean in ssim(target, target, regions).values()} == {1.0}


DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_give_what_arrays_give(phantom, device, dtype):
    prediction, target, regions = phantom
    moved = [torch.from_numpy(a).to(device, dtype) for a in (prediction, target)]
    masks = {"mask": torch.from_numpy(regions["mask"]).to(device), "lesion": regions["lesion"]}
    chosen = {name: regions[name] for name in masks}
    for name, mean in ssim(*moved, masks).items():
        assert mean.value == pytest.approx(ssim(prediction, target, chosen)[name].value, abs=1e-6)
    found, expected = errors(*moved, masks)["mask"], errors(prediction, target, chosen)["mask"]
    assert vars(found) == pytest.approx(vars(expected), rel=1e-5)


def test_read_only_arrays_are_fine(phantom):
    prediction, target, _ = (phantom[0].copy(), phantom[1].copy(), None)
    prediction.setflags(write=False)
    target.setflags(write=False)
    assert ssim(prediction, target) == ssim(*phantom[:2])


def test_regions_without_voxels_have_no_mean():
    target = np.random.default_rng(0).random((12, 13, 14))
    edge, empty = np.zeros((2, 12, 13, 14), bool)
    edge[:2] = True
    found = ssim(target, target, {"edge": edge, "empty": empty})
    assert [(math.isnan(mean.value), mean.voxels) for mean in found.values()] == [(True, 0)] * 2
    assert errors(target, target, {"empty": empty})["empty"].voxels == 0


def test_volumes_below_the_window_have_no_mean():
    target = np.zeros((10, 20, 20))
    assert math.isnan(ssim(target, target)["whole"].value)
    # Across the short axis, slices are large enough.
    assert ssim(target, target, axes=(1, 2))["whole"].voxels == 10 * 10 * 10


@pytest.mark.parametrize("function", [ssim, errors, ms_ssim])
def test_differing_shapes_are_refused(function):
    with pytest.raises(ValueError, match=r"\(4, 4, 5\)"):
        function(np.zeros((4, 4, 4)), np.zeros((4, 4, 5)))
    with pytest.raises(ValueError, match="one shape"):
        function(np.zeros((4, 4)), np.zeros((4, 4)))


def test_masks_of_another_shape_are_refused():
    volume = np.zeros((12, 12, 12))
    for function in (ssim, errors):
        with pytest.raises(ValueError, match="mask of shape"):
            function(volume, volume, {"mask": np.ones((12, 12, 13), bool)})
