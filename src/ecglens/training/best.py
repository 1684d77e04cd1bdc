"""Which epoch of a fit is the best one, as its validation records say."""

import numpy as np

SIGNS = {"auroc": 1, "accuracy": 1, "loss": -1}  # whether more is better, or less


def scores(history: dict[str, list[float]], best_by: str) -> list[float]:
    """Return how good each epoch was; more is better.

    Parameters
    ----------
    history : dict of str to list of float
        Values of each epoch, with that of validation under ``val_<best_by>``.
    best_by : {"auroc", "accuracy", "loss"}
    """
    return [SIGNS[best_by] * value for value in history.get(f"val_{best_by}", ())]


def best_of(history: dict[str, list[float]], best_by: str) -> int:
    """Return the first of the best epochs, counted from 0; one without a number never is."""
    return int(np.argmax(np.nan_to_num(scores(history, best_by), nan=-np.inf)))


def accuracy(truth: np.ndarray, logit: np.ndarray) -> float:
    """Return the share of labels that a probability of one half tells rightly.

    Parameters
    ----------
    truth : ndarray, shape (records, labels)
        NaN was not asked, and does not count.
    logit : ndarray, shape (records, labels)
    """
    asked = ~np.isnan(truth)
    return float(((logit > 0) == (truth > 0.5))[asked].mean())
