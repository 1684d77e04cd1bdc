"""Records are changed in training only, as far as they may be, each on its own, and repeatably."""

from dataclasses import fields, replace

import keras
import numpy as np
import pytest

from ecglens.augmentation import (
    Added,
    Augmentation,
    LeadDropout,
    LeadGain,
    Mains,
    Noise,
    OneOf,
    Respiration,
    Scale,
    TimeShift,
    TimeWarp,
    Wave,
    build_augmentation,
)
from ecglens.train_params import AugmentParams, Chance

RATE, SAMPLES = 100, 400
EVERY = {
    "time_shift": lambda **o: TimeShift(size=0.1, **o),
    "time_warp": lambda **o: TimeWarp(size=0.05, **o),
    "scale": lambda **o: Scale(size=0.2, **o),
    "lead_gain": lambda **o: LeadGain(size=0.2, **o),
    "lead_dropout": lambda **o: LeadDropout(size=0.3, **o),
    "noise": lambda **o: Noise(size=0.1, **o),
    "mains": lambda **o: Mains(size=0.1, rate=RATE, **o),
    "respiration": lambda **o: Respiration(size=0.1, rate=RATE, **o),
}
every_layer = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


@pytest.fixture
def records():
    """64 records of smooth noise (mV)."""
    noise = np.random.default_rng(1).normal(size=(64, SAMPLES + 8, 12))
    smooth = sum(noise[:, k : k + SAMPLES] for k in range(8)) / 8**0.5
    return smooth.astype(np.float32)


def changed(layer, records):
    return keras.ops.convert_to_numpy(layer(records, training=True))


def added(layer, records):
    return changed(layer, records) - records


@every_layer
def test_nothing_changes_outside_training(make, records):
    layer = make(p=1.0, seed=1)
    np.testing.assert_array_equal(layer(records, training=False), records)
    np.testing.assert_array_equal(layer(records), records)


@every_layer
def test_some_records_are_changed_and_the_others_are_left_as_they_are(make, records):
    moved = (changed(make(p=0.5, seed=1), records) != records).any(axis=(1, 2))
    assert 0.25 < moved.mean() < 0.75
    np.testing.assert_array_equal(changed(make(p=0.0, seed=1), records), records)


@every_layer
def test_each_call_draws_anew_and_a_seed_draws_the_same(make, records):
    layer, again, other = make(p=1.0, seed=1), make(p=1.0, seed=1), make(p=1.0, seed=2)
    first, second = changed(layer, records), changed(layer, records)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(changed(again, records), first)
    assert not np.array_equal(changed(other, records), first)


@every_layer
def test_a_missing_sample_stays_missing_and_others_stay_known(make, records):
    records[:, 100:150, 3] = np.nan
    result = changed(make(p=1.0, seed=3), records)
    other_leads = np.delete(result, 3, axis=2)
    assert np.isfinite(other_leads).all()
    # Shifted or warped by at most 40 samples, the middle of the gap is a gap still.
    if not isinstance(make(p=1.0, seed=3), (TimeShift, TimeWarp, LeadDropout)):
        assert np.isnan(result[:, 100:150, 3]).all()
    assert np.isnan(result).any()


def test_a_shift_moves_all_leads_alike_and_holds_the_end(records):
    result = changed(TimeShift(p=1.0, size=0.1, seed=1), records)
    shifts = []
    for before, after in zip(records, result, strict=True):
        found = [
            k
            for k in range(-40, 41)
            if np.array_equal(after, before[np.clip(np.arange(SAMPLES) - -k, 0, SAMPLES - 1)])
        ]
        assert len(found) == 1
        shifts += found
    assert min(shifts) < -20 and max(shifts) > 20 and max(map(abs, shifts)) <= 40


def test_a_warp_keeps_both_ends_and_time_never_turns_back():
    ramp = np.broadcast_to(np.arange(SAMPLES, dtype=np.float32)[:, None], (200, SAMPLES, 12))
    result = changed(TimeWarp(p=1.0, size=0.9, seed=1), ramp)  # of a ramp it shows where time went
    assert (np.diff(result, axis=1) > 0).all()
    np.testing.assert_allclose(result[:, 0], 0, atol=1e-3)
    np.testing.assert_allclose(result[:, -1], SAMPLES - 1, atol=1.5)
    assert np.abs(result - ramp).max() > 20
    gentle = changed(TimeWarp(p=1.0, size=0.05, seed=1), ramp)
    assert 10 < np.abs(gentle - ramp).max() <= 0.05 * SAMPLES + 1e-3


def test_the_scale_is_one_number_a_record_and_the_lead_gain_one_a_lead(records):
    scale = changed(Scale(p=1.0, size=0.2, seed=1), records) / records
    np.testing.assert_allclose(scale, scale[:, :1, :1] * np.ones_like(scale), rtol=1e-4)
    gain = changed(LeadGain(p=1.0, size=0.2, seed=1), records) / records
    np.testing.assert_allclose(gain, gain[:, :1] * np.ones_like(gain), rtol=1e-4)
    assert gain[:, 0].std(axis=1).min() > 0.02
    for factors in (scale, gain):
        assert 0.799 < factors.min() < 0.83 and 1.17 < factors.max() < 1.201


