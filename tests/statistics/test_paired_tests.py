import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from synthbench import statistics
from synthbench.api.errors import DataError
from tests.statistics.golden import GOLDEN


def test_golden_means_and_spread():
    assert GOLDEN["B"].mean() == pytest.approx(27.362833, abs=5e-7)
    spreads = [statistics.spread(GOLDEN[name]) for name in "ABCD"]
    assert spreads == pytest.approx([1.060747, 1.074141, 1.063085, 1.071968], abs=5e-7)


@pytest.mark.parametrize(
    ("rival", "mean", "w", "p", "rank_biserial"),
    [
        ("A", 0.371500, 0, 4.882812e-04, 1.0),
        ("C", 0.265750, 12, 3.417969e-02, 0.692308),
        ("D", 0.974333, 0, 4.882812e-04, 1.0),
    ],
)
def test_golden_wilcoxon(rival, mean, w, p, rank_biserial):
    test = statistics.wilcoxon(GOLDEN["B"], GOLDEN[rival])
    assert test.n == 12
    assert test.mean_difference == pytest.approx(mean, abs=5e-7)
    assert test.statistic == w
    assert test.p == pytest.approx(p, rel=5e-7)
    assert test.rank_biserial == pytest.approx(rank_biserial, abs=5e-7)
    assert test.method == "exact"
    assert test.smallest_p == pytest.approx(4.882812e-04, rel=5e-7)


def test_golden_holm():
    raw = np.array([statistics.wilcoxon(GOLDEN["B"], GOLDEN[name]).p for name in "ACD"])
    assert statistics.holm(raw) == pytest.approx([0.00146484, 0.03417969, 0.00146484], abs=5e-9)


def test_holm_ignores_missing_tests():
    adjusted = statistics.holm(np.array([0.01, np.nan, 0.04]))
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[1])
    assert np.isnan(statistics.holm(np.array([np.nan]))).all()
    assert statistics.holm(np.array([])).size == 0


@pytest.mark.parametrize(
    ("n", "p"),
    [(1, 1.0), (3, 0.25), (4, 0.125), (5, 0.0625), (6, 0.03125), (7, 0.015625), (10, 0.001953125)],
)
def test_smallest_p_is_what_scipy_gives_when_all_signs_agree(n, p):
    assert statistics.smallest_p(n) == p
    if n > 1:
        assert statistics.wilcoxon(np.arange(1.0, n + 1), np.zeros(n)).p == pytest.approx(p)


@pytest.mark.parametrize(("tests", "needed"), [(1, 6), (3, 7), (24, 10)])
def test_pairs_needed(tests, needed):
    assert statistics.pairs_needed(tests, 0.05) == needed
    assert tests * statistics.smallest_p(needed) <= 0.05 < tests * statistics.smallest_p(needed - 1)


def test_pairs_with_a_missing_value_are_dropped():
    a = np.array([1.0, 2.0, np.nan, 4.0, np.inf])
    test = statistics.wilcoxon(a, np.zeros(5))
    assert test.n == 3
    assert test.mean_difference == pytest.approx(7 / 3)


def test_equal_values_give_p_one():
    test = statistics.wilcoxon(np.ones(5), np.ones(5))
    assert (test.n, test.p, test.mean_difference, test.rank_biserial) == (5, 1.0, 0.0, 0.0)


def test_no_pairs_give_no_p():
    test = statistics.wilcoxon(np.array([np.nan]), np.array([1.0]))
    assert (test.n, test.method) == (0, "none")
    assert np.isnan(test.p)


def test_ties_in_a_small_sample_are_enumerated():
    test = statistics.wilcoxon(np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), np.zeros(6))
    assert test.method == "exact"
    assert test.p == pytest.approx(2 / 2**6)


def test_ties_in_a_larger_sample_are_approximated():
    differences = np.array([1.0, -1.0] * 3 + [2.0] * 14)
    test = statistics.wilcoxon(differences, np.zeros(20))
    assert test.method == "asymptotic"
    assert test.p == pytest.approx(stats.wilcoxon(differences, method="approx").pvalue)


def test_many_pairs_are_approximated():
    differences = np.random.default_rng(0).normal(0.1, 1.0, 80)
    assert statistics.wilcoxon(differences, np.zeros(80)).method == "asymptotic"


def test_means_by_unit_average_repetitions_and_keep_nan():
    names, means = statistics.mean_by_unit(
        np.array(["b", "a", "b", "c", "c"]), np.array([1.0, 5.0, 3.0, np.nan, 1.0])
    )
    assert names.tolist() == ["a", "b", "c"]
    assert means[:2].tolist() == [5.0, 2.0]
    assert np.isnan(means[2])


def test_a_patient_in_two_folds_is_refused():
    units = np.array(["p1", "p2", "p1", "p2"])
    statistics.require_one_fold(units, np.array([0, 1, 0, 1]), what="run")
    with pytest.raises(DataError, match=r"'p1' was tested in folds 0, 2"):
        statistics.require_one_fold(units, np.array([0, 1, 2, 1]), what="run")


