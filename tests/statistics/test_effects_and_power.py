import numpy as np
import pytest
from scipy import stats

from synthbench import statistics
from tests.statistics.golden import GOLDEN


@pytest.mark.parametrize(
    ("rival", "d_z", "g_z", "tost"),
    [
        ("A", 1.960635, 1.823846, 1.926868e-02),
        ("C", 0.784702, 0.729956, 1.773879e-02),
        ("D", 3.335018, 3.102343, 9.999227e-01),
    ],
)
def test_golden_effects_and_equivalence(rival, d_z, g_z, tost):
    effects = statistics.effects(GOLDEN["B"], GOLDEN[rival])
    assert effects.d_z == pytest.approx(d_z, abs=5e-7)
    assert effects.g_z == pytest.approx(g_z, abs=5e-7)
    outcome = statistics.equivalence(GOLDEN["B"], GOLDEN[rival], 0.5)
    assert outcome.p == pytest.approx(tost, rel=5e-7)


def test_d_av_does_not_see_the_pairing():
    a, b = np.arange(6.0), np.arange(6.0) + np.array([1, 2, 1, 2, 1, 2])
    effects = statistics.effects(b, a)
    assert effects.d_av == pytest.approx(1.5 / ((np.std(a, ddof=1) + np.std(b, ddof=1)) / 2))
    assert effects.d_z > 2 > effects.d_av


def test_effects_need_pairs_and_spread():
    assert np.isnan(statistics.effects(np.array([1.0]), np.array([0.0])).g_z)
    assert np.isnan(statistics.effects(np.arange(5) + 0.1, np.arange(5.0)).d_z)
    dropped = statistics.effects(np.array([1.0, 3.0, np.nan]), np.zeros(3))
    assert dropped.d_z == pytest.approx(2 / np.sqrt(2))


def test_equivalence_of_a_constant_shift_is_decided_by_the_margin():
    a = np.arange(5.0)
    assert statistics.equivalence(a + 0.25, a, 0.5).p == 0.0
    assert statistics.equivalence(a + 0.75, a, 0.5).p == 1.0
    assert np.isnan(statistics.equivalence(a[:1], a[:1], 0.5).p)


def test_golden_folds():
    differences = np.array([0.012, 0.008, 0.015, 0.003, 0.010])
    naive = stats.ttest_1samp(differences, 0)
    assert (naive.statistic, naive.pvalue) == pytest.approx((4.764400, 0.008876), abs=5e-7)
    test = statistics.nadeau_bengio(differences, 0.25)
    assert test.statistic == pytest.approx(3.176267, abs=5e-7)
    assert test.p == pytest.approx(0.033655, abs=5e-7)
    assert np.isnan(statistics.nadeau_bengio(np.full(5, 0.1), 0.25).p)


def test_subjects_needed_reach_the_power_they_promise():
    rng = np.random.default_rng(0)
    needed = statistics.subjects_needed(0.8, alpha=0.05)
    assert needed == 16  # 15 for a t-test (Cohen's tables), times pi / 3
    found = [
        statistics.wilcoxon(rng.normal(0.8, 1.0, needed), np.zeros(needed)).p <= 0.05
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.07)


def test_subjects_needed_grows_with_the_family_and_shrinks_with_the_effect():
    assert statistics.subjects_needed(0.5, alpha=0.05, test="paired-t") == 34
    assert statistics.subjects_needed(0.5, alpha=0.05, tests=10) > 34
    assert statistics.subjects_needed(50.0, alpha=0.05) == 6  # no fewer can reach significance
    assert statistics.subjects_needed(1e-5, alpha=0.05) is None
    assert statistics.subjects_needed(float("nan"), alpha=0.05) is None


@pytest.mark.parametrize(("d_z", "needed"), [(5.0, 4), (10.0, 3), (20.0, 3), (40.0, 2), (1e12, 2)])
def test_large_effects_need_few_subjects_where_statsmodels_finds_no_power(d_z, needed):
    # By simulation: 0.71, 0.99 (d_z = 5, n = 3 and 4), 0.29, 0.99 (10; 2 and 3).
    assert statistics.subjects_needed(d_z, alpha=0.05, tests=3, test="paired-t") == needed


def test_random_sign_flips_may_not_reach_significance_with_any_n():
    assert statistics.pairs_needed(240, 0.05, "permutation") == 14
    assert statistics.pairs_needed(260, 0.05, "permutation") is None
    assert statistics.pairs_needed(260, 0.05) == 14
    assert statistics.subjects_needed(1.0, alpha=0.05, tests=260, test="permutation") is None


def test_subjects_needed_never_grow_with_the_effect():
    # By simulation, 68 subjects find d_z = 0.54 at 0.05 / 72 in 80.6 % of samples.
    assert statistics.subjects_needed(0.54, alpha=0.05, tests=72, test="paired-t") == 68
    sizes = [
        statistics.subjects_needed(d_z, alpha=0.05, tests=72, test="paired-t")
        for d_z in np.geomspace(0.2, 20, 60)
    ]
    assert sizes == sorted(sizes, reverse=True)
