"""Two models on the same records: McNemar, Holm, and the table of all tests."""

import numpy as np
import pytest

from ecglens.errors import ModelError
from ecglens.evaluation.comparison import compare, holm, mcnemar


def test_mcnemars_exact_p_of_agrestis_approval_ratings():
    # Agresti 1990, Categorical Data Analysis: 1600 people asked twice, 86 and 150 changed.
    first = np.repeat([1, 1, 0, 0], [794, 86, 150, 570])
    second = np.repeat([1, 0, 1, 0], [794, 86, 150, 570])
    a_alone, b_alone, p = mcnemar(first, second)
    assert (a_alone, b_alone) == (86, 150)
    assert p == pytest.approx(3.716e-5, rel=1e-3)  # statsmodels' and R's exact2x2


def test_models_that_never_differ_are_not_told_apart():
    right = np.array([1, 0, 1], bool)
    assert mcnemar(right, right) == (0, 0, 1.0)


def test_holms_correction_as_statsmodels_gives_it_and_leaves_what_was_not_tested():
    corrected = holm([0.01, 0.04, np.nan, 0.03, 0.005])
    assert corrected == pytest.approx([0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True)


@pytest.fixture(scope="module")
def answers():
    rng = np.random.default_rng(3)
    truth = (rng.random((400, 2)) < 0.3).astype(np.float32)
    good = 1 / (1 + np.exp(-rng.normal(size=(400, 2)) - 3 * truth + 1.5))
    poor = 1 / (1 + np.exp(-rng.normal(size=(400, 2)) - 1 * truth + 0.5))
    return truth, good, poor


def test_a_better_model_is_found_better_by_every_test_of_enough_records(answers):
    truth, good, poor = answers
    rows = compare(truth, good, poor, ["A", "B"], [0.5, 0.5], [0.5, 0.5], resamples=200)
    by_name = {(row["label"], row["measure"]): row for row in rows}
    assert len(rows) == 9
    for label in "AB":
        row = by_name[label, "auroc"]
        assert row["test"] == "DeLong"
        assert row["p"] < 1e-3 and row["low"] > 0
        assert by_name[label, "accuracy"]["difference"] > 0
        assert by_name[label, "accuracy"]["test"] == "McNemar"
    macro = by_name["macro", "auroc"]
    assert macro["low"] > 0 and np.isnan(macro["p"])
    for row in rows:
        assert row["difference"] == pytest.approx(row["a"] - row["b"])
        assert row["low"] <= row["difference"] <= row["high"]
        assert np.isnan(row["p"]) or row["p_holm"] >= row["p"]


def test_sensitivity_is_tested_on_positive_and_specificity_on_negative_records(answers):
    truth, good, poor = answers
    rows = compare(truth, good, poor, ["A", "B"], [0.5, 0.5], [0.5, 0.5], resamples=20)
    by_name = {(row["label"], row["measure"]): row for row in rows}
    positive = truth[:, 0] == 1
    for measure, who in (("sensitivity", positive), ("specificity", ~positive)):
        right = [((p[:, 0] >= 0.5) == positive)[who] for p in (good, poor)]
        assert by_name["A", measure]["a"] == pytest.approx(right[0].mean())
        assert by_name["A", measure]["p"] == pytest.approx(mcnemar(*right)[2])


def test_a_model_is_no_better_than_itself(answers):
    truth, good, _ = answers
    rows = compare(truth, good, good, ["A", "B"], [0.5, 0.5], [0.5, 0.5], resamples=20)
    assert {row["difference"] for row in rows} == {0.0}
    assert {row["p"] for row in rows[:-1]} == {1.0}


def test_each_model_is_held_to_its_own_thresholds(answers):
    truth, good, _ = answers
    rows = compare(truth, good, good, ["A", "B"], [0.5, 0.5], [2.0, 0.5], resamples=20)
    never = next(r for r in rows if (r["label"], r["measure"]) == ("A", "sensitivity"))
    assert never["b"] == 0 < never["a"]


def test_answers_of_other_records_are_refused(answers):
    truth, good, _ = answers
    with pytest.raises(ModelError, match=r"b \(399, 2\)"):
        compare(truth, good, good[1:], ["A", "B"], [0.5] * 2, [0.5] * 2)
