"""P waves, QRS complexes and T waves of a record, agreed on among its leads.

neurokit2 finds R peaks, P and T waves in each lead by itself; a wave counts where a third of the
leads agree on it, and its time is their median. For the QRS complex, whose ends neurokit2 misses on
LUDB by 17 to 50 ms, the leads are taken together instead: it lasts while the heart vector moves
fast. ``benchmarks/delineation.py`` judges all of it on LUDB, where cardiologists marked each wave.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from ecglens.errors import ParameterError
from ecglens.record import LEADS, resample

WAVES = ("P", "QRS", "T", "rest")  # "rest": between the waves
PARTS = ("onset", "peak", "offset")
INDEPENDENT = [
    lead for lead in range(len(LEADS)) if LEADS[lead] not in ("III", "aVR", "aVL", "aVF")
]
RATE = 500.0  # Hz, at which delineation works; LUDB's own
SHORTEST = 2.0  # s; neurokit2's filters and its search for a rhythm need some beats
AGREEING = 1 / 3  # of the readable leads
TOGETHER = 0.1  # s within which R peaks of different leads are one beat
SPREAD = 0.05  # s from the median within which a lead agrees on a wave
REACH = 0.12  # s before and after R in which the QRS complex begins and ends; 0.15 s for its end
FAST, SLOW, QUIET = 0.3, 0.05, 0.008  # of the largest speed; s of slowness that ends a complex


@dataclass(frozen=True)
class Delineation:
    """The waves of a record, the same for all leads.

    Parameters
    ----------
    bounds : ndarray of float64, shape (3, 3, beats)
        P, QRS, T × onset, peak, offset, in s from the record's start; NaN where a beat has no such
        wave. The peak of QRS is R, and every beat has it.
    unread : tuple of str
        Leads that had no say: flat, mostly missing, or not readable by neurokit2.
    """

    bounds: np.ndarray
    unread: tuple[str, ...] = ()

    @property
    def r_peaks(self) -> np.ndarray:
        """Times of the R peaks, s."""
        return self.bounds[1, 1]

    def times(self, wave: str, part: str) -> np.ndarray:
        """Return the onsets, peaks or offsets of a wave, s, without the beats that lack it."""
        column = self.bounds[WAVES.index(wave), PARTS.index(part)]
        return column[np.isfinite(column)]

    def mask(self, samples: int, rate: float) -> np.ndarray:
        """Return which wave each sample is in: bool (samples, 4), in the order of :data:`WAVES`.

        Each sample is in exactly one; where waves overlap, QRS goes before P, and P before T.
        """
        masks = np.zeros((samples, len(WAVES)), bool)
        place = np.arange(samples) / rate
        for wave in (1, 0, 2):
            for onset, _, offset in self.bounds[wave].T:
                masks[:, wave] |= (place >= onset) & (place <= offset)  # never where one is NaN
            masks[:, wave] &= ~masks[:, [w for w in (1, 0, 2) if w != wave]].any(axis=1)
        masks[:, -1] = ~masks.any(axis=1)
        return masks


def delineate(signal: np.ndarray, rate: float) -> Delineation:
    """Find the waves of a record.

    Parameters
    ----------
    signal : ndarray, shape (samples, 12)
        mV; NaN where missing.
    rate : float
        Hz.

    Returns
    -------
    Delineation
        Of no beats where the record is shorter than 2 s, or no lead shows a rhythm.
    """
    filled, unread, readings = _read_leads(signal, rate)
    beats = _agreed_peaks(readings)
    if not len(beats):
        return Delineation(np.full((3, 3, 0), np.nan), tuple(unread))
    onset, offset = _qrs(filled, beats)
    bounds = np.full((3, 3, len(beats)), np.nan)
    bounds[1] = onset, beats, offset
    answers = [_p_and_t(clean, beats, lead, unread) for lead, (clean, _) in readings.items()]
    bounds[[0, 2]] = _agreed_waves(np.stack(answers))
    return Delineation(_in_order(bounds), tuple(unread))


def r_peaks(signal: np.ndarray, rate: float) -> np.ndarray:
    """Return the times of the R peaks alone, s, of a signal (samples, 12) in mV."""
    return _agreed_peaks(_read_leads(signal, rate)[2])


def wave_masks(signals: np.ndarray, rate: float) -> np.ndarray:
    """Return which wave each sample of records (records, samples, 12) is in.

    Returns
    -------
    ndarray of bool, shape (records, samples, 4)
        In the order of :data:`WAVES`.
    """
    return np.stack([delineate(signal, rate).mask(len(signal), rate) for signal in signals])


def _read_leads(signal: np.ndarray, rate: float):
    """Return the record at 500 Hz, leads without a say, and signal and R peaks of the others."""
    if signal.ndim != 2 or signal.shape[1] != len(LEADS):
        raise ParameterError("signal", f"an array of shape {signal.shape}", "(samples, 12)")
    bare = [LEADS[lead] for lead in range(len(LEADS)) if not _readable(signal[:, lead])]
    unread = bare
    if len(signal) < SHORTEST * rate:
        return signal, list(LEADS), {}
    filled = np.stack([_filled(column) for column in signal.T], axis=1)
    if rate != RATE:
        filled = resample(filled, rate, RATE)
    readings = {}
    for lead in (lead for lead in INDEPENDENT if LEADS[lead] not in bare):
        answer = _quietly(_peaks_of_lead, filled[:, lead])
        if answer is None:
            unread.append(LEADS[lead])
        else:
            readings[lead] = answer
    return filled, unread, readings


def _readable(column: np.ndarray) -> bool:
    there = column[np.isfinite(column)]
    return len(there) > len(column) / 2 and np.ptp(there) > 0


def _filled(column: np.ndarray) -> np.ndarray:
    """Return a lead with a straight line over each gap."""
    there = np.isfinite(column)
    places = np.arange(len(column))
    return np.interp(places, places[there], column[there]) if there.any() else np.zeros(len(column))


def _quietly(read, *arguments):
    """Return what neurokit2 reads in a lead, or None where it fails.

    It has no exception of its own: on noise without beats it runs into whatever numpy and pandas
    say of empty lists. The lead is then named in ``unread``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas' chained assignment; results are checked here
        try:
            return read(*arguments)
        except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError):
            return None


