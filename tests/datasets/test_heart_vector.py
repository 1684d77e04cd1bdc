"""A dipole becomes twelve leads that obey Einthoven, Goldberger and Wilson."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecglens.datasets import heart_vector
from ecglens.datasets.heart_vector import (
    ALL_OF_ELECTRODES,
    ALL_OF_INDEPENDENT,
    SAMPLES,
    SAMPLING_FREQUENCY,
    Wave,
    sum_of_waves,
    twelve_leads,
)
from ecglens.errors import RecordError
from ecglens.record import LEADS

MILLIVOLTS = arrays(np.float64, (20, 8), elements=st.floats(-9, 9, width=32))


def wave(start, stop, rise, fall, size=1.0, leads=1.0):
    one = [np.array([value], float) for value in (start, stop, rise, fall, size)]
    return Wave(*one, np.full(8, leads))


@settings(max_examples=60, deadline=None)
@given(MILLIVOLTS)
def test_einthoven_holds_exactly_and_goldberger_to_half_a_microvolt(independent):
    one, two, three, avr, avl, avf = twelve_leads(independent)[:, :6].T.astype(int)
    assert (three == two - one).all()
    assert np.abs(2 * avr + one + two).max() <= 1
    assert np.abs(2 * avl - 2 * one + two).max() <= 1
    assert np.abs(2 * avf - 2 * two + one).max() <= 1


@settings(max_examples=30, deadline=None)
@given(MILLIVOLTS)
def test_the_matrix_of_all_leads_says_what_the_whole_numbers_say(independent):
    expected = independent @ ALL_OF_INDEPENDENT.T * 1000
    assert np.abs(twelve_leads(independent) - expected).max() <= 1.6  # three roundings


def test_the_independent_leads_stay_as_they_are():
    independent = np.arange(16.0).reshape(2, 8)
    assert np.array_equal(
        twelve_leads(independent)[:, heart_vector.INDEPENDENT], 1000 * independent
    )


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, 9, elements=st.floats(-5, 5)))
def test_a_potential_common_to_all_electrodes_shows_in_no_lead(potentials):
    shifted = ALL_OF_ELECTRODES @ (potentials + 3.0)
    assert np.allclose(shifted, ALL_OF_ELECTRODES @ potentials)


def test_each_lead_is_the_difference_that_its_name_says():
    potentials = dict(zip(heart_vector.ELECTRODES, range(1, 10), strict=True))
    leads = dict(zip(LEADS, ALL_OF_ELECTRODES @ list(potentials.values()), strict=True))
    assert leads["III"] == pytest.approx(potentials["LL"] - potentials["LA"])
    assert leads["aVR"] == pytest.approx(1 - (2 + 3) / 2)
    assert leads["V6"] == pytest.approx(9 - (1 + 2 + 3) / 3)


def test_leftward_activation_is_upright_in_the_left_leads_and_downward_activation_below():
    left, down = (heart_vector.DOWER @ direction for direction in ((1, 0, 0), (0, 1, 0)))
    names = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
    left, down = dict(zip(names, left, strict=True)), dict(zip(names, down, strict=True))
    assert left["I"] > 0.5 and left["V6"] > 0.5 and left["V1"] < -0.5
    assert down["II"] > 1 and abs(down["V5"]) < 0.2


def test_a_wave_peaks_where_it_should_and_falls_as_a_gaussian():
    course = sum_of_waves([wave(2.0, 2.0, 0.05, 0.1)])[:, 0]

    def at(seconds):
        return course[round(seconds * SAMPLING_FREQUENCY)]

    assert course.argmax() == 2 * SAMPLING_FREQUENCY and at(2.0) == pytest.approx(1)
    assert at(1.95) == pytest.approx(np.exp(-0.5)) and at(2.1) == pytest.approx(np.exp(-0.5))
    assert at(1.7) == 0 and at(2.5) == 0


def test_a_plateau_keeps_its_height():
    course = sum_of_waves([wave(3.0, 3.4, 0.02, 0.02)])[:, 0]
    assert np.allclose(course[1500:1701], 1)


def test_waves_add_up_and_those_outside_leave_nothing():
    inside, outside = wave(5, 5, 0.1, 0.1, size=2.0), wave(14, 14, 0.1, 0.1)
    assert np.allclose(sum_of_waves([inside, inside, outside]), 2 * sum_of_waves([inside]))
    assert sum_of_waves([outside]).shape == (SAMPLES, 8)
    none = Wave(*[np.empty(0)] * 5, np.ones(8))
    assert not sum_of_waves([none]).any()


def test_a_signal_beyond_any_ecg_is_refused():
    with pytest.raises(RecordError, match=r"40\.0 mV"):
        twelve_leads(np.full((3, 8), 40.0))
