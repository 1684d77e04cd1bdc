"""How far a map can be trusted: measures of one map against evidence and against its own sum.

Arrays in, one number a record out; nothing here asks a model. What does is in
:mod:`ecglens.explain.faithfulness_removal` and :mod:`ecglens.explain.faithfulness_stability`.

A map is an attribution of one label, shape (records, samples, 12 or 1). Evidence is where the sign
of that label is, bool (records, samples, 12). A map with one column does not tell the leads apart:
it is measured in time alone, against the moments at which any lead shows evidence. A map of twelve
columns can be measured in time and leads, and, summed over its leads by :func:`over_time`, in time
alone beside the others. The two readings have different levels of chance, which is why
:func:`evidence_share` belongs beside each figure.

Only the positive part of a map counts as evidence for a label. A map without a positive part points
nowhere: it scores 0, never NaN, so that a method does not gain by staying silent.
"""

import numpy as np

from ecglens.errors import RecordError
from ecglens.record import LEADS


def over_time(attribution: np.ndarray) -> np.ndarray:
    """Return a map's sum over the leads, shape (records, samples, 1)."""
    return attribution.sum(axis=2, keepdims=True, dtype=np.float64).astype(attribution.dtype)


def matched(
    attribution: np.ndarray, evidence: np.ndarray, judged: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return maps and evidence in one shape, over time alone where the maps are.

    Parameters
    ----------
    attribution : ndarray, shape (records, samples, 12 or 1)
    evidence : ndarray of bool, shape (records, samples, 12)
    judged : ndarray of bool, shape (records, samples), optional
        Where it is known whether there is evidence; everywhere without it.

    Returns
    -------
    attribution : ndarray
        −inf where it is not judged, so that it is never positive and never ranks.
    evidence : ndarray of bool, shaped as ``attribution``

    Raises
    ------
    RecordError
        If the shapes do not belong together, or a map holds NaN.
    """
    shape = np.shape(attribution)
    if np.ndim(attribution) != 3 or shape[2] not in (1, len(LEADS)):
        raise RecordError(
            "attribution", f"an array of shape {shape}", "(records, samples, 12 or 1)"
        )
    if evidence.shape != (*shape[:2], len(LEADS)):
        expected = f"{(*shape[:2], len(LEADS))}, as the maps"
        raise RecordError("evidence", f"an array of shape {evidence.shape}", expected)
    if np.isnan(attribution).any():
        raise RecordError("attribution", "NaN", "a number for every sample")
    inside = evidence if shape[2] == len(LEADS) else evidence.any(axis=2, keepdims=True)
    if judged is None:
        return attribution, inside
    known = np.broadcast_to(judged[:, :, None], shape)
    return np.where(known, attribution, -np.inf), inside & known


def evidence_share(
    attribution: np.ndarray, evidence: np.ndarray, judged: np.ndarray | None = None
) -> np.ndarray:
    """Return the evidence's share of what is judged, (records,): what a uniform map scores.

    Of the maps only the shape counts; see :func:`matched`.
    """
    values, inside = matched(attribution, evidence, judged)
    area = np.isfinite(values).sum(axis=(1, 2))
    return inside.sum(axis=(1, 2)) / np.maximum(area, 1)


def localisation(
    attribution: np.ndarray, evidence: np.ndarray, judged: np.ndarray | None = None
) -> np.ndarray:
    """Return the share of the positive attribution that lies inside the evidence.

    Relevance mass accuracy of Arras et al. 2022, Inf. Fusion 81:14, doi
    10.1016/j.inffus.2021.11.008, on the positive part.

    Parameters
    ----------
    attribution, evidence, judged
        As :func:`matched` takes them.

    Returns
    -------
    ndarray of float64, shape (records,)
        In [0, 1]; 0 where no attribution is positive.

    Raises
    ------
    RecordError
        If the shapes do not belong together, or a map holds NaN.
    """
    values, inside = matched(attribution, evidence, judged)
    positive = np.maximum(values, 0).astype(np.float64)
    total = positive.sum(axis=(1, 2))
    hit = np.sum(positive, axis=(1, 2), where=inside)
    return np.divide(hit, total, out=np.zeros_like(total), where=total > 0)


def pointing_game(
    attribution: np.ndarray, evidence: np.ndarray, judged: np.ndarray | None = None
) -> np.ndarray:
    """Return whether a map's greatest value lies inside the evidence.

    Zhang et al. 2018, Int. J. Comput. Vis. 126:1084, doi 10.1007/s11263-017-1059-x. Where several
    places share the greatest value, the share of them that lies inside: what a fair draw gives.

    Returns
    -------
    ndarray of float64, shape (records,)
        In [0, 1]; 0 where no attribution is positive.
    """
    values, inside = matched(attribution, evidence, judged)
    greatest = values.max(axis=(1, 2), keepdims=True)
    peaks = (values == greatest) & (greatest > 0)
    count = peaks.sum(axis=(1, 2))
    return (peaks & inside).sum(axis=(1, 2)) / np.maximum(count, 1)


def rank_accuracy(
    attribution: np.ndarray, evidence: np.ndarray, judged: np.ndarray | None = None
) -> np.ndarray:
    """Return the share of the K greatest values that lie inside evidence of K places.

    Relevance rank accuracy of Arras et al. 2022. Of places that share the K-th value, as the zeros
    of Grad-CAM do, the expected share of a fair draw among them counts.

    Returns
    -------
    ndarray of float64, shape (records,)
        In [0, 1]; 0 where there is no evidence or no attribution is positive.
    """
    values, inside = matched(attribution, evidence, judged)
    pairs = zip(values, inside, strict=True)
    return np.array([_rank_accuracy(a.ravel(), m.ravel()) for a, m in pairs], float)


def _rank_accuracy(values: np.ndarray, inside: np.ndarray) -> float:
    places = int(inside.sum())
    if not places or not (values > 0).any():
        return 0.0
    last = np.partition(values, -places)[-places]
    above, tied = values > last, values == last
    drawn = (places - above.sum()) * (tied & inside).sum() / tied.sum()
    return float(((above & inside).sum() + drawn) / places)


def completeness_error(attribution: np.ndarray, bias: np.ndarray, logit: np.ndarray) -> np.ndarray:
    """Return how far a map and its bias are from adding up to the logit.

    Sundararajan et al. 2017, arXiv 1703.01365, call it completeness.

    Parameters
    ----------
    attribution : ndarray, shape (records, samples, 12 or 1)
    bias, logit : ndarray, shape (records,)

    Returns
    -------
    ndarray of float64, shape (records,)
        \\|sum + bias − logit\\|, in logit units.
    """
    total = attribution.sum(axis=(1, 2), dtype=np.float64)
    return np.abs(total + bias - logit)


def infidelity(shares: np.ndarray, drops: np.ndarray) -> np.ndarray:
    """Return the mean squared difference between what a map foretells and what removal does.

    Yeh et al. 2019, arXiv 1901.09392, for removals: with attributions that are shares of the logit,
    what a map foretells is its sum over the places removed.

    Parameters
    ----------
    shares : ndarray, shape (records, removals)
        Of each removal, the map's sum over what was removed.
    drops : ndarray, shape (records, removals)
        By how much the logit fell.

    Returns
    -------
    ndarray of float64, shape (records,)
        In squared logit units; 0 is best.
    """
    return np.mean((np.asarray(shares, float) - drops) ** 2, axis=1)


def faithfulness_correlation(shares: np.ndarray, drops: np.ndarray) -> np.ndarray:
    """Return the correlation of what a map foretells with what removal does.

    Bhatt et al. 2020, arXiv 2005.00631. Of removals of one size: a map that only adds up foretells
    more for a larger removal, whatever it shows. Maps that are not in logit units, such as a
    saliency, can be compared by this one, not by their infidelity.

    Parameters
    ----------
    shares, drops : ndarray, shape (records, removals)
        As in :func:`infidelity`.

    Returns
    -------
    ndarray of float64, shape (records,)
        In [−1, 1]; 0 where either does not vary.
    """
    return correlation(shares, drops)


def correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of two maps of each record.

    Parameters
    ----------
    first, second : ndarray, shape (records, ...)

    Returns
    -------
    ndarray of float64, shape (records,)
        In [−1, 1]; 0 where a map is constant.
    """
    a, b = (np.reshape(m, (len(m), -1)).astype(np.float64) for m in (first, second))
    a, b = (m - m[:, :1] for m in (a, b))  # so that a constant map is exactly nought
    a, b = (m - m.mean(axis=1, keepdims=True) for m in (a, b))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    product = (a * b).sum(axis=1)
    return np.divide(product, size, out=np.zeros_like(size), where=size > 0)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of two maps of each record; ties share their mean rank."""
    from scipy.stats import rankdata

    ranks = (rankdata(np.reshape(m, (len(m), -1)), axis=1) for m in (first, second))
    return correlation(*ranks)


def relative_change(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the distance of two maps over the first one's size, shape (records,).

    The sensitivity of Yeh et al. 2019, arXiv 1901.09392, relative to the map. Infinite where the
    first is nought and the second is not.
    """
    a, b = (np.reshape(m, (len(m), -1)).astype(np.float64) for m in (first, second))
    change, size = np.linalg.norm(a - b, axis=1), np.linalg.norm(a, axis=1)
    silent = np.where(change > 0, np.inf, 0.0)
    return np.divide(change, size, out=silent, where=size > 0)
