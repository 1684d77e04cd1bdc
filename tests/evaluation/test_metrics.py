"""Figures of merit against pencil and paper, brute force and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from ecglens.evaluation.metrics import (
    RULES,
    auroc,
    auroc_by_task,
    average_precision,
    choose_threshold,
    choose_thresholds,
    macro_auroc,
    report,
    roc,
    untied,
)
from ecglens.vocabulary import Task

TRUTH = np.array([0, 0, 1, 0, 1, 1], np.float32)
PROBABILITY = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9], np.float32)


@st.composite
def labelled(draw):
    """Truth with both classes and probabilities with ties, shape (records,) each."""
    count = draw(st.integers(2, 60))
    truth = np.array(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)), np.float32)
    truth[0], truth[-1] = 0, 1
    # 20 steps only, so that records of both classes share a probability.
    steps = st.lists(st.integers(0, 20), min_size=count, max_size=count)
    return truth, np.array(draw(steps), np.float32) / 20


def score(truth, probability, threshold, rule):
    """Return a rule's score at one threshold, from its definition."""
    positive, predicted = truth.astype(bool), probability >= threshold
    if rule == "youden":
        return predicted[positive].mean() + (~predicted[~positive]).mean() - 1
    if rule == "accuracy":
        return (positive == predicted).mean()
    return sklearn_metrics.f1_score(positive, predicted, zero_division=0)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # Between 0.2 and 0.3: sensitivity 3/3, specificity 2/3; between 0.6 and 0.7: 2/3 and 3/3.
        ("youden", 0.25),
        # One error of six at either of the two; the lower comes first.
        ("accuracy", 0.25),
        # F1 6/7 against 4/5.
        ("f1", 0.25),
    ],
)
def test_a_threshold_chosen_by_pencil_and_paper(rule, expected):
    assert choose_threshold(TRUTH, PROBABILITY, rule) == pytest.approx(expected)


def test_the_rules_disagree_where_one_class_is_rare():
    truth = np.array([0] * 8 + [1] + [0] * 2 + [1], np.float32)
    probability = np.linspace(0.05, 0.6, 12).astype(np.float32)
    # Youden takes both positives (sensitivity 1, specificity .8), accuracy only the sure one.
    assert choose_threshold(truth, probability, "youden") == pytest.approx(0.425)
    assert choose_threshold(truth, probability, "accuracy") == pytest.approx(0.575)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=80, deadline=None)
@given(case=labelled())
def test_no_threshold_between_two_probabilities_scores_better_than_the_chosen_one(rule, case):
    truth, probability = case
    seen = np.unique(probability)
    between = (seen[1:] + seen[:-1]) / 2 if len(seen) > 1 else seen
    best = max(score(truth, probability, t, rule) for t in between)
    chosen = choose_threshold(truth, probability, rule)
    assert score(truth, probability, chosen, rule) == pytest.approx(best)


@settings(max_examples=50, deadline=None)
@given(case=labelled())
def test_a_threshold_lies_between_probabilities_so_rounding_moves_no_record_across(case):
    truth, probability = case
    if len(np.unique(probability)) > 1:
        assert np.abs(probability - choose_threshold(truth, probability, "youden")).min() > 0.02


def test_one_probability_for_all_records_is_its_own_threshold():
    assert choose_threshold(np.array([0.0, 1.0]), np.array([0.5, 0.5]), "youden") == 0.5


def test_the_order_of_records_does_not_matter_to_the_threshold():
    order = np.random.default_rng(0).permutation(len(TRUTH))
    for rule in RULES:
        expected = choose_threshold(TRUTH, PROBABILITY, rule)
        assert choose_threshold(TRUTH[order], PROBABILITY[order], rule) == expected


def test_an_unknown_rule_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'best'.*youden, accuracy, f1"):
        choose_threshold(TRUTH, PROBABILITY, "best")


