"""What a model answers when parts of a record are taken away, in the order that a map gives them.

Records are divided into windows of 160 ms. A window is taken away in all leads, or in one lead (a
cell, for maps that tell leads apart), and filled as :mod:`ecglens.explain.removal` says: by 0 mV or
by a straight line ("bridge"). One set of curves gives three measures:

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

from ecglens.errors import ParameterError
from ecglens.explain.removal import Remover

WINDOW_SECONDS = 0.16
STEPS = 10  # removals between the whole record and the empty one
REMOVED = 0.25  # of the windows, in one random removal

Predict = Callable[[np.ndarray], np.ndarray]  # signals (n, samples, 12) in mV -> (n,)


@dataclass(frozen=True)
class Removal:
    """How windows are taken out of records.

    Parameters
    ----------
    window : int
        Samples.
    fill : str
        What comes in their place; see :class:`ecglens.explain.removal.Remover`.
    sampling_frequency : float
        Hz.
    """

    window: int
    fill: str
    sampling_frequency: float

    @classmethod
    def at(cls, sampling_frequency: float, fill: str, seconds: float = WINDOW_SECONDS) -> "Removal":
        """Return the removal of windows of so many seconds at a rate (Hz)."""
        window = max(1, round(seconds * sampling_frequency))
        return cls(window, fill, sampling_frequency)

    def __call__(self, signals: np.ndarray, gone: np.ndarray) -> np.ndarray:
        """Return signals (n, samples, 12) without the windows ``gone`` (n, windows, 12 or 1)."""
        mask = np.repeat(gone, self.window, axis=1)[:, : signals.shape[1]]
        return Remover(signals, self.fill, self.sampling_frequency).without(mask)


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
    removal: Removal,
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
    removal : Removal
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
    ranks = _ranks(window_sums(attribution, removal.window))
    places = int(np.prod(ranks.shape[1:]))
    counts = np.rint(np.linspace(0, places, steps + 1)).astype(int)
    at_once = max(1, batch_size // (2 * steps))
    parts = [
        _ask(predict, signals[i : i + at_once], ranks[i : i + at_once], counts, removal)
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


def _ask(predict, signals, ranks, counts, removal: Removal) -> np.ndarray:
    """Return probabilities (records, 2 orders, counts): most relevant first, least relevant first.

    The whole and the empty record are the same in both orders and asked about once.
    """
    records, places = len(signals), int(np.prod(ranks.shape[1:]))
    between = counts[1:-1]
    most = [ranks < count for count in between]
    least = [ranks >= places - count for count in between]
    gone = np.stack([np.zeros_like(ranks, bool), *most, *least, np.ones_like(ranks, bool)], axis=1)
    variants = gone.shape[1]
    varied = removal(np.repeat(signals, variants, axis=0), gone.reshape(-1, *gone.shape[2:]))
    answers = np.asarray(predict(varied), np.float64).reshape(records, variants)
    whole, empty, n = answers[:, :1], answers[:, -1:], len(between)
    most_first = np.hstack([whole, answers[:, 1 : 1 + n], empty])
    least_first = np.hstack([whole, answers[:, 1 + n : 1 + 2 * n], empty])
    return np.stack([most_first, least_first], axis=1)


def draw_removals(records: int, removals: int, windows: int, seed: int) -> np.ndarray:
    """Draw windows to take away, a quarter of them in each removal.

    Returns
    -------
    ndarray of bool, shape (records, removals, windows)
    """
    rng = np.random.default_rng(seed)
    size = max(1, round(REMOVED * windows))
    return rng.random((records, removals, windows)).argsort(axis=2) < size


def drops_of(
    predict: Predict,
    signals: np.ndarray,
    gone: np.ndarray,
    removal: Removal,
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
    removal : Removal

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
        varied = removal(np.repeat(part, removals, axis=0), flat)
        answer = np.asarray(predict(varied), float).reshape(len(part), removals)
        drops[some] = np.asarray(predict(part), float)[:, None] - answer
    return drops


def shares_of(attribution: np.ndarray, gone: np.ndarray, window: int) -> np.ndarray:
    """Return a map's sum over each removal, float64 (records, removals), all leads together."""
    sums = window_sums(attribution, window).sum(axis=2)
    return np.einsum("nrw,nw->nr", gone, sums)
