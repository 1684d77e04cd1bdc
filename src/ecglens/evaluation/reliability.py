"""Whether probabilities mean what they say: observed shares by predicted probability."""

import numpy as np

from ecglens.evaluation.intervals import clopper_pearson
from ecglens.plots.reliability import Reliability


def reliability(truth: np.ndarray, probability: np.ndarray, bins: int = 10) -> Reliability:
    """Return predicted and observed frequencies in bins of equal width, (records,) both.

    The expected calibration error is that of Naeini et al. 2015 (AAAI).
    """
    truth, probability = np.asarray(truth).astype(bool), np.asarray(probability, np.float64)
    place = np.clip((probability * bins).astype(int), 0, bins - 1)
    records = np.bincount(place, minlength=bins)
    held = records > 0
    hits = np.bincount(place, truth, minlength=bins)[held].astype(int)
    predicted = np.bincount(place, probability, minlength=bins)[held] / records[held]
    observed = hits / records[held]
    low, high = clopper_pearson(hits, records[held])
    error = float(np.average(np.abs(predicted - observed), weights=records[held]))
    return Reliability(predicted, observed, low, high, records[held], error)
