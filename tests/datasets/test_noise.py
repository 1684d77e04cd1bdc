"""Four kinds of noise, each with its spectrum, its time and a stated amount."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from ecglens.datasets import noise
from ecglens.datasets.heart_vector import ALL_OF_ELECTRODES, SAMPLES, SAMPLING_FREQUENCY
from ecglens.datasets.noise import KINDS, Noise, draw_noise

SEEDS = range(40)


def generator(seed):
    return np.random.default_rng(seed)


def share(signal, low, high):
    """Of the power that lies between two frequencies, Hz."""
    frequency, power = welch(signal, SAMPLING_FREQUENCY, nperseg=5000, axis=0)
    band = (frequency >= low) & (frequency < high)
    return power[band].sum() / power.sum()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_amounts_are_the_root_mean_squares_in_the_leads(seed):
    rng, again = generator(seed), generator(seed)
    parts = [noise._wander(0.2, rng), noise._mains(rng), noise._muscle(rng), noise._motion(rng)]
    drawn = draw_noise(0.2, again)
    assert np.allclose(drawn.electrodes, sum(parts))
    for kind, part in zip(KINDS, parts, strict=True):
        leads = part @ ALL_OF_ELECTRODES.T
        assert np.allclose(drawn.amounts[kind], leads.std(axis=0), atol=1e-7)


def test_wander_is_slow_mains_are_one_frequency_and_muscle_is_neither():
    assert np.median([share(noise._wander(0.3, generator(s)), 0, 1.3) for s in SEEDS]) > 0.95
    for seed in SEEDS:
        mains = noise._mains(generator(seed))
        if mains.any():
            assert share(mains, 49, 51) > 0.99
        muscle = noise._muscle(generator(seed))
        assert share(muscle, 5, 250) > 0.6 and share(muscle, 200, 250) < 0.2


def test_about_half_of_the_records_hear_the_mains():
    heard = [noise._mains(generator(seed)).any() for seed in range(300)]
    assert 0.4 < np.mean(heard) < 0.6


def test_motion_jerks_single_electrodes_of_few_records_and_decays():
    parts = [noise._motion(generator(seed)) for seed in range(300)]
    moved = [part for part in parts if part.any()]
    assert 0.1 < len(moved) / 300 < 0.2
    for part in moved:
        assert 1 <= part.any(axis=0).sum() <= 3
        assert np.abs(part).max() < 5


def test_the_median_record_is_as_quiet_as_ptb_xl():
    drawn = [draw_noise(0.25, generator(seed)) for seed in range(150)]
    medians = {k: 1000 * np.median([d.amounts[k][[1, 8, 10]] for d in drawn]) for k in KINDS}
    assert 15 < medians["wander"] < 70  # microvolts; PTB-XL's median is 37 to 47 below 0.5 Hz
    assert medians["mains"] < 2 and medians["motion"] == 0
    assert 5 < medians["muscle"] < 20


def test_a_reader_remarks_on_the_leads_above_the_limit_alone():
    amounts = {kind: np.zeros(12) for kind in KINDS}
    amounts["wander"][[6, 11]] = 0.4
    drawn = Noise(np.zeros((SAMPLES, 9)), amounts)
    assert drawn.remarked("wander") == ["V1", "V6"]
    assert drawn.remarked("muscle") == []


def test_some_records_are_remarked_on_and_most_are_not():
    drawn = [draw_noise(0.25, generator(seed)) for seed in range(200)]
    for kind in KINDS:
        assert 0.005 < np.mean([bool(d.remarked(kind)) for d in drawn]) < 0.35


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_generator_gives_the_same_noise(seed):
    one, two = (draw_noise(0.3, generator(seed)).electrodes for _ in range(2))
    assert np.array_equal(one, two)
