from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from synthbench import statistics
from tests.statistics.golden import MATRIX


def test_golden_friedman():
    test = statistics.friedman(MATRIX, higher_is_better=True)
    assert test.chi2 == pytest.approx(27.9, abs=5e-7)
    assert test.p == pytest.approx(3.811873e-06, rel=5e-7)
    assert test.f == pytest.approx(37.888889, abs=5e-7)
    assert test.f_p == pytest.approx(8.5132e-11, rel=5e-5)
    assert test.mean_ranks.tolist() == [2.5, 1.25, 2.25, 4.0]


def test_golden_nemenyi():
    p = statistics.nemenyi(np.array([2.5, 1.25, 2.25, 4.0]), 12)
    found = [p[0, 1], p[1, 2], p[1, 3], p[0, 3], p[2, 3], p[0, 2]]
    expected = [0.082573, 0.229104, 0.000001, 0.022956, 0.004980, 0.964741]
    assert found == pytest.approx(expected, abs=1e-6)
    assert statistics.critical_difference(4, 12) == pytest.approx(1.353999, abs=5e-7)


def test_golden_conover():
    p = statistics.conover(MATRIX, higher_is_better=True)
    assert (p[0, 1], p[1, 2]) == pytest.approx((0.000103, 0.001088), abs=5e-7)
    assert (p == p.T).all()
    assert (np.diag(p) == 1).all()


def test_pairs_that_cannot_be_separated_are_grouped():
    ranks = np.array([2.5, 1.25, 2.25, 4.0])
    assert statistics.not_separable(ranks, 1.353999) == [(1, 2, 0)]
    assert statistics.not_separable(ranks, 1.6) == [(1, 2, 0), (0, 3)]
    assert statistics.not_separable(ranks, 0.1) == []


@pytest.mark.parametrize(("one", "n"), [((1.0, 2.0, 3.0), 5), ((1.0, 2.0, 2.0), 4), ((1, 2, 3), 2)])
def test_an_order_without_exception(one, n):
    values = np.array(one, dtype=float)[:, None].repeat(n, axis=1)
    test = statistics.friedman(values, higher_is_better=False)
    assert test.mean_ranks.tolist() == stats.rankdata(one).tolist()
    # F has no finite value; by enumeration, so many blocks agree by chance this often.
    orders = sorted(set(permutations(one)))
    alike = [len(set(drawn)) == 1 for drawn in product(orders, repeat=n)]
    assert (test.f, test.f_p) == (float("inf"), pytest.approx(np.mean(alike)))
    assert np.isnan(statistics.conover(values, higher_is_better=False)[0, 2])


def test_friedman_needs_three_methods_two_blocks_and_a_difference():
    assert statistics.friedman(MATRIX[:2], higher_is_better=True) is None
    assert statistics.friedman(MATRIX[:, :1], higher_is_better=True) is None
    assert statistics.friedman(np.ones((3, 5)), higher_is_better=True) is None
    assert statistics.friedman(MATRIX * np.array([[1], [0], [0], [0]]), higher_is_better=True)
