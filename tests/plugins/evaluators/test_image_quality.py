"""Golden values: the closed-form phantom, computed with independent libraries."""

import math

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from synthbench_plugins.evaluators.declared import IQA
from synthbench_plugins.evaluators.iqa import ImageQuality
from tests.plugins.evaluators.closed_form import case_of, closed_form_pair


def score(*cases):
    return {(s.metric, s.region): s for s in ImageQuality().evaluate(cases)}


@pytest.fixture(scope="module")
def golden():
    target, prediction, mask, lesion = closed_form_pair()
    assert target.sum() == pytest.approx(21546.144425, abs=1e-5)
    assert prediction.sum() == pytest.approx(20670.761612, abs=1e-5)
    return score(case_of(target, prediction, mask, regions={"lesion": lesion}))


@pytest.mark.parametrize(
    ("metric", "region", "value"),
    [
        ("ssim", "whole", 0.842484),
        ("ssim", "foreground", 0.920902),
        ("psnr", "whole", 27.301189),
        ("psnr", "foreground", 21.679114),
        ("psnr", "lesion", 12.449888),
        ("nmse", "whole", 0.020135),
        ("nmse", "foreground", 0.019564),
        ("nmse", "lesion", 0.063032),
        ("mae", "whole", 0.018391),
        ("mae", "foreground", 0.048027),
        ("mae", "lesion", 0.230436),
        ("mse", "whole", 0.001862),
        ("mse", "foreground", 0.006793),
        ("mse", "lesion", 0.056887),
        ("rmse", "whole", 0.043146),
        ("rmse", "foreground", 0.082422),
        ("rmse", "lesion", 0.238509),
    ],
)
def test_golden_values(golden, metric, region, value):
    assert golden[metric, region].value == pytest.approx(value, abs=1e-5)
    assert golden[metric, region].status == "ok"


def test_voxel_counts(golden):
    assert golden["mae", "whole"].voxels == 48 * 56 * 52
    assert golden["ssim", "whole"].voxels == 38 * 46 * 42
    assert golden["psnr", "foreground"].voxels == 37216
    assert golden["ssim", "lesion"].voxels == golden["mae", "lesion"].voxels == 399


def test_lesion_ssim_against_an_independent_implementation(golden):
    target, prediction, _, lesion = closed_form_pair()
    _, full = structural_similarity(
        *(target, prediction),
        **{"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "full": True},
        use_sample_covariance=False,
    )
    assert golden["ssim", "lesion"].value == pytest.approx(full[lesion].mean(), abs=1e-6)


def test_a_missed_lesion_shows_in_its_region_only(golden):
    assert golden["ssim", "lesion"].value < 0.6 < golden["ssim", "foreground"].value


def test_declared_metrics_and_given_ones_are_the_same(golden):
    assert {m.name for m in IQA.metrics} == {metric for metric, _ in golden}
    assert {m.name for m in IQA.metrics if m.better == "higher"} == {"ssim", "psnr"}


def test_physical_units_scale_mae_and_rmse_only(golden):
    target, prediction, mask, _ = closed_form_pair()
    hounsfield = score(case_of(target, prediction, mask, scale=2400.0, unit="HU"))
    assert hounsfield["mae", "whole"].value == pytest.approx(44.137240, abs=1e-3)
    assert hounsfield["mae", "foreground"].value == pytest.approx(115.264165, abs=1e-3)
    assert hounsfield["rmse", "whole"].value == pytest.approx(2400 * golden["rmse", "whole"].value)
    for metric in ("ssim", "psnr", "nmse", "mse"):
        assert hounsfield[metric, "whole"].value == golden[metric, "whole"].value
    units = {metric: s.unit for (metric, region), s in hounsfield.items() if region == "whole"}
    assert units == {"ssim": "", "psnr": "dB", "nmse": "", "mse": "", "mae": "HU", "rmse": "HU"}


def test_gain_errors_are_not_hidden():
    target = np.full((12, 12, 12), 0.8)
    target[:6] = 0.4
    # errors 0.4 and 0.2, each in half of the voxels
    expected = -10 * math.log10((0.4**2 + 0.2**2) / 2)
    assert score(case_of(target, target / 2))["psnr", "whole"].value == pytest.approx(expected)


def test_perfect_prediction_caps_psnr():
    target = closed_form_pair((12, 12, 12))[0]
    rows = score(case_of(target, target))
    assert (rows["psnr", "whole"].value, rows["psnr", "whole"].status) == (100.0, "capped")
    assert rows["ssim", "whole"].value == pytest.approx(1.0)
    assert rows["mae", "whole"].value == rows["nmse", "whole"].value == 0


def test_thin_volumes_have_no_ssim_but_all_else():
    target = np.full((16, 16, 10), 0.5)
    rows = score(case_of(target, target + 0.1))
    ssim = rows["ssim", "whole"]
    assert ssim.status == "undefined" and math.isnan(ssim.value)
    assert "16x16x10" in ssim.detail
    assert rows["psnr", "whole"].value == pytest.approx(20.0, abs=1e-4)


def test_eleven_voxels_are_enough_for_ssim():
    target = np.full((11, 11, 11), 0.5)
    (row,) = [s for s in ImageQuality().evaluate([case_of(target, target)]) if s.metric == "ssim"
              and s.region == "whole"]  # fmt: skip
    assert (row.voxels, row.status) == (1, "ok")


def test_regions_at_the_edge_and_empty_regions():
    target = np.full((16, 16, 16), 0.5)
    edge, empty = np.zeros((2, 16, 16, 16), bool)
    edge[:2] = True
    rows = score(case_of(target, target + 0.1, regions={"edge": edge, "empty": empty}))
    assert rows["ssim", "edge"].status == "undefined"
    assert "edge" in rows["ssim", "edge"].detail
    assert rows["mae", "edge"].voxels == 512
    assert not any(region == "empty" for _, region in rows)


def test_nmse_of_a_black_target_is_undefined():
    target = np.zeros((12, 12, 12))
    nmse = score(case_of(target, target + 0.1))["nmse", "whole"]
    assert nmse.status == "undefined" and math.isnan(nmse.value)


def test_a_prediction_with_nan_has_no_numbers():
    target = np.full((12, 12, 12), 0.5)
    broken = target.copy()
    broken[0, 0, 0] = np.nan
    rows = score(case_of(target, broken))
    assert len(rows) == 12
    assert all(s.status == "undefined" and math.isnan(s.value) for s in rows.values())


def test_cases_are_scored_one_at_a_time():
    target = np.full((4, 4, 4), 0.5)
    asked = []

    def cases():
        for number in range(2):
            asked.append(number)
            yield case_of(target, target)

    next(ImageQuality().evaluate(cases()))
    assert asked == [0]
