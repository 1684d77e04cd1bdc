"""Bad input to the quality flags: refused in words, or flagged; never a crash or a warning."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sound_heart import heart, lead, record

from ecglens.errors import ParameterError, RecordError
from ecglens.inference import Predictor
from ecglens.quality import (
    LIMITS,
    assess,
    electrodes,
    flags_of,
    known_rules,
    measures,
    measures_of_counts,
)
from ecglens.record import LEADS, Record


@pytest.mark.parametrize(
    "shape", [(1000, 12), (2, 1000, 11), (2, 12, 1000), (2, 0, 12), (1, 1, 1000, 12), ()]
)
def test_signals_of_another_shape_are_refused_with_both_shapes(shape):
    with pytest.raises(RecordError, match=r"array of shape .*; expected \(records, samples, 12\)"):
        measures(np.zeros(shape), 100)


@pytest.mark.parametrize("rate", [0, -100, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(RecordError, match=r"found a rate of .* Hz; expected a rate above 0 Hz"):
        measures(np.zeros((1, 1000, 12)), rate)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_samples_without_a_value_are_missing(value):
    signal = heart(100)
    signal[10:20, lead("V2")] = value
    (flag,) = assess(record(signal, 100))
    assert flag.sentence == "lead V2 has 10 of 1000 samples missing (NaN)"


@pytest.mark.parametrize("value", [1e9, 1e30, 3e38])
def test_values_beyond_any_ecg_are_out_of_range(value):
    signal = heart(100)
    signal[400:600:7, lead("V2")] = value
    flags = assess(record(signal, 100))
    assert "out_of_range" in {flag.kind for flag in flags if flag.leads == ("V2",)}


@pytest.mark.parametrize("samples", [1, 2, 3, 10, 49, 50, 77, 78, 100])
@pytest.mark.parametrize("rate", [0.5, 1, 20, 60, 100, 500, 20_000])
def test_a_record_too_short_to_measure_has_the_flags_that_can_be_told(samples, rate):
    signal = np.random.default_rng(1).normal(size=(samples, 12))
    kinds = {flag.kind for flag in assess(record(signal, rate))}
    assert not kinds & {"contact", "lead_off", "low_limb", "too_small"} or samples > 75
    assert ("flat" in kinds) == (samples == 1)


def test_a_record_of_nothing_but_missing_samples_is_missing_in_every_lead_and_no_more():
    flags = assess(record(np.full((1000, 12), np.nan), 100))
    assert [(flag.kind, *flag.leads) for flag in flags] == [("missing", name) for name in LEADS]


def test_a_record_of_zeros_is_flat_in_every_lead_and_no_more():
    flags = assess(record(np.zeros((1000, 12)), 100))
    assert [(flag.kind, *flag.leads) for flag in flags] == [("flat", name) for name in LEADS]


VALUES = st.one_of(
    st.floats(width=32, allow_nan=True, allow_infinity=True), st.just(0.0), st.floats(-2, 2)
)


@given(
    npst.arrays(np.float64, st.tuples(st.integers(1, 260), st.just(12)), elements=VALUES),
    st.floats(0.1, 5000),
)
@settings(deadline=None, max_examples=150)
def test_no_signal_makes_it_crash_warn_or_say_nonsense(signal, rate):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(over="ignore"):
            ecg = Record(signal, rate, "a")
        for flag in assess(ecg):
            assert flag.kind in LIMITS and set(flag.leads) <= set(LEADS)
            assert not np.isnan(flag.value) and "{" not in flag.sentence


@given(st.integers(0, 200), st.integers(0, 11), st.integers(1, 600))
@settings(deadline=None, max_examples=40)
def test_a_gap_flags_its_own_lead_alone(start, place, length):
    signal = heart(100)
    signal[start : start + length, place] = np.nan
    flags = assess(record(signal, 100))
    assert flags[0].kind == "missing"
    assert {flag.leads for flag in flags if len(flag.leads) == 1} == {(LEADS[place],)}


def test_an_unknown_exchange_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"'RA-LAA'.*Did you mean \"RA-LA\""):
        electrodes.rearranged(heart(), "RA-LAA")


def test_an_unknown_policy_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"'mask'.*Did you mean \"mask_lead\""):
        known_rules({"unusable": "mask"})


def test_an_unknown_kind_of_flag_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"'nois'.*Did you mean \"noise\""):
        known_rules({"nois": "keep"})


@pytest.mark.parametrize("rules", ["keep", ["noise"], None, 3])
def test_rules_that_are_no_mapping_are_refused_with_an_example(rules):
    with pytest.raises(ParameterError, match=r"such as \{unusable: drop, noise: mask_lead\}"):
        known_rules(rules)


@pytest.mark.parametrize("text", ["", "=", "noise=", "=keep=", "noise==keep", "noise keep", ","])
def test_a_rule_that_is_no_word_is_refused(exported, text):
    with pytest.raises(ParameterError, match="policy"):
        Predictor(exported.file).rules(text)


def test_a_prediction_cannot_be_dropped(exported):
    signal = heart(100)
    signal[:, 3] = 0
    with pytest.raises(ParameterError, match="'drop'; expected keep, mask_lead or abstain"):
        Predictor(exported.file).predict(Record(signal, 100, "a"), policy="drop")


def test_a_prediction_of_an_unusable_record_is_refused_unless_told_otherwise(exported):
    signal = heart(100)
    signal[:, 3] = 0
    with pytest.raises(RecordError, match="a: found lead aVR is flat; expected a record whose"):
        Predictor(exported.file).predict(Record(signal, 100, "a"))


def test_measures_that_could_not_be_taken_are_no_flags():
    measured = measures(heart(100)[None], 100)
    for name in measured.dtype.names:
        if measured[name].dtype.kind == "f" and name not in ("missing", "rate"):
            measured[name] = np.nan
    assert flags_of(measured) == [[]]


@pytest.mark.parametrize("counts", [np.zeros((1, 1000, 12)), np.zeros((1, 1000, 12), np.int32)])
def test_counts_that_are_no_microvolts_are_not_measured_as_such(counts):
    with pytest.raises(RecordError, match=r"found an array of .*; expected int16 microvolts"):
        measures_of_counts(counts, 100)
