"""ROC and precision-recall curves of a split, with their operating points and intervals."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import precision_recall_curve

from ecglens.evaluation.intervals import roc_band
from ecglens.evaluation.metrics import roc
from ecglens.plots.curves import BANDS_APART, Curve


def roc_curves(
    truth: np.ndarray,
    probability: np.ndarray,
    labels: Sequence[str],
    thresholds: Sequence[float],
    table: Sequence[dict],
    *,
    groups: np.ndarray | None = None,
) -> dict[str, Curve]:
    """Return each label's ROC curve; with a band where few enough labels share the picture.

    Parameters
    ----------
    truth, probability : ndarray, shape (records, labels)
    labels : sequence of str
    thresholds : sequence of float
    table : sequence of dict
        Of :func:`ecglens.evaluation.intervals.interval_table`.
    groups : ndarray, shape (records,), optional
        Patients, for the bootstrap.
    """
    curves = {}
    for k, label in enumerate(labels):
        area, interval = _figure(table, label, "auroc")
        sensitivity, _ = _figure(table, label, "sensitivity")
        specificity, _ = _figure(table, label, "specificity")
        answers = truth[:, k], probability[:, k]
        band = roc_band(*answers, groups=groups) if len(labels) <= BANDS_APART else None
        point = (1 - specificity, sensitivity)
        curves[label] = Curve(*roc(*answers), area, point, interval, band)
    return curves


def precision_recall_curves(
    truth: np.ndarray,
    probability: np.ndarray,
    labels: Sequence[str],
    thresholds: Sequence[float],
    table: Sequence[dict],
) -> dict[str, Curve]:
    """Return each label's precision over its sensitivity; arguments as of :func:`roc_curves`."""
    curves = {}
    for k, label in enumerate(labels):
        area, interval = _figure(table, label, "average_precision")
        precision, sensitivity, _ = precision_recall_curve(truth[:, k], probability[:, k])
        point = _figure(table, label, "sensitivity")[0], _figure(table, label, "precision")[0]
        never = not (probability[:, k] >= thresholds[k]).any()
        curves[label] = Curve(
            sensitivity, precision, area, None if never else point, interval,
            chance=float(truth[:, k].mean()),
        )  # fmt: skip
    return curves


def _figure(table: Sequence[dict], label: str, measure: str):
    """Return a figure and its interval from the table."""
    for row in table:
        if (row["label"], row["measure"]) == (label, measure):
            return row["value"], (row["low"], row["high"])
    raise KeyError(f"{measure} of {label}")
