"""Waves: where they are known they are found, and no signal makes the search fail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_heart import RATE, explanation, heart

from ecglens.datasets.ludb import delineation
from ecglens.explain.beats import average_beats, mean_beat_record
from ecglens.explain.by_wave import sentence, table_by_wave
from ecglens.explain.waves import PARTS, WAVES, Delineation, delineate, wave_masks
from ecglens.formats import wfdb
from ecglens.record import LEADS


def test_waves_are_found_where_they_were_put():
    found = delineate(heart(), RATE)
    inner = slice(1, -1)  # at the ends a wave may be cut off
    np.testing.assert_allclose(found.r_peaks[inner] % 1, 0.5, atol=0.02)
    np.testing.assert_allclose(found.bounds[0, 1, inner] % 1, 0.34, atol=0.02)
    np.testing.assert_allclose(found.bounds[2, 1, inner] % 1, 0.76, atol=0.02)
    onset, offset = found.bounds[1, 0, inner] % 1, found.bounds[1, 2, inner] % 1
    assert ((onset > 0.43) & (onset < 0.49)).all()
    assert ((offset > 0.51) & (offset < 0.57)).all()
    assert found.unread == ()


def test_the_polarity_of_leads_does_not_matter():
    signal = heart()
    signal[:, 1::2] *= -1
    np.testing.assert_allclose(delineate(signal, RATE).r_peaks[1:-1] % 1, 0.5, atol=0.03)


def test_flat_and_missing_leads_have_no_say():
    whole, part = heart(), heart()
    part[:, LEADS.index("V1")] = 0
    part[:, LEADS.index("V2")] = np.nan
    part[100:180, LEADS.index("II")] = np.nan
    found = delineate(part, RATE)
    assert found.unread == ("V1", "V2")
    np.testing.assert_allclose(found.r_peaks, delineate(whole, RATE).r_peaks, atol=0.02)


@pytest.mark.parametrize("samples", [1, 2, 50, 199, 200, 230])
@pytest.mark.parametrize("case", ["flat", "missing", "noise", "heart"])
def test_short_flat_missing_and_noisy_records_give_waves_or_none(samples, case):
    signal = {
        "flat": np.zeros((samples, 12), np.float32),
        "missing": np.full((samples, 12), np.nan, np.float32),
        "noise": np.random.default_rng(1).normal(size=(samples, 12)).astype(np.float32),
        "heart": heart()[:samples],
    }[case]
    found = delineate(signal, RATE)
    masks = wave_masks(signal[None], RATE)
    assert (masks.sum(axis=2) == 1).all()
    if case in ("flat", "missing") or samples < 200:
        assert not len(found.r_peaks)
        assert masks[..., WAVES.index("rest")].all()


@settings(max_examples=10, deadline=None)
@given(start=st.integers(0, 120), length=st.integers(200, 500), seed=st.integers(0, 9))
def test_a_record_cut_anywhere_is_read_and_its_waves_are_in_order(start, length, seed):
    noise = np.random.default_rng(seed).normal(0, 0.02, (900, 12)).astype(np.float32)
    signal = (heart() + noise)[start : start + length]
    found = delineate(signal, RATE)
    for wave in (0, 2):
        onset, peak, offset = found.bounds[wave]
        assert not (onset > peak).any()  # NaN, where there is none, is never greater
        assert not (peak > offset).any()
    assert (found.bounds[1, 0] <= found.bounds[1, 2]).all()
    assert (np.diff(found.r_peaks) > 0).all()


def test_every_sample_is_in_one_wave():
    bounds = np.full((3, 3, 2), np.nan)
    bounds[:, :, 0] = [[0.1, 0.15, 0.3], [0.25, 0.3, 0.4], [0.35, 0.6, 0.7]]
    bounds[1, :, 1] = [0.9, 0.95, 1.0]
    masks = Delineation(bounds).mask(12, 10)
    # QRS goes before P and T where they overlap; the second beat has neither.
    assert [WAVES[k] for k in masks.argmax(axis=1)] == [
        "rest", "P", "P", "QRS", "QRS", "T", "T", "T", "rest", "QRS", "QRS", "rest",
    ]  # fmt: skip
    assert (masks.sum(axis=1) == 1).all()


def test_shares_by_wave_and_lead_by_hand():
    masks = np.zeros((1, 4, 4), bool)
    masks[0, [0, 1, 2, 3], [0, 1, 1, 2]] = True  # P, QRS, QRS, T
    maps = np.zeros((1, 4, 12, 1), np.float32)
    maps[0, 1, 0], maps[0, 2, 0], maps[0, 1, 6], maps[0, 3, 6], maps[0, 0, 1] = 2, 1, 3, 4, -5
    table = table_by_wave(explanation(maps), np.zeros((1, 4, 12)), masks)
    rows = table.set_index(["wave", "lead"])
    assert rows.loc[("QRS", "I"), "attribution"] == 3
    assert rows.loc[("QRS", "I"), "share"] == pytest.approx(0.3)
    assert rows.loc[("P", "II"), "share"] == -1
    assert rows.loc[("QRS", "I"), "seconds"] == pytest.approx(0.02)
    assert table.attribution.sum() == pytest.approx(maps.sum())
    assert sentence(table, "A") == "60 % of what speaks for A comes from QRS in I, V1."


def test_a_sentence_where_leads_are_not_told_apart_and_where_nothing_speaks():
    masks = np.zeros((1, 4, 4), bool)
    masks[0, :, 3] = True
    maps = np.array([[1, -1], [1, -1], [0, 0], [0, 0]], np.float32)[None, :, None]
    table = table_by_wave(explanation(maps, ("A", "B")), np.zeros((1, 4, 12)), masks)
    assert sentence(table, "A") == "100 % of what speaks for A comes from between the waves."
    assert sentence(table, "B") == "Nothing speaks for B."


def test_beats_are_averaged_about_r_and_each_record_counts_once():
    signals = np.stack([heart(), heart(amplitude=3.0), heart()])
    maps = np.repeat(signals[:, :, :1, None], 2, axis=3)
    members = np.array([[True, False], [True, False], [False, False]])
    found = average_beats(explanation(maps, ("A", "B")), signals, members)
    assert found.records.tolist() == [2, 0]
    r = int(np.abs(found.offsets).argmin())
    assert abs(int(found.signal[0, :, 0].argmax()) - r) <= 2
    np.testing.assert_allclose(found.signal[0, :, 0].max(), 0.5 * (1 + 3) / 2, rtol=0.05)
    np.testing.assert_allclose(found.attribution_sd[0].max(), 0.5 * (3 - 1) / 2**0.5, rtol=0.05)
    np.testing.assert_allclose(found.signal_sd[0, :, 0], found.attribution_sd[0, :, 0], atol=1e-6)
    for empty in (found.signal, found.signal_sd, found.attribution, found.attribution_sd):
        assert np.isnan(empty[1]).all()


def test_a_record_of_equal_beats_is_its_own_mean_beat():
    signal = heart()
    inner = slice(100, 800)
    np.testing.assert_allclose(mean_beat_record(signal, RATE)[inner], signal[inner], atol=0.05)
    assert not mean_beat_record(np.zeros((900, 12), np.float32), RATE).any()


def test_cardiologists_marks_are_met(ludb_folder):
    """The figures of benchmarks/delineation.py, on a twentieth of LUDB."""
    errors = {part: [] for part in PARTS}
    for number in range(4, 200, 20):
        found = delineate(wfdb.read(ludb_folder / "data" / f"{number}.hea").signal, 500)
        marks = delineation(ludb_folder, number)
        for lead in LEADS:
            own = marks[(marks.lead == lead) & (marks.wave == "QRS")]
            for part, values in errors.items():
                theirs = own[part].dropna().to_numpy()
                values.extend(np.abs(found.times("QRS", part)[:, None] - theirs).min(axis=0))
    assert np.mean(errors["onset"]) <= 0.012
    assert np.mean(errors["offset"]) <= 0.012
    assert np.mean(np.array(errors["peak"]) <= 0.15) >= 0.995
