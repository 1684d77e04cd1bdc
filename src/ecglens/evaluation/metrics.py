"""AUROC, and sensitivity and specificity at thresholds that were chosen on other records."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import roc_curve

from ecglens.vocabulary import Task

RULES = ("youden", "accuracy", "f1")
# Sensitivity is also called recall, precision the positive predictive value.
MEASURES = ("auroc", "sensitivity", "specificity", "precision", "npv", "f1", "accuracy")


def choose_threshold(truth: np.ndarray, probability: np.ndarray, rule: str) -> float:
    """Return the threshold that is best by a rule; a record at or above it is positive.

    Parameters
    ----------
    truth : ndarray, shape (records,)
        1 or 0.
    probability : ndarray, shape (records,)
    rule : {"youden", "accuracy", "f1"}
        Youden's J is sensitivity + specificity - 1 (Youden 1950, Cancer 3:32).

    Returns
    -------
    float
        Halfway between two probabilities that were seen, so that rounding does not move a record
        across it.

    Raises
    ------
    ValueError
        If the rule is not known.
    """
    if rule not in RULES:
        raise ValueError(f"threshold rule {rule!r}; expected one of {', '.join(RULES)}")
    ordered = np.unique(probability)
    candidates = (ordered[1:] + ordered[:-1]) / 2 if len(ordered) > 1 else ordered
    counts = _counts_at(truth, probability, candidates)
    return float(candidates[np.argmax(_score(*counts, rule))])


def _counts_at(truth, probability, thresholds):
    """Return true and false positives at each threshold, and all positives and negatives."""
    order = np.argsort(probability)
    positive = truth[order].astype(bool)
    below = np.searchsorted(probability[order], thresholds)  # records under each threshold
    positives, negatives = positive.sum(), (~positive).sum()
    positives_below = np.concatenate([[0], np.cumsum(positive)])[below]
    negatives_below = below - positives_below
    return positives - positives_below, negatives - negatives_below, positives, negatives


def _score(true_positives, false_positives, positives, negatives, rule: str) -> np.ndarray:
    if rule == "youden":
        return true_positives / positives - false_positives / negatives
    if rule == "accuracy":
        return (true_positives + negatives - false_positives) / (positives + negatives)
    return 2 * true_positives / (positives + true_positives + false_positives)


def choose_thresholds(truth: np.ndarray, probability: np.ndarray, rule: str) -> list[float]:
    """Return a threshold for each label; arrays are (records, labels)."""
    return [choose_threshold(t, p, rule) for t, p in zip(truth.T, probability.T, strict=True)]


def untied(probability: np.ndarray, logit: np.ndarray) -> np.ndarray:
    """Return probabilities in double precision, those that are equal put in order of their logits.

    A sure model's probabilities are 1 to the last digit of float32 while its logits differ, and an
    area under a curve would count such records as tied. Each grows by less than an eighth of
    float32's step, so that it stays on its side of every threshold.

    Parameters
    ----------
    probability, logit : ndarray of float32, shape (records, labels)

    Returns
    -------
    ndarray of float64, shape (records, labels)
    """
    ranks = rankdata(logit).reshape(logit.shape) / (logit.size + 1)
    return probability + ranks * np.spacing(probability).astype(np.float64) / 8


def macro_auroc(truth: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean over labels of the AUROC; arrays are (records, labels).

    NaN where a label has no positive or no negative record. A truth of NaN was not asked: the
    record does not count for that label.
    """
    asked = ~np.isnan(truth)
    pairs = zip(truth.T, probability.T, asked.T, strict=True)
    return float(np.mean([auroc(t[a], p[a]) for t, p, a in pairs]))


def auroc_by_task(truth: np.ndarray, probability: np.ndarray, task: Task) -> dict[str, dict]:
    """Return macro AUROC of each task that a task joins, among that task's own records.

    Parameters
    ----------
    truth, probability : ndarray, shape (records, labels)
        Of the joined task.

    Returns
    -------
    dict of str to dict
        ``records`` and ``auroc`` of each; empty for a task that joins none.
    """
    place = {label: k for k, label in enumerate(task.labels)}
    results = {}
    for part in task.joins:
        columns = [place[label] for label in part.labels]
        population = [place[label] for label in part.population]
        rows = truth[:, population].any(axis=1) if population else slice(None)
        own = truth[rows][:, columns]
        auroc = macro_auroc(own, probability[rows][:, columns])
        results[part.name] = {"records": len(own), "auroc": auroc}
    return results


