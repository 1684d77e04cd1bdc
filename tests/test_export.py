"""The exported file: it describes itself, agrees with Keras, or is not written."""

import json

import numpy as np
import onnx
import pytest

import ecglens.export
from ecglens.card import OUTPUTS
from ecglens.errors import ModelError
from ecglens.export import BATCH, TOLERANCE, additivity_errors, compare, export, make_card
from ecglens.inference import METADATA_KEY, Predictor
from ecglens.labels import Task
from ecglens.models import build_model
from ecglens.record import LEADS
from ecglens.tracking import RunInfo


def test_the_file_passes_the_checker_and_names_its_input_and_outputs(exported):
    onnx.checker.check_model(str(exported.file), full_check=True)
    graph = onnx.load(exported.file).graph
    (signal,) = graph.input
    assert signal.name == "millivolts"
    shape = [d.dim_value or None for d in signal.type.tensor_type.shape.dim]
    assert shape == [None, 1000, 12]
    assert {output.name for output in graph.output} >= set(OUTPUTS)


def test_the_file_holds_its_card_as_json_in_its_metadata(exported):
    props = {p.key: p.value for p in onnx.load(exported.file).metadata_props}
    content = json.loads(props[METADATA_KEY])
    assert content["labels"] == ["NORM", "AFIB", "CLBBB"]
    assert content["thresholds"] == [0.4, 0.5, 0.6]
    assert content["leads"] == list(LEADS)
    assert (content["units"], content["sampling_frequency"]) == ("mV", 100)
    assert (content["run_id"], content["data_version"]) == ("run 1", "data 1")
    assert Predictor(exported.file).card == exported.card


def test_the_file_agrees_with_keras_on_simulated_records(exported):
    parity = compare(exported.model, Predictor(exported.file), exported.signals)
    assert parity.records == 8
    assert parity.largest_difference.keys() == set(OUTPUTS)
    assert max(parity.largest_difference.values()) <= 1e-4
    assert parity.additivity_error <= 1e-4 and parity.relative_error <= 1e-4


def test_a_record_of_large_terms_does_not_excuse_anothers_difference(exported, monkeypatch):
    predictor = Predictor(exported.file)
    other = build_model("signal_cam", samples=1000, labels=3)
    loud = predictor.run(exported.signals)
    loud["attribution"][0, 10] += 1e7  # what it adds to record 0 it takes away again
    loud["attribution"][0, 20] -= 1e7
    differences = np.abs(
        loud["logit"] - np.asarray(other.predict_on_batch(exported.signals)["logit"])
    )
    terms = np.abs(loud["attribution"][1:]).sum(axis=(1, 2))
    monkeypatch.setattr(Predictor, "run", lambda self, signals: loud)
    found = compare(other, predictor, exported.signals).relative_error
    assert found == pytest.approx((differences[1:] / np.maximum(1, terms)).max(), rel=1e-4)
    assert found > TOLERANCE


def test_the_file_agrees_with_keras_where_samples_are_missing_or_leads_flat(exported):
    signals = exported.signals.copy()
    signals[0, 100:300, 2] = np.nan
    signals[1, :, 7] = np.nan
    signals[2] = 0.8
    parity = compare(exported.model, Predictor(exported.file), signals)
    assert max(parity.largest_difference.values()) <= 1e-4
    assert parity.additivity_error <= 1e-4


def test_all_records_of_a_batch_and_each_alone_get_the_same_answer(exported):
    predictor = Predictor(exported.file)
    batch = predictor.run(exported.signals)
    for number, signal in enumerate(exported.signals):
        for name, value in predictor.run(signal[None]).items():
            np.testing.assert_allclose(batch[name][number], value[0], atol=1e-5)


def test_a_comparison_with_another_model_shows_how_far_it_is(exported):
    other = build_model("signal_cam", samples=1000, labels=3)
    parity = compare(other, Predictor(exported.file), exported.signals)
    assert parity.largest_difference["logit"] > 100 * TOLERANCE


def test_many_records_are_compared_in_batches_and_the_worst_counts(exported):
    other, predictor = build_model("signal_cam", samples=1000, labels=3), Predictor(exported.file)
    one = compare(other, predictor, exported.signals)
    flat = np.zeros((2 * BATCH, 1000, 12), np.float32)
    many = compare(other, predictor, np.concatenate([flat, exported.signals]))
    assert many.records == 2 * BATCH + len(exported.signals)
    assert many.relative_error >= one.relative_error - 1e-4
    for name, difference in one.largest_difference.items():
        assert many.largest_difference[name] >= difference - 1e-4


def test_an_attribution_that_does_not_add_up_is_measured(exported):
    outputs = Predictor(exported.file).run(exported.signals)
    assert additivity_errors(outputs).max() < 1e-4
    outputs["attribution"] = outputs["attribution"].copy()
    outputs["attribution"][3, 500, 0, 1] += 0.25
    errors = additivity_errors(outputs)
    assert errors[3, 1] == errors.max() == pytest.approx(0.25, abs=1e-4)


def test_a_file_that_differs_from_its_model_is_refused_and_the_one_before_it_stays(
    exported, tmp_path, monkeypatch
):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the one before")
    monkeypatch.setattr(ecglens.export, "TOLERANCE", 0.0)
    with pytest.raises(ModelError, match=r"model\.onnx: found a difference of"):
        export(exported.model, exported.card, exported.signals, path)
    assert path.read_bytes() == b"the one before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_other_weights_than_the_models_is_refused(exported, tmp_path, monkeypatch):
    other = build_model("signal_cam", samples=1000, labels=3)
    file_of = ecglens.export._convert(other, exported.card)
    monkeypatch.setattr(ecglens.export, "_convert", lambda model, card: file_of)
    with pytest.raises(ModelError, match=r"a difference of .* expected at most 0\.0001 from Keras"):
        export(exported.model, exported.card, exported.signals, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_model_whose_logit_is_infinite_is_refused(exported, tmp_path):
    model = build_model("signal_cam", samples=1000, labels=3)
    model.get_layer("head").bias.assign([np.inf, 0, 0])
    with pytest.raises(ModelError, match="found a difference of nan"):
        export(model, exported.card, exported.signals, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_card_takes_labels_from_the_task_and_thresholds_by_name(learnable):
    run = RunInfo("run 7", "experiment", "name", {}, "hash.dir", "0" * 64, "commit")
    thresholds = {"NORM": 0.3, "CD": 0.1, "MI": 0.2}
    task = Task("three", ("MI", "NORM", "CD"))
    card = make_card(task, "signal_cam", "ptb-xl", thresholds, learnable.store, run)
    assert (card.labels, card.thresholds) == (("MI", "NORM", "CD"), (0.2, 0.3, 0.1))
    assert (card.samples, card.sampling_frequency) == (200, 100)
    assert (card.run_id, card.data_version, card.git_commit) == ("run 7", "hash.dir", "commit")
    assert (card.task, card.model, card.dataset) == ("three", "signal_cam", "ptb-xl")
