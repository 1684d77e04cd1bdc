"""How sure a figure is: exact binomial, DeLong's and bootstrap intervals of figures of merit."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import beta
from sklearn.metrics import roc_curve

from ecglens.errors import ParameterError
from ecglens.evaluation.delong import auroc_interval
from ecglens.evaluation.metrics import MEASURES, average_precision, macro_micro, report

RESAMPLES = 1000
CONFIDENCE = 0.95
# A measure that is a share: of how many, the counts of a confusion matrix.
_SHARES = {
    "sensitivity": ("tp", ("tp", "fn")),
    "specificity": ("tn", ("tn", "fp")),
    "precision": ("tp", ("tp", "fp")),
    "npv": ("tn", ("tn", "fn")),
    "accuracy": (None, ("tp", "tn", "fp", "fn")),
}


def clopper_pearson(
    successes: int | np.ndarray, trials: int | np.ndarray, confidence: float = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact binomial interval of a share (Clopper and Pearson 1934, Biometrika 26:404).

    Parameters
    ----------
    successes, trials : int or ndarray of int
        Of equal shape. Without any trial the interval is 0 to 1.

    Raises
    ------
    ParameterError
        If there are more successes than trials, or a count is negative.
    """
    k, n = np.broadcast_arrays(np.asarray(successes), np.asarray(trials))
    if (k < 0).any() or (k > n).any():
        found = f"{np.max(k)} of {np.min(n)}"
        raise ParameterError("Clopper-Pearson", found, "counts from 0 to the number of trials")
    tail = (1 - confidence) / 2
    # The ends of the beta distribution are not defined where nothing, or all, succeeded.
    low = np.where(k == 0, 0.0, beta.ppf(tail, np.maximum(k, 1), n - k + 1))
    high = np.where(k == n, 1.0, beta.ppf(1 - tail, k + 1, np.maximum(n - k, 1)))
    return low, high


def bootstrap(
    statistic: Callable[..., float | np.ndarray],
    *arrays: np.ndarray,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile bootstrap interval of a statistic (Efron 1979, Ann. Statist. 7:1).

    Parameters
    ----------
    statistic : callable
        Of the arrays' resampled rows; a number or an array. A value that is NaN (a resample
        without a positive record) is left out.
    *arrays : ndarray, shape (records, ...)
        Resampled together.
    groups : ndarray, shape (records,), optional
        Patients: those with several records are drawn whole, because their records are alike.
    resamples : int
    confidence : float
    seed : int

    Returns
    -------
    low, high : ndarray
        Of the statistic's shape; NaN where no resample gave a value.
    """
    rng, records = np.random.default_rng(seed), len(arrays[0])
    members = None
    if groups is not None and len(np.unique(groups)) < records:
        _, which = np.unique(groups, return_inverse=True)
        members = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    values = []
    for _ in range(resamples):
        if members is None:
            rows = rng.integers(0, records, records)
        else:
            drawn = rng.integers(0, len(members), len(members))
            rows = np.concatenate([members[k] for k in drawn])
        values.append(statistic(*(array[rows] for array in arrays)))
    values = np.asarray(values, np.float64)
    empty = np.isnan(values).all(axis=0)
    ends = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    found = np.nanquantile(np.where(empty, 0.0, values), ends, axis=0)
    low, high = np.where(empty, np.nan, found)
    return low, high


def interval_table(
    truth: np.ndarray,
    probability: np.ndarray,
    labels: Sequence[str],
    thresholds: Sequence[float],
    *,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
) -> list[dict]:
    """Return every figure of merit with its 95 % interval, a row each.

    Parameters
    ----------
    truth, probability : ndarray, shape (records, labels)
    labels : sequence of str
    thresholds : sequence of float
        Chosen on other records.
    groups : ndarray, shape (records,), optional
        Patients, for the bootstrap.
    resamples : int

    Returns
    -------
    list of dict
        ``label`` (or "macro", "micro"), ``measure``, ``value``, ``low``, ``high``, ``method``:
        "Clopper-Pearson" for shares of counts, "DeLong" for a label's AUROC, "bootstrap" for the
        rest. Precision is the positive predictive value, sensitivity the recall. A bootstrap
        interval without any width is NaN: where every resample is perfect, as with few records, it
        would claim a certainty that is not there.
    """
    result = report(truth, probability, labels, thresholds)
    rows = []
    for k, label in enumerate(labels):
        rows += _label_rows(
            label, truth[:, k], probability[:, k], thresholds[k], groups, resamples,
            result["labels"][label],
        )  # fmt: skip

    def pooled(truth, probability):
        macro, micro = macro_micro(truth, probability, thresholds)
        return [*(macro[m] for m in MEASURES), *(micro[m] for m in MEASURES)]

    low, high = bootstrap(pooled, truth, probability, groups=groups, resamples=resamples)
    names = [(kind, measure) for kind in ("macro", "micro") for measure in MEASURES]
    for (kind, measure), a, b in zip(names, low, high, strict=True):
        rows.append(_row(kind, measure, result[kind][measure], a, b, "bootstrap"))
    return rows


def _label_rows(label, truth, probability, threshold, groups, resamples, figures) -> list[dict]:
    """Return the rows of one label."""
    truth, given = truth.astype(bool), probability >= threshold
    counts = {
        "tp": int((truth & given).sum()), "fn": int((truth & ~given).sum()),
        "fp": int((~truth & given).sum()), "tn": int((~truth & ~given).sum()),
    }  # fmt: skip
    rows = [_row(label, "auroc", *auroc_interval(truth, probability), "DeLong")]
    for measure, (hits, of) in _SHARES.items():
        right = counts[hits] if hits else counts["tp"] + counts["tn"]
        low, high = clopper_pearson(right, sum(counts[name] for name in of))
        rows.append(_row(label, measure, figures[measure], low, high, "Clopper-Pearson"))

    def f1_and_precision(truth, probability):
        given, hits = probability >= threshold, truth & (probability >= threshold)
        held = int(truth.sum() + given.sum())
        f1 = 2 * hits.sum() / held if held else np.nan
        return [f1, average_precision(truth, probability)]

    low, high = bootstrap(f1_and_precision, truth, probability, groups=groups, resamples=resamples)
    area = average_precision(truth, probability)
    rows.append(_row(label, "f1", figures["f1"], low[0], high[0], "bootstrap"))
    rows.append(_row(label, "average_precision", area, low[1], high[1], "bootstrap"))
    return rows


def _row(label: str, measure: str, value, low, high, method: str) -> dict:
    if method == "bootstrap" and low == high:
        low = high = float("nan")
    ends = {"value": float(value), "low": float(low), "high": float(high)}
    return {"label": label, "measure": measure, **ends, "method": method}


def roc_band(
    truth: np.ndarray,
    probability: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    resamples: int = 500,
    points: int = 101,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return false positive rates and, at each, the pointwise 95 % interval of the sensitivity.

    By bootstrap; arrays are (records,), the three answers (points,).
    """
    rates = np.linspace(0, 1, points)

    def sensitivity(truth, probability):
        if not 0 < truth.sum() < len(truth):
            return np.full(points, np.nan)
        false_positive, hits, _ = roc_curve(truth, probability, drop_intermediate=True)
        return np.interp(rates, false_positive, hits)

    arrays = np.asarray(truth).astype(bool), np.asarray(probability)
    return rates, *bootstrap(sensitivity, *arrays, groups=groups, resamples=resamples)