def report(
    truth: np.ndarray,
    probability: np.ndarray,
    labels: Sequence[str],
    thresholds: Sequence[float],
) -> dict:
    """Return the figures of merit of a split.

    Parameters
    ----------
    truth, probability : ndarray, shape (records, labels)
    labels : sequence of str
    thresholds : sequence of float
        Chosen on other records.

    Returns
    -------
    dict
        ``records``, ``macro`` (means over labels), ``micro`` (all labels' decisions pooled) and
        ``labels``: for each its positives, AUROC, threshold, sensitivity, specificity, precision,
        negative predictive value, F1 and accuracy. Precision of a label that is never predicted is
        0, and so is the negative predictive value of one that always is.
    """
    rows = {
        label: {
            "positives": int(t.sum()),
            "threshold": float(threshold),
            **_figures(t, p, threshold),
        }
        for label, t, p, threshold in zip(labels, truth.T, probability.T, thresholds, strict=True)
    }
    macro, micro = macro_micro(truth, probability, thresholds)
    return {"records": len(truth), "macro": macro, "micro": micro, "labels": rows}


def macro_micro(
    truth: np.ndarray, probability: np.ndarray, thresholds: Sequence[float]
) -> tuple[dict, dict]:
    """Return the means over labels, and the figures of all labels' decisions pooled.

    Parameters
    ----------
    truth, probability : ndarray, shape (records, labels)
    thresholds : sequence of float

    Returns
    -------
    macro, micro : dict of str to float
        Of :data:`MEASURES`; NaN where a label has no positive or no negative record.
    """
    rows = [_figures(t, p, c) for t, p, c in zip(truth.T, probability.T, thresholds, strict=True)]
    macro = {measure: float(np.mean([row[measure] for row in rows])) for measure in MEASURES}
    given = (probability >= np.asarray(thresholds)).astype(bool)
    micro = _counted(truth.astype(bool).ravel(), given.ravel())
    return macro, {"auroc": auroc(truth.ravel(), probability.ravel()), **micro}


def auroc(truth: np.ndarray, probability: np.ndarray) -> float:
    """Return the AUROC of one label; NaN where there is no positive or no negative record."""
    truth = np.asarray(truth).astype(bool)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    over = rankdata(probability)[truth].sum() - positives * (positives + 1) / 2
    return float(over / (positives * negatives))


def average_precision(truth: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean precision over the positives of one label, as scikit-learn defines it.

    Own code, because a bootstrap asks for it thousands of times and scikit-learn's checks take ten
    times as long as the sum. NaN where there is no positive record.
    """
    order = np.argsort(-probability, kind="stable")
    hits, ordered = np.cumsum(np.asarray(truth)[order].astype(bool)), probability[order]
    if not len(hits) or not hits[-1]:
        return float("nan")
    # Records of one probability are given, or not, together.
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    found = np.diff(hits[last], prepend=0)
    return float((found * hits[last] / (last + 1)).sum() / hits[-1])


def _figures(truth: np.ndarray, probability: np.ndarray, threshold: float) -> dict:
    figures = _counted(truth.astype(bool), probability >= threshold)
    return {"auroc": auroc(truth, probability), **figures}


def _counted(truth: np.ndarray, given: np.ndarray) -> dict:
    """Return the figures that are counted at a threshold; (decisions,) of bool both."""
    hits, false_alarms = int((truth & given).sum()), int((~truth & given).sum())
    positives, negatives = int(truth.sum()), int((~truth).sum())
    rejected = negatives - false_alarms
    return {
        "sensitivity": _share(hits, positives),
        "specificity": _share(rejected, negatives),
        "precision": hits / max(hits + false_alarms, 1),
        "npv": rejected / max(rejected + positives - hits, 1),
        "f1": _share(2 * hits, positives + hits + false_alarms),
        "accuracy": (hits + rejected) / len(truth),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def roc(truth: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return false positive rate and sensitivity of one label at every threshold."""
    false_positive_rate, sensitivity, _ = roc_curve(truth, probability)
    return false_positive_rate, sensitivity
