"""Policies do what they say, and the flags travel with every prediction."""

import json
import pickle

import numpy as np
import pytest
from sound_heart import heart, lead, record

from ecglens.inference import Predictor
from ecglens.quality import (
    FOR_PREDICTION,
    AbstainedError,
    Policy,
    Severity,
    apply_policy,
    assess,
    electrodes,
    known_rules,
    treat,
)
from ecglens.quality.policy import as_prepared, prediction_rules
from ecglens.record import Record


def faulty():
    """Return a record whose lead V5 is flat and whose baseline wanders in V6."""
    signal = heart()
    signal[:, lead("V5")] = 0.3
    signal[:, lead("V6")] += np.sin(2 * np.pi * 0.25 * np.arange(len(signal)) / 500)
    return record(signal)


def let_through(ecg, **rules):
    return apply_policy(ecg, assess(ecg), known_rules(rules))


def test_keep_lets_a_record_through_as_it_is():
    ecg = faulty()
    assert let_through(ecg, unusable="keep") is ecg


def test_what_no_rule_speaks_of_is_kept():
    ecg = faulty()
    assert let_through(ecg) is ecg


def test_a_record_without_such_a_flag_is_let_through_by_every_policy():
    ecg = record(heart())
    for policy in Policy:
        assert let_through(ecg, **dict.fromkeys(Severity, policy)) is ecg


def test_mask_lead_makes_the_unusable_lead_missing_and_leaves_the_others():
    ecg = faulty()
    masked = let_through(ecg, unusable="mask_lead")
    assert np.isnan(masked.signal[:, lead("V5")]).all()
    rest = [k for k in range(12) if k != lead("V5")]
    np.testing.assert_array_equal(masked.signal[:, rest], ecg.signal[:, rest])
    assert (ecg.signal[:, lead("V5")] == np.float32(0.3)).all()


def test_a_rule_for_a_kind_of_flag_comes_before_that_for_its_severity():
    masked = let_through(faulty(), unusable="abstain", flat="keep", wander="mask_lead")
    assert np.isnan(masked.signal).any(axis=0).nonzero()[0].tolist() == [lead("V6")]


def test_masking_after_a_reversal_takes_all_limb_leads():
    ecg = record(electrodes.rearranged(heart(), "RA-LA"))
    masked = let_through(ecg, **{"reversal_RA-LA": "mask_lead"})
    assert np.isnan(masked.signal).all(axis=0).tolist() == [True] * 6 + [False] * 6


def test_of_several_flags_the_strictest_policy_holds_and_names_its_own_reasons():
    flags = assess(faulty())
    order = ["keep", "mask_lead", "abstain", "drop"]
    for stricter, milder in [(b, a) for i, a in enumerate(order) for b in order[i + 1 :]]:
        treatment = treat(flags, known_rules({"flat": milder, "wander": stricter}))
        assert treatment.policy == stricter
        assert {flag.kind for flag in treatment.reasons} == {"wander"}


@pytest.mark.parametrize("policy", ["abstain", "drop"])
def test_abstaining_names_the_sentences_of_what_is_acted_on_and_holds_all_flags(policy):
    with pytest.raises(AbstainedError, match=r"a: found lead V5 is flat; expected") as caught:
        let_through(faulty(), unusable=policy)
    assert [flag.kind for flag in caught.value.reasons] == ["flat"]
    assert {flag.kind for flag in caught.value.flags} == {"flat", "wander"}


def test_an_abstention_keeps_its_reasons_on_its_way_from_a_worker_process():
    with pytest.raises(AbstainedError) as caught:
        let_through(faulty(), unusable="abstain")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.reasons, again.flags) == (
        str(caught.value), caught.value.reasons, caught.value.flags
    )  # fmt: skip


# Rules in words


def test_a_word_alone_speaks_of_what_is_unusable_and_later_words_come_before_earlier():
    assert prediction_rules(["keep"]) == {"unusable": "keep"}
    assert prediction_rules(["noise=mask_lead,warning=abstain", "noise=keep"]) == {
        "unusable": "abstain", "noise": "keep", "warning": "abstain"
    }  # fmt: skip


