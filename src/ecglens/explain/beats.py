"""Averages over the beats of a record, and over the beats of many records of a label."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecglens.errors import RecordError
from ecglens.explain.explanation import Explanation
from ecglens.explain.waves import r_peaks

BEFORE, AFTER = 0.35, 0.55  # s about R: a PR interval and a P wave before, a QT interval after
SPLIT = 0.6  # of the way from one R to the next, at which a sample belongs to the next beat


@dataclass(frozen=True)
class BeatAverage:
    """What a model uses for a whole class, over the time of a beat.

    The "glocal" maps of Wagner et al. 2024 (arXiv 2305.17043): local
    attributions, aligned by the R peak and averaged over a class. Every record counts once, however
    many beats it has. :func:`ecglens.explain.picture.draw_average` draws it.

    Parameters
    ----------
    labels : tuple of str
    offsets : ndarray of float64, shape (offsets,)
        s from R.
    signal, signal_sd : ndarray of float32, shape (labels, offsets, 12)
        Mean beat and standard deviation over records, mV; NaN for a label without records, the
        latter below two.
    attribution, attribution_sd : ndarray of float32, shape (labels, offsets, 12 or 1)
        Likewise, logit a sample.
    records, beats : ndarray of int, shape (labels,)
        That went in.
    method, of : str
        As :class:`ecglens.explain.Explanation` has them: what the attribution means.
    """

    labels: tuple[str, ...]
    offsets: np.ndarray
    signal: np.ndarray
    signal_sd: np.ndarray
    attribution: np.ndarray
    attribution_sd: np.ndarray
    records: np.ndarray
    beats: np.ndarray
    method: str
    of: str


def average_beats(
    explanation: Explanation,
    signals: np.ndarray,
    members: np.ndarray,
    peaks: Sequence[np.ndarray] | None = None,
) -> BeatAverage:
    """Average maps and tracings over the beats of each label's records.

    Parameters
    ----------
    explanation : Explanation
    signals : ndarray, shape (records, samples, 12)
        That it explains, mV.
    members : ndarray of bool, shape (records, labels)
        Which records stand for which label, such as those that were found rightly.
    peaks : sequence of ndarray, optional
        R peaks of each record, s, where they are known already.

    Raises
    ------
    RecordError
        If the shapes do not fit each other.
    """
    shape = (*explanation.attribution.shape[:2], 12)
    if signals.shape != shape or members.shape != explanation.logit.shape:
        found = f"signals {signals.shape} and members {members.shape}"
        expected = f"{shape} and {explanation.logit.shape}, as the explanation has them"
        raise RecordError("signals, members", found, expected)
    rate = explanation.sampling_frequency
    steps = np.arange(-round(BEFORE * rate), round(AFTER * rate) + 1)
    sums = _Sums(explanation, len(steps))
    for number in np.flatnonzero(members.any(axis=1)):
        times = r_peaks(signals[number], rate) if peaks is None else peaks[number]
        places = np.rint(times * rate).astype(int)
        whole = (places + steps[0] >= 0) & (places + steps[-1] < signals.shape[1])
        if whole.any():
            sums.add(number, signals[number], places[whole, None] + steps, members[number])
    return sums.average(steps / rate)


class _Sums:
    """Sums over records, so that no more than one is held in memory."""

    def __init__(self, explanation: Explanation, steps: int) -> None:
        columns, labels = explanation.attribution.shape[2:]
        self.explanation = explanation
        # Of values and of their squares.
        self.signal = np.zeros((2, labels, steps, 12))
        self.map = np.zeros((2, labels, steps, columns))
        self.records, self.beats = np.zeros(labels, int), np.zeros(labels, int)

    def add(self, number: int, signal: np.ndarray, places: np.ndarray, member: np.ndarray) -> None:
        beat = np.nan_to_num(signal[places]).mean(axis=0, dtype=np.float64)
        maps = self.explanation.attribution[number][places].mean(axis=0, dtype=np.float64)
        for label in np.flatnonzero(member):
            self.signal[:, label] += beat, beat**2
            self.map[:, label] += maps[..., label], maps[..., label] ** 2
            self.records[label] += 1
            self.beats[label] += len(places)

    def average(self, offsets: np.ndarray) -> BeatAverage:
        of = self.explanation
        arrays = (*self._mean_and_spread(self.signal), *self._mean_and_spread(self.map))
        counts = self.records, self.beats
        return BeatAverage(of.labels, offsets, *arrays, *counts, of.method, of.of)

    def _mean_and_spread(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = self.records[:, None, None].astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):  # no record: NaN, as said above
            mean = sums[0] / count
            variance = np.maximum(sums[1] - count * mean**2, 0) / (count - 1)
        spread = np.where(count > 1, np.sqrt(variance), np.nan)
        return mean.astype(np.float32), spread.astype(np.float32)


def mean_beat_record(signal: np.ndarray, rate: float) -> np.ndarray:
    """Return the record as if each of its beats were their mean.

    Parameters
    ----------
    signal : ndarray of float32, shape (samples, 12)
        mV, without missing samples.
    rate : float
        Hz.

    Returns
    -------
    ndarray of float32, shape (samples, 12)
        Each sample is the mean of the samples at its distance from R; zeros where the record has
        fewer than two beats.
    """
    peaks = np.rint(r_peaks(signal, rate) * rate).astype(int)
    if len(peaks) < 2:
        return np.zeros_like(signal)
    turns = peaks[:-1] + SPLIT * np.diff(peaks)
    places = np.arange(len(signal))
    distance = places - peaks[np.searchsorted(turns, places)]
    distance -= distance.min()
    count = np.bincount(distance)
    sums = [np.bincount(distance, weights=lead)[distance] for lead in signal.T.astype(np.float64)]
    return (np.stack(sums, axis=1) / count[distance, None]).astype(np.float32)
