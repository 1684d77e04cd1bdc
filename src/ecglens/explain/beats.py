"""Averages over the beats of a record, and over the beats of many records of a label."""

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

    The "glocal" maps of Wagner et al. 2024 (doi 10.1016/j.compbiomed.2024.108525): local
    attributions, aligned by the R peak and averaged over a class. Every record counts once, however
    many beats it has.

    Parameters
    ----------
    labels : tuple of str
    offsets : ndarray of float64, shape (offsets,)
        s from R.
    signal : ndarray of float32, shape (labels, offsets, 12)
        Mean beat, mV; NaN for a label without records.
    attribution, attribution_sd : ndarray of float32, shape (labels, offsets, 12 or 1)
        Mean and standard deviation over records, logit a sample; the latter NaN below two records.
    records, beats : ndarray of int, shape (labels,)
        That went in.
    """

    labels: tuple[str, ...]
    offsets: np.ndarray
    signal: np.ndarray
    attribution: np.ndarray
    attribution_sd: np.ndarray
    records: np.ndarray
    beats: np.ndarray


def average_beats(
    explanation: Explanation, signals: np.ndarray, members: np.ndarray
) -> BeatAverage:
    """Average maps and tracings over the beats of each label's records.

    Parameters
    ----------
    explanation : Explanation
    signals : ndarray, shape (records, samples, 12)
        That it explains, mV.
    members : ndarray of bool, shape (records, labels)
        Which records stand for which label, such as those that were found rightly.

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
        peaks = np.rint(r_peaks(signals[number], rate) * rate).astype(int)
        whole = (peaks + steps[0] >= 0) & (peaks + steps[-1] < signals.shape[1])
        if whole.any():
            sums.add(number, signals[number], peaks[whole, None] + steps, members[number])
    return sums.average(steps / rate)


class _Sums:
    """Sums over records, so that no more than one is held in memory."""

    def __init__(self, explanation: Explanation, steps: int) -> None:
        columns, labels = explanation.attribution.shape[2:]
        self.explanation = explanation
        self.signal = np.zeros((labels, steps, 12))
        self.map = np.zeros((labels, steps, columns))
        self.squared = np.zeros_like(self.map)
        self.records, self.beats = np.zeros(labels, int), np.zeros(labels, int)

    def add(self, number: int, signal: np.ndarray, places: np.ndarray, member: np.ndarray) -> None:
        beat = np.nan_to_num(signal[places]).mean(axis=0)
        maps = self.explanation.attribution[number][places].mean(axis=0, dtype=np.float64)
        for label in np.flatnonzero(member):
            self.signal[label] += beat
            self.map[label] += maps[..., label]
            self.squared[label] += maps[..., label] ** 2
            self.records[label] += 1
            self.beats[label] += len(places)

    def average(self, offsets: np.ndarray) -> BeatAverage:
        count = self.records[:, None, None].astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):  # no record: NaN, as said above
            mean = self.map / count
            variance = np.maximum(self.squared - count * mean**2, 0) / (count - 1)
            spread = np.where(count > 1, np.sqrt(variance), np.nan)
            signal = self.signal / count
        arrays = (signal.astype(np.float32), mean.astype(np.float32), spread.astype(np.float32))
        return BeatAverage(self.explanation.labels, offsets, *arrays, self.records, self.beats)


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