def test_a_severity_given_later_overrules_what_the_model_says_of_its_kinds():
    basis = known_rules({"unusable": "abstain", "flat": "mask_lead", "noise": "abstain"})
    assert prediction_rules(["keep"], basis) == {"unusable": "keep", "noise": "abstain"}


def test_a_model_abstains_from_what_it_was_never_shown_and_masks_what_was_masked():
    rules = known_rules({"unusable": "drop", "warning": "drop", "noise": "mask_lead"})
    assert as_prepared(rules) == {
        "unusable": "abstain", "warning": "abstain", "noise": "mask_lead"
    }  # fmt: skip


def test_a_model_trained_on_flat_leads_abstains_from_them_all_the_same():
    assert as_prepared(known_rules({"unusable": "keep", "flat": "keep"})) == FOR_PREDICTION


# With a prediction


def wandering(extent=2.0):
    signal = heart(100)
    signal[:, lead("V6")] += extent / 2 * np.sin(2 * np.pi * 0.25 * np.arange(1000) / 100)
    return signal


@pytest.mark.parametrize(("extent", "severity"), [(2.0, "note"), (8.0, "warning")])
def test_flags_travel_with_the_prediction_and_in_its_json(exported, extent, severity):
    prediction = Predictor(exported.file).predict(Record(wandering(extent), 100, "a"))
    (flag,) = [flag for flag in prediction.flags if flag.kind == "wander"]
    assert (flag.sentence in prediction.notes) == (severity == "note")
    assert (flag.sentence in prediction.warnings) == (severity == "warning")
    said = json.loads(json.dumps(prediction.to_dict()))
    (written,) = [f for f in said["flags"] if f["kind"] == "wander"]
    assert (written["leads"], written["severity"]) == (["V6"], severity)
    assert written["value"] > written["limit"]
    assert (said["abstained"], said["reasons"]) == (False, [])


def test_a_batch_has_the_numbers_and_flags_of_its_records_alone(exported):
    signals = np.stack([heart(100), wandering(), heart(100)])
    signals[2, :, lead("V3")] = 0.7
    predictor = Predictor(exported.file)
    answers = predictor.answer(signals, policy="wander=mask_lead")
    assert answers.abstained == [False, False, True]
    for name, values in answers.outputs.items():
        assert np.isnan(values[2]).all()
        for row in (0, 1):
            alone = predictor.predict(Record(signals[row], 100, "a"), policy="wander=mask_lead")
            np.testing.assert_allclose(values[row], getattr(alone, name), atol=1e-6)
    assert [t.masked_leads for t in answers.treatments] == [(), ("V6",), ()]
    assert [[f.kind for f in flags] for flags in answers.flags] == [[], ["wander"], ["flat"]]


def test_a_batch_may_be_abstained_from_as_a_whole(exported):
    predictor = Predictor(exported.file)
    answers = predictor.answer(np.zeros((2, 1000, 12)))
    assert answers.abstained == [True, True]
    assert answers.outputs["probability"].shape == (2, 3)
    assert np.isnan(answers.outputs["attribution"]).all()


def test_a_model_does_with_a_record_what_was_done_when_it_was_trained(exported, recarded):
    trained = recarded(quality={"unusable": "keep", "wander": "mask_lead", "noise": "drop"})
    masked = Predictor(trained).predict(Record(wandering(), 100, "a"))
    assert masked.warnings == ("taken as missing: lead V6 (policy mask_lead)",)
    told = Predictor(exported.file).predict(
        Record(wandering(), 100, "a"), policy="wander=mask_lead"
    )
    np.testing.assert_array_equal(masked.logit, told.logit)
    noisy = wandering() + np.random.default_rng(1).normal(0, 0.1, (1000, 12))
    with pytest.raises(AbstainedError, match=r"noise of 0\.\d+ mV.*--policy 'noise=keep'"):
        Predictor(trained).predict(Record(noisy, 100, "a"))


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
