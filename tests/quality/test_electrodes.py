"""Exchanged electrodes: made as physics has it, and found again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_heart import found, heart, lead

from ecglens.datasets import ptb_xl as ptb_xl_set
from ecglens.formats import wfdb
from ecglens.quality import LIMITS, electrodes, measures
from ecglens.record import LEADS

RNG = np.random.default_rng
SIGNALS = st.integers(0, 2**32 - 1).map(lambda seed: RNG(seed).normal(size=(40, 12)))
EXCHANGES = st.sampled_from(sorted(electrodes.ARRANGEMENTS))


@given(SIGNALS, st.sampled_from(sorted({**electrodes.ARRANGEMENTS, **electrodes.RIGHT_LEG})))
def test_an_exchange_keeps_the_identities(signal, exchange):
    made = electrodes.rearranged(signal, exchange)
    assert electrodes.identity_residuals(made[None]) == pytest.approx(0, abs=1e-6)


@given(SIGNALS)
def test_exchanged_arms_invert_i_and_interchange_ii_iii_and_avr_avl(signal):
    whole = electrodes.rearranged(electrodes.rearranged(signal, "RA-LA"), "RA-LA")
    made = electrodes.rearranged(whole, "RA-LA")
    np.testing.assert_allclose(made[:, 0], -whole[:, 0])
    order = [lead(name) for name in ("III", "II", "aVL", "aVR", "aVF", *LEADS[6:])]
    np.testing.assert_allclose(made[:, [1, 2, 3, 4, *range(5, 12)]], whole[:, order], atol=1e-12)


@given(SIGNALS, st.sampled_from(["RA-LA", "RA-LL", "LA-LL"]))
def test_two_electrodes_exchanged_twice_are_where_they_were(signal, exchange):
    twice = electrodes.rearranged(electrodes.rearranged(signal, exchange), exchange)
    np.testing.assert_allclose(twice[:, [0, 1, *range(6, 12)]], signal[:, [0, 1, *range(6, 12)]])


@given(SIGNALS)
def test_one_rotation_undoes_the_other(signal):
    there = electrodes.rearranged(signal, "RA>LA>LL")
    back = electrodes.rearranged(there, "RA>LL>LA")
    np.testing.assert_allclose(back[:, :2], signal[:, :2], atol=1e-12)


@given(SIGNALS, EXCHANGES)
def test_each_recorded_limb_lead_is_a_true_one_up_to_its_sign(signal, exchange):
    true = electrodes.rearranged(electrodes.rearranged(signal, "RA-LA"), "RA-LA")
    made = electrodes.rearranged(true, exchange)
    for k, (which, sign) in enumerate(electrodes.recorded_as(exchange)):
        np.testing.assert_allclose(made[:, k], sign * true[:, which], atol=1e-12)


@given(SIGNALS)
def test_the_right_legs_cable_on_an_arm_moves_the_central_terminal(signal):
    # Potentials of the limbs against any zero, and what the recorder makes of them.
    right, left, foot = signal[:, :3].T
    leg = foot - 0.03 * (foot - right)

    def leads(ra, la, ll):
        return np.stack([la - ra, ll - ra, ll - la]), (ra + la + ll) / 3

    true, zero = leads(right, left, foot)
    signal = np.concatenate([true.T, np.zeros((40, 3)), signal[:, 6:]], axis=1)
    for exchange, cables in {
        "RA-RL": (leg, left, foot), "LA-RL": (right, leg, foot), "RA-RL, LA-LL": (leg, foot, left),
    }.items():  # fmt: skip
        limbs, moved = leads(*cables)
        made = electrodes.rearranged(signal, exchange)
        np.testing.assert_allclose(made[:, :3], limbs.T, atol=1e-12)
        np.testing.assert_allclose(
            made[:, 6:] - signal[:, 6:], (zero - moved)[:, None] + 0 * made[:, 6:]
        )


@pytest.mark.parametrize("rate", [100, 500])
@pytest.mark.parametrize("exchange", [e for e in electrodes.ARRANGEMENTS if e != "LA-LL"])
def test_an_exchange_of_limb_electrodes_is_named_and_no_other(exchange, rate):
    signal = electrodes.rearranged(heart(rate), exchange)
    assert found(signal, rate) == {(f"reversal_{exchange}",)}


@pytest.mark.parametrize(
    ("exchange", "silent"), [("RA-RL", "II"), ("LA-RL", "III"), ("RA-RL, LA-LL", "I")]
)
def test_the_right_legs_cable_elsewhere_silences_a_limb_lead(exchange, silent):
    kinds = {kind for kind, *_ in found(electrodes.rearranged(heart(), exchange))}
    assert {kind for kind in kinds if kind.startswith("silent")} == {f"silent_{silent}"}


@given(SIGNALS, st.sampled_from(["RA-LA", "RA-LL", "LA-LL"]))
@settings(deadline=None)
def test_the_score_of_an_exchange_changes_sign_when_it_is_made(signal, exchange):
    found = RNG(abs(hash(signal.tobytes())) % 2**32).normal(size=(1, 3, 6))
    made = np.empty_like(found)
    for k, (true, sign) in enumerate(electrodes.recorded_as(exchange)):
        made[:, k] = sign * found[:, true]
    k = list(electrodes.ARRANGEMENTS).index(exchange)
    before, after = electrodes.scores_of(found)[0, k], electrodes.scores_of(made)[0, k]
    assert after == pytest.approx(-before)


def test_exchanged_arms_are_found_in_real_records(ptb_xl):
    manifest = ptb_xl_set.manifest(ptb_xl)
    names = [n for n in manifest.file_100 if (ptb_xl / f"{n}.hea").is_file()][:800]
    signals = np.stack([wfdb.read(ptb_xl / name).signal for name in names])
    score = {
        made: measures(electrodes.rearranged(signals, "RA-LA") if made else signals, 100)[
            "reversal_RA-LA"
        ]
        for made in (False, True)
    }
    # The area under the curve, as the share of pairs in the right order.
    assert (score[True][:, None] > score[False]).mean() >= 0.97
    assert (score[False] > LIMITS["reversal_RA-LA"].value).mean() < 0.02