def _peaks_of_lead(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    neurokit2 = _neurokit2()
    clean = neurokit2.ecg_clean(column.astype(np.float64), int(RATE))
    peaks = neurokit2.ecg_findpeaks(clean, int(RATE))["ECG_R_Peaks"]
    return np.asarray(clean), np.asarray(peaks, np.float64) / RATE


def _neurokit2():
    """Return the package, which takes seconds to import and production can do without."""
    try:
        import neurokit2
    except ImportError:
        mend = "Install the extra 'explain': pip install 'ecglens[explain]'."
        raise ParameterError("waves", "no neurokit2", "it, to look for waves", mend) from None
    return neurokit2


def _agreed_peaks(readings: dict) -> np.ndarray:
    """Return the times at which a third of the leads have an R peak."""
    peaks = np.sort(np.concatenate([np.zeros(0), *(peaks for _, peaks in readings.values())]))
    groups = np.split(peaks, np.flatnonzero(np.diff(peaks) > TOGETHER) + 1)
    needed = max(AGREEING * len(readings), 1)
    return np.array([np.median(group) for group in groups if len(group) >= needed])


def _qrs(filled: np.ndarray, beats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return onset and offset of each QRS complex, s, by the speed of all leads together."""
    from scipy.signal import butter, sosfiltfilt

    band = butter(2, (1, 40), "band", fs=RATE, output="sos")
    speed = np.sqrt((np.gradient(sosfiltfilt(band, filled, axis=0), axis=0) ** 2).mean(axis=1))
    speed = np.convolve(speed, np.ones(5) / 5, "same")
    floor = np.percentile(speed, 40)  # of most of diastole
    ends = [_qrs_of_beat(speed, floor, round(beat * RATE)) for beat in beats]
    onset, offset = np.array(ends, float).T / RATE
    return onset, offset


def _qrs_of_beat(speed: np.ndarray, floor: float, peak: int) -> tuple[int, int]:
    """Return the samples between which the speed is not yet, and no longer, low for 8 ms."""
    reach, quiet, last = round(REACH * RATE), round(QUIET * RATE), len(speed) - 1
    low, high = max(peak - reach, 0), min(peak + reach, last + 1)
    top = speed[low:high].max()
    fast = np.flatnonzero(speed[low:high] >= FAST * top) + low
    onset, offset = int(fast[0]), int(fast[-1])
    slow = speed < floor + SLOW * (top - floor)
    while onset > max(fast[0] - reach, 0) and not slow[max(onset - quiet, 0) : onset].all():
        onset -= 1
    furthest = min(fast[-1] + round(1.25 * reach), last)
    while offset < furthest and not slow[offset + 1 : offset + 1 + quiet].all():
        offset += 1
    return onset, offset


def _p_and_t(clean: np.ndarray, beats: np.ndarray, lead: int, unread: list[str]) -> np.ndarray:
    """Return onset, peak and offset of each beat's P and T in one lead, s: (2, 3, beats)."""
    places = np.rint(beats * RATE).astype(int)
    answer = _quietly(_p_and_t_of_lead, clean, places)
    if answer is None or answer.shape != (2, 3, len(beats)):
        unread.append(LEADS[lead])
        return np.full((2, 3, len(beats)), np.nan)
    return answer


def _p_and_t_of_lead(clean: np.ndarray, places: np.ndarray) -> np.ndarray:
    _, found = _neurokit2().ecg_delineate(clean, places, int(RATE), method="prominence")
    rows = [
        [found[f"ECG_{wave}_{part}"] for part in ("Onsets", "Peaks", "Offsets")] for wave in "PT"
    ]
    return np.array(rows, np.float64) / RATE


def _agreed_waves(answers: np.ndarray) -> np.ndarray:
    """Return the median over leads of (leads, 2, 3, beats), NaN where too few agree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns in which no lead has a wave
        middle = np.nanmedian(answers, axis=0)
    agreeing = (np.abs(answers - middle) < SPREAD).sum(axis=0)
    agreed = np.where(agreeing >= AGREEING * len(answers), middle, np.nan)
    return np.where(np.isfinite(agreed[:, 1:2]), agreed, np.nan)  # without a peak no wave


def _in_order(bounds: np.ndarray) -> np.ndarray:
    """Return the bounds without a wave whose onset, peak and offset are out of order."""
    onset, peak, offset = bounds[:, 0], bounds[:, 1], bounds[:, 2]
    wrong = (onset > peak) | (peak > offset)
    wrong[1] = False  # R of some leads may stand just beside the complex of all
    return np.where(wrong[:, None], np.nan, bounds)
