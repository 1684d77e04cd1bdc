"""The average beat of a record: where the beats are, and how clearly they stand out and repeat.

By R peaks that all leads have in common, on means over blocks of about 10 ms. Each record is
measured in every prediction and each preparation, so that what is here is fast: few passes over the
samples, sums as products, no numpy function that looks at its arguments for longer than it works.
"""

from dataclasses import dataclass

import numpy as np

WAVES = {"P": (-0.22, -0.08), "QRS": (-0.05, 0.07), "T": (0.12, 0.40)}  # s from the R peak
MIN_BEATS = 3
_LEVEL = (-0.08, -0.05)  # s; the PR segment, the beat's zero
_BEFORE, _AFTER = 0.30, 0.45  # s of a beat around its R peak
_REFRACTORY = 0.20  # s between beats at least: 300 a minute
_LOWEST_RATE = 50  # Hz; below, a QRS complex is no more than a few samples
_TINY = np.float32(1e-9)  # mV²; far below any noise
_QUIET = 0.01  # mV from sample to sample; noise below it is no poor contact
_LEAST = 0.3  # of the median lead's repeating power, that any lead counts as having


@dataclass(frozen=True)
class Beats:
    """The average beat of each record.

    Parameters
    ----------
    mean : ndarray of float32, shape (records, 12, samples of a beat)
        Millivolts, zero in the PR segment; NaN where no beat was found.
    presence : ndarray of float32, shape (records, 12)
        Power of the slope in the QRS complex over that before the beat: about 1 for a lead without
        a heart. NaN below three beats.
    contact : ndarray of float32, shape (records, 12)
        Power of the slope that repeats from beat to beat over the power that does not, as a share
        of the median lead's; a lead across the heart's axis, where little can repeat, counts as if
        it had 30 % of the median lead's repeating power. NaN below three beats.
    count : ndarray of int, shape (records,)
    rate : float
        Hz.
    """

    mean: np.ndarray
    presence: np.ndarray
    contact: np.ndarray
    count: np.ndarray
    rate: float

    def part(self, start: float, end: float) -> slice:
        """Return the samples from ``start`` to ``end`` (s from the R peak)."""
        return slice(*(round((_BEFORE + t) * self.rate) for t in (start, end)))

    @property
    def qrs(self) -> np.ndarray:
        """Peak to peak of the QRS complex in mV, (records, 12)."""
        return np.ptp(self.mean[..., self.part(*WAVES["QRS"])], axis=-1)


def without_gaps(signals: np.ndarray) -> np.ndarray:
    """Return float32 signals with missing samples drawn straight from neighbour to neighbour.

    Parameters
    ----------
    signals : ndarray, shape (records, samples, 12)
        Millivolts, NaN or infinite where missing. A lead without any sample becomes zero.
    """
    signals = np.asarray(signals, np.float32)
    present = np.isfinite(signals)
    if present.all():
        return signals
    signals = signals.copy()
    place = np.arange(signals.shape[1])
    for record, lead in np.argwhere(~present.all(axis=1)):
        column, there = signals[record, :, lead], present[record, :, lead]
        column[:] = np.interp(place, place[there], column[there]) if there.any() else 0
    return signals


def grid(signals: np.ndarray, rate: float) -> tuple[np.ndarray, float]:
    """Return means over blocks of about 10 ms, which look the same whatever the record's rate.

    Parameters
    ----------
    signals : ndarray of float32, shape (records, samples, 12)
        Millivolts, without gaps.
    rate : float
        Hz.

    Returns
    -------
    blocks : ndarray of float32, shape (records, 12, samples // step)
    rate : float
        Hz of the blocks, 75 to 150 for any record above 75 Hz.
    """
    return blocks_of(np.ascontiguousarray(signals.transpose(0, 2, 1)), rate)


def blocks_of(leads: np.ndarray, rate: float) -> tuple[np.ndarray, float]:
    """Return what :func:`grid` does, of leads (records, 12, samples)."""
    step = max(1, round(rate / 100))
    if step == 1:
        return leads, rate
    blocks = leads.shape[2] // step
    leads = leads[..., : blocks * step].reshape(*leads.shape[:2], blocks, step)
    # As a product, which takes a tenth of the time of a mean over short rows.
    return leads @ np.full(step, 1 / step, np.float32), rate / step


def average_beats(blocks: np.ndarray, rate: float) -> Beats:
    """Find the beats of each record and average them, by R peaks common to all leads.

    Parameters
    ----------
    blocks : ndarray of float32, shape (records, 12, samples)
        Millivolts, without gaps, as :func:`grid` returns them.
    rate : float
        Hz of the blocks.
    """
    records, leads, samples = blocks.shape
    if rate < _LOWEST_RATE:
        rate, samples = _LOWEST_RATE, 0
    before, length = round(_BEFORE * rate), round((_BEFORE + _AFTER) * rate)
    mean, presence, contact = (
        np.full((records, leads, *more), np.nan, np.float32) for more in ((length,), (), ())
    )
    result = Beats(mean, presence, contact, np.zeros(records, int), rate)
    if samples < length + 2:
        return result
    power = np.square(blocks[..., 1:] - blocks[..., :-1])  # of the slope
    peaks = _peaks(power, rate)
    peaks[:, :before] = peaks[:, samples - length + before :] = False
    record, place = np.nonzero(peaks)
    result.count[:] = np.bincount(record, minlength=records)
    found = np.flatnonzero(result.count)
    if len(found):
        beats = _cut_out(blocks, record, place - before, length)
        starts, number = np.searchsorted(record, found), result.count[found, None]
        mean[found] = _sums(beats, starts) / number[..., None]
        mean -= mean[..., result.part(*_LEVEL)].mean(axis=-1, keepdims=True)
        power = _cut_out(power, record, place - before, length - 1)
        presence[found], contact[found] = _clarity(power, starts, number, result)
        presence[result.count < MIN_BEATS] = contact[result.count < MIN_BEATS] = np.nan
    return result


