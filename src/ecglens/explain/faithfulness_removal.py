"""What a model answers when parts of a record are taken away, in the order that a map gives them.

Records are divided into windows of 160 ms. A window is taken away in all leads, or in one lead (a
cell, for maps that tell leads apart), and becomes 0 mV or a straight line between what is left on
both sides of it. One set of curves gives three measures:

- deletion (Petsiuk et al. 2018, arXiv 1806.07421): the area under the probability while the most
  relevant windows are taken away first (MoRF). Low is good.
- insertion: the area while the most relevant windows are put into an empty record first. That is
  the curve of taking away the least relevant ones first (LeRF), read backwards. High is good.
- degradation (Schulz et al. 2020, arXiv 2001.00396; on ECGs Suh et al. 2024, doi
  10.1016/j.compbiomed.2024.109088): LeRF minus MoRF, the difference of the two. Random order: 0.

A record with a part taken away is none that a heart makes, so a model may answer anything to it:
compare the two fillings before trusting a small difference.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ecglens.errors import ParameterError, did_you_mean

WINDOW_SECONDS = 0.16
FILLS = ("zero", "inpaint")
STEPS = 10  # removals between the whole record and the empty one
REMOVED_AT_MOST = 0.5  # of the windows, in one random removal

Predict = Callable[[np.ndarray], np.ndarray]  # signals (n, samples, 12) in mV -> (n,)


def window_samples(sampling_frequency: float, seconds: float = WINDOW_SECONDS) -> int:
    """Return a window's length in samples, at least one."""
    return max(1, round(seconds * sampling_frequency))


def window_sums(attribution: np.ndarray, window: int) -> np.ndarray:
    """Return a map's sums over windows; the last one may be shorter.

    Parameters
    ----------
    attribution : ndarray, shape (records, samples, leads)
    window : int
        Samples.

    Returns
    -------
    ndarray of float64, shape (records, windows, leads)
    """
    starts = np.arange(0, attribution.shape[1], window)
    return np.add.reduceat(attribution.astype(np.float64), starts, axis=1)


def remove(signals: np.ndarray, gone: np.ndarray, window: int, fill: str) -> np.ndarray:
    """Return records without some of their windows.

    Parameters
    ----------
    signals : ndarray of float32, shape (n, samples, 12)
        mV; a missing sample (NaN) counts as 0 mV.
    gone : ndarray of bool, shape (n, windows, 12 or 1)
        What is taken away; one column: in all leads.
    window : int
        Samples.
    fill : {"zero", "inpaint"}
        0 mV, or a straight line between the kept samples on both sides (a level line to the
        record's ends; 0 mV where nothing is kept).

    Returns
    -------
    ndarray of float32, shaped as ``signals``

    Raises
    ------
    ParameterError
        If the filling is not known.
    """
    if fill not in FILLS:
        raise ParameterError("fill", repr(fill), "a way of filling", did_you_mean(fill, FILLS))
    missing = np.repeat(gone, window, axis=1)[:, : signals.shape[1]]
    filled = np.nan_to_num(np.asarray(signals, np.float32))
    if fill == "zero":
        return np.where(missing, np.float32(0), filled)
    return np.where(missing, _bridged(filled, missing), filled)


