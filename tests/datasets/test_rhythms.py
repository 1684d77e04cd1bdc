"""Atria and ventricles beat as each rhythm's definition says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecglens.datasets import rhythms
from ecglens.datasets.heart_vector import DURATION
from ecglens.datasets.rhythms import RATE, RHYTHMS, SINUS, complete, paced_schedule, schedule

QRS = {"own": 0.09, "rapid": 0.09, "ectopic": 0.16, "escape": 0.16}
SEEDS = range(25)
CASES = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from(RHYTHMS))


def planned(seed, rhythm, ectopy="", pr=0.16):
    rng = np.random.default_rng(seed)
    return schedule(rhythm, ectopy, pr=pr, breath=0.25, female=False, rng=rng)


def beats_of(seed, rhythm, ectopy=""):
    return complete(planned(seed, rhythm, ectopy), False, QRS, 0.3, 0.0)


def spread(onset):
    steps = np.diff(onset)
    return steps.std() / steps.mean()


@settings(max_examples=80, deadline=None)
@given(CASES)
def test_beats_come_in_order_and_reach_beyond_both_ends(case):
    beats = beats_of(*case)
    assert (np.diff(beats.onset) > 0.25).all()
    assert beats.onset[0] < 0.3 and beats.onset[-1] > DURATION
    assert (beats.onset < beats.qrs_end).all() and (beats.qrs_end < beats.t_end).all()
    assert (np.diff(beats.p_onset) > 0).all()


@pytest.mark.parametrize("rhythm", [*SINUS, "SVTAC", "VTACH"])
def test_the_rate_lies_within_the_rhythms_bounds(rhythm):
    for seed in SEEDS:
        rate = 60 / np.diff(planned(seed, rhythm).onset).mean()
        assert RATE[rhythm][2] * 0.97 <= rate <= RATE[rhythm][3] * 1.03


def test_women_beat_faster_in_sinus_rhythm():
    rates = [
        np.mean([
            60 / np.diff(schedule("SR", "", pr=0.16, breath=0.2, female=female,
                                  rng=np.random.default_rng(seed)).onset).mean()
            for seed in range(800)
        ])
        for female in (False, True)
    ]  # fmt: skip
    assert 0.8 < rates[1] - rates[0] < 3


def test_fibrillation_is_irregular_without_p_waves_and_sinus_rhythm_is_not():
    fibrillation = [planned(seed, "AFIB") for seed in SEEDS]
    assert np.median([spread(made.onset) for made in fibrillation]) > 0.13
    assert all(len(made.p_onset) == 0 for made in fibrillation)
    assert max(spread(planned(seed, "SR").onset) for seed in SEEDS) < 0.13


def test_flutter_conducts_after_whole_turns():
    for seed in SEEDS:
        made = planned(seed, "AFLT")
        turns = np.diff(made.onset) / made.flutter_cycle
        assert np.allclose(turns, np.rint(turns)) and set(np.rint(turns)) <= {2, 3, 4}
        assert 225 < 60 / made.flutter_cycle < 310


def test_every_sinus_p_wave_is_conducted_after_the_pr_interval():
    made = planned(3, "SR", pr=0.25)
    assert len(made.p_onset) == len(made.onset) and made.conducted.all()
    interval = made.onset - made.p_onset
    assert np.ptp(interval) < 1e-9 and 0.2 < interval[0] <= 0.25


def test_pr_grows_before_the_dropped_beat_of_mobitz_one_and_stays_in_mobitz_two():
    for rhythm in ("2AVB1", "2AVB2"):
        for seed in SEEDS:
            made = planned(seed, rhythm)
            pr = made.onset - made.p_onset[made.conducted]
            if rhythm == "2AVB2":
                assert np.ptp(pr) < 1e-9
                continue
            number = np.cumsum(~made.conducted)[made.conducted]  # of the cycle
            grows = np.diff(pr)[np.diff(number) == 0]
            assert (grows > 0.01).all()
            assert (np.diff(pr)[np.diff(number) > 0] < 0).all()


@pytest.mark.parametrize("rhythm", ["2AVB1", "2AVB2", "2AVB"])
def test_second_degree_drops_beats_of_a_regular_atrium_inside_the_record(rhythm):
    for seed in SEEDS:
        made = planned(seed, rhythm)
        assert spread(made.p_onset) < 0.02
        dropped = made.p_onset[~made.conducted]
        assert ((dropped > 0.3) & (dropped < DURATION - 0.5)).any()
        assert not (~made.conducted[1:] & ~made.conducted[:-1]).any()  # never two in a row


def test_two_to_one_block_conducts_every_second_p_wave():
    made = planned(1, "2AVB")
    assert (made.conducted[:-1] != made.conducted[1:]).all()


@pytest.mark.parametrize(("rhythm", "kind"), [("3AVB", "own"), ("3AVB wide", "escape")])
def test_third_degree_leaves_atria_and_slower_ventricles_apart(rhythm, kind):
    for seed in SEEDS:
        made = planned(seed, rhythm)
        assert set(made.kind) == {kind} and not made.conducted.any()
        assert np.diff(made.onset).mean() > np.diff(made.p_onset).mean()
        inside = made.onset[(made.onset > 0) & (made.onset < DURATION)]
        since = inside - made.p_onset[np.searchsorted(made.p_onset, inside) - 1]
        assert np.std(since) > 0.02


def test_ventricular_tachycardia_is_ectopic_and_its_atria_are_slower():
    made = planned(2, "VTACH")
    assert set(made.kind) == {"ectopic"} and not made.conducted.any()
    assert np.diff(made.p_onset).mean() > 1.15 * np.diff(made.onset).mean()


def test_paroxysmal_tachycardia_starts_or_stops_inside_the_record():
    turned = []
    for seed in SEEDS:
        made = planned(seed, "PSVT")
        inside = made.kind[(made.onset > 0) & (made.onset < DURATION)]
        assert set(inside) == {"own", "rapid"}
        assert (inside[1:] != inside[:-1]).sum() == 1
        turned.append(inside[0])
        sinus = made.p_onset[made.p_kind == "sinus"]
        following = made.onset[np.minimum(np.searchsorted(made.onset, sinus), len(made.onset) - 1)]
        assert (following - sinus < 0.4).all()  # no sinus P wave without its beat
    assert set(turned) == {"own", "rapid"}
    assert set(planned(0, "SVTAC").kind) == {"rapid"}


@pytest.mark.parametrize("rhythm", [*SINUS, "AFIB"])
def test_premature_ventricular_beats_come_early_and_are_followed_by_a_pause(rhythm):
    for seed in SEEDS:
        made = planned(seed, rhythm, "PVC")
        early = np.flatnonzero(made.kind == "ectopic")
        assert len(early) and ((made.onset[early] > 0) & (made.onset[early] < DURATION)).any()
        steps = np.diff(made.onset)
        usual = np.median(np.diff(planned(seed, rhythm).onset))
        after_own = early[made.kind[early - 1] == "own"]
        single = [e for e in after_own if made.kind[e + 1 : e + 2] == "own"]
        if rhythm != "AFIB":
            assert (steps[after_own - 1] < 0.85 * usual).all()
            assert all(steps[e] > 1.05 * usual for e in single)


def test_the_atria_keep_their_time_under_ventricular_beats():
    for seed in SEEDS:
        made = planned(seed, "SR", "PVC")
        assert spread(made.p_onset) < 0.13
        assert (~made.conducted).sum() >= 1


@pytest.mark.parametrize("rhythm", SINUS)
def test_premature_atrial_beats_come_early_from_elsewhere_and_are_conducted(rhythm):
    pauses = []
    for seed in SEEDS:
        made = planned(seed, rhythm, "PAC")
        early = np.flatnonzero(made.p_kind == "ectopic")
        assert 1 <= len(early) <= 3 and made.conducted.all()
        assert ((made.p_onset[early] > 0) & (made.p_onset[early] < DURATION)).all()
        usual = np.median(np.diff(made.p_onset))
        assert (made.p_onset[early] - made.p_onset[early - 1] < 0.85 * usual).all()
        # The sinus node is reset, and takes a little longer than it would.
        pause = (made.p_onset[early + 1] - made.p_onset[early]) / usual
        assert pause.min() > 0.85 and pause.max() < 1.5
        pauses.extend(pause)
    assert np.median(pauses) > 1.04


def test_a_pacemaker_follows_p_waves_or_runs_at_its_own_regular_rate():
    following, free = [], []
    for seed in SEEDS:
        made = paced_schedule(False, 0.25, np.random.default_rng(seed))
        (following if made.conducted.all() else free).append(made)
    assert following and free
    assert all(np.ptp(made.onset - made.p_onset) < 1e-9 for made in following)
    assert all(np.ptp(np.diff(made.onset)) < 1e-9 for made in free)
    assert len(paced_schedule(True, 0.25, np.random.default_rng(0)).p_onset) == 0


def test_qt_shortens_when_the_heart_goes_faster():
    qt = [
        np.mean(beats.t_end - beats.onset)
        for beats in (beats_of(2, rhythm) for rhythm in ("STACH", "SR", "SBRAD"))
    ]
    assert qt[0] < qt[1] < qt[2]


def test_a_draw_within_bounds_never_leaves_them():
    rng = np.random.default_rng(0)
    drawn = [rhythms.truncated_normal(rng, 0, 1, -0.5, 0.2) for _ in range(200)]
    assert min(drawn) >= -0.5 and max(drawn) <= 0.2
