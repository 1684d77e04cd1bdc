"""An evaluation: thresholds from validation alone, the test measured at them, files written."""

import csv
import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

import ecglens.evaluation.run as run
from ecglens.evaluation.metrics import choose_thresholds, macro_auroc, report
from ecglens.evaluation.run import (
    evaluate,
    predict,
    write_case_file,
    write_report,
)
from ecglens.models.additive import AdditiveHead
from ecglens.record import LEADS

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def model():
    """An additive model that finds what the labels A and B of the records are, untrained."""
    inputs = keras.Input((200, 12))
    head = AdditiveHead(labels=2, samples=200)
    network = keras.Model(inputs, head(ops.relu(ops.abs(inputs) - 0.3)))
    kernel = np.zeros((12, 2), np.float32)
    kernel[LEADS.index("II"), 0], kernel[LEADS.index("V1"), 1] = 500, 200
    head.set_weights([kernel, np.array([-3, -3], np.float32)])
    return network


@pytest.fixture(scope="module")
def splits(learnable):
    """Validation and test with a few records of each that are labelled wrongly."""
    rng = np.random.default_rng(0)

    def blurred(split):
        truth = split.truth.copy()
        wrong = rng.choice(len(truth), 6, replace=False)
        truth[wrong] = 1 - truth[wrong]
        return replace(split, truth=truth)

    return blurred(learnable.validation), blurred(learnable.test)


@pytest.fixture(scope="module")
def result(model, learnable, splits):
    return evaluate(model, learnable.store, *splits, learnable.task, "youden")


