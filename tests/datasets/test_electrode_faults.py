"""Electrode faults do to the leads what the placement of electrodes says, and are written down."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from simulating import drawn

from ecglens.datasets.electrode_faults import (
    ALL_ELECTRODES,
    KINDS,
    LEADS_WITH,
    LIMITS,
    SWAP_SHARES,
    SWAPS,
    Fault,
    apply_fault,
    draw_fault,
    electrode_potentials,
    evidence_after,
    leads_after,
    swap_electrodes,
)
from ecglens.datasets.evidence import Evidence
from ecglens.datasets.heart_vector import ELECTRODES, LEADS_OF_ELECTRODES, twelve_leads
from ecglens.errors import ParameterError
from ecglens.record import LEADS

INDEPENDENT = arrays(np.float64, (30, 8), elements=st.floats(-4, 4, width=32))


def by_name(microvolts):
    return dict(zip(LEADS, microvolts.T.astype(int), strict=True))


@settings(max_examples=50, deadline=None)
@given(INDEPENDENT, st.sampled_from([p for p in SWAPS]))
def test_a_swap_undoes_itself_and_keeps_einthoven(independent, pair):
    record = twelve_leads(independent)
    swapped = swap_electrodes(record, *pair)
    one, two, three = swapped[:, :3].T.astype(int)
    assert (three == two - one).all()
    if "RL" not in pair:  # what RA showed is lost when it lies on the leg
        assert np.array_equal(swap_electrodes(swapped, *pair), record)


@settings(max_examples=30, deadline=None)
@given(INDEPENDENT)
def test_swapped_arms_turn_lead_one_and_exchange_the_leads_of_the_arms(independent):
    record = twelve_leads(independent)
    before, after = by_name(record), by_name(swap_electrodes(record, "LA", "RA"))
    assert (after["I"] == -before["I"]).all()
    assert (after["II"] == before["III"]).all() and (after["III"] == before["II"]).all()
    assert np.abs(after["aVR"] - before["aVL"]).max() <= 1
    assert np.abs(after["aVF"] - before["aVF"]).max() <= 1
    assert all((after[lead] == before[lead]).all() for lead in LEADS[6:])


@settings(max_examples=30, deadline=None)
@given(INDEPENDENT)
def test_each_swap_shows_in_each_lead_what_its_table_says(independent):
    record = twelve_leads(independent)
    before = by_name(record)
    for pair, shown in SWAPS.items():
        after = by_name(swap_electrodes(record, *pair))
        for lead, source in shown.items():
            if not source:
                assert np.abs(after[lead]).max() <= 1
                continue
            half = 2 if pair == ("RA", "RL") and lead in ("aVR", "aVF") else 1
            turned = [np.abs(half * after[lead] - sign * before[source]).max() for sign in (1, -1)]
            assert min(turned) <= 2


def test_the_right_leg_on_the_right_arm_flattens_lead_two():
    _, tracing = drawn(1)
    after = by_name(swap_electrodes(tracing.microvolts, "RA", "RL"))
    assert np.abs(after["II"]).max() <= 1 < np.ptp(after["I"])


def test_potentials_give_back_the_leads():
    _, tracing = drawn(2)
    potentials = electrode_potentials(tracing.microvolts)
    assert potentials.shape == (5000, len(ALL_ELECTRODES))
    assert np.array_equal(
        twelve_leads(potentials[:, :-1] @ LEADS_OF_ELECTRODES.T), tracing.microvolts
    )


@pytest.mark.parametrize("electrode", ELECTRODES)
def test_a_lost_electrode_flattens_its_leads_for_its_time_and_no_others(electrode):
    _, tracing = drawn(3)
    fault = Fault("lead_off", (electrode,), 2.0, 6.0)
    after = apply_fault(fault, tracing.microvolts, 500)
    flat = [LEADS.index(lead) for lead in fault.leads]
    assert (after[1000:3000, flat] == 0).all()
    kept = [k for k in range(12) if k not in flat]
    assert np.ptp(after[1000:3000, kept].astype(int), axis=0).min() > 50
    outside = np.r_[0:1000, 3000:5000]
    assert np.array_equal(after[outside], tracing.microvolts[outside])


def test_without_a_limb_electrode_the_chest_leads_refer_to_the_other_two():
    _, tracing = drawn(3)
    after = apply_fault(Fault("lead_off", ("RA",)), tracing.microvolts, 500)
    limbs = electrode_potentials(tracing.microvolts)[:, :3]
    expected = tracing.microvolts[:, 6:] - 1000 * limbs[:, 1:].mean(axis=1)[:, None]
    assert np.abs(after[:, 6:] - expected).max() <= 1


def test_a_lost_limb_breaks_einthoven_and_a_lost_chest_electrode_does_not():
    _, tracing = drawn(4)
    for electrode, broken in (("LL", True), ("V3", False)):
        fault = Fault("lead_off", (electrode,))
        one, two, three = apply_fault(fault, tracing.microvolts, 500)[:, :3].T.astype(int)
        assert fault.breaks_limb_leads == broken
        # With LL gone II and III are flat, while I goes on.
        assert ((three != two - one).mean() > 0.5) == broken


@pytest.mark.parametrize("limit", LIMITS)
def test_a_drifting_electrode_ends_at_the_amplifiers_limit(limit):
    _, tracing = drawn(5)
    fault = Fault("saturated", ("V2",), 3.0, 8.0, limit)
    after = apply_fault(fault, tracing.microvolts, 500)
    assert np.abs(after[:, 7]).max() == 1000 * limit
    assert (after[1800:4000, 7] == 1000 * limit).mean() > 0.9
    others = [k for k in range(12) if k != 7]
    assert np.array_equal(after[:, others], tracing.microvolts[:, others])
    assert np.array_equal(after[4000:], tracing.microvolts[4000:])


def test_a_drifting_arm_drives_its_leads_to_either_side():
    _, tracing = drawn(5)
    after = by_name(apply_fault(Fault("saturated", ("RA",), 0, 10, 5.0), tracing.microvolts, 500))
    late = {lead: np.median(values[1000:]) for lead, values in after.items()}
    assert late["I"] == late["II"] == -5000 and late["aVR"] == 5000
    assert abs(late["III"]) < 500 and abs(late["V4"]) < 500
    assert (after["I"] == -5000).all()  # from the first sample on


def test_each_limb_electrode_is_in_five_leads_and_each_chest_electrode_in_one():
    assert LEADS_WITH["LA"] == ("I", "III", "aVR", "aVL", "aVF")
    assert [len(LEADS_WITH[e]) for e in ELECTRODES] == [5] * 3 + [1] * 6


def test_faults_are_drawn_by_their_shares():
    drawn_faults = [draw_fault(np.random.default_rng(seed)) for seed in range(4000)]
    kinds = [fault.kind if fault else "" for fault in drawn_faults]
    for kind, share in KINDS.items():
        assert kinds.count(kind) / 4000 == pytest.approx(share, abs=0.012)
    assert sum(SWAP_SHARES) == pytest.approx(1) and len(SWAP_SHARES) == len(SWAPS)
    for fault in filter(None, drawn_faults):
        assert 0 <= fault.start_s < fault.end_s <= 10 and fault.leads


def test_evidence_moves_to_the_leads_that_show_it_after_a_swap():
    item = Evidence("IMI", 1.0, 2.0, ("II", "III", "aVF"))
    moved = evidence_after(Fault("swapped", ("LA", "RA")), [item])
    assert moved == [Evidence("IMI", 1.0, 2.0, ("II", "III", "aVF"))]
    item = Evidence("X", 1.0, 2.0, ("I", "II", "aVL"))
    assert leads_after(Fault("swapped", ("LA", "RA")), item.leads) == ("I", "III", "aVR")
    assert leads_after(Fault("swapped", ("RA", "RL")), ("II", "III")) == (
        "I", "III", "aVR", "aVL", "aVF",
    )  # fmt: skip
    assert leads_after(Fault("swapped", ("V1", "V2")), ("V1", "V3")) == ("V2", "V3")


def test_evidence_leaves_the_flat_leads_for_as_long_as_they_are_flat():
    fault = Fault("lead_off", ("V1",), 3.0, 5.0)
    item = Evidence("CRBBB", 2.0, 6.0, ("V1", "V6"))
    assert evidence_after(fault, [item]) == [
        Evidence("CRBBB", 2.0, 3.0, ("V1", "V6")),
        Evidence("CRBBB", 3.0, 5.0, ("V6",)),
        Evidence("CRBBB", 5.0, 6.0, ("V1", "V6")),
    ]
    only = Evidence("X", 3.5, 4.0, ("V1",))
    assert evidence_after(fault, [only]) == []
    before = Evidence("X", 0.0, 1.0, ("V1",))
    assert evidence_after(fault, [before]) == [before]


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.floats(0, 10)] * 4), st.sampled_from(["V1", "RA"]))
def test_evidence_after_a_fault_is_never_longer_and_stays_in_order(times, electrode):
    start, end = sorted(times[:2])
    fault = Fault("lead_off", (electrode,), *sorted(times[2:]))
    parts = evidence_after(fault, [Evidence("X", start, end, ("I", "V1"))])
    assert sum(p.end_s - p.start_s for p in parts) <= end - start + 1e-9
    assert all(a.end_s <= b.start_s for a, b in pairwise(parts))


def test_an_unknown_electrode_is_refused_and_the_nearest_is_named():
    with pytest.raises(ParameterError, match='Did you mean "V1"'):
        swap_electrodes(np.zeros((5, 12), np.int16), "v11", "V2")
