"""Removal curves on models whose answers can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecglens.errors import ParameterError
from ecglens.explain import faithfulness as f
from ecglens.explain import faithfulness_removal as r
from ecglens.explain.removal import Remover

RATE, WINDOW = 25, 4  # 160 ms


def zero(rate=RATE):
    return r.Removal.at(rate, "zero")


def remove(signals, mask, fill, rate):
    return Remover(signals, fill, rate).without(mask)


def linear(weights):
    """A model whose answer is a weighted sum, so that weights × signal is its exact attribution."""
    return lambda signals: np.tensordot(signals, weights, axes=2)


def example(seed=0, records=3, samples=40):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(samples, 12))
    signals = rng.normal(size=(records, samples, 12)).astype(np.float32)
    return signals, weights, signals * weights


@pytest.mark.parametrize(("rate", "samples"), [(100, 16), (500, 80), (25, 4), (2, 1)])
def test_a_window_lasts_160_ms(rate, samples):
    assert r.Removal.at(rate, "zero").window == samples


def test_window_sums_keep_the_whole_and_the_last_one_may_be_short():
    values = np.arange(10.0)[None, :, None]
    found = r.window_sums(values, 4)
    np.testing.assert_array_equal(found[0, :, 0], [0 + 1 + 2 + 3, 4 + 5 + 6 + 7, 8 + 9])


def test_a_window_is_taken_from_all_leads_or_from_one():
    signals = np.ones((2, 8, 12), np.float32)
    everywhere = np.zeros((2, 2, 1), bool)
    everywhere[0, 1] = True
    one_lead = np.zeros((2, 2, 12), bool)
    one_lead[1, 0, 5] = True
    assert zero()(signals, everywhere).sum(axis=(1, 2)).tolist() == [48, 96]
    found = zero()(signals, one_lead)
    assert found.sum() == 2 * 96 - 4 and not found[1, :4, 5].any()


def test_the_bridge_is_a_straight_line_and_level_to_the_ends():
    signal = np.tile(np.array([9, 1, 9, 9, 4, 9], np.float32)[:, None], (1, 12))
    mask = np.array([True, False, True, True, False, True])[None, :, None]
    found = remove(signal[None], mask, "bridge", RATE)[0, :, 3]
    np.testing.assert_allclose(found, [1, 1, 2, 3, 4, 4])


def test_of_a_lead_that_is_gone_whole_nothing_is_left():
    signals = np.ones((1, 6, 12), np.float32)
    mask = np.zeros((1, 6, 12), bool)
    mask[0, :, 2] = True
    found = remove(signals, mask, "bridge", RATE)
    assert not found[0, :, 2].any() and found.sum() == 66


@settings(max_examples=25)
@given(arrays(np.bool_, (2, 9, 12)), st.integers(0, 99))
def test_the_bridge_agrees_with_numpy_lead_by_lead(mask, seed):
    signals = np.random.default_rng(seed).normal(size=mask.shape).astype(np.float32)
    found = remove(signals, mask, "bridge", RATE)
    places = np.arange(9)
    for record, lead in np.ndindex(2, 12):
        gone, column = mask[record, :, lead], signals[record, :, lead].astype(float)
        kept = places[~gone]
        wanted = np.interp(places, kept, column[kept]) if len(kept) else np.zeros(9)
        np.testing.assert_allclose(found[record, :, lead], wanted, atol=1e-5)


def test_an_exact_attribution_orders_removals_better_than_its_opposite():
    signals, weights, exact = example()
    right = r.degradation_curves(linear(weights), signals, exact, zero())
    wrong = r.degradation_curves(linear(weights), signals, -exact, zero())
    assert (right.degradation > 0).all()
    np.testing.assert_allclose(right.degradation, -wrong.degradation, atol=1e-9)


def test_curves_of_a_linear_model_are_the_sums_of_what_is_left():
    signals, weights, exact = example(records=1, samples=8)  # two windows
    order = f.over_time(exact)
    curves = r.degradation_curves(linear(weights), signals, order, zero(), steps=2)
    sums = np.sort(r.window_sums(exact, WINDOW).sum(axis=2)[0])
    np.testing.assert_allclose(curves.removed, [0, 0.5, 1])
    np.testing.assert_allclose(curves.most_first[0], [sums.sum(), sums[0], 0], atol=1e-5)
    np.testing.assert_allclose(curves.least_first[0], [sums.sum(), sums[1], 0], atol=1e-5)
    # A trapezoid of three points: (whole + 2 · left + empty) / 4; the difference is half.
    assert curves.degradation == pytest.approx([(sums[1] - sums[0]) / 2], abs=1e-5)


def test_cells_are_taken_away_one_lead_at_a_time():
    signals, weights, exact = example(records=1, samples=4)
    curves = r.degradation_curves(linear(weights), signals, exact, zero(), steps=12)
    cells = np.sort(r.window_sums(exact, WINDOW).ravel())
    np.testing.assert_allclose(curves.most_first[0, :-1], np.cumsum(cells)[::-1], atol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 7, 500])
def test_curves_do_not_depend_on_the_batch(batch_size):
    signals, weights, exact = example(records=5)
    expected = r.degradation_curves(linear(weights), signals, exact, zero())
    found = r.degradation_curves(linear(weights), signals, exact, zero(), batch_size=batch_size)
    np.testing.assert_allclose(found.most_first, expected.most_first, atol=1e-6)
    np.testing.assert_allclose(found.least_first, expected.least_first, atol=1e-6)


def test_the_model_is_asked_twice_a_step_and_never_twice_about_the_same():
    asked = []

    def predict(signals):
        asked.append(len(signals))
        return np.zeros(len(signals))

    signals, _, exact = example(records=3)
    r.degradation_curves(predict, signals, exact, zero(), steps=10)
    assert sum(asked) == 3 * (2 * 9 + 2)


def test_a_map_without_order_is_not_read_from_start_to_end():
    # All the answer is in the first window: reading in order of time would score as if it knew.
    signals = np.ones((1, 400, 12), np.float32)
    weights = np.zeros((400, 12))
    weights[:4] = 1
    curves = r.degradation_curves(linear(weights), signals, np.zeros((1, 400, 1)), zero())
    assert abs(curves.degradation[0]) < 0.9 * weights.sum()


def test_drops_of_a_linear_model_are_what_its_exact_attribution_foretells():
    signals, weights, exact = example()
    gone = r.draw_removals(3, 8, 10, seed=1)
    drops = r.drops_of(linear(weights), signals, gone, zero(), batch_size=16)
    shares = r.shares_of(exact, gone, WINDOW)
    np.testing.assert_allclose(shares, drops, atol=1e-4)
    assert (f.infidelity(shares, drops) < 1e-8).all()
    assert f.faithfulness_correlation(shares, drops) == pytest.approx([1, 1, 1])


def test_a_map_that_only_adds_up_foretells_nothing_about_removals_of_one_size():
    signals, weights, exact = example(records=40, samples=160)
    gone = r.draw_removals(40, 20, 40, seed=1)
    assert set(gone.sum(axis=2).ravel()) == {10}
    drops = r.drops_of(linear(weights), signals, gone, zero())
    flat = np.broadcast_to(exact.mean(axis=(1, 2), keepdims=True), exact.shape)
    noise = flat + np.random.default_rng(3).normal(0, 1e-3, exact.shape)
    found = f.faithfulness_correlation(r.shares_of(noise, gone, WINDOW), drops)
    assert abs(found.mean()) < 0.15


def test_a_number_of_steps_below_one_is_refused():
    signals, weights, exact = example(records=1)
    with pytest.raises(ParameterError, match="steps: found 0; expected 1 or more"):
        r.degradation_curves(linear(weights), signals, exact, zero(), steps=0)


def test_a_filling_that_is_not_known_is_refused_with_those_that_are():
    with pytest.raises(ParameterError, match="zero"):
        r.Removal.at(100, "nought")(np.zeros((1, 32, 12), np.float32), np.ones((1, 2, 1), bool))