@pytest.fixture(scope="module")
def written(result, learnable, splits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(result, splits[1], learnable.task, folder)
    return folder


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_probabilities_in_small_batches_are_those_of_the_whole_split(model, learnable):
    store, test = learnable.store, learnable.test
    expected = model.predict_on_batch(store.millivolts(test.rows))["probability"]
    for batch_size in (7, 48, 1000):
        found = predict(model, store, test, batch_size)["probability"]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_thresholds_are_those_of_the_validation_split(model, learnable, splits, result):
    validation, _ = splits
    probability = predict(model, learnable.store, validation)["probability"]
    assert result.thresholds == choose_thresholds(validation.truth, probability, "youden")


def test_the_truth_of_the_test_split_moves_no_threshold(model, learnable, splits, result):
    validation, test = splits
    turned = replace(test, truth=1 - test.truth)
    other = evaluate(model, learnable.store, validation, turned, learnable.task, "youden")
    assert other.thresholds == result.thresholds
    assert other.test["macro"]["auroc"] == pytest.approx(1 - result.test["macro"]["auroc"])


def test_each_split_is_measured_at_the_same_thresholds(model, learnable, splits, result):
    for split, found in zip(splits, (result.validation, result.test), strict=True):
        answer = predict(model, learnable.store, split)
        expected = report(split.truth, answer["probability"], ("A", "B"), result.thresholds)
        for mean in ("macro", "micro"):
            assert found[mean] | {"auroc": 0} == expected[mean] | {"auroc": 0}
        assert found["macro"]["auroc"] == macro_auroc(split.truth, answer["logit"])
        flat = split.truth.ravel(), answer["logit"].ravel()
        assert found["micro"]["auroc"] == macro_auroc(*(one[:, None] for one in flat))
        # Six of 48 records are labelled wrongly, and nothing else is amiss.
        assert 0.7 < found["macro"]["auroc"] < 1


def test_a_sure_model_is_judged_by_its_logits_where_its_probabilities_are_all_one(
    model, learnable, splits, result
):
    logit = 1e3 * (100 + model.output["logit"])
    sure = keras.Model(model.input, {"logit": logit, "probability": ops.sigmoid(logit)})
    found = evaluate(sure, learnable.store, *splits, learnable.task, "youden")
    assert (found.test_probability == 1).all()
    auroc = result.test["macro"]["auroc"]
    assert found.test["macro"]["auroc"] == pytest.approx(auroc, abs=0.01)
    # Its decisions are those of its probabilities, which tell nothing apart.
    assert {found.test["macro"][x] for x in ("sensitivity", "specificity")} == {0.0, 1.0}


def test_metrics_and_thresholds_are_written_by_name(written, result):
    metrics = json.loads((written / "metrics.json").read_text())
    assert metrics == {"test": result.test, "validation": result.validation}
    thresholds = json.loads((written / "thresholds.json").read_text())
    assert thresholds == dict(zip("AB", result.thresholds, strict=True))


def test_the_roc_table_runs_from_corner_to_corner_for_each_label(written):
    table = rows(written / "roc.csv")
    assert list(table[0]) == ["label", "false_positive_rate", "sensitivity"]
    for label in "AB":
        points = np.array(
            [(r["false_positive_rate"], r["sensitivity"]) for r in table if r["label"] == label],
            float,
        )
        np.testing.assert_array_equal(points[[0, -1]], [[0, 0], [1, 1]])
        assert (np.diff(points, axis=0) >= 0).all()
    assert (written / "roc.png").read_bytes().startswith(PNG)


def test_the_predictions_are_a_row_a_test_record_with_its_truth(written, result, splits):
    table = rows(written / "predictions.csv")
    test = splits[1]
    assert [int(row["record_id"]) for row in table] == test.record_ids.tolist()
    probability = np.array([[row["A"], row["B"]] for row in table], float)
    np.testing.assert_allclose(probability, result.test_probability, atol=1e-6)
    truth = np.array([[row["A_truth"], row["B_truth"]] for row in table], float)
    np.testing.assert_array_equal(truth, test.truth)


def test_every_curve_is_drawn_and_the_intervals_hold_the_figures(written, result):
    for name in ("roc", "precision_recall", "reliability"):
        assert (written / f"{name}.png").read_bytes().startswith(PNG)
    table = {(row["label"], row["measure"]): row for row in rows(written / "intervals.csv")}
    for label in "AB":
        row = table[label, "auroc"]
        assert float(row["value"]) == pytest.approx(result.test["labels"][label]["auroc"], abs=1e-6)
        assert float(row["low"]) <= float(row["value"]) <= float(row["high"])


def test_the_case_file_holds_found_missed_and_false_cases(
    model, learnable, splits, result, tmp_path
):
    about = model, learnable.store, splits[1], learnable.task, result
    path = tmp_path / "cases.pdf"
    kinds = set()
    for k in range(2):
        truth, given = (
            splits[1].truth[:, k] == 1,
            result.test_probability[:, k] >= (result.thresholds[k]),
        )
        kinds |= {(k, t, g) for t, g in zip(truth, given, strict=True) if t or g}
    assert write_case_file(*about, path, 2) == len(kinds) > 2
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") == len(kinds) + 1


@pytest.fixture
def cases(monkeypatch):
    """The cases of the PDF that was written last."""
    kept = []

    def remember(path, cases, **options):
        kept[:] = cases
        original(path, cases, **options)

    original = run.write_cases
    monkeypatch.setattr(run, "write_cases", remember)
    return kept


def test_each_case_is_typical_of_its_kind_and_its_map_adds_up(
    model, learnable, splits, result, tmp_path, cases
):
    test = splits[1]
    write_case_file(model, learnable.store, test, learnable.task, result, tmp_path / "c.pdf", 2)
    assert len({(case.label, case.outcome) for case in cases}) == len(cases)
    assert {("A", "found"), ("B", "found")} <= {(case.label, case.outcome) for case in cases}
    for case in cases:
        k, place = "AB".index(case.label), test.record_ids.tolist().index(int(case.record.name))
        truth, probability = test.truth[:, k] == 1, result.test_probability[:, k]
        given = probability >= result.thresholds[k]
        assert case.truth == truth[place] and case.threshold == result.thresholds[k]
        assert case.probability == pytest.approx(probability[place], abs=1e-6)
        alike = probability[(truth == truth[place]) & (given == given[place])]
        assert (alike < probability[place] - 1e-6).mean() <= 0.5
        assert (alike > probability[place] + 1e-6).mean() <= 0.5
        assert case.attribution.shape == (200, 1)
        assert case.attribution.sum() + case.bias == pytest.approx(case.logit, abs=1e-4)


def test_only_as_many_labels_have_cases_as_asked_and_none_is_found_that_is_never_given(
    model, learnable, splits, result, tmp_path, cases
):
    def outcomes(result, figures):
        about = model, learnable.store, splits[1], learnable.task, result
        write_case_file(*about, tmp_path / "c.pdf", figures)
        return {(case.label, case.outcome) for case in cases}

    assert {label for label, _ in outcomes(result, 1)} == {"A"}
    never = replace(result, thresholds=[1.1, result.thresholds[1]])
    found = outcomes(never, 2)
    assert {outcome for label, outcome in found if label == "A"} == {"missed"}
    assert ("B", "found") in found


def test_without_a_case_no_file_is_written(model, learnable, splits, result, tmp_path):
    about = model, learnable.store, splits[1], learnable.task, result
    assert write_case_file(*about, tmp_path / "cases.pdf", 0) == 0
    assert list(tmp_path.iterdir()) == []
