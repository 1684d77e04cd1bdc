"""Predicted against observed frequencies, worked out by hand."""

import numpy as np
import pytest

from ecglens.evaluation.intervals import clopper_pearson
from ecglens.evaluation.reliability import reliability


def test_bins_worked_out_by_hand():
    truth = np.array([0, 0, 1, 1, 1, 1])
    probability = np.array([0.05, 0.15, 0.15, 0.95, 0.95, 1.0])
    found = reliability(truth, probability)
    np.testing.assert_allclose(found.predicted, [0.05, 0.15, 2.9 / 3])
    np.testing.assert_allclose(found.observed, [0, 0.5, 1])
    assert found.records.tolist() == [1, 2, 3]
    low, high = clopper_pearson([0, 1, 3], [1, 2, 3])
    np.testing.assert_allclose(found.low, low)
    np.testing.assert_allclose(found.high, high)
    # (1 · .05 + 2 · .35 + 3 · .0333) / 6
    assert found.error == pytest.approx((0.05 + 0.7 + 0.1) / 6)


def test_true_probabilities_are_nearly_without_error_and_overconfident_ones_are_not():
    rng = np.random.default_rng(0)
    probability = rng.random(20_000)
    truth = rng.random(20_000) < probability
    assert reliability(truth, probability).error < 0.02
    assert reliability(truth, np.where(probability > 0.5, 0.99, 0.01)).error > 0.2
