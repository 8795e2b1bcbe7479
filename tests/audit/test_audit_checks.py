import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthbench.audit import Claim, audit
from synthbench.audit.implied import implied_range
from synthbench.audit.winner import probability_not_better


def claim(method, metric, mean, **changes):
    better = {"SSIM": "higher", "PSNR": "higher", "Dice": "higher"}.get(metric, "lower")
    return Claim("", method, metric, mean, **({"better": better} | changes))


def found(*claims, check=None):
    return [f for f in audit(claims) if check is None or f.check == check]


def test_a_consistent_table_has_no_finding():
    assert not found(
        claim("a", "PSNR", 30.0, decimals=1, data_range=1.0, mark="best"),
        claim("a", "MSE", 0.001, decimals=4, mark="best"),
        claim("a", "MAE", 0.02, mark="best"),
        claim("b", "PSNR", 20.0, decimals=1, data_range=1.0, mark="second"),
        claim("b", "MSE", 0.010, decimals=4, mark="second"),
        claim("b", "MAE", 0.08, mark="second"),
    )


def test_wrong_bold():
    (finding,) = found(claim("a", "PSNR", 20.0, mark="best"), claim("b", "PSNR", 21.0))
    assert finding.severity == "error"
    assert finding.message == "20.000 is marked as the best, but b (21.000) is the best."


def test_marks_follow_the_direction():
    assert not found(claim("a", "MAE", 1.0, mark="best"), claim("b", "MAE", 2.0))
    assert found(claim("a", "MAE", 2.0, mark="best"), claim("b", "MAE", 1.0))
    (finding,) = found(
        claim("a", "odd", 2.0, mark="best", better=""), claim("b", "odd", 1.0, better="")
    )
    assert finding.severity == "info"
    assert "Direction of improvement not known" in finding.message


def test_ties_share_a_mark():
    tied = [claim("a", "PSNR", 21.0, mark="best"), claim("b", "PSNR", 21.0)]
    (finding,) = found(*tied, claim("c", "PSNR", 20.0))
    assert (finding.severity, finding.method) == ("warning", "b")
    assert "ties with a cell that is marked as the best, and is not" in finding.message
    both = [claim(name, "PSNR", 21.0, mark="best") for name in "ab"]
    for mark in ("", "second"):
        assert not found(*both, claim("c", "PSNR", 20.0, mark=mark))


def test_missing_and_wrong_underlines():
    column = [claim("a", "PSNR", 21.0, mark="best"), claim("b", "PSNR", 20.0)]
    assert not found(*column, claim("c", "PSNR", 19.0))  # the table underlines nothing
    (finding,) = found(*column, claim("c", "PSNR", 19.0, mark="second"))
    assert finding.severity == "error"
    assert finding.message == "19.000 is underlined, but b (20.000) is second."
    other = [claim("a", "MAE", 1.0, mark="best"), claim("b", "MAE", 2.0, mark="second")]
    (finding,) = found(*column, *other, check="marks")
    assert (finding.severity, finding.message) == (
        "warning",
        "20.000 is second but not underlined.",
    )


@pytest.mark.parametrize(
    ("metric", "mean", "sd", "n", "check"),
    [
        ("SSIM", 1.02, None, None, "range"),
        ("Dice", -0.1, None, None, "range"),
        ("MSE", -0.1, None, None, "range"),
        ("NMSE", -0.1, None, None, "range"),
        ("PSNR", 20.0, -1.0, None, "spread"),
        ("Dice", 0.95, 0.4, None, "spread"),
        ("SSIM", 0.99, 0.2, 100, "spread"),
        ("NMSE", 0.1, 0.5, 9, "spread"),
    ],
)
def test_impossible_values(metric, mean, sd, n, check):
    (finding,) = found(claim("a", metric, mean, sd=sd, n=n, decimals=2))
    assert (finding.severity, finding.check) == ("error", check)


@pytest.mark.parametrize(
    ("metric", "mean", "sd", "n"),
    [("Dice", 88.0, 12.0, None), ("NMSE", 0.155, 0.18, 313), ("Dice", 0.5, 0.7, 2)],
)
def test_unusual_values_are_possible(metric, mean, sd, n):
    assert not found(claim("a", metric, mean, sd=sd, n=n, decimals=2))


def test_root_mean_squares_are_above_means():
    (finding,) = found(claim("a", "RMSE", 1.0), claim("a", "MAE", 1.1))
    assert finding.check == "rmse-mae"
    (finding,) = found(claim("a", "MSE", 1.0), claim("a", "MAE", 1.1))
    assert finding.check == "mse-mae"
    (finding,) = found(claim("a", "MSE", 1.0), claim("a", "RMSE", 1.1))
    assert finding.check == "mse-rmse"
    (finding,) = found(claim("a", "MSE", 0.5, data_range=1.0), claim("a", "MAE", 0.4))
    assert "exceeds the range 1 times the MAE" in finding.message
    assert not found(claim("a", "RMSE", 1.0), claim("b", "MAE", 1.1))  # other images


def test_jensen_grants_rounding():
    def of(psnr, mse):
        return found(
            claim("a", "PSNR", psnr, decimals=1, data_range=1.0),
            claim("a", "MSE", mse, decimals=3),
            check="jensen",
        )

    (finding,) = of(19.5, 0.004)
    assert finding.values == (("least_psnr", pytest.approx(10 * math.log10(1 / 0.0045))),)
    assert not of(23.5, 0.004)
    (finding,) = of(33.0, 0.004)
    assert finding.severity == "warning"
    (finding,) = found(
        claim("a", "PSNR", 19.0, data_range=255.0), claim("a", "RMSE", 20.0), check="jensen"
    )
    assert finding.severity == "error"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.floats(1e-3, 1), min_size=2, max_size=4), min_size=2, max_size=6))