def _sums(beats: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return sums over the first axis from each start to the next.

    Three times as fast as ``np.add.reduceat``, and rounded alike: from the second beat on, eight
    running sums, joined two by two.
    """
    result = beats[starts]
    for total, first, last in zip(result, starts, [*starts[1:], len(beats)], strict=True):
        rest = beats[first + 1 : last]
        eights = len(rest) // 8 * 8
        if eights:
            lanes = rest[:eights].reshape(-1, 8, *total.shape).sum(axis=0)
            lanes = lanes[0::2] + lanes[1::2]
            lanes = lanes[0::2] + lanes[1::2]
            joined = lanes[0] + lanes[1]
            for beat in rest[eights:]:
                joined += beat
            total += joined
        else:
            total += rest.sum(axis=0)
    return result


def _cut_out(leads: np.ndarray, record: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
    """Return (beats, 12, length) of leads (records, 12, samples)."""
    windows = np.lib.stride_tricks.sliding_window_view(leads, length, axis=2)
    return windows[record, :, start]


def _clarity(
    power: np.ndarray, starts: np.ndarray, number: np.ndarray, beats: Beats
) -> tuple[np.ndarray, np.ndarray]:
    """Return presence and contact, as :class:`Beats` explains them, from the slope's power."""
    samples = power.shape[-1]
    # The means in and before the QRS complex, and the sum of all: as a product, which takes a
    # quarter of the time of sums over short rows.
    weights = np.zeros((samples, 3), np.float32)
    for column, times in enumerate([(-0.06, 0.06), (-_BEFORE, -0.1)]):
        part = weights[beats.part(*times), column]
        part[:] = 1 / len(part)
    weights[:, 2] = 1
    power = (power.reshape(-1, samples) @ weights).reshape(*power.shape[:2], 3)
    complex_, rest = power[..., 0] + _TINY, power[..., 1] + _TINY
    # A mean of logarithms, so that an extrasystole does not outweigh the other beats.
    presence = np.exp(np.add.reduceat(np.log(complex_ / rest), starts) / number)
    repeated = np.square(np.diff(beats.mean[beats.count > 0])).sum(axis=-1)
    whole = np.add.reduceat(power[..., 2], starts) / number
    varying = np.maximum(whole - repeated, 0) + samples * _QUIET**2
    usual = median(repeated / varying)[:, None]
    least = _LEAST * median(repeated)[:, None]
    return presence, np.maximum(repeated, least) / varying / np.maximum(usual, _TINY)


def _peaks(power: np.ndarray, rate: float) -> np.ndarray:
    """Return where R peaks are, bool (records, samples), by the power of leads' slopes.

    Where it peaks in all leads together, of which no lead counts with more than 30 times its own
    mean: a loose electrode must not be taken for the heart.
    """
    # The last sample has no slope, but counts in the mean.
    usual = power.sum(axis=-1, keepdims=True) / (power.shape[-1] + 1) + _TINY
    power = power / usual
    together = np.zeros((len(power), power.shape[-1] + 1), np.float32)
    np.minimum(power, 30, out=power).sum(axis=1, out=together[:, :-1])
    power = _smooth(together, round(0.1 * rate) | 1)
    near = _highest(power, 2 * round(_REFRACTORY * rate) + 1)
    rank = int(0.99 * (power.shape[1] - 1))
    high = np.partition(power, rank, axis=1)[:, rank, None]
    return (power == near) & (power > 0.3 * high) & (high > 0)


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Return (records, samples) under a sliding Hann window of ``width`` (odd) samples."""
    padded, samples = _padded(values, width), values.shape[1]
    result = np.zeros_like(values)
    for k, weight in enumerate(np.hanning(width).astype(np.float32)):
        if weight:  # which the window's ends are not
            result += padded[:, k : k + samples] * weight
    return result


def _highest(values: np.ndarray, width: int) -> np.ndarray:
    """Return the highest of the ``width`` (odd) values around each of (records, samples)."""
    highest, samples, reach = _padded(values, width), values.shape[1], 1
    while 2 * reach <= width:  # of 1, 2, 4, ... values
        highest = np.maximum(highest[:, :-reach], highest[:, reach:])
        reach *= 2
    return np.maximum(highest[:, :samples], highest[:, width - reach : width - reach + samples])


def _padded(values: np.ndarray, width: int) -> np.ndarray:
    """Return values with zeros before and behind, half a width each."""
    half = width // 2
    padded = np.zeros((len(values), values.shape[1] + 2 * half), values.dtype)
    padded[:, half : half + values.shape[1]] = values
    return padded


def median(values: np.ndarray) -> np.ndarray:
    """Return the median over the last axis; numpy sorts short rows ten times as fast as its own."""
    if not values.shape[-1]:
        return np.full(values.shape[:-1], np.nan, values.dtype)
    return middle_of(np.sort(values, axis=-1))


def middle_of(ordered: np.ndarray) -> np.ndarray:
    """Return the median over the last axis of what is in order."""
    half = ordered.shape[-1] // 2
    return (ordered[..., half] + ordered[..., -half - 1]) / 2
