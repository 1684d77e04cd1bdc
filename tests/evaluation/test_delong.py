"""AUROC with DeLong's interval and test: published values, the definition, edges."""

import numpy as np
import pytest
from scipy.stats import norm

from ecglens.errors import LabelError
from ecglens.evaluation.delong import auroc_interval, compare_auroc, delong

# Hanley and McNeil 1982 (Radiology 143:29): 109 CT images rated 1 to 5.
RATED = {0: (33, 6, 6, 11, 2), 1: (3, 2, 2, 11, 33)}
TRUTH = np.repeat([0] * 5 + [1] * 5, RATED[0] + RATED[1])
RATING = np.repeat([1, 2, 3, 4, 5] * 2, RATED[0] + RATED[1]).astype(float)


def by_definition(truth, scores):
    """Return AUROCs and covariance from DeLong's structural components, pair by pair."""
    truth = np.asarray(truth, bool)
    over, under = [], []
    for score in scores:
        x, y = score[truth][:, None], score[~truth][None]
        psi = (x > y) + 0.5 * (x == y)
        over.append(psi.mean(axis=1))
        under.append(psi.mean(axis=0))
    m, n = truth.sum(), (~truth).sum()
    return np.mean(over, axis=1), np.cov(over) / m + np.cov(under) / n


def test_the_ct_images_of_hanley_and_mcneil_give_the_published_interval():
    # As Stata's roctab prints them: area .8932, standard error .0307, interval .83295 to .95339.
    value, low, high = auroc_interval(TRUTH, RATING)
    assert value == pytest.approx(0.8932, abs=5e-5)
    assert (low, high) == pytest.approx((0.83295, 0.95339), abs=5e-6)
    assert np.sqrt(delong(TRUTH, RATING)[1][0, 0]) == pytest.approx(0.0307, abs=5e-5)


@pytest.mark.parametrize("seed", range(3))
def test_areas_and_covariances_follow_the_definition_ties_included(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 60)
    scores = np.round(rng.normal(size=(3, 60)) + 0.7 * truth, 1)
    areas, covariance = delong(truth, scores)
    expected = by_definition(truth, scores)
    np.testing.assert_allclose(areas, expected[0], rtol=1e-12)
    np.testing.assert_allclose(covariance, expected[1], rtol=1e-10)


def test_the_test_of_two_scores_worked_out_from_the_definition():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 80)
    a, b = rng.normal(size=(2, 80)) + np.array([[1.5], [0.6]]) * truth
    (area_a, area_b), c = by_definition(truth, [a, b])
    spread = np.sqrt(c[0, 0] + c[1, 1] - 2 * c[0, 1])
    found = compare_auroc(truth, a, b)
    assert (found.a, found.b) == pytest.approx((area_a, area_b))
    assert found.p == pytest.approx(2 * norm.sf(abs(area_a - area_b) / spread))
    assert found.high - found.low == pytest.approx(2 * 1.959964 * spread, rel=1e-6)


def test_swapping_two_models_turns_the_sign_and_keeps_p():
    rng = np.random.default_rng(6)
    truth, a, b = rng.integers(0, 2, 50), rng.normal(size=50), rng.normal(size=50)
    one, other = compare_auroc(truth, a, b), compare_auroc(truth, b, a)
    assert one.difference == pytest.approx(-other.difference)
    assert one.p == pytest.approx(other.p)


def test_a_model_does_not_differ_from_itself():
    found = compare_auroc(TRUTH, RATING, RATING)
    assert (found.difference, found.p) == (0, 1)


@pytest.mark.slow
def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng, held, area = np.random.default_rng(7), 0, norm.cdf(1 / np.sqrt(2))
    for _ in range(2000):
        truth = np.repeat([0, 1], [60, 40])
        _, low, high = auroc_interval(truth, rng.normal(size=100) + truth)
        held += low <= area <= high
    assert 0.93 <= held / 2000 <= 0.965


def test_a_perfect_order_of_few_records_is_no_certainty():
    # Three independent pairs, all in order: the exact lower end is .025 ** (1 / 3).
    truth, score = np.array([0, 0, 0, 0, 1, 1, 1]), np.arange(7.0)
    assert auroc_interval(truth, score) == pytest.approx((1.0, 0.025 ** (1 / 3), 1.0))
    assert auroc_interval(truth, -score) == pytest.approx((0.0, 0.0, 1 - 0.025 ** (1 / 3)))


def test_one_positive_record_says_nothing_of_the_spread():
    assert auroc_interval(np.array([0, 0, 1]), np.array([0.1, 0.2, 0.3])) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("truth", "score", "found"),
    [([1, 1], [0.1, 0.2], "2 positive and 0 negative"), ([0, 1], [0.1, np.nan], "not finite")],
)
def test_what_has_no_auroc_is_refused(truth, score, found):
    with pytest.raises(LabelError, match=found):
        delong(np.array(truth), np.array(score))
