"""The evidence lies where the sign is: in time, in the beats and in the leads of a diagnosis."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulating import RATE, column, drawn

from ecglens.datasets.conditions import draw_findings, draw_rhythm, scp_codes
from ecglens.datasets.evidence import SHORTEST_SIGN
from ecglens.datasets.heart_vector import DURATION
from ecglens.datasets.hearts import draw_heart, simulate
from ecglens.record import LEADS


def signs(tracing, code):
    return [item for item in tracing.evidence if item.scp_code == code]


def intervals(tracing, code):
    return np.array([(item.start_s, item.end_s) for item in signs(tracing, code)])


def within(points, spans):
    """For each span, how many of the points lie in it."""
    return np.array([((points >= a - 1e-9) & (points <= b + 1e-9)).sum() for a, b in spans])


def rr_intervals(beats, chosen):
    """From the onset of each QRS to the end of the next, of the chosen beats that are seen."""
    seen = chosen & (beats.qrs_end > SHORTEST_SIGN) & (beats.onset < DURATION - SHORTEST_SIGN)
    pairs = pairwise(zip(beats.onset[seen], beats.qrs_end[seen], strict=True))
    return {(max(0.0, first[0]), min(DURATION, second[1])) for first, second in pairs}


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_label_has_evidence_inside_the_record_in_known_leads(seed):
    rng = np.random.default_rng(seed)
    findings = draw_findings("all", rng)
    rhythm, ectopy = draw_rhythm("all", findings, rng)
    tracing = simulate(draw_heart(findings, 60, 0, rng), rhythm, rng, ectopy)
    codes = set(scp_codes(findings, rhythm, ectopy)) - {"SR"}
    assert {item.scp_code for item in tracing.evidence} == codes
    for item in tracing.evidence:
        assert 0 <= item.start_s < item.end_s <= DURATION
        assert item.end_s - item.start_s >= SHORTEST_SIGN
        assert item.leads and set(item.leads) <= set(LEADS)


def test_healthy_evidence_runs_from_each_p_wave_to_the_end_of_its_t_wave():
    _, tracing = drawn(2)
    beats = tracing.beats
    pairs = {(p, t) for p in beats.p_onset for t in beats.t_end if 0 < t - p < 0.75}
    inside = [(a, b) for a, b in intervals(tracing, "NORM") if a > 0 and b < DURATION]
    assert len(inside) > 5 and set(inside) <= pairs
    assert {item.leads for item in tracing.evidence} == {LEADS}


def test_evidence_of_fibrillation_lies_between_the_beats_and_in_the_qrs_but_not_in_st_and_t():
    _, tracing = drawn(3, "AFIB", conduction="CRBBB")
    beats = tracing.beats
    waves = [i for i in signs(tracing, "AFIB") if i.leads == ("II", "III", "aVF", "V1")]
    timing = [i for i in signs(tracing, "AFIB") if i.leads == LEADS]
    assert len(waves) + len(timing) == len(signs(tracing, "AFIB"))
    for _, start, end, _ in waves:
        assert not ((beats.onset < end - 1e-9) & (beats.qrs_end > start)).any()
    seen = beats.qrs_end[(beats.onset > 0) & (beats.qrs_end < DURATION)]
    assert set(seen) <= {i.end_s for i in timing}
    for start, end in intervals(tracing, "AFIB"):
        assert not ((beats.qrs_end < end - 1e-9) & (beats.t_end > start + 1e-9)).any()
    for start, end in intervals(tracing, "CRBBB"):
        assert ((beats.onset < start + 1e-9) & (beats.qrs_end >= end)).any()
    assert {i.leads for i in signs(tracing, "CRBBB")} == {("I", "V1", "V2", "V6")}


def test_a_paced_beat_is_no_evidence_of_the_fibrillation_behind_it():
    _, tracing = drawn(3, "AFIB", conduction="PACE")
    beats = tracing.beats
    spans = intervals(tracing, "AFIB")
    assert len(spans) > 3
    for start, end in spans:
        assert not ((beats.impulse < end - 1e-9) & (beats.qrs_end > start)).any()


@pytest.mark.parametrize("rhythm", ["SBRAD", "STACH", "SVTAC"])
def test_evidence_of_a_rate_runs_from_each_qrs_to_the_end_of_the_next(rhythm):
    for seed in range(4):
        _, tracing = drawn(seed, rhythm)
        beats, spans = tracing.beats, intervals(tracing, rhythm)
        assert {tuple(span) for span in spans} == rr_intervals(beats, beats.onset < DURATION)
        assert {item.leads for item in signs(tracing, rhythm)} == {LEADS}


def test_a_premature_beat_stands_inside_the_interval_that_a_sinus_rate_is_read_in():
    for seed in range(4):
        _, tracing = drawn(seed, "STACH", "PVC")
        beats, spans = tracing.beats, intervals(tracing, "STACH")
        assert len(spans) >= 3
        early = beats.onset[beats.kind == "ectopic"]
        assert not np.isin(spans, early).any()


@pytest.mark.parametrize(
    ("ectopy", "rhythm"), [("PVC", "SR"), ("PVC", "AFIB"), ("PAC", "SR"), ("PAC", "STACH")]
)
def test_premature_beats_have_evidence_and_the_others_none(ectopy, rhythm):
    for seed in range(8):
        _, tracing = drawn(seed, rhythm, ectopy)
        beats, spans = tracing.beats, intervals(tracing, ectopy)
        if ectopy == "PVC":
            early, other = (beats.onset[(beats.kind == "ectopic") == is_it] for is_it in (1, 0))
            assert (within(early, spans) == 1).all()
        else:
            early, other = (beats.p_onset[(beats.p_kind == "ectopic") == i] for i in (1, 0))
            assert (within(early, spans) == 1).all() and not within(other, spans).any()
        visible = (early > 0) & (early < DURATION - 0.3)
        assert len(spans) >= visible.sum() >= 1


def test_the_dropped_beats_pause_is_the_evidence_of_second_degree_block():
    for rhythm in ("2AVB1", "2AVB2", "2AVB"):
        _, tracing = drawn(4, rhythm)
        beats = tracing.beats
        dropped = beats.p_onset[~beats.conducted]
        spans = intervals(tracing, "2AVB")
        inside = spans[(spans[:, 0] > 0) & (spans[:, 1] < DURATION)]
        assert (within(dropped, inside) == 1).all()
        assert all(np.isclose(beats.onset, end).any() for end in inside[:, 1])
        assert not within(beats.onset, inside - [[0, 1e-6]]).any()


def test_the_types_of_second_degree_block_show_in_the_pr_intervals_too():
    _, tracing = drawn(4, "2AVB1")
    beats = tracing.beats
    spans = intervals(tracing, "2AVB1")
    seen = beats.p_onset[(beats.p_onset > 0) & (beats.p_onset < DURATION - 0.4)]
    assert (within(spans[:, 0], np.stack([seen, seen], 1)) == 1).all()


def test_evidence_of_third_degree_block_is_the_p_waves():
    _, tracing = drawn(5, "3AVB")
    spans = intervals(tracing, "3AVB")
    inside = spans[(spans[:, 0] > 0) & (spans[:, 1] < DURATION)]
    assert np.allclose(np.ptp(inside, axis=1), 0.11)
    assert np.isin(inside[:, 0], tracing.beats.p_onset).all()


def test_paroxysmal_evidence_lies_in_the_rapid_beats_alone():
    _, tracing = drawn(6, "PSVT")
    beats, spans = tracing.beats, intervals(tracing, "PSVT")
    rapid = beats.kind == "rapid"
    assert {tuple(span) for span in spans} == rr_intervals(beats, rapid)
    assert (~rapid).any() and not within(beats.onset[~rapid], spans).any()


def test_an_old_infarct_shows_in_the_qrs_and_a_recent_one_to_the_end_of_t():
    for stage, edge in (("old", "qrs_end"), ("recent", "t_end")):
        _, tracing = drawn(7, infarct="IMI", stage=stage)
        ends = getattr(tracing.beats, edge)
        for start, end in intervals(tracing, "IMI"):
            assert start == 0 or np.isclose(tracing.beats.onset, start).any()
            assert end <= ends[ends >= start].min() + 1e-9
        assert {i.leads for i in signs(tracing, "IMI")} == {("II", "III", "aVF")}


def test_strain_adds_st_and_t_to_the_evidence_of_hypertrophy():
    for strain, longest in ((False, 0.13), (True, 0.6)):
        _, tracing = drawn(8, hypertrophy="LVH", strain=strain)
        length = np.ptp(intervals(tracing, "LVH"), axis=1).max()
        assert length < longest and (length > 0.2) == strain


def test_the_delta_wave_is_the_first_half_of_the_pre_excited_qrs():
    _, tracing = drawn(9, conduction="WPW")
    beats = tracing.beats
    half = (beats.qrs_end - beats.onset)[0] / 2
    assert np.ptp(intervals(tracing, "WPW"), axis=1).max() == pytest.approx(half)


def test_a_pacing_spike_lies_in_its_evidence():
    _, tracing = drawn(1, conduction="PACE")
    spans = intervals(tracing, "PACE")[1:-1]
    steep = np.abs(np.diff(column(tracing, "II")))
    for start, end in spans:
        at = slice(round(start * RATE) - 3, round(end * RATE))
        assert steep[at].argmax() < 12
