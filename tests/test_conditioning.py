"""Conditioning: what each layer does to a lead, against float64 numpy."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from ecglens.conditioning import (
    Detrend,
    MedianMaxAbsScale,
    MissingToZero,
    ZeroPhaseFilter,
    ZScore,
    condition,
    polynomial_basis,
)
from ecglens.errors import ParameterError

RNG_SEED = 7
SAMPLES = 500


def tracing(records=2, samples=SAMPLES, seed=RNG_SEED):
    """Noise on a wandering baseline, millivolts, shape (records, samples, 12)."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(-1, 1, samples)[None, :, None]
    wander = rng.normal(size=(records, 1, 12)) * grid**3 + rng.normal(size=(records, 1, 12))
    return (wander + 0.2 * rng.normal(size=(records, samples, 12))).astype(np.float32)


def applied(signals, **options):
    """Return what :func:`condition` makes of signals, as a model of its own."""
    inputs = keras.Input(signals.shape[1:])
    return np.asarray(keras.Model(inputs, condition(inputs, **options))(signals))


@pytest.mark.parametrize("degree", [1, 3, 10])
def test_detrending_subtracts_the_least_squares_polynomial_of_numpy(degree):
    signals = tracing()
    grid = np.linspace(-1, 1, SAMPLES)
    expected = np.empty(signals.shape)
    for record, lead in np.ndindex(len(signals), 12):
        values = signals[record, :, lead].astype(np.float64)
        expected[record, :, lead] = values - np.polyval(np.polyfit(grid, values, degree), grid)
    np.testing.assert_allclose(np.asarray(Detrend(degree)(signals)), expected, atol=1e-5)


@pytest.mark.parametrize("offset", [1.0, -30.0])
def test_detrending_removes_any_offset_and_any_slope(offset):
    signals = tracing()
    slope = np.linspace(0, 1, SAMPLES, dtype=np.float32)[None, :, None]
    moved = np.asarray(Detrend(10)(signals + np.float32(offset) + slope))
    np.testing.assert_allclose(moved, np.asarray(Detrend(10)(signals)), atol=1e-5)


def test_detrending_leaves_a_fast_oscillation_as_it_is():
    seconds = np.arange(1000) / 100
    wave = np.tile(np.sin(2 * np.pi * 8 * seconds)[None, :, None], (1, 1, 12)).astype(np.float32)
    result = np.asarray(Detrend(10)(wave))
    # Towards the ends a polynomial can follow a single wave, so they are left out.
    np.testing.assert_allclose(result[:, 50:-50], wave[:, 50:-50], atol=0.05)


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(12, 3000), degree=st.integers(1, 10))
def test_the_polynomial_basis_is_orthonormal_at_every_length(samples, degree):
    basis = polynomial_basis(samples, degree)
    np.testing.assert_allclose(basis.T @ basis, np.eye(degree + 1), atol=2e-5)


@pytest.mark.parametrize("samples", [200, 201])
@pytest.mark.parametrize("per", ["lead", "record"])
def test_scaling_centres_on_the_median_and_divides_by_the_largest_distance(samples, per):
    signals = tracing(samples=samples)
    centred = signals.astype(np.float64) - np.median(signals.astype(np.float64), axis=1)[:, None]
    axes = 1 if per == "lead" else (1, 2)
    expected = centred / np.abs(centred).max(axis=axes, keepdims=True)
    np.testing.assert_allclose(np.asarray(MedianMaxAbsScale(per)(signals)), expected, atol=1e-6)


def test_scaling_each_lead_brings_each_to_one_and_scaling_the_record_only_the_largest():
    signals = tracing() * np.arange(1, 13, dtype=np.float32)
    each = np.abs(np.asarray(MedianMaxAbsScale("lead")(signals))).max(axis=1)
    together = np.abs(np.asarray(MedianMaxAbsScale("record")(signals))).max(axis=1)
    np.testing.assert_allclose(each, 1, atol=1e-6)
    np.testing.assert_allclose(together.max(axis=1), 1, atol=1e-6)
    assert (together[:, 0] < 0.5).all()


