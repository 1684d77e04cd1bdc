"""Means and their bootstrap intervals, and the table that shows them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecglens.explain.benchmark import COLUMNS
from ecglens.explain.benchmark_run import metrics
from ecglens.explain.faithfulness_summary import MEAN, MEASURES, SHOWN, markdown, summarise


def values(labels, measure="localisation_time", method="gradcam"):
    """Rows of a table; ``labels`` gives each label's values by record."""
    rows = [
        ("simulated", method, label, record, measure, value)
        for label, found in labels.items()
        for record, value in found.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def row(summary, label):
    return summary[summary.label == label].iloc[0]


def test_the_mean_over_labels_counts_each_label_alike():
    found = summarise(values({"A": {"1": 1.0, "2": 1.0, "3": 1.0}, "B": {"4": 0.0}}))
    assert row(found, "A").value == 1 and row(found, "B").value == 0
    assert row(found, MEAN).value == 0.5
    assert row(found, "A").records == 3 and row(found, MEAN).records == 4


def test_equal_values_have_an_interval_of_no_width():
    found = row(summarise(values({"A": dict.fromkeys("123456", 0.25)})), "A")
    assert (found.low, found.value, found.high) == (0.25, 0.25, 0.25)


def test_the_interval_of_a_mean_is_about_two_standard_errors_on_each_side():
    drawn = np.random.default_rng(0).normal(3, 1, 400)
    table = values({"A": {str(k): v for k, v in enumerate(drawn)}})
    found, error = row(summarise(table), "A"), drawn.std() / 20
    assert found.low == pytest.approx(drawn.mean() - 1.96 * error, abs=0.02)
    assert found.high == pytest.approx(drawn.mean() + 1.96 * error, abs=0.02)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_the_interval_lies_within_the_values_around_the_mean(numbers):
    table = values({"A": {str(k): v for k, v in enumerate(numbers)}})
    found = row(summarise(table, resamples=100), "A")
    assert min(numbers) - 1e-9 <= found.low <= found.high <= max(numbers) + 1e-9


def test_an_infinite_change_stays_infinite():
    found = row(summarise(values({"A": {"1": np.inf, "2": 1.0}}, "noise_change")), "A")
    assert found.value == np.inf and found.high == np.inf and found.low == 1


def test_the_same_values_give_the_same_intervals():
    table = values({"A": {str(k): k % 7 for k in range(30)}})
    pd.testing.assert_frame_equal(summarise(table), summarise(table))


def test_the_table_has_a_row_a_method_and_says_on_how_many_records():
    parts = [
        values({"A": {str(k): 0.5 for k in range(20)}}),
        values({"A": {str(k): 0.25 for k in range(4)}}, "noise_correlation"),
        values({"A": {str(k): 0.5 for k in range(20)}}, method="random"),
    ]
    text = markdown(summarise(pd.concat(parts)))
    assert "simulated: 20 records; 4 for correlation under noise" in text
    assert "| method | localisation, time ↑ | correlation under noise ↑ |" in text
    assert "| gradcam | 0.5 | 0.25 |" in text and "| random | 0.5 |  |" in text


def test_every_measure_that_is_shown_has_a_title():
    assert set(SHOWN) <= set(MEASURES)


def test_metrics_have_names_that_mlflow_takes():
    table = pd.concat([values({"A": {"1": 0.5}}, method=m) for m in ("gradcam", "gradcam++")])
    assert metrics(summarise(table)) == {
        "simulated.localisation_time.gradcam": 0.5,
        "simulated.localisation_time.gradcam_plus_plus": 0.5,
    }