def test_each_label_gets_its_own_threshold():
    truth = np.stack([TRUTH, TRUTH], axis=1)
    probability = np.stack([PROBABILITY, PROBABILITY / 2], axis=1)
    assert choose_thresholds(truth, probability, "youden") == pytest.approx([0.25, 0.125])


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    # Of the nine pairs of a positive and a negative only (0.3, 0.6) is in the wrong order.
    assert macro_auroc(TRUTH[:, None], PROBABILITY[:, None]) == pytest.approx(8 / 9)


def test_macro_auroc_is_the_mean_over_labels():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, (200, 3)).astype(np.float32)
    probability = rng.random((200, 3)) + 0.3 * truth
    expected = sklearn_metrics.roc_auc_score(truth, probability, average="macro")
    assert macro_auroc(truth, probability) == pytest.approx(expected)


def test_a_report_worked_out_by_hand():
    row = report(TRUTH[:, None], PROBABILITY[:, None], ["MI"], [0.65])["labels"]["MI"]
    # At 0.65: hits 0.7 and 0.9, no false alarm, 0.3 missed.
    assert row == pytest.approx(
        {
            "positives": 3,
            "auroc": 8 / 9,
            "threshold": 0.65,
            "sensitivity": 2 / 3,
            "specificity": 1.0,
            "precision": 1.0,
            "npv": 3 / 4,
            "f1": 4 / 5,
            "accuracy": 5 / 6,
        }
    )


@settings(max_examples=60, deadline=None)
@given(case=labelled(), threshold=st.floats(0.01, 0.99))
def test_a_report_agrees_with_scikit_learn(case, threshold):
    truth, probability = case
    row = report(truth[:, None], probability[:, None], ["MI"], [threshold])["labels"]["MI"]
    positive, predicted = truth.astype(bool), probability >= threshold
    expected = {
        "positives": positive.sum(),
        "auroc": sklearn_metrics.roc_auc_score(positive, probability),
        "threshold": threshold,
        "sensitivity": sklearn_metrics.recall_score(positive, predicted),
        "specificity": sklearn_metrics.recall_score(~positive, ~predicted),
        "precision": sklearn_metrics.precision_score(positive, predicted, zero_division=0),
        "npv": sklearn_metrics.precision_score(~positive, ~predicted, zero_division=0),
        "f1": sklearn_metrics.f1_score(positive, predicted),
        "accuracy": sklearn_metrics.accuracy_score(positive, predicted),
    }
    assert row == pytest.approx(expected)


def test_macro_figures_are_means_over_labels_and_the_threshold_itself_is_positive():
    truth = np.stack([TRUTH, 1 - TRUTH], axis=1)
    probability = np.stack([PROBABILITY, PROBABILITY], axis=1)
    result = report(truth, probability, ["A", "B"], [0.7, 0.7])
    assert result["records"] == 6
    assert result["labels"]["A"]["sensitivity"] == pytest.approx(2 / 3)
    assert result["labels"]["B"]["sensitivity"] == 0
    assert result["labels"]["B"]["precision"] == 0
    for measure, value in result["macro"].items():
        rows = [row[measure] for row in result["labels"].values()]
        assert value == pytest.approx(sum(rows) / 2)
    assert result["macro"]["auroc"] == pytest.approx(0.5)


def test_micro_figures_are_those_of_all_labels_decisions_pooled():
    rng = np.random.default_rng(4)
    truth = (rng.random((300, 3)) < [0.1, 0.4, 0.7]).astype(np.float32)
    probability = rng.random((300, 3)) / 2 + 0.4 * truth
    thresholds = np.array([0.3, 0.4, 0.5])
    micro = report(truth, probability, "ABC", thresholds)["micro"]
    positive, predicted = truth.astype(bool), probability >= thresholds
    assert micro["f1"] == pytest.approx(
        sklearn_metrics.f1_score(positive, predicted, average="micro")
    )
    assert micro["precision"] == pytest.approx(
        sklearn_metrics.precision_score(positive, predicted, average="micro")
    )
    assert micro["auroc"] == pytest.approx(
        sklearn_metrics.roc_auc_score(positive, probability, average="micro")
    )
    assert micro["accuracy"] == pytest.approx((positive == predicted).mean())