def test_no_real_images_are_called_impossible(images):
    errors = [np.array(image) for image in images]
    mae = float(np.mean([error.mean() for error in errors]))
    mse = np.array([(error**2).mean() for error in errors])
    spread = float(np.std(-10 * np.log10(mse), ddof=1))
    claims = [
        claim("a", "MAE", mae, decimals=6, data_range=1.0),
        claim("a", "MSE", float(mse.mean()), decimals=6, data_range=1.0),
        claim("a", "RMSE", float(np.sqrt(mse).mean()), decimals=6, data_range=1.0),
        claim(
            *("a", "PSNR", float(np.mean(-10 * np.log10(mse)))),
            **{"sd": spread, "decimals": 6, "sd_decimals": 6, "data_range": 1.0, "n": len(mse)},
        ),
    ]
    assert not [finding for finding in audit(claims) if finding.severity == "error"]


def test_implied_ranges_of_the_brain_tables():
    def of(psnr, mae):
        return implied_range(claim("a", "PSNR", psnr), claim("a", "MAE", mae))

    assert of(27.5, 25.8) == pytest.approx(612, abs=0.5)
    assert of(28.6, 18.4) == pytest.approx(495, abs=0.5)
    assert implied_range(claim("a", "PSNR", 20.0), claim("a", "MSE", 0.01)) == pytest.approx(1.0)


def test_implied_range_is_a_warning_only_beyond_eight_bits():
    wide, narrow = (
        found(claim("a", "PSNR", psnr), claim("a", "MAE", 25.8))[0] for psnr in (27.5, 19.0)
    )
    assert (wide.severity, narrow.severity) == ("warning", "info")
    assert "at least about 612" in wide.message
    assert not found(claim("a", "PSNR", 27.5, data_range=1000.0), claim("a", "MAE", 25.8))
    finding = found(
        claim("a", "PSNR", 27.5, data_range=255.0),
        claim("a", "MAE", 25.8, sd=5.2),
        check="psnr-mae",
    )[0]
    assert finding.severity == "error"


def test_one_set_of_images_has_one_normaliser():
    def of(*nmse):
        return found(
            *(
                c
                for number, value in enumerate(nmse)
                for c in (
                    claim(f"m{number}", "PSNR", 20.0, data_range=1.0),
                    claim(f"m{number}", "NMSE", value),
                )
            ),
            check="nmse-normaliser",
        )[0]

    assert of(0.1).message.startswith("NMSE is MSE divided by about 0.1:")
    assert of(0.1, 0.12).severity == "info"
    assert of(0.1, 0.3).severity == "warning"


@pytest.mark.parametrize(
    ("winner", "rival", "n", "metric", "expected"),
    [
        ((0.166, 0.06), (0.192, 0.06), 10, "LPIPS", (0.179, 0.102, 0.007)),
        ((0.880, 0.11), (0.869, 0.12), 313, "Dice", (0.116, 0.046, 0.0001)),
        ((32.072, 3.23), (31.258, 3.00), 45, "PSNR", (0.111, 0.044, 0.0002)),
        ((0.836, 0.11), (0.807, 0.11), 45, "Dice", (0.109, 0.042, 0.0001)),
    ],
)
def test_golden_probabilities(winner, rival, n, metric, expected):
    a = claim("a", metric, winner[0], sd=winner[1], n=n)
    b = claim("b", metric, rival[0], sd=rival[1], n=n)
    chances = [probability_not_better(a, b, r) for r in (0, 0.5, 0.9)]
    assert chances[:2] == pytest.approx(expected[:2], abs=2e-3)
    assert chances[2] == pytest.approx(expected[2], abs=5e-4)


def test_winners_are_judged_by_what_is_likely():
    def of(gain, **changes):
        return found(
            claim("a", "PSNR", 20 + gain, sd=1.0, n=10, **changes),
            claim("b", "PSNR", 20.0, sd=1.0, n=10, **changes),
            check="winner",
        )

    assert [f.severity for f in of(0.1)] == ["warning"]
    assert [f.severity for f in of(0.7)] == ["info"]
    assert of(3.0) == []
    assert of(0.0, mark="best") == []  # the table calls it a tie
    assert probability_not_better(
        claim("a", "PSNR", 1.0, sd=1.0, n=5), claim("b", "PSNR", 1.0, sd=1.0), 1.0
    ) == pytest.approx(0.5)


def test_a_claimed_winner_with_the_worse_mean_is_more_likely_worse():
    (finding,) = found(
        claim("a", "PSNR", 20.0, sd=1.0, n=10, mark="best"),
        claim("b", "PSNR", 20.3, sd=1.0, n=10),
        check="winner",
    )
    assert finding.method == "a"
    assert dict(finding.values)["p_at_0.5"] > 0.5


def test_powers_of_ten_are_printed():
    claims = [
        Claim("", "a", "MAE", 1200.0, decimals=-2, better="lower", mark="best"),
        Claim("", "b", "MAE", 1100.0, decimals=-2, better="lower"),
    ]
    (found,) = audit(claims)
    assert found.message == "1200 is marked as the best, but b (1100) is the best."
