import numpy as np
import pytest
from scipy import stats

from synthbench import statistics
from tests.statistics.golden import GOLDEN, MATRIX


@pytest.mark.parametrize(
    ("rival", "low", "high"),
    [("A", 0.251111, 0.491889), ("C", 0.050574, 0.480926), ("D", 0.788709, 1.159958)],
)
def test_golden_t_interval_is_the_fallback_and_bca_is_near(rival, low, high, monkeypatch):
    differences = GOLDEN["B"] - GOLDEN[rival]
    bca = statistics.mean_interval(differences)
    assert bca.method == "BCa"
    assert (bca.low, bca.high) == pytest.approx((low, high), abs=0.05)
    assert bca == statistics.mean_interval(differences)
    monkeypatch.setattr("synthbench.statistics.bootstrap._FEWEST", 13)
    t = statistics.mean_interval(differences)
    assert t.method == "t"
    assert (t.low, t.high) == pytest.approx((low, high), abs=5e-7)


def test_intervals_of_few_and_of_constant_values():
    assert statistics.mean_interval(np.array([1.0])).method == "none"
    assert statistics.mean_interval(np.arange(7.0)).method == "t"
    constant = statistics.mean_interval(np.full(12, 0.1))
    assert (constant.low, constant.high) == pytest.approx((0.1, 0.1))


def test_a_wider_level_gives_a_wider_interval():
    narrow = statistics.mean_interval(GOLDEN["A"], level=0.8)
    wide = statistics.mean_interval(GOLDEN["A"], level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_ranking_of_clear_and_of_equal_methods():
    ranking = statistics.ranking(MATRIX, higher_is_better=True)
    assert ranking.best.sum() == pytest.approx(1)
    assert ranking.best[1] > 0.95
    assert (ranking.low[1], ranking.high[3]) == (1, 4)
    worst_first = statistics.ranking(MATRIX, higher_is_better=False)
    assert worst_first.best[3] == 1
    equal = statistics.ranking(np.stack([GOLDEN["A"], GOLDEN["A"]]), higher_is_better=True)
    assert equal.best.tolist() == [0.5, 0.5]
    assert (equal.low == equal.high).all()
    zero = statistics.ranking(np.zeros((2, 5)), higher_is_better=True)
    assert zero.best.tolist() == [0.5, 0.5]


def test_ranking_does_not_depend_on_the_unit():
    ranking = statistics.ranking(MATRIX, higher_is_better=True)
    tiny = statistics.ranking(MATRIX * 1e-15, higher_is_better=True)
    assert (tiny.best == ranking.best).all()


def test_an_interval_over_seeds_and_subjects_is_wider_than_over_subjects_alone():
    subjects = np.random.default_rng(0).normal(0, 0.2, 20)
    seeds = np.array([-1.0, 0.0, 1.0])
    values = seeds[:, None] + subjects
    crossed = statistics.crossed_interval(values)
    alone = statistics.mean_interval(subjects)
    assert crossed.method == "percentile"
    assert crossed.high - crossed.low > 3 * (alone.high - alone.low)
    assert statistics.crossed_interval(values) == crossed
    assert statistics.crossed_interval(values[:1]).method == "none"


def test_without_noise_between_seeds_the_subjects_decide():
    subjects = np.random.default_rng(0).normal(0, 1, 30)
    crossed = statistics.crossed_interval(np.stack([subjects] * 3))
    alone = statistics.mean_interval(subjects)
    assert (crossed.low, crossed.high) == pytest.approx((alone.low, alone.high), abs=0.05)


@pytest.mark.parametrize("cases", [8, 12, 41])
def test_intervals_are_those_of_scipy_to_the_last_digit(cases):
    values = np.round(np.random.default_rng(cases).normal(0.2, 1, cases), 1)  # some are equal
    for _ in range(2):  # what is kept between calls changes nothing
        found = statistics.mean_interval(values, level=0.9, seed=3)
        theirs = stats.bootstrap(
            (values,),
            np.mean,
            confidence_level=0.9,
            n_resamples=statistics.RESAMPLES,
            rng=np.random.default_rng(3),
        ).confidence_interval
        assert (found.low, found.high) == (theirs.low, theirs.high)
        statistics.mean_interval(values[1:], seed=3)


def test_ranking_does_not_depend_on_what_was_ranked_before():
    first = statistics.ranking(MATRIX, higher_is_better=True)
    statistics.ranking(MATRIX[:, :6], higher_is_better=True)
    statistics.ranking(MATRIX, higher_is_better=True, seed=1)
    again = statistics.ranking(MATRIX, higher_is_better=True)
    assert first.best.tolist() == again.best.tolist()
    assert first.low.tolist() == again.low.tolist()