@settings(max_examples=60, deadline=None)
@given(case=labelled())
def test_average_precision_agrees_with_scikit_learn_ties_included(case):
    truth, probability = case
    expected = sklearn_metrics.average_precision_score(truth, probability)
    assert average_precision(truth, probability) == pytest.approx(expected)


def test_average_precision_without_a_positive_is_not_a_number():
    assert np.isnan(average_precision(np.zeros(3), PROBABILITY[:3]))


def test_the_auroc_of_one_class_is_not_a_number():
    assert np.isnan(auroc(np.ones(4), PROBABILITY[:4]))


def test_a_label_that_is_never_predicted_has_precision_zero():
    row = report(TRUTH[:, None], PROBABILITY[:, None], ["MI"], [0.99])["labels"]["MI"]
    assert (row["precision"], row["f1"], row["sensitivity"], row["specificity"]) == (0, 0, 0, 1)


def test_the_roc_runs_from_nothing_found_to_everything_found_and_encloses_the_auroc():
    false_positive_rate, sensitivity = roc(TRUTH, PROBABILITY)
    assert (false_positive_rate[0], sensitivity[0]) == (0, 0)
    assert (false_positive_rate[-1], sensitivity[-1]) == (1, 1)
    assert np.trapezoid(sensitivity, false_positive_rate) == pytest.approx(8 / 9)


def test_a_task_that_joins_others_is_measured_among_the_records_of_each():
    left, right = Task("left", ("a", "b"), ("a", "b")), Task("right", ("b", "c"))
    joined = Task("both", ("a", "b", "c"), (), (left, right))
    truth = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]])
    probability = np.array([[0.9, 0.1, 0.2], [0.1, 0.8, 0.9], [0.7, 0.2, 0.3], [0.8, 0.5, 0.1]])
    by_task = auroc_by_task(truth, probability, joined)
    # Left is asked of the first three records, which carry a or b: all pairs in order, so 1.
    assert by_task["left"] == {"records": 3, "auroc": 1.0}
    # Right of all four: 3 of b's 4 pairs are in order, and 2 of c's 4.
    assert by_task["right"] == {"records": 4, "auroc": (3 / 4 + 2 / 4) / 2}


def test_a_task_that_joins_none_has_nothing_to_add():
    assert auroc_by_task(np.eye(2), np.eye(2), Task("plain", ("a", "b"))) == {}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-400, 400, width=32), min_size=2, max_size=40))
def test_equal_probabilities_follow_their_logits_and_pass_no_threshold(logits):
    logit = np.array(logits, np.float32)[:, None]
    probability = (1 / (1 + np.exp(-logit.astype(np.float64)))).astype(np.float32)
    found = untied(probability, logit)
    above, below = np.nonzero((logit > logit.T) & (probability >= probability.T))
    assert (found[above] > found[below]).all()
    same = logit[:, 0] == logit[0, 0]
    assert np.ptp(found[same]) == 0
    seen = np.unique(probability).astype(np.float64)
    for threshold in [*seen, *((seen[1:] + seen[:-1]) / 2)]:
        np.testing.assert_array_equal(found >= threshold, probability >= threshold)


def test_macro_auroc_counts_a_record_only_for_the_labels_that_it_was_asked():
    truth = np.array([[1, 1], [0, 0], [1, np.nan], [0, np.nan], [0, 1]], np.float32)
    logit = np.array([[3, 1], [2, 2], [1, 9], [0, -9], [0, 3]], np.float32)
    # The first label: of six pairs 5 in order. The second: two pairs, one in order.
    assert macro_auroc(truth, logit) == pytest.approx((5 / 6 + 1 / 2) / 2)
