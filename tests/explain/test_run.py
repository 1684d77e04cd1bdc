"""The explanations of one trained model: cases are chosen rightly and written whole."""

import json

import numpy as np
import pandas as pd
import pytest
from plain_heart import heart
from tiny import randomised, tiny

import ecglens.explain.run as run
from ecglens.errors import DatasetError
from ecglens.explain import NamedModel
from ecglens.explain.run import (
    Case,
    choose_cases,
    explain_cases,
    explain_classes,
    read_predictions,
    usable,
)
from ecglens.store import Store

PREDICTIONS = pd.DataFrame(
    {
        "record_id": [1, 2, 3, 4, 5, 6],
        "A": [0.9, 0.8, 0.7, 0.2, 0.95, 0.1],
        "A_truth": [1, 1, 1, 1, 0, 0],
        "B": [0.1] * 6,
        "B_truth": [0] * 6,
    }
)
THRESHOLDS = {"A": 0.5, "B": 0.5}


def test_cases_are_the_typical_found_and_the_worst_missed_and_false():
    assert choose_cases(PREDICTIONS, THRESHOLDS, 1) == [
        Case("A", "correct", 2), Case("A", "missed", 4), Case("A", "false", 5),
    ]  # fmt: skip
    assert choose_cases(PREDICTIONS, THRESHOLDS, 0) == []


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(3)
    signals = np.stack([heart()[50 * k : 50 * k + 400] for k in range(6)])
    counts = np.rint(1000 * signals + rng.normal(0, 10, signals.shape)).astype(np.int16)
    return Store(tmp_path_factory.mktemp("store"), counts, np.arange(1, 7), 100, "0" * 64)


def test_figures_maps_tables_and_sentences_are_written(store, tmp_path):
    model = NamedModel(randomised(tiny("signal_cam", samples=400), 2), ("A", "B"), 100)
    methods = usable(model, ["additive", "gradient_x_input"])
    cases = choose_cases(PREDICTIONS, THRESHOLDS, 1)
    errors = explain_cases(model, store, cases, THRESHOLDS, methods, tmp_path)
    sentences = explain_classes(model, store, PREDICTIONS, THRESHOLDS, methods, 9, tmp_path)
    assert errors["additive"] < 1e-4
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "cases").iterdir()}
    assert pictures.keys() == {"A_correct_2.png", "A_missed_4.png", "A_false_5.png"}
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())
    for method in methods:
        maps = np.load(tmp_path / f"maps/cases_{method}.npz", allow_pickle=False)
        assert maps["records"].tolist() == ["2", "4", "5"]
        assert maps["attribution"].shape[:2] == (3, 400)
        beats = np.load(tmp_path / f"maps/beats_{method}.npz", allow_pickle=False)
        assert beats["records"].tolist() == [3, 0]
        drawn = [path.name for path in (tmp_path / "maps").glob(f"beats_{method}_*")]
        assert drawn == [f"beats_{method}_A.png"]  # of B there is no record
        table = pd.read_csv(tmp_path / f"maps/waves_{method}.csv")
        assert set(table.record) == {1, 2, 3}
        assert set(table.label) == {"A"}
    assert json.loads((tmp_path / "maps/sentences.json").read_text()) == sentences
    assert "A" in sentences["additive"]


def test_the_picture_of_a_case_is_of_its_record_label_and_sum(store, tmp_path, monkeypatch):
    drawn = []

    def remember(explanation, place, label, record, threshold):
        drawn.append((explanation, place, label, record, threshold))
        return original(explanation, place, label, record, threshold)

    original = run.draw_explanation
    monkeypatch.setattr(run, "draw_explanation", remember)
    model = NamedModel(randomised(tiny("signal_cam", samples=400), 2), ("A", "B"), 100)
    cases = choose_cases(PREDICTIONS, THRESHOLDS, 1)
    explain_cases(model, store, cases, THRESHOLDS, ["additive"], tmp_path)
    assert [(record.name, label) for _, _, label, record, _ in drawn] == [
        (str(case.record_id), case.label) for case in cases
    ]
    for explanation, place, _, record, threshold in drawn:
        signal = store.millivolts(np.array([int(record.name) - 1]))
        np.testing.assert_array_equal(record.signal, signal[0])
        output = model.model.predict_on_batch(signal)
        assert threshold == THRESHOLDS["A"]
        found = explanation.probability[place, 0]
        assert found == pytest.approx(output["probability"][0, 0], abs=1e-5)
        whole = explanation.attribution[place, ..., 0].sum() + explanation.bias[place, 0]
        assert whole == pytest.approx(output["logit"][0, 0], abs=1e-4)


def test_without_a_case_there_is_a_folder_without_pictures(store, tmp_path):
    model = NamedModel(tiny("signal_cam", samples=400), ("A", "B"), 100)
    assert explain_cases(model, store, [], THRESHOLDS, ["additive"], tmp_path) == {}
    assert [path.name for path in tmp_path.rglob("*")] == ["cases"]


def test_a_model_that_is_not_additive_is_explained_by_what_is_left():
    model = NamedModel(tiny("cnn"), ("A", "B"), 100)
    assert usable(model, ["additive", "saliency"]) == ["saliency"]


def test_predictions_of_other_data_are_refused(store, tmp_path):
    (tmp_path / "thresholds.json").write_text(json.dumps(THRESHOLDS))
    PREDICTIONS.assign(record_id=[1, 2, 3, 4, 5, 99]).to_csv(
        tmp_path / "predictions.csv", index=False
    )
    with pytest.raises(DatasetError, match=r"predictions\.csv: found record 99.*dvc repro"):
        read_predictions(tmp_path, store)
