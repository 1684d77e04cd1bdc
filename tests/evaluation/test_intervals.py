"""Intervals of figures of merit: known values, coverage of groups, the whole table."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from ecglens.errors import ParameterError
from ecglens.evaluation.intervals import bootstrap, clopper_pearson, interval_table, roc_band
from ecglens.evaluation.metrics import MEASURES, report


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [  # statsmodels 0.15.0, proportion_confint(method="beta"), and its own tables of the method
        (5, 10, 0.187086, 0.812914),
        (8, 100, 0.035172, 0.151558),
        (0, 10, 0.0, 1 - 0.025 ** (1 / 10)),
        (10, 10, 0.025 ** (1 / 10), 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_exact_binomial_interval(successes, trials, low, high):
    assert clopper_pearson(successes, trials) == pytest.approx((low, high), abs=1e-6)


def test_more_successes_than_trials_are_refused():
    with pytest.raises(ParameterError, match="3 of 2"):
        clopper_pearson(3, 2)


def test_the_bootstrap_of_a_mean_is_near_the_normal_one():
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = bootstrap(np.mean, values, resamples=2000)
    reach = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.03)


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    values = np.random.default_rng(0).normal(size=50)
    one, again, other = (bootstrap(np.mean, values, resamples=100, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one != other


def test_records_of_one_patient_count_as_one_observation():
    # 20 patients of 10 equal records: the interval is that of 20 values, not of 200.
    means = np.random.default_rng(1).normal(size=20)
    values, patients = np.repeat(means, 10), np.repeat(np.arange(20), 10)
    grouped = np.ptp(bootstrap(np.mean, values, groups=patients, resamples=1000))
    alone = np.ptp(bootstrap(np.mean, means, resamples=1000))
    assert grouped == pytest.approx(alone, rel=0.15)
    assert np.ptp(bootstrap(np.mean, values, resamples=1000)) < grouped / 2


def test_a_statistic_that_no_resample_has_is_not_a_number():
    low, high = bootstrap(lambda x: [x.mean(), np.nan], np.arange(5.0), resamples=20)
    assert np.isfinite(low[0])
    assert np.isnan(low[1]) and np.isnan(high[1])


@pytest.fixture(scope="module")
def answers():
    rng = np.random.default_rng(2)
    truth = (rng.random((200, 2)) < 0.3).astype(np.float32)
    probability = 1 / (1 + np.exp(-rng.normal(size=(200, 2)) - 2 * truth + 1))
    return truth, probability, ["A", "B"], [0.5, 0.4]


def test_the_table_holds_every_figure_within_its_interval(answers):
    table = interval_table(*answers, resamples=200)
    figures = report(*answers)
    for row in table:
        assert row["low"] <= row["value"] <= row["high"], row
        named = figures["labels"].get(row["label"], figures.get(row["label"]))
        if row["measure"] != "average_precision":
            assert row["value"] == pytest.approx(named[row["measure"]])
    found = {(row["label"], row["measure"]) for row in table}
    assert found == {(name, m) for name in ("A", "B", "macro", "micro") for m in MEASURES} | {
        ("A", "average_precision"),
        ("B", "average_precision"),
    }


def test_shares_are_exact_and_count_what_they_should(answers):
    truth, probability, *_ = answers
    rows = {(r["label"], r["measure"]): r for r in interval_table(*answers, resamples=50)}
    given = probability[:, 0] >= 0.5
    positive = truth[:, 0] == 1
    expected = {
        "sensitivity": ((given & positive).sum(), positive.sum()),
        "specificity": ((~given & ~positive).sum(), (~positive).sum()),
        "precision": ((given & positive).sum(), given.sum()),
        "npv": ((~given & ~positive).sum(), (~given).sum()),
        "accuracy": ((given == positive).sum(), 200),
    }
    for measure, counts in expected.items():
        row = rows["A", measure]
        assert row["value"] == pytest.approx(counts[0] / counts[1])
        assert (row["low"], row["high"]) == pytest.approx(
            tuple(map(float, clopper_pearson(*counts)))
        )
        assert row["method"] == "Clopper-Pearson"
    area = average_precision_score(truth[:, 0], probability[:, 0])
    assert rows["A", "average_precision"]["value"] == pytest.approx(area)


def test_the_band_runs_around_the_curve_from_corner_to_corner(answers):
    truth, probability, *_ = answers
    rates, low, high = roc_band(truth[:, 0], probability[:, 0], resamples=100, points=21)
    assert rates[[0, -1]].tolist() == [0, 1]
    assert (low <= high).all()
    assert high[-1] == low[-1] == 1
    assert (high - low)[5] > 0


def test_perfect_answers_of_few_records_claim_no_certainty():
    truth = np.array([[0], [0], [0], [1], [1], [0]], np.float32)
    table = interval_table(truth, truth * 0.8 + 0.1, ["A"], [0.5], resamples=50)
    rows = {row["measure"]: row for row in table if row["label"] == "A"}
    assert rows["average_precision"]["value"] == 1
    assert np.isnan(rows["average_precision"]["low"])
    assert rows["auroc"]["low"] == pytest.approx(0.025 ** (1 / 2))
    assert rows["sensitivity"]["low"] == pytest.approx(0.025 ** (1 / 2))