def test_scaling_the_record_keeps_the_proportions_between_leads():
    signals = tracing()
    signals[:, :, 1] = 3 * signals[:, :, 0]
    scaled = np.asarray(MedianMaxAbsScale("record")(signals))
    np.testing.assert_allclose(scaled[:, :, 1], 3 * scaled[:, :, 0], atol=1e-5)


@pytest.mark.parametrize("scaling", ["lead", "record"])
@pytest.mark.parametrize("gain", [0.1, 20.0])
def test_a_scaled_record_does_not_depend_on_the_amplifier_gain(scaling, gain):
    signals = tracing()
    louder = applied(signals * np.float32(gain), detrend_degree=10, scaling=scaling)
    np.testing.assert_allclose(
        louder, applied(signals, detrend_degree=10, scaling=scaling), atol=2e-5
    )


@pytest.mark.parametrize("scaling", ["none", "lead", "record"])
@pytest.mark.parametrize("degree", [0, 10])
def test_flat_leads_become_exactly_nought_or_stay_flat(scaling, degree):
    signals = tracing()
    signals[0, :, 3] = 0.7
    signals[1] = -2.0
    result = applied(signals, detrend_degree=degree, scaling=scaling)
    assert np.isfinite(result).all()
    untouched = degree == 0 and scaling == "none"
    # Rounding, blown up to ±1, would be a signal that differs from runtime to runtime.
    np.testing.assert_array_equal(result[0, :, 3], np.float32(0.7 if untouched else 0))
    np.testing.assert_array_equal(result[1], -2.0 if untouched else 0)


def test_missing_samples_become_zero_before_anything_else_and_touch_no_other_lead():
    signals = tracing()
    holed = signals.copy()
    holed[0, 100:200, 5] = np.nan
    zeroed = np.where(np.isnan(holed), np.float32(0), holed)
    np.testing.assert_array_equal(np.asarray(MissingToZero()(holed)), zeroed)
    result = applied(holed, detrend_degree=10, scaling="lead")
    np.testing.assert_array_equal(result, applied(zeroed, detrend_degree=10, scaling="lead"))
    whole = applied(signals, detrend_degree=10, scaling="lead")
    others = [lead for lead in range(12) if lead != 5]
    np.testing.assert_array_equal(result[:, :, others], whole[:, :, others])


def test_a_record_is_conditioned_alike_alone_and_in_a_batch():
    signals = tracing(records=4)
    batch = applied(signals, detrend_degree=10, scaling="record")
    alone = applied(signals[2:3], detrend_degree=10, scaling="record")
    np.testing.assert_allclose(batch[2:3], alone, atol=1e-6)


def test_no_conditioning_leaves_millivolts_as_they_are():
    signals = tracing()
    np.testing.assert_array_equal(applied(signals, detrend_degree=0, scaling="none"), signals)


def test_an_unknown_scaling_is_refused_by_name():
    with pytest.raises(ParameterError, match=r"'z-score'.*Did you mean \"zscore\""):
        condition(keras.Input((100, 12)), scaling="z-score")


@pytest.mark.parametrize("layer", [MissingToZero(), Detrend(4), MedianMaxAbsScale("record")])
def test_a_layer_made_again_from_its_configuration_gives_the_same(layer):
    signals = tracing()
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(np.asarray(again(signals)), np.asarray(layer(signals)))
    assert layer.compute_output_shape(signals.shape) == signals.shape


def filtfilt_of_both(signals, rate, band, notch, reach):
    """ECG-XPLAIM's filters by scipy, in float64, the ends extended as far as ours."""
    extended = {"axis": 1, "padtype": "odd", "padlen": reach}
    result = signals.astype(np.float64)
    if band:
        sections = signal.butter(4, band, btype="band", fs=rate, output="sos")
        result = signal.sosfiltfilt(sections, result, **extended)
    if notch:
        result = signal.filtfilt(*signal.iirnotch(notch, 30, fs=rate), result, **extended)
    return result