def test_complete_cases():
    values = np.array([[1.0, np.nan, 3.0, np.inf], [1.0, 2.0, 3.0, 4.0]])
    assert statistics.complete_cases(values).tolist() == [True, False, True, False]


def test_one_value_has_no_spread():
    assert np.isnan(statistics.spread(np.array([3.0])))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30))
def test_the_test_does_not_depend_on_the_order_of_methods(differences):
    a = np.array(differences)
    forward = statistics.wilcoxon(a, np.zeros(len(a)))
    backward = statistics.wilcoxon(np.zeros(len(a)), a)
    assert forward.p == pytest.approx(backward.p)
    assert forward.rank_biserial == pytest.approx(-backward.rank_biserial)
    assert 0 < forward.p <= 1


@pytest.mark.parametrize(
    ("rival", "t", "p"),
    [
        ("A", 6.791839, 2.986035e-05),
        ("C", 2.718289, 1.999251e-02),
        ("D", 11.552843, 1.717036e-07),
    ],
)
def test_golden_paired_t(rival, t, p):
    test = statistics.paired_t(GOLDEN["B"], GOLDEN[rival])
    assert test.statistic == pytest.approx(t, abs=5e-7)
    assert test.p == pytest.approx(p, rel=5e-7)
    assert (test.method, test.smallest_p, test.test) == ("t", 0.0, "paired-t")


def test_golden_corrections():
    t = np.array([statistics.paired_t(GOLDEN["B"], GOLDEN[name]).p for name in "ACD"])
    assert statistics.holm(t) == pytest.approx([5.972e-05, 0.01999251, 5.2e-07], rel=1e-2)
    assert statistics.holm(t)[:2] == pytest.approx([5.972070e-05, 0.01999251], rel=1e-6)
    raw = np.array([statistics.wilcoxon(GOLDEN["B"], GOLDEN[name]).p for name in "ACD"])
    assert statistics.correct(raw, "bh") == pytest.approx(
        [0.00073242, 0.03417969, 0.00073242], abs=5e-9
    )
    assert statistics.correct(raw, "none").tolist() == raw.tolist()


def test_golden_sign_flips():
    test = statistics.sign_flip(GOLDEN["B"], GOLDEN["A"])
    assert test.p == pytest.approx(0.000488281, abs=5e-10)
    assert test.statistic == pytest.approx(0.3715, abs=5e-7)
    assert test.method == "exact"


def test_many_sign_flips_are_drawn_the_same_each_time():
    a = np.random.default_rng(1).normal(0.3, 1.0, 40)
    first, second = (statistics.sign_flip(a, np.zeros(40)) for _ in range(2))
    assert first == second
    assert first.method == "sampled"
    assert first.p == pytest.approx(statistics.paired_t(a, np.zeros(40)).p, abs=0.02)
    assert statistics.sign_flip(a + 100, np.zeros(40)).p == first.smallest_p == 2e-4


@pytest.mark.parametrize("name", ["wilcoxon", "permutation", "paired-t"])
def test_every_test_survives_degenerate_values(name):
    assert statistics.compare(np.ones(5), np.ones(5), name).p == 1.0
    assert statistics.compare(np.array([2.0]), np.array([1.0]), name).p == 1.0
    assert np.isnan(statistics.compare(np.array([np.nan]), np.array([1.0]), name).p)
    shifted = statistics.compare(np.arange(8) + 0.1, np.arange(8.0), name)
    assert shifted.p <= 2 / 2**8
    assert shifted.direction > 0
    assert statistics.compare(np.arange(8.0), np.arange(8) + 0.1, name).direction < 0


def test_only_ranks_can_speak_against_the_mean():
    differences = np.array([1.0, 2.0, 3.0, 4.0, -40.0])
    assert statistics.wilcoxon(differences, np.zeros(5)).direction > 0
    assert statistics.paired_t(differences, np.zeros(5)).direction < 0


def test_corrections_leave_the_garbage_collector_as_it_was():
    raw = np.array([0.01, 0.04, 0.03])
    before = gc.get_freeze_count()
    adjusted = statistics.correct(raw)
    assert gc.get_freeze_count() == before
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        assert statistics.correct(raw).tolist() == adjusted.tolist()
        assert gc.get_freeze_count() >= frozen > 0
    finally:
        gc.unfreeze()


def test_the_mean_of_equal_seeds_is_their_value_to_the_last_digit():
    values = np.random.default_rng(0).normal(30, 1, 60)
    assert np.any((values + values + values) / 3 != values)
    units = np.array([f"s{number:02d}" for number in range(60)])
    _, means = statistics.mean_by_unit(np.repeat(units, 3), np.repeat(values, 3))
    assert np.array_equal(means, values)
    _, means = statistics.mean_by_unit(np.array(["a", "a", "b"]), np.array([np.inf, 1.0, np.nan]))
    assert not np.isfinite(means).any()
