"""AUROC, and sensitivity and specificity at thresholds that were chosen on other records."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from ecglens.vocabulary import Task

RULES = ("youden", "accuracy", "f1")


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


def macro_auroc(truth: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean over labels of the AUROC; arrays are (records, labels)."""
    pairs = zip(truth.T, probability.T, strict=True)
    return float(np.mean([roc_auc_score(t, p) for t, p in pairs]))


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
        ``records``, ``macro`` (means over labels) and ``labels``: for each its positives, AUROC,
        threshold, sensitivity, specificity, precision, F1 and accuracy. Precision of a label that
        is never predicted is 0.
    """
    rows = {
        label: _label_report(t, p, threshold)
        for label, t, p, threshold in zip(labels, truth.T, probability.T, thresholds, strict=True)
    }
    measures = ("auroc", "sensitivity", "specificity", "precision", "f1", "accuracy")
    macro = {m: float(np.mean([row[m] for row in rows.values()])) for m in measures}
    return {"records": len(truth), "macro": macro, "labels": rows}


def _label_report(truth: np.ndarray, probability: np.ndarray, threshold: float) -> dict:
    truth, predicted = truth.astype(bool), probability >= threshold
    hits, false_alarms = int((truth & predicted).sum()), int((~truth & predicted).sum())
    positives, negatives = int(truth.sum()), int((~truth).sum())
    return {
        "positives": positives,
        "auroc": float(roc_auc_score(truth, probability)),
        "threshold": float(threshold),
        "sensitivity": hits / positives,
        "specificity": 1 - false_alarms / negatives,
        "precision": hits / max(hits + false_alarms, 1),
        "f1": 2 * hits / (positives + hits + false_alarms),
        "accuracy": (hits + negatives - false_alarms) / len(truth),
    }


def roc(truth: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return false positive rate and sensitivity of one label at every threshold."""
    false_positive_rate, sensitivity, _ = roc_curve(truth, probability)
    return false_positive_rate, sensitivity