@pytest.mark.parametrize(
    ("rate", "band", "notch"),
    [(100, (0.5, 40), 0), (500, (0.5, 40), 0), (500, (), 50), (500, (0.5, 40), 60)],
)
def test_the_filter_is_that_of_filtfilt(rate, band, notch):
    seconds = np.arange(10 * rate) / rate
    wander = 0.5 * np.sin(2 * np.pi * 0.25 * seconds + 1) + 0.3 * np.sin(2 * np.pi * 50 * seconds)
    signals = tracing(samples=len(seconds)) + wander[None, :, None].astype(np.float32)
    filtered = np.asarray(ZeroPhaseFilter(rate, band, notch)(signals))
    expected = filtfilt_of_both(signals, rate, band, notch, reach=5 * rate)
    # Far from the ends exactly that; near them, the record's mirror image is met once more.
    inner = slice(2 * rate, -2 * rate)
    np.testing.assert_allclose(filtered[:, inner], expected[:, inner], atol=5e-3)
    np.testing.assert_allclose(filtered, expected, atol=0.05)


def test_the_filter_takes_wander_and_mains_and_leaves_the_beat_where_it_is():
    seconds = np.arange(5000) / 500
    beat = np.exp(-(((seconds - 5) / 0.02) ** 2))
    noise = 0.4 * np.sin(2 * np.pi * 0.1 * seconds) + 0.3 * np.sin(2 * np.pi * 50 * seconds)
    x = np.tile((beat + noise)[None, :, None], (1, 1, 12)).astype(np.float32)
    result = np.asarray(ZeroPhaseFilter(500, (0.5, 40), 50)(x))[0, :, 4]
    assert np.argmax(result) == 2500
    assert np.abs(result[:2300]).max() < 0.05
    assert result[2500] == pytest.approx(1, abs=0.15)


def test_a_filter_may_reach_farther_than_the_record():
    x = tracing(samples=60)
    result = np.asarray(ZeroPhaseFilter(100, (0.5, 40), 0.0)(x))
    assert result.shape == x.shape and np.isfinite(result).all()


@pytest.mark.parametrize("offset", [0.0, 7.0])
def test_z_scores_are_those_of_numpy_and_a_flat_lead_is_0(offset):
    signals = tracing() + np.float32(offset)
    signals[0, :, 2] = 0.3 + offset
    expected = signals - signals.mean(axis=1, keepdims=True, dtype=np.float64)
    expected /= np.maximum(signals.std(axis=1, keepdims=True, ddof=1, dtype=np.float64), 1e-4)
    result = np.asarray(ZScore()(signals))
    np.testing.assert_allclose(np.delete(result, 2, 2), np.delete(expected, 2, 2), atol=1e-4)
    np.testing.assert_array_equal(result[0, :, 2], 0)


def test_a_filter_takes_a_record_of_a_single_sample():
    result = np.asarray(ZeroPhaseFilter(100, (0.5, 40), 0.0)(tracing(samples=1)))
    assert result.shape[1] == 1 and np.isfinite(result).all()


def test_the_z_score_of_a_single_sample_is_0():
    np.testing.assert_array_equal(ZScore()(tracing(samples=1)), 0)


def test_a_crop_is_a_stretch_of_the_conditioned_record_that_begins_anywhere():
    x = np.random.default_rng(3).normal(size=(64, 50, 12)).astype(np.float32)
    inputs = keras.Input((50, 12))
    whole = np.asarray(keras.Model(inputs, condition(inputs, detrend_degree=2))(x))
    cut = np.asarray(keras.Model(inputs, condition(inputs, detrend_degree=2, crop=20))(x))
    assert cut.shape == (64, 20, 12)
    starts = []
    for record, stretch in zip(whole, cut, strict=True):
        starts += [k for k in range(31) if np.array_equal(record[k : k + 20], stretch)]
    assert len(starts) == 64  # each is found, once
    assert len(set(starts)) > 15 and min(starts) >= 0 and max(starts) <= 30