def _bridged(signals: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return straight lines over what is missing, (n, samples, 12 or 1) bool, in each lead."""
    samples = signals.shape[1]
    place = np.arange(samples)[None, :, None]
    before = np.maximum.accumulate(np.where(missing, -1, place), axis=1)
    after = np.where(missing, samples, place)
    after = np.minimum.accumulate(after[:, ::-1], axis=1)[:, ::-1]
    # Beyond the last kept sample of one side the other side's holds.
    left = np.where(before < 0, np.minimum(after, samples - 1), before)
    right = np.where(after >= samples, np.maximum(before, 0), after)
    weight = ((place - before) / np.maximum(after - before, 1)).astype(np.float32)
    start = np.take_along_axis(signals, left, axis=1)
    line = start + weight * (np.take_along_axis(signals, right, axis=1) - start)
    return np.where(missing.all(axis=1, keepdims=True), np.float32(0), line)


@dataclass(frozen=True)
class Curves:
    """Probabilities while windows are taken away.

    Parameters
    ----------
    removed : ndarray, shape (steps + 1,)
        Share of the windows that are gone, from 0 to 1.
    most_first, least_first : ndarray of float64, shape (records, steps + 1)
        With the most relevant windows taken away first (MoRF), or the least relevant (LeRF).
    """

    removed: np.ndarray
    most_first: np.ndarray
    least_first: np.ndarray

    @property
    def deletion(self) -> np.ndarray:
        """Area under the most-relevant-first curve, (records,)."""
        return np.trapezoid(self.most_first, self.removed, axis=1)

    @property
    def insertion(self) -> np.ndarray:
        """Area under the curve of putting the most relevant windows in first, (records,)."""
        return np.trapezoid(self.least_first, self.removed, axis=1)

    @property
    def degradation(self) -> np.ndarray:
        """Area between the curves, LeRF minus MoRF, (records,)."""
        return self.insertion - self.deletion


def degradation_curves(
    predict: Predict,
    signals: np.ndarray,
    attribution: np.ndarray,
    window: int,
    fill: str,
    *,
    steps: int = STEPS,
    batch_size: int = 256,
) -> Curves:
    """Take windows away in the order of a map, and ask the model after each step.

    Parameters
    ----------
    predict : callable
        Of one label's probability, for signals (n, samples, 12) in mV.
    signals : ndarray, shape (records, samples, 12)
        mV.
    attribution : ndarray, shape (records, samples, 12 or 1)
        Of that label. With one column whole windows are taken away, with twelve one cell (a window
        in one lead) after another.
    window : int
        Samples.
    fill : {"zero", "inpaint"}
    steps : int
        Removals, the last of which leaves nothing.
    batch_size : int
        Records that are asked about at a time, about.

    Returns
    -------
    Curves
    """
    if steps < 1:
        raise ParameterError("steps", str(steps), "1 or more")
    ranks = _ranks(window_sums(attribution, window))
    places = int(np.prod(ranks.shape[1:]))
    counts = np.rint(np.linspace(0, places, steps + 1)).astype(int)
    at_once = max(1, batch_size // (2 * steps))
    parts = [
        _ask(predict, signals[i : i + at_once], ranks[i : i + at_once], counts, window, fill)
        for i in range(0, len(signals), at_once)
    ]
    answers = np.concatenate(parts)
    return Curves(counts / places, answers[:, 0], answers[:, 1])


def _ranks(sums: np.ndarray) -> np.ndarray:
    """Return each place's rank among its record's, 0 for the most relevant.

    Ties are broken by a fixed draw, not by place: else a map of many zeros would be read from the
    record's start to its end.
    """
    flat = sums.reshape(len(sums), -1)
    shuffled = np.random.default_rng(0).permutation(flat.shape[1])
    order = shuffled[np.argsort(-flat[:, shuffled], axis=1, kind="stable")]
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(flat.shape[1])[None], axis=1)
    return ranks.reshape(sums.shape)


def _ask(predict, signals, ranks, counts, window, fill) -> np.ndarray:
    """Return probabilities (records, 2 orders, counts): most relevant first, least relevant first.

    The whole and the empty record are the same in both orders and asked about once.
    """
    records, places = len(signals), int(np.prod(ranks.shape[1:]))
    between = counts[1:-1]
    most = [ranks < count for count in between]
    least = [ranks >= places - count for count in between]
    gone = np.stack([np.zeros_like(ranks, bool), *most, *least, np.ones_like(ranks, bool)], axis=1)
    variants = gone.shape[1]
    varied = remove(
        np.repeat(signals, variants, axis=0),
        gone.reshape(-1, *gone.shape[2:]),
        window,
        fill,
    )
    answers = np.asarray(predict(varied), np.float64).reshape(records, variants)
    whole, empty, n = answers[:, :1], answers[:, -1:], len(between)
    most_first = np.hstack([whole, answers[:, 1 : 1 + n], empty])
    least_first = np.hstack([whole, answers[:, 1 + n : 1 + 2 * n], empty])
    return np.stack([most_first, least_first], axis=1)


def draw_removals(records: int, removals: int, windows: int, seed: int) -> np.ndarray:
    """Draw windows to take away: of each removal from one to half of them.

    Returns
    -------
    ndarray of bool, shape (records, removals, windows)
    """
    rng = np.random.default_rng(seed)
    most = max(1, int(REMOVED_AT_MOST * windows))
    counts = rng.integers(1, most + 1, (records, removals, 1))
    return rng.random((records, removals, windows)).argsort(axis=2) < counts


def drops_of(
    predict: Predict,
    signals: np.ndarray,
    gone: np.ndarray,
    window: int,
    fill: str,
    *,
    batch_size: int = 256,
) -> np.ndarray:
    """Return by how much an answer falls with each removal.

    Parameters
    ----------
    predict : callable
        Of one label's logit, for signals (n, samples, 12) in mV.
    signals : ndarray, shape (records, samples, 12)
    gone : ndarray of bool, shape (records, removals, windows)

    Returns
    -------
    ndarray of float64, shape (records, removals)
    """
    records, removals, _ = gone.shape
    at_once = max(1, batch_size // removals)
    drops = np.empty((records, removals))
    for first in range(0, records, at_once):
        some = slice(first, min(first + at_once, records))
        part = signals[some]
        flat = gone[some].reshape(-1, gone.shape[2], 1)
        varied = remove(np.repeat(part, removals, axis=0), flat, window, fill)
        answer = np.asarray(predict(varied), float).reshape(len(part), removals)
        drops[some] = np.asarray(predict(part), float)[:, None] - answer
    return drops


def shares_of(attribution: np.ndarray, gone: np.ndarray, window: int) -> np.ndarray:
    """Return a map's sum over each removal, float64 (records, removals), all leads together."""
    sums = window_sums(attribution, window).sum(axis=2)
    return np.einsum("nrw,nw->nr", gone, sums)


