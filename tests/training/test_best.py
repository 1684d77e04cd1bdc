"""Which epoch is best: by what decides, the first of equals, and never one without a number."""

import numpy as np
import pytest

from ecglens.training.best import accuracy, best_of, scores

HISTORY = {
    "val_auroc": [0.6, 0.9, 0.7, 0.9],
    "val_accuracy": [0.5, 0.5, 0.8, 0.7],
    "val_loss": [0.4, 0.3, 0.3, 0.2],
}


@pytest.mark.parametrize(("best_by", "epoch"), [("auroc", 1), ("accuracy", 2), ("loss", 3)])
def test_the_first_of_the_best_epochs_is_found_by_what_decides(best_by, epoch):
    assert best_of(HISTORY, best_by) == epoch


def test_of_a_loss_less_is_better():
    assert scores(HISTORY, "loss") == [-0.4, -0.3, -0.3, -0.2]


def test_an_epoch_without_a_number_is_never_the_best():
    assert best_of({"val_auroc": [float("nan"), 0.2, float("nan")]}, "auroc") == 1


def test_a_fit_that_has_not_begun_has_no_scores():
    assert scores({}, "auroc") == []


def test_accuracy_is_the_share_of_labels_told_rightly_at_one_half():
    truth = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, np.nan]])
    logit = np.array([[2.0, -1.0], [0.5, 0.1], [-3.0, 9.0]])  # the last was not asked
    assert accuracy(truth, logit) == pytest.approx(3 / 5)