def test_dropped_leads_are_flat_and_others_are_left(records):
    result = changed(LeadDropout(p=1.0, size=0.3, seed=1), records)
    flat = (result == 0).all(axis=1)
    assert flat.mean() == pytest.approx(0.3, abs=0.05)
    np.testing.assert_array_equal(result, np.where(flat[:, None], 0, records))


def test_the_noise_has_its_deviation_and_knows_no_neighbour(records):
    noise = added(Noise(p=1.0, size=0.1, seed=1), records)
    assert noise.std() == pytest.approx(0.1, rel=0.01)
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1])) < 2e-4


def test_a_size_in_peaks_follows_each_leads_amplitude(records):
    records[:, :, 5] *= 10
    plain = added(Noise(p=1.0, size=0.1, seed=1), records)
    of_peak = added(Noise(p=1.0, size=0.1, of_peak=True, seed=1), records)
    peak = np.abs(records - records.mean(axis=1, keepdims=True)).max(axis=1, keepdims=True)
    np.testing.assert_allclose(of_peak, plain * peak, atol=2e-4)


def strongest(waves, rate):
    """Return each record's strongest frequency (Hz), shape (records,)."""
    spectrum = np.abs(np.fft.rfft(waves[:, :, 0] * np.hanning(waves.shape[1]), 2**16, axis=1))
    return np.fft.rfftfreq(2**16, 1 / rate)[spectrum.argmax(axis=1)]


def test_waves_have_the_frequencies_of_mains_and_breath():
    still = np.zeros((100, 5000, 12), np.float32)
    hum = added(Mains(p=1.0, size=0.3, rate=500, seed=1), still)
    found = strongest(hum, 500)
    np.testing.assert_allclose(found, np.where(found < 55, 50, 60), atol=0.1)
    assert 20 < (found < 55).sum() < 80
    drift = added(Respiration(p=1.0, size=0.3, rate=500, seed=1), still)
    turns = strongest(drift - drift.mean(axis=1, keepdims=True), 500)
    assert (turns > 0.12).all() and (turns < 0.38).all()  # .2 to .3, seen through 10 s
    for waves in (hum, drift):
        np.testing.assert_array_equal(waves, waves[:, :, :1] * np.ones(12, np.float32))
        assert 0.25 < np.abs(waves).max() <= 0.3


def test_one_of_two_waves_is_never_both():
    layer = OneOf(
        Respiration(p=0.3, size=0.0, rate=RATE, seed=1), LeadDropout(p=0.4, size=1.0, seed=2)
    )
    layer.first.change = lambda x: x + 1.0  # what cannot be mistaken
    layer.second.change = lambda x: x + 10.0
    zeros = np.zeros((4000, 2, 12), np.float32)
    seen = changed(layer, zeros)[:, 0, 0]
    assert set(seen) == {0.0, 1.0, 10.0}
    assert np.mean(seen == 1.0) == pytest.approx(0.3, abs=0.03)
    assert np.mean(seen == 10.0) == pytest.approx(0.4, abs=0.03)
    np.testing.assert_array_equal(layer(zeros, training=False), zeros)


def test_the_published_preset_is_what_signal_cam_did():
    layers = {
        layer.name: layer
        for layer in build_augmentation(AugmentParams(preset="signal_cam"), RATE, 1)
    }
    assert set(layers) == {"augment_time_shift", "augment_scale", "augment_wave", "augment_noise"}
    shift, scale, wave, noise = (
        layers[f"augment_{name}"] for name in ("time_shift", "scale", "wave", "noise")
    )
    assert (shift.p, shift.size, scale.p, scale.size) == (0.5, 0.03, 0.5, 0.2)
    assert (noise.p, noise.size**2) == (0.5, pytest.approx(0.001)) and noise.of_peak
    assert wave.first.p + wave.second.p == 0.5
    assert (wave.first.size, wave.second.size) == (0.2, 0.2)
    assert wave.first.of_peak and wave.second.of_peak


def test_a_preset_is_taken_whole_and_own_values_only_under_own():
    own = AugmentParams(preset="own", scale=Chance(1.0, 0.1), noise=Chance(0.0, 5.0))
    assert [layer.name for layer in build_augmentation(own, RATE, 1)] == ["augment_scale"]
    assert build_augmentation(replace(own, preset="none"), RATE, 1) == []
    assert len(build_augmentation(replace(own, preset="signal_cam"), RATE, 1)) == 4


def test_every_change_of_the_parameters_is_made_and_has_a_seed_of_its_own():
    chances = [field.name for field in fields(AugmentParams) if isinstance(field.default, Chance)]
    every = AugmentParams(preset="own", **{name: Chance(0.5, 0.1) for name in chances})
    layers = build_augmentation(every, RATE, 3)
    assert sorted(layer.name for layer in layers) == sorted(f"augment_{name}" for name in chances)
    assert len({layer.seed for layer in layers}) == len(layers)


@pytest.mark.parametrize(
    ("base", "missing"), [(Augmentation, "change"), (Added, "drawn"), (Wave, "frequency")]
)
def test_a_layer_that_does_not_say_how_it_changes_a_record_cannot_be_made(base, missing):
    class Unfinished(base):
        """Lacks what the base leaves open."""

    own = {"rate": RATE} if base is Wave else {}
    with pytest.raises(TypeError, match=f"abstract method '?{missing}'?"):
        Unfinished(p=1.0, size=0.1, seed=1, **own)
