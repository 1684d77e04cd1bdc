"""Policies do what they say, and the flags travel with every prediction."""

import json

import numpy as np
import pytest
from sound_heart import heart, lead, record

from ecglens.errors import RecordError
from ecglens.inference import Predictor
from ecglens.quality import Policy, apply_policy, assess, electrodes
from ecglens.record import Record


def faulty():
    """Return a record whose lead V5 is flat and whose baseline wanders in V6."""
    signal = heart()
    signal[:, lead("V5")] = 0.3
    signal[:, lead("V6")] += np.sin(2 * np.pi * 0.25 * np.arange(len(signal)) / 500)
    return record(signal)


def test_keep_lets_a_record_through_as_it_is():
    ecg = faulty()
    assert apply_policy(ecg, assess(ecg), Policy.KEEP) is ecg


def test_a_record_without_such_a_flag_is_let_through_by_every_policy():
    ecg = record(heart())
    for policy in Policy:
        assert apply_policy(ecg, assess(ecg), policy) is ecg


def test_mask_lead_makes_the_unusable_lead_missing_and_leaves_the_others():
    ecg = faulty()
    masked = apply_policy(ecg, assess(ecg), "mask_lead")
    assert np.isnan(masked.signal[:, lead("V5")]).all()
    rest = [k for k in range(12) if k != lead("V5")]
    np.testing.assert_array_equal(masked.signal[:, rest], ecg.signal[:, rest])
    assert (ecg.signal[:, lead("V5")] == np.float32(0.3)).all()


def test_the_kinds_to_act_on_can_be_chosen():
    ecg = faulty()
    masked = apply_policy(ecg, assess(ecg), "mask_lead", kinds=["wander"])
    assert np.isnan(masked.signal).any(axis=0).nonzero()[0].tolist() == [lead("V6")]


def test_masking_after_a_reversal_takes_all_limb_leads():
    ecg = record(electrodes.rearranged(heart(), "RA-LA"))
    masked = apply_policy(ecg, assess(ecg), "mask_lead", kinds=["reversal_RA-LA"])
    assert np.isnan(masked.signal).all(axis=0).tolist() == [True] * 6 + [False] * 6


def test_drop_gives_nothing_back():
    ecg = faulty()
    assert apply_policy(ecg, assess(ecg), Policy.DROP) is None


def test_abstain_refuses_with_the_sentences_of_what_is_acted_on():
    ecg = faulty()
    with pytest.raises(RecordError, match=r"a: found lead V5 is flat; expected twelve leads"):
        apply_policy(ecg, assess(ecg), Policy.ABSTAIN)


# With a prediction


def test_flags_travel_with_the_prediction_as_warnings_and_in_its_json(exported):
    signal = heart(100)
    signal[:, lead("V6")] += np.sin(2 * np.pi * 0.25 * np.arange(1000) / 100)
    prediction = Predictor(exported.file).predict(Record(signal, 100, "a"))
    (flag,) = prediction.flags
    assert flag.kind == "wander" and flag.sentence in prediction.warnings
    (written,) = json.loads(json.dumps(prediction.to_dict()))["flags"]
    assert written["kind"] == "wander" and written["leads"] == ["V6"]
    assert written["value"] > written["limit"]


def test_a_masked_lead_is_predicted_as_if_it_were_missing(exported):
    predictor, signal = Predictor(exported.file), heart(100)
    signal[:, lead("V3")] = 0.7
    masked = predictor.predict(Record(signal, 100, "a"), policy="mask_lead")
    signal[:, lead("V3")] = np.nan
    expected = predictor.predict(Record(signal, 100, "a"), policy="keep")
    np.testing.assert_array_equal(masked.logit, expected.logit)
    assert [flag.kind for flag in masked.flags] == ["flat"]


def test_flags_are_found_at_the_rate_of_the_record_before_resampling(exported):
    signal = heart(500)
    signal[:, lead("V4")] += 0.06 * np.sin(2 * np.pi * 50 * np.arange(len(signal)) / 500)
    prediction = Predictor(exported.file).predict(record(signal))
    assert [str(flag).split("=")[0] for flag in prediction.flags] == ["mains_50:V4"]
    assert prediction.warnings[-1] == "resampled from 500 Hz to 100 Hz"
