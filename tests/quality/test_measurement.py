"""What is measured is what it claims to be, at every rate and in any company."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_heart import heart, lead

from ecglens.quality import MEASURES, measures, measures_of_counts
from ecglens.record import MISSING, from_microvolts, to_microvolts

RNG = np.random.default_rng


def test_a_batch_is_measured_as_its_records_one_by_one():
    signals = np.stack([heart(100, beats_a_minute=50 + k) for k in range(90)] * 5)
    signals[7, 100:200, 3] = np.nan
    signals[300, :, 5] = 0
    together = measures(signals, 100)
    assert together.shape == (450,) and together.dtype == MEASURES
    for row in (0, 7, 300, 449):
        alone = measures(signals[row : row + 1], 100)[0]
        for name in MEASURES.names:
            np.testing.assert_allclose(together[row][name], alone[name], rtol=1e-3, err_msg=name)


def test_no_records_have_no_measures():
    assert measures(np.zeros((0, 1000, 12)), 100).shape == (0,)


def test_measuring_does_not_change_the_signals():
    signals = np.stack([heart(100)] * 2)
    signals[0, 5, 5] = np.nan
    before = signals.copy()
    measures(signals, 100)
    np.testing.assert_array_equal(signals, before)


@given(st.floats(0.05, 0.3), st.sampled_from([100, 250, 500]))
@settings(deadline=None, max_examples=20)
def test_noise_is_measured_as_the_deviation_of_white_noise_below_50_hz(deviation, rate):
    step = round(rate / 100)
    signal = heart(rate) + RNG(3).normal(0, deviation * step**0.5, (10 * rate, 12))
    assert measures(signal[None], rate)["noise"].mean() == pytest.approx(deviation, rel=0.15)


@given(st.floats(0.01, 1.0), st.sampled_from([(50, 250), (60, 250), (50, 500), (60, 1000)]))
@settings(deadline=None, max_examples=20)
def test_mains_is_measured_as_the_amplitude_of_the_hum(amplitude, setting):
    line, rate = setting
    hum = amplitude * np.sin(2 * np.pi * line * np.arange(10 * rate) / rate + 0.4)
    measured = measures((heart(rate) + hum[:, None])[None], rate)
    assert measured[f"mains_{line}"] == pytest.approx(amplitude, abs=0.004, rel=0.05)
    other = measured[f"mains_{110 - line}"]
    assert (other < 0.004).all()


@pytest.mark.parametrize(
    ("rate", "measured"), [(100, []), (110, []), (125, [50]), (128, [50]), (132, [50, 60])]
)
def test_mains_is_measured_only_where_the_rate_allows_it(rate, measured):
    found = measures(heart(rate)[None], rate)
    assert [line for line in (50, 60) if np.isfinite(found[f"mains_{line}"]).all()] == measured


def test_wander_is_the_millivolts_that_the_baseline_moves():
    signal = heart()
    ramp = np.linspace(0, 2, 5000, dtype=np.float32)
    signal[:, lead("V2")] += ramp
    assert measures(signal[None], 500)["wander"][0, lead("V2")] == pytest.approx(1.9, abs=0.15)


@given(st.integers(40, 180), st.sampled_from([100, 250, 500]))
@settings(deadline=None, max_examples=20)
def test_the_beats_are_counted(beats_a_minute, rate):
    expected = 10 * beats_a_minute / 60
    count = measures(heart(rate, beats_a_minute=beats_a_minute)[None], rate)["beats"][0]
    assert expected - 3 <= count <= expected + 1


@pytest.mark.parametrize("rate", [100, 500])
def test_prepared_records_are_measured_as_their_millivolts(rate):
    signals = np.stack([heart(rate, beats_a_minute=60 + k) for k in range(4)])
    counts = np.stack([to_microvolts(signal, "heart") for signal in signals])
    counts[1, :, 5] = 70
    gaps = counts.copy()
    gaps[2, 100:200, 3] = MISSING
    gaps[3, :, 0] = MISSING
    for some in (counts, gaps):
        expected = measures(from_microvolts(some), rate)
        assert measures_of_counts(some, rate).tobytes() == expected.tobytes()


def test_no_prepared_records_have_no_measures():
    assert measures_of_counts(np.zeros((0, 1000, 12), np.int16), 100).shape == (0,)


def test_a_lead_that_is_cut_off_is_counted_once_for_each_time():
    signal = np.round(heart(100), 3)
    signal[:, lead("V3")] = np.sin(np.arange(1000) / 10)
    clipped = np.clip(signal, -0.8, 0.9)
    found = measures(np.stack([signal, clipped]), 100)["clipped"][:, lead("V3")]
    # 1000 samples are 15.9 waves: 16 crests are cut off, and 16 troughs.
    assert found.tolist() == [0, 16]


def test_a_record_longer_than_is_measured_at_a_time():
    signal = np.tile(heart(500), (12, 1))
    found = measures(np.stack([signal, signal]), 500)
    assert found[0] == found[1] and found["beats"][0] > 100
