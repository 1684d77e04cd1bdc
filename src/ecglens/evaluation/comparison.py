"""Is one model better than another on the same records? Paired tests, a row a label and measure."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from ecglens.errors import ModelError
from ecglens.evaluation.delong import Difference, compare_auroc
from ecglens.evaluation.intervals import RESAMPLES, bootstrap
from ecglens.evaluation.metrics import macro_auroc


def mcnemar(a_right: np.ndarray, b_right: np.ndarray) -> tuple[int, int, float]:
    """Return how often a alone and b alone was right, and the exact two-sided p of no difference.

    McNemar 1947 (Psychometrika 12:153), in its exact binomial form; p is 1 where the two never
    differ.

    Parameters
    ----------
    a_right, b_right : ndarray of bool, shape (records,)
        Restricted to positive records it compares sensitivity, to negative ones specificity.
    """
    a_right, b_right = np.asarray(a_right, bool), np.asarray(b_right, bool)
    a_alone, b_alone = int((a_right & ~b_right).sum()), int((~a_right & b_right).sum())
    differing = a_alone + b_alone
    return a_alone, b_alone, float(binomtest(a_alone, differing).pvalue) if differing else 1.0


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p values corrected for how many there are (Holm 1979, Scand. J. Stat. 6:65).

    NaN stays NaN and does not count.
    """
    p = np.asarray(p, np.float64)
    corrected, tested = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return corrected


def compare(
    truth: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    labels: Sequence[str],
    thresholds_a: Sequence[float],
    thresholds_b: Sequence[float],
    *,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
) -> list[dict]:
    """Compare two models on the same records.

    Parameters
    ----------
    truth, a, b : ndarray, shape (records, labels)
        Truth and the two models' probabilities.
    labels : sequence of str
    thresholds_a, thresholds_b : sequence of float
        Each model's own, chosen on other records.
    groups : ndarray, shape (records,), optional
        Patients, for the bootstrap.
    resamples : int

    Returns
    -------
    list of dict
        ``label``, ``measure``, ``a``, ``b``, ``difference`` with ``low`` and ``high`` (95 %),
        ``p``, ``p_holm`` (corrected for all rows), ``test``. AUROC by DeLong; accuracy,
        sensitivity and specificity by McNemar, their intervals by bootstrap. The last row is the
        macro AUROC with a bootstrap interval and no p.

    Raises
    ------
    ModelError
        If the arrays differ in shape.
    """
    if not truth.shape == a.shape == b.shape == (len(truth), len(labels)):
        found = f"truth {truth.shape}, a {a.shape}, b {b.shape} for {len(labels)} labels"
        raise ModelError("comparison", found, "(records, labels) of the same records and labels")
    rows = []
    for k, label in enumerate(labels):
        found = compare_auroc(truth[:, k], a[:, k], b[:, k])
        rows.append(_row(label, "auroc", found, "DeLong"))
        right = [
            (p[:, k] >= t[k]) == truth[:, k].astype(bool)
            for p, t in ((a, thresholds_a), (b, thresholds_b))
        ]
        rows += _counted(label, truth[:, k].astype(bool), *right, groups, resamples)
    rows.append(_row("macro", "auroc", _macro(truth, a, b, groups, resamples), "bootstrap"))
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = float(corrected)
    return rows


def _counted(label, truth, a_right, b_right, groups, resamples) -> list[dict]:
    """Return the rows of accuracy, sensitivity and specificity."""
    everyone = np.ones(len(truth), bool)
    rows = []
    for measure, who in (("accuracy", everyone), ("sensitivity", truth), ("specificity", ~truth)):
        if not who.any():
            continue
        a, b = a_right[who].astype(float), b_right[who].astype(float)
        low, high = bootstrap(
            lambda a, b: a.mean() - b.mean(), a, b,
            groups=None if groups is None else groups[who], resamples=resamples,
        )  # fmt: skip
        p = mcnemar(a_right[who], b_right[who])[2]
        found = Difference(
            float(a.mean()), float(b.mean()), float(a.mean() - b.mean()), float(low), float(high), p
        )
        rows.append(_row(label, measure, found, "McNemar"))
    return rows


def _macro(truth, a, b, groups, resamples) -> Difference:
    """Return the difference of the macro AUROCs, with a bootstrap interval."""

    def both(truth, a, b):
        return np.array([macro_auroc(truth, a), macro_auroc(truth, b)])

    values = both(truth, a, b)
    low, high = bootstrap(
        lambda *rows: np.subtract(*both(*rows)), truth, a, b, groups=groups, resamples=resamples
    )
    difference = float(values[0] - values[1])
    return Difference(*map(float, values), difference, float(low), float(high), float("nan"))


def _row(label: str, measure: str, found: Difference, test: str) -> dict:
    return {"label": label, "measure": measure, **vars(found), "test": test}
