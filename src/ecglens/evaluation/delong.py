"""AUROC with DeLong's interval, and the test of two AUROCs on the same records.

DeLong et al. 1988 (Biometrics 44:837), by ranks as Sun and Xu 2014 (IEEE Signal Process. Lett.
21:1389). Own code, because SciPy and scikit-learn have none; held to published values by tests.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from ecglens.errors import LabelError


@dataclass(frozen=True)
class Difference:
    """Two figures of the same records: a - b, its interval, and the two-sided p of no difference.

    Parameters
    ----------
    a, b, difference, low, high, p : float
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float


def delong(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the AUROC of each score, and their covariance.

    Parameters
    ----------
    truth : ndarray, shape (records,)
        1 or 0.
    scores : ndarray, shape (models, records)

    Returns
    -------
    auroc : ndarray, shape (models,)
    covariance : ndarray, shape (models, models)
        NaN where there are fewer than two positive or two negative records.

    Raises
    ------
    LabelError
        If there is no positive or no negative record, or a score is not finite.
    """
    truth, scores = np.asarray(truth).astype(bool), np.atleast_2d(np.asarray(scores, np.float64))
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives or not np.isfinite(scores).all():
        found = f"{positives} positive and {negatives} negative records"
        found += "" if np.isfinite(scores).all() else ", and scores that are not finite"
        raise LabelError("AUROC", found, "at least one of each, and finite scores")
    yes, no = scores[:, truth], scores[:, ~truth]
    rank = rankdata(np.concatenate([yes, no], axis=1), axis=1)
    # The share of the other class that each record is rightly ordered with; ties count half.
    over = (rank[:, :positives] - rankdata(yes, axis=1)) / negatives
    under = 1.0 - (rank[:, positives:] - rankdata(no, axis=1)) / positives
    if min(positives, negatives) < 2:
        return over.mean(axis=1), np.full((len(scores), len(scores)), np.nan)
    covariance = np.cov(over) / positives + np.cov(under) / negatives
    return over.mean(axis=1), np.atleast_2d(covariance)


def auroc_interval(
    truth: np.ndarray, score: np.ndarray, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return a label's AUROC and the ends of its interval, shape (records,) both.

    Where every pair is in the right order (or every one in the wrong) the variance is nought and
    says nothing: then the end is the exact binomial one of as many independent pairs as there are.
    With one record of a class the interval is 0 to 1.
    """
    auroc, covariance = delong(truth, score)
    value, variance = float(auroc[0]), float(covariance[0, 0])
    if np.isnan(variance):
        return value, 0.0, 1.0
    if variance <= 0.0 and value in (0.0, 1.0):
        positives = int(np.asarray(truth).astype(bool).sum())
        pairs = min(positives, len(truth) - positives)
        end = float(((1 - confidence) / 2) ** (1 / pairs))
        return (value, end, 1.0) if value else (value, 0.0, 1.0 - end)
    reach = float(norm.ppf((1 + confidence) / 2)) * np.sqrt(max(variance, 0.0))
    return value, max(0.0, value - reach), min(1.0, value + reach)


def compare_auroc(
    truth: np.ndarray, a: np.ndarray, b: np.ndarray, confidence: float = 0.95
) -> Difference:
    """Compare the AUROCs of two scores on the same records, shape (records,) each.

    Where the difference has no variance, p is 1 if there is none, and NaN if there is one.
    """
    auroc, covariance = delong(truth, np.stack([a, b]))
    difference = float(auroc[0] - auroc[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    spread = np.sqrt(max(variance, 0.0))
    reach = float(norm.ppf((1 + confidence) / 2)) * spread
    if spread > 1e-12:
        p = float(2 * norm.sf(abs(difference) / spread))
    else:
        p = 1.0 if difference == 0 else float("nan")
    low, high = difference - reach, difference + reach
    return Difference(float(auroc[0]), float(auroc[1]), difference, low, high, p)
