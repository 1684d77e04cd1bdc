"""The simulated ECG shows what its findings say, as a reader would measure it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import find_peaks
from simulating import (
    RATE,
    SEEDS,
    column,
    drawn,
    durations,
    frontal_axis,
    mean_beat,
    mean_qrs,
    median_of,
    medians,
    st_level,
    t_height,
    tracings,
)

from ecglens.datasets import atria
from ecglens.datasets.conditions import Findings
from ecglens.datasets.heart_vector import DURATION
from ecglens.datasets.hearts import draw_heart, simulate
from ecglens.datasets.morphologies import INFARCTS
from ecglens.datasets.rhythms import RHYTHMS, SINUS

CONDUCTIONS = ("normal", "IRBBB", "CRBBB", "CLBBB", "LAFB", "LPFB", "CRBBB+LAFB", "WPW", "PACE")
NORMAL = {}


def lowest(tracing, lead):
    return mean_qrs(tracing, lead).min()


def highest(tracing, lead):
    return mean_qrs(tracing, lead).max()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(CONDUCTIONS),
    st.sampled_from(RHYTHMS),
    st.sampled_from(["", "IMI", "ASMI"]),
)
def test_any_heart_in_any_rhythm_obeys_einthoven_and_stays_in_range(
    seed, conduction, rhythm, infarct
):
    rng = np.random.default_rng(seed)
    findings = Findings(conduction, infarct=infarct, stage="old" if infarct else "")
    tracing = simulate(draw_heart(findings, 60, 1, rng), rhythm, rng)
    assert tracing.microvolts.shape == (5000, 12) and tracing.microvolts.dtype == np.int16
    one, two, three = tracing.microvolts[:, :3].T.astype(int)
    assert (three == two - one).all()
    assert 100 < np.abs(tracing.microvolts).max() < 25_000


def test_the_same_generator_state_gives_the_same_tracing():
    twice = [
        simulate(draw_heart(Findings("CLBBB"), 70, 1, rng), "AFIB", rng).microvolts
        for rng in (np.random.default_rng(4), np.random.default_rng(4))
    ]
    assert np.array_equal(*twice)


@pytest.mark.parametrize("rhythm", [*SINUS, "AFIB", "3AVB", "SVTAC"])
def test_the_r_peaks_in_the_signal_are_the_beats_that_made_it(rhythm):
    for seed in SEEDS:
        heart, tracing = drawn(seed, rhythm)
        steepness = np.abs(np.diff(tracing.microvolts[:, 6:], axis=0)).astype(float).sum(axis=1)
        smooth = np.convolve(steepness, np.ones(25) / 25, "same")
        peaks, _ = find_peaks(smooth, height=0.5 * smooth.max(), distance=0.2 * RATE)
        middle = tracing.beats.onset + heart.beats["own"].seconds / 2
        inside = middle[(middle > 0.1) & (middle < DURATION - 0.1)]
        nearest = np.abs(peaks[:, None] / RATE - inside).min(axis=0)
        assert nearest.max() < 0.06
        assert len(peaks) - len(inside) in (0, 1, 2)  # a beat may be cut by either end


def test_sinus_beats_have_a_p_wave_in_lead_two_and_fibrillation_has_none():
    def p_height(tracing):
        before = mean_beat(tracing, "II", -0.25, 0)
        return before[20:110].max() - np.median(before)

    sinus, fibrillation = median_of(p_height), median_of(p_height, "AFIB")
    assert sinus > 0.04 and sinus > 2 * fibrillation


def test_fibrillatory_waves_have_four_to_nine_per_second():
    frequency = np.fft.rfftfreq(5000, 1 / RATE)
    for seed in SEEDS:
        waves = atria.fibrillatory_waves(np.random.default_rng(seed))
        assert 4 <= frequency[np.abs(np.fft.rfft(waves)).argmax()] <= 9
        assert 0.7 < np.percentile(np.abs(waves), 95) < 1.6


def test_flutter_is_a_saw_of_its_cycle_strongest_below():
    for seed in SEEDS:
        waves = atria.flutter(0.2, 0.05, np.random.default_rng(seed))
        spectrum = np.abs(np.fft.rfft(waves - waves.mean(axis=0), axis=0))
        frequency = np.fft.rfftfreq(5000, 1 / RATE)
        assert frequency[spectrum[:, 1].argmax()] == pytest.approx(5.0)
        # What repeats after a turn leaves no difference.
        assert np.abs(waves[110:4990] - waves[10:4890]).max() < 1e-9
    strength = np.mean(
        [atria.flutter(0.2, 0, np.random.default_rng(s)).std(axis=0) for s in range(60)], axis=0
    )
    assert strength[1] > 2 * strength[0] and strength[1] > 2 * strength[7]


def test_v1_is_unquiet_between_the_beats_of_fibrillation_and_v6_is_not():
    def unrest(tracing, lead):
        """Spread (mV) of the last 0.3 s before a QRS, without mains and without curvature."""
        smooth = np.convolve(column(tracing, lead), np.ones(10) / 10, "same")
        ends = np.rint(tracing.beats.onset[1:][np.diff(tracing.beats.onset) > 0.75] * RATE)
        parts = [smooth[int(e) - 150 : int(e)] for e in ends if 150 <= e <= DURATION * RATE]
        x = np.linspace(-1, 1, 150)
        return np.mean([np.std(p - np.polyval(np.polyfit(x, p, 2), x)) for p in parts])

    slow = [t for t in tracings("AFIB") if (np.diff(t.beats.onset[1:-2]) > 0.8).any()]
    assert len(slow) >= 5
    ratio = np.median([unrest(t, "V1") for t in slow]) / np.median([unrest(t, "V6") for t in slow])
    assert ratio > 2


def test_the_axis_turns_left_with_age():
    axes = [median_of(frontal_axis, age=age) for age in (25, 75)]
    assert 45 < axes[0] < 90 and -15 < axes[1] < 40


def test_women_have_lower_t_waves_in_v4():
    assert median_of(lambda t: t_height(t, "V4"), sex=1) < 0.85 * median_of(
        lambda t: t_height(t, "V4"), sex=0
    )


def test_left_anterior_block_turns_the_axis_up_and_left_posterior_block_down():
    anterior = [frontal_axis(t) for t in tracings(conduction="LAFB")]
    posterior = [frontal_axis(t) for t in tracings(conduction="LPFB")]
    assert max(anterior) < -15 and np.median(anterior) < -30
    assert min(posterior) > 75 and np.median(posterior) > 90
    for tracing in tracings(conduction="LAFB"):
        assert lowest(tracing, "III") < -0.15 and highest(tracing, "aVL") > 0.15
    assert max(durations(t)[0] for t in tracings(conduction="LAFB")) < 0.12


def test_the_qrs_in_the_signal_is_wider_in_bundle_branch_blocks():
    def width(tracing):
        """Time during which the leads I, V1, V6 move steeply, in s."""
        beats = [mean_beat(tracing, lead, -0.03, 0.25) for lead in ("I", "V1", "V6")]
        steepness = np.convolve(np.abs(np.diff(beats)).sum(axis=0), np.ones(5) / 5, "same")
        return np.ptp(np.flatnonzero(steepness > 0.15 * steepness.max())) / RATE

    cases = (NORMAL, {"conduction": "CRBBB"}, {"conduction": "CLBBB"})
    normal, right, left = (median_of(width, **case) for case in cases)
    assert normal < 0.09 and right > normal + 0.02 and left > normal + 0.02


def test_right_block_ends_with_a_positive_wave_in_v1_and_a_broad_s_in_one_and_v6():
    def late(tracing, lead):
        return np.array_split(mean_qrs(tracing, lead), 2)[1]

    for tracing in tracings(conduction="CRBBB"):
        assert late(tracing, "V1").max() > 0.1
        assert late(tracing, "I").min() < 0 and late(tracing, "V6").min() < 0
    right, incomplete, normal = medians(
        lambda t, lead: late(t, lead).max(),
        "V1",
        {"conduction": "CRBBB"},
        {"conduction": "IRBBB"},
        NORMAL,
    )
    assert right > 0.4 and right > incomplete > normal
    assert max(durations(t)[0] for t in tracings(conduction="IRBBB")) < 0.12


def test_left_block_is_negative_in_v1_and_v2_and_notched_and_positive_in_v6():
    def summits(tracing):
        qrs = np.convolve(mean_qrs(tracing, "V6"), np.ones(5) / 5, "same")
        return len(find_peaks(qrs, height=0.4 * qrs.max(), prominence=0.02)[0])

    for tracing in tracings(conduction="CLBBB"):
        for lead in ("V1", "V2"):
            qrs = mean_qrs(tracing, lead)
            assert qrs.mean() < -0.1 and -qrs.min() > 3 * qrs.max()
        assert mean_qrs(tracing, "V6").mean() > 0
    assert median_of(summits, conduction="CLBBB") == 2 and median_of(summits) == 1


def test_t_waves_oppose_the_qrs_in_blocks_and_in_ventricular_beats():
    assert median_of(lambda t: t_height(t, "V6")) > 0.05
    assert median_of(lambda t: t_height(t, "V6"), conduction="CLBBB") < -0.03
    assert median_of(lambda t: t_height(t, "V1"), conduction="CLBBB") > 0.1
    assert median_of(lambda t: t_height(t, "V1"), conduction="CRBBB") < -0.03
    for tracing in tracings("3AVB wide"):
        lead = max(("II", "V1", "V5"), key=lambda x: np.abs(mean_qrs(tracing, x, "escape")).max())
        area = mean_qrs(tracing, lead, "escape").sum()
        assert area * t_height(tracing, lead, "escape") < 0


def test_a_spike_of_two_milliseconds_precedes_each_paced_qrs():
    seen = 0
    for tracing in tracings(conduction="PACE"):
        at = np.rint(tracing.beats.impulse * RATE).astype(int)
        at = at[(at >= 5) & (at < DURATION * RATE - 5)]
        around = np.mean([column(tracing, "II")[a - 5 : a + 6] for a in at], axis=0)
        spike = np.abs(around - (around[2] + around[8]) / 2)
        assert (spike > 0.5 * spike.max()).sum() <= 3
        assert (tracing.beats.onset > tracing.beats.impulse).all()
        seen += spike[4:7].max() > 0.05
    assert seen >= 0.8 * len(SEEDS)  # a bipolar impulse may be too small to see


def test_paced_beats_are_wide_and_point_upwards():
    for tracing in tracings(conduction="PACE"):
        assert durations(tracing)[0] >= 0.14
    assert median_of(lambda t: mean_qrs(t, "III").mean(), conduction="PACE") < -0.2
    assert median_of(lambda t: mean_qrs(t, "aVL").mean(), conduction="PACE") > 0.1


def test_pre_excitation_shortens_pr_and_starts_the_qrs_slowly():
    def slur(tracing):
        """How far the first quarter of the QRS climbs, and its share of the steepness, at most."""
        beat = np.stack([mean_qrs(tracing, lead) for lead in ("I", "II", "V2", "V4")])
        quarter = beat.shape[1] // 4
        steep = np.abs(np.diff(beat, axis=1)).sum(axis=0)
        return np.abs(beat[:, quarter]).max(), steep[:quarter].max() / steep.max()

    for tracing in tracings(conduction="WPW"):
        beats = tracing.beats
        following = beats.onset[np.searchsorted(beats.onset, beats.p_onset)]
        assert (following - beats.p_onset).max() <= 0.125
        assert durations(tracing)[0] >= 0.11
    assert median_of(lambda t: slur(t)[0], conduction="WPW") > 0.1
    assert median_of(lambda t: slur(t)[1], conduction="WPW") < 0.6


@pytest.mark.parametrize(
    ("code", "lead"),
    [("IMI", "aVF"), ("ILMI", "aVF"), ("LMI", "I"), ("ALMI", "V4"), ("AMI", "V3"), ("ASMI", "V2")],
)
def test_an_infarct_takes_the_r_wave_and_its_stage_says_what_st_and_t_do(code, lead):
    cases = [{"infarct": code, "stage": stage} for stage in ("acute", "recent", "old")]
    normal = median_of(lambda t: highest(t, lead))
    assert all(r < 0.75 * normal for r in medians(highest, lead, *cases))
    acute, recent, old = medians(st_level, lead, *cases)
    assert acute > max(recent, old) + 0.04
    acute, recent, old = medians(t_height, lead, *cases)
    assert recent < min(0, acute, old)


def test_every_infarct_is_tested_above():
    assert set(INFARCTS) == {"IMI", "ILMI", "LMI", "ALMI", "AMI", "ASMI"}


def test_left_hypertrophy_raises_the_voltage_and_strain_turns_t_in_v6():
    def sokolow(tracing):
        return highest(tracing, "V5") - lowest(tracing, "V1")

    assert median_of(sokolow, hypertrophy="LVH") > 1.25 * median_of(sokolow)
    plain, strain = medians(
        t_height, "V6", {"hypertrophy": "LVH"}, {"hypertrophy": "LVH", "strain": True}
    )
    assert plain > 0 > strain


def test_right_hypertrophy_has_a_tall_r_in_v1_and_a_deep_s_in_v6():
    assert median_of(lambda t: highest(t, "V1"), hypertrophy="RVH") > 2 * median_of(
        lambda t: highest(t, "V1")
    )
    assert median_of(lambda t: lowest(t, "V6"), hypertrophy="RVH") < -0.2
    block, both = medians(
        highest, "V1", {"conduction": "CRBBB"}, {"conduction": "CRBBB", "hypertrophy": "RVH"}
    )
    assert both > 1.2 * block


@pytest.mark.parametrize(("code", "lead"), [("STD_", "V5"), ("ISC_", "V5")])
def test_depressions_lie_below_the_line_in_v5(code, lead):
    assert median_of(lambda t: st_level(t, lead), repolarisation=code) < -0.04


def test_elevation_lies_above_the_line_in_v3():
    normal, raised = medians(st_level, "V3", NORMAL, {"repolarisation": "STE_"})
    assert raised > 0.15 and raised > normal + 0.06


@pytest.mark.parametrize(
    ("code", "lead"), [("ISCAL", "V5"), ("ISCIN", "III"), ("ISCAS", "V2"), ("NDT", "V5")]
)
def test_ischaemia_takes_or_turns_the_t_wave_of_its_leads(code, lead):
    normal, changed = medians(t_height, lead, NORMAL, {"repolarisation": code})
    assert changed < normal - 0.04
    assert code == "NDT" or changed < 0.02


def test_long_qt_is_long_at_every_rate():
    def qtc(tracing):
        interval = np.diff(tracing.beats.onset).mean()
        return durations(tracing)[1] / np.sqrt(interval)

    for rhythm in ("SR", "STACH"):
        normal, long = (
            [qtc(t) for t in tracings(rhythm, **case)]
            for case in (NORMAL, {"repolarisation": "LNGQT"})
        )
        assert np.median(long) > np.median(normal) + 0.06
        assert min(long) > 0.43


def test_premature_ventricular_beats_are_wide_and_differ_from_the_hearts_own():
    for tracing in tracings("SR", "PVC"):
        assert durations(tracing, "ectopic")[0] >= 0.13 > durations(tracing)[0]
        tall = max(np.abs(mean_qrs(tracing, x, "ectopic")).max() for x in ("II", "V1", "V5"))
        assert tall > 0.4


def test_the_noise_that_is_stated_is_the_noise_that_is_in_the_signal():
    _, tracing = drawn(3)
    still = tracing.noise.electrodes.std(axis=0)
    assert (still > 0).all()
    assert set(tracing.noise.amounts) == {"wander", "mains", "muscle", "motion"}
