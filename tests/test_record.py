"""The one signal: shape, rate, leads by name, units, microvolts, resampling."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from ecglens.errors import RecordError
from ecglens.record import (
    LEADS,
    MISSING,
    Record,
    from_microvolts,
    lead_order,
    millivolts_per,
    resample,
    to_microvolts,
)


def noise(samples=1000, seed=0):
    return np.random.default_rng(seed).normal(0, 0.3, (samples, 12)).astype(np.float32)


def test_the_leads_stand_in_the_order_of_ptb_xl():
    assert LEADS == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def test_a_record_holds_float32_whatever_it_was_given():
    assert Record(np.zeros((10, 12)), 100, "a").signal.dtype == np.float32


def test_duration_is_samples_over_rate():
    assert Record(noise(2500), 250.0, "a").duration == 10.0


@pytest.mark.parametrize("shape", [(12, 1000), (1000, 11), (1000,), (0, 12), (1, 1000, 12)])
def test_a_signal_that_is_not_samples_by_twelve_is_refused(shape):
    with pytest.raises(RecordError, match=r"file\.hea: found an array of shape .*\(samples, 12\)"):
        Record(np.zeros(shape), 100, "a", "file.hea")


@pytest.mark.parametrize("rate", [0, -100, float("nan"), float("inf")])
def test_a_rate_that_is_not_above_zero_is_refused(rate):
    with pytest.raises(RecordError, match="rate above 0 Hz"):
        Record(noise(), rate, "a")


# Lead order


def test_mimic_order_with_avf_before_avl_is_put_right_by_name():
    mimic = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
    order = lead_order(mimic, "a")
    assert [mimic[i] for i in order] == list(LEADS)
    assert order[4:6] == [5, 4]


@given(st.permutations(LEADS), st.sampled_from([str.lower, str.upper, str]))
def test_any_order_in_any_case_comes_out_in_ours(names, case):
    order = lead_order([f" {case(name)} " for name in names], "a")
    assert [names[i] for i in order] == list(LEADS)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([*LEADS[:11], "V7"], "unknown lead names 'V7'"),
        ([*LEADS, "MLII"], "unknown lead names 'MLII'"),
        ([*LEADS[:11], "I"], "lead I more than once"),
        ([*LEADS, "AVF"], "lead aVF more than once"),
        (LEADS[:11], "11 leads, without V6"),
        ([], "0 leads, without I, II"),
    ],
)
def test_unknown_doubled_and_missing_leads_are_named(names, found):
    with pytest.raises(RecordError, match=found):
        lead_order(names, "a")


# Units


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("mV", 1), ("MV", 1), ("uV", 1e-3), ("µV", 1e-3), ("μV", 1e-3), ("nV", 1e-6), (" V ", 1e3)],
)
def test_known_units_are_scaled_to_millivolts(unit, factor):
    assert millivolts_per(unit, "a") == factor


@pytest.mark.parametrize("unit", ["mmHg", "", "NU", "adu", "mV/s", "kV"])
def test_a_unit_that_is_not_a_known_voltage_is_refused(unit):
    with pytest.raises(RecordError, match="the unit"):
        millivolts_per(unit, "a")


# Microvolts


def test_every_count_survives_the_way_to_millivolts_and_back():
    counts = np.arange(-32768, 32768).astype(np.int16).reshape(-1, 4)
    assert np.array_equal(to_microvolts(from_microvolts(counts), "a"), counts)


@given(st.lists(st.one_of(st.floats(-32.75, 32.75, width=32), st.just(np.nan)), min_size=1))
def test_millivolts_survive_storage_to_half_a_microvolt(values):
    signal = np.array(values, np.float32)
    back = from_microvolts(to_microvolts(signal, "a"))
    assert np.array_equal(np.isnan(back), np.isnan(signal))
    # Beyond half a microvolt only what float32 itself rounds at 32 mV.
    assert np.nanmax(np.abs(back - signal), initial=0) <= 0.5e-3 + 4e-6


def test_a_missing_sample_is_the_lowest_count_and_comes_back_as_nan():
    counts = to_microvolts(np.array([[0.0, np.nan, -1.0]]), "a")
    assert counts.tolist() == [[0, MISSING, -1000]]
    assert np.isnan(from_microvolts(counts)).tolist() == [[False, True, False]]


@pytest.mark.parametrize("peak", [32.768, -32.768, 500.0, np.inf, -np.inf])
def test_more_than_int16_microvolts_hold_is_refused_and_never_wraps(peak):
    with pytest.raises(RecordError, match=r"within ±32\.767 mV.*gain"):
        to_microvolts(np.array([0.0, peak]), "a")


# Resampling

RATIOS = {  # (from Hz, to Hz): up, down
    (500, 100): (1, 5),
    (100, 500): (5, 1),
    (360, 100): (5, 18),
    (257, 100): (100, 257),
    (250, 500): (2, 1),
    (128, 500): (125, 32),
    (1000, 100): (1, 10),
    (333.3, 100): (1000, 3333),
}


@settings(deadline=None)
@given(st.sampled_from(sorted(RATIOS)), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_resampling_equals_scipys_resample_poly(rates, samples, seed):
    signal = np.random.default_rng(seed).normal(size=(samples, 3))
    expected = resample_poly(signal, *RATIOS[rates], axis=0, padtype="edge")
    ours = resample(signal, *rates)
    assert ours.dtype == np.float32 and ours.shape == expected.shape
    assert np.allclose(ours, expected, atol=1e-6)


def test_a_slow_wave_keeps_its_form_and_what_would_alias_is_removed():
    time = np.arange(5000) / 500
    slow, fast = np.sin(2 * np.pi * 5 * time), np.sin(2 * np.pi * 93 * time)
    resampled = resample(np.stack([slow, fast], axis=1), 500, 100)
    expected = np.sin(2 * np.pi * 5 * np.arange(1000) / 100)
    inner = slice(50, -50)
    assert np.abs(resampled[inner, 0] - expected[inner]).max() < 2e-3
    assert np.abs(resampled[inner, 1]).max() < 5e-3


def test_a_constant_stays_itself_up_to_the_ends():
    assert np.allclose(resample(np.full((5000, 12), -1.25), 500, 100), -1.25, atol=2e-3)


def test_a_missing_sample_stays_missing_and_spoils_its_neighbourhood_only():
    signal = np.zeros((5000, 12))
    signal[2500, 3] = np.nan
    missing = np.isnan(resample(signal, 500, 100))
    assert missing[500, 3] and not np.delete(missing, 3, axis=1).any()
    assert np.flatnonzero(missing[:, 3]).min() >= 489 and np.flatnonzero(missing[:, 3]).max() <= 511


def test_an_odd_rate_takes_no_more_memory_than_a_plain_one():
    # As a ratio of whole millihertz this would be a grid of half a billion points.
    resampled = Record(noise(5000), 499.999, "a").resampled(100)
    assert resampled.signal.shape == (1000, 12)
    assert np.allclose(resampled.signal, resample(noise(5000), 500, 100), atol=0.01)


def test_resampling_to_the_same_rate_gives_the_same_record():
    record = Record(noise(), 100, "a", "a.hea")
    assert record.resampled(100) is record
    other = record.resampled(500)
    assert (other.sampling_frequency, other.name, other.source) == (500, "a", "a.hea")
    assert other.duration == record.duration


def test_a_record_can_go_to_another_process():
    record = Record(noise(), 100, "a", "a.hea")
    back = pickle.loads(pickle.dumps(record))
    assert np.array_equal(back.signal, record.signal) and back.source == "a.hea"
