"""The simulated heart obeys the laws of the leads and shows what its labels say."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import find_peaks

from ecglens.datasets import heart_vector
from ecglens.datasets.heart_vector import CONDUCTIONS, DURATION, RHYTHMS, draw_heart, simulate
from ecglens.record import LEADS

RATE = heart_vector.SAMPLING_FREQUENCY
SEEDS = range(15)
CASES = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from(CONDUCTIONS), st.sampled_from(RHYTHMS))


@cache
def heart_and_tracing(conduction, rhythm, seed):
    rng = np.random.default_rng([seed, CONDUCTIONS.index(conduction)])
    heart = draw_heart(rng, conduction)
    return heart, simulate(heart, rhythm, rng)


def tracings(conduction, rhythm="SR"):
    return [heart_and_tracing(conduction, rhythm, seed)[1] for seed in SEEDS]


def column(tracing, lead):
    """Millivolts."""
    return tracing.microvolts[:, LEADS.index(lead)] / 1000


def mean_beat(tracing, lead, start, stop):
    """The mean over the beats from ``start`` to ``stop`` s after the QRS onset, in mV."""
    first = np.rint((tracing.beats.onset + start) * RATE).astype(int)
    length = round((stop - start) * RATE)
    first = first[(first >= 0) & (first + length <= DURATION * RATE)]
    return np.mean([column(tracing, lead)[f : f + length] for f in first], axis=0)


def mean_qrs(tracing, lead):
    """The mean QRS above the level 20 ms before it, in mV."""
    seconds = tracing.beats.qrs_end[0] - tracing.beats.onset[0]
    level = mean_beat(tracing, lead, -0.024, -0.016).mean()
    return mean_beat(tracing, lead, 0, seconds) - level


def median_of(feature, conduction):
    return np.median([feature(tracing) for tracing in tracings(conduction)])


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_einthoven_holds_exactly_and_goldberger_to_half_a_microvolt(case):
    _, tracing = heart_and_tracing(case[1], case[2], case[0])
    one, two, three, avr, avl, avf = tracing.microvolts[:, :6].T.astype(int)
    assert (three == two - one).all()
    assert np.abs(2 * avr + one + two).max() <= 1
    assert np.abs(2 * avl - 2 * one + two).max() <= 1
    assert np.abs(2 * avf - 2 * two + one).max() <= 1


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_every_label_has_evidence_inside_the_record_in_known_leads(case):
    seed, conduction, rhythm = case
    _, tracing = heart_and_tracing(conduction, rhythm, seed)
    codes = set(heart_vector.scp_codes(rhythm, conduction)) - {"SR"}
    assert {item.scp_code for item in tracing.evidence} == codes
    for item in tracing.evidence:
        assert 0 <= item.start_s < item.end_s <= DURATION
        assert set(item.leads) <= set(LEADS)


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_beats_reach_beyond_both_ends_of_the_record(case):
    _, tracing = heart_and_tracing(case[1], case[2], case[0])
    assert tracing.beats.onset[0] < 0 and tracing.beats.onset[-1] > DURATION
    assert (np.diff(tracing.beats.onset) > 0.3).all()


def test_the_signal_is_int16_of_ten_seconds_and_twelve_leads():
    _, tracing = heart_and_tracing("normal", "SR", 0)
    assert tracing.microvolts.shape == (5000, 12)
    assert tracing.microvolts.dtype == np.int16


def test_the_same_generator_state_gives_the_same_tracing():
    twice = [
        simulate(draw_heart(rng, "CLBBB"), "AFIB", rng).microvolts
        for rng in (np.random.default_rng(4), np.random.default_rng(4))
    ]
    assert np.array_equal(*twice)


@pytest.mark.parametrize(
    ("rhythm", "slowest", "fastest"), [("SR", 55, 95), ("STACH", 100, 150), ("SBRAD", 35, 54)]
)
@pytest.mark.parametrize("conduction", ["normal", "CLBBB", "CRBBB"])
def test_the_heart_rate_lies_where_the_code_says(conduction, rhythm, slowest, fastest):
    for tracing in tracings(conduction, rhythm):
        rate = 60 / np.diff(tracing.beats.onset).mean()
        assert slowest <= rate <= fastest


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_the_r_peaks_in_the_signal_are_the_beats_that_made_it(rhythm):
    for seed in SEEDS:
        heart, tracing = heart_and_tracing("normal", rhythm, seed)
        steepness = np.abs(np.diff(tracing.microvolts[:, 6:], axis=0)).astype(float).sum(axis=1)
        smooth = np.convolve(steepness, np.ones(25) / 25, "same")
        peaks, _ = find_peaks(smooth, height=0.5 * smooth.max(), distance=0.2 * RATE)
        middle = tracing.beats.onset + heart.qrs_seconds / 2
        inside = middle[(middle > 0.1) & (middle < DURATION - 0.1)]
        nearest = np.abs(peaks[:, None] / RATE - inside).min(axis=0)
        assert nearest.max() < 0.06
        assert len(peaks) - len(inside) in (0, 1, 2)  # a beat may be cut by either end


def test_fibrillation_is_irregular_and_sinus_rhythm_is_not():
    def spread(tracing):
        intervals = np.diff(tracing.beats.onset)
        return intervals.std() / intervals.mean()

    assert np.median([spread(t) for t in tracings("normal", "AFIB")]) > 0.15
    assert max(spread(t) for t in tracings("normal", "SR")) < 0.13


def test_sinus_beats_have_a_p_wave_in_lead_two_and_fibrillation_has_none():
    def p_height(tracing):
        before = mean_beat(tracing, "II", -0.25, 0)
        return before[20:110].max() - np.median(before)

    sinus = [p_height(t) for t in tracings("normal", "SR")]
    fibrillation = [p_height(t) for t in tracings("normal", "AFIB")]
    assert np.median(sinus) > 2 * np.median(fibrillation)
    assert all(len(t.beats.p_onset) == 0 for t in tracings("normal", "AFIB"))


def test_fibrillatory_waves_have_four_to_nine_per_second():
    time = np.arange(5000) / RATE
    frequency = np.fft.rfftfreq(len(time), 1 / RATE)
    for seed in SEEDS:
        waves = heart_vector._fibrillation(time, np.random.default_rng(seed))
        peak = frequency[np.abs(np.fft.rfft(waves)).argmax()]
        assert 4 <= peak <= 9
        assert 0.7 < np.percentile(np.abs(waves), 95) < 1.6


def test_v1_is_unquiet_between_the_beats_of_fibrillation_and_v6_is_not():
    def unrest(tracing, lead):
        """Spread (mV) of the last 0.3 s before a QRS, without mains and without curvature."""
        smooth = np.convolve(column(tracing, lead), np.ones(10) / 10, "same")
        ends = np.rint(tracing.beats.onset[1:][np.diff(tracing.beats.onset) > 0.75] * RATE)
        parts = [smooth[int(e) - 150 : int(e)] for e in ends if 150 <= e <= DURATION * RATE]
        x = np.linspace(-1, 1, 150)
        return np.mean([np.std(p - np.polyval(np.polyfit(x, p, 2), x)) for p in parts])

    slow = [t for t in tracings("normal", "AFIB") if (np.diff(t.beats.onset[1:-2]) > 0.8).any()]
    assert len(slow) >= 5
    assert np.median([unrest(t, "V1") for t in slow]) > 2 * np.median(
        [unrest(t, "V6") for t in slow]
    )


def test_qt_shortens_when_the_heart_goes_faster():
    heart = draw_heart(np.random.default_rng(1), "normal")
    qt = {}
    for rhythm in ("STACH", "SR", "SBRAD"):
        beats = simulate(heart, rhythm, np.random.default_rng(2)).beats
        qt[rhythm] = (beats.t_end - beats.onset).mean()
    assert qt["STACH"] < qt["SR"] < qt["SBRAD"]


def test_the_qrs_in_the_signal_is_wider_in_both_bundle_branch_blocks():
    def width(tracing):
        """Time during which the leads I, V1, V6 move steeply, in s."""
        beats = [mean_beat(tracing, lead, -0.03, 0.25) for lead in ("I", "V1", "V6")]
        steepness = np.convolve(np.abs(np.diff(beats)).sum(axis=0), np.ones(5) / 5, "same")
        return np.ptp(np.flatnonzero(steepness > 0.15 * steepness.max())) / RATE

    normal, right, left = (median_of(width, c) for c in ("normal", "CRBBB", "CLBBB"))
    assert normal < 0.1 < right - 0.015
    assert left > normal + 0.03


def test_right_block_ends_with_a_positive_wave_in_v1_and_a_broad_s_in_one_and_v6():
    def late(tracing, lead):
        return np.array_split(mean_qrs(tracing, lead), 2)[1]

    for tracing in tracings("CRBBB"):
        assert late(tracing, "V1").max() > 0.1
        assert late(tracing, "I").min() < 0 and late(tracing, "V6").min() < 0
    right, normal = (median_of(lambda t: late(t, "V1").max(), c) for c in ("CRBBB", "normal"))
    assert right > 0.4 > 0.2 > normal


def test_left_block_is_negative_in_v1_and_v2_and_positive_in_v6():
    for tracing in tracings("CLBBB"):
        for lead in ("V1", "V2"):
            qrs = mean_qrs(tracing, lead)
            assert qrs.mean() < -0.1 and -qrs.min() > 3 * qrs.max()
        assert mean_qrs(tracing, "V6").mean() > 0


def test_left_block_notches_the_r_of_v6():
    def summits(tracing):
        qrs = np.convolve(mean_qrs(tracing, "V6"), np.ones(5) / 5, "same")
        return len(find_peaks(qrs, height=0.4 * qrs.max(), prominence=0.02)[0])

    assert median_of(summits, "CLBBB") == 2
    assert median_of(summits, "normal") == 1


def test_t_waves_oppose_the_qrs_in_blocks():
    def t_height(lead):
        def height(tracing):
            qt = tracing.beats.t_end[0] - tracing.beats.onset[0]
            around_peak = mean_beat(tracing, lead, qt - 0.09, qt - 0.05).mean()
            return around_peak - mean_beat(tracing, lead, -0.024, -0.016).mean()

        return height

    assert median_of(t_height("V6"), "normal") > 0.05
    assert median_of(t_height("V6"), "CLBBB") < -0.05
    assert median_of(t_height("V1"), "CLBBB") > 0.1
    assert median_of(t_height("V1"), "CRBBB") < -0.05


def test_a_spike_of_two_milliseconds_precedes_each_paced_qrs():
    for tracing in tracings("PACE"):
        at = np.rint(tracing.beats.impulse * RATE).astype(int)
        at = at[(at >= 5) & (at < DURATION * RATE - 5)]
        around = np.mean([column(tracing, "II")[a - 5 : a + 6] for a in at], axis=0)
        spike = around - (around[2] + around[8]) / 2
        assert spike[4:7].max() > 0.02
        assert (spike > 0.5 * spike.max()).sum() <= 2
        assert (tracing.beats.onset > tracing.beats.impulse).all()


def test_paced_beats_are_wide_point_upwards_and_ignore_the_p_waves():
    for tracing in tracings("PACE"):
        assert tracing.beats.qrs_end[0] - tracing.beats.onset[0] >= 0.14
        assert mean_qrs(tracing, "II").mean() < 0 and mean_qrs(tracing, "aVL").mean() > 0
        beats = tracing.beats.onset[tracing.beats.onset > 1]
        last_p = [tracing.beats.p_onset[tracing.beats.p_onset < onset].max() for onset in beats]
        assert np.ptp(np.diff(beats)) < 1e-9
        assert np.std(beats - last_p) > 0.01


@pytest.mark.parametrize(
    ("rhythm", "conduction", "codes"),
    [
        ("SR", "normal", {"NORM": 100.0, "SR": 0.0}),
        ("AFIB", "normal", {"AFIB": 0.0}),
        ("SR", "CLBBB", {"CLBBB": 100.0, "SR": 0.0}),
        ("STACH", "CRBBB", {"CRBBB": 100.0, "STACH": 0.0}),
        ("SR", "PACE", {"PACE": 100.0}),
        ("AFIB", "PACE", {"PACE": 100.0, "AFIB": 0.0}),
    ],
)
def test_rhythm_and_conduction_become_the_codes_of_ptb_xl(rhythm, conduction, codes):
    assert heart_vector.scp_codes(rhythm, conduction) == codes


def test_evidence_names_the_leads_and_times_of_each_sign():
    _, tracing = heart_and_tracing("CRBBB", "AFIB", 3)
    by_code = {c: [i for i in tracing.evidence if i.scp_code == c] for c in ("CRBBB", "AFIB")}
    assert {i.leads for i in by_code["AFIB"]} == {("II", "III", "aVF", "V1")}
    assert {i.leads for i in by_code["CRBBB"]} == {("I", "V1", "V2", "V6")}
    beats = tracing.beats
    for item in by_code["AFIB"]:  # between a T end and the next QRS, never in a QRS
        assert not ((beats.onset < item.end_s - 1e-9) & (beats.qrs_end > item.start_s)).any()
    for item in by_code["CRBBB"]:
        assert ((beats.onset < item.start_s + 1e-9) & (beats.qrs_end >= item.end_s)).any()


def test_healthy_evidence_runs_from_each_p_wave_to_the_end_of_its_t_wave():
    _, tracing = heart_and_tracing("normal", "SR", 2)
    inside = (tracing.beats.p_onset >= 0) & (tracing.beats.t_end <= DURATION)
    expected = zip(tracing.beats.p_onset[inside], tracing.beats.t_end[inside], strict=True)
    found = {(item.start_s, item.end_s) for item in tracing.evidence}
    assert set(expected) <= found
    assert {item.leads for item in tracing.evidence} == {LEADS}
