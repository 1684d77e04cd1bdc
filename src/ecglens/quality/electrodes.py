"""Electrodes in the wrong place: broken limb-lead identities and exchanged limb electrodes.

The six limb leads are differences of three potentials, so that two leads give the other four. A
record that breaks this has a lead that is mislabelled, inverted or was processed apart. Exchanged
limb electrodes keep the identities and show in how the heart looks: limb leads then disagree with
V1 and V6, which stay what they were. Each of the six ways to put three electrodes on three limbs
is scored, and the likeliest is compared with the way in which the record says it was taken.

What this cannot see: exchanged legs, which change nothing, and chest electrodes, which are not
looked for. Left arm with left leg is seen in part only. A heart can look so by itself:
dextrocardia, chest electrodes in reverse order, ectopic atrial rhythm, extreme axis deviation, a
lateral infarct; of paced hearts in PTB-XL every third is flagged.

Patterns: Batchvarov, Malik and Camm 2007, Europace 9:1081, doi 10.1093/europace/eum198. Detection
by correlation between leads: Kors and van Herpen 2001, Am J Cardiol 88:396. Simulation: Krasteva,
Jekova and Schmid 2019, Sensors 19:2920, doi 10.3390/s19132920. numpy alone, for predictions carry
what is found here.
"""

from dataclasses import dataclass

import numpy as np

from ecglens.errors import ParameterError, did_you_mean
from ecglens.record import LEADS

# The recorded leads I and II in terms of the true ones. The last two are rotations, written as
# cable > limb: in RA>LA>LL the right arm's cable is on the left arm, the left arm's on the left
# leg, and the left leg's on the right arm.
ARRANGEMENTS = {
    "RA-LA": ((-1, 0), (-1, 1)),
    "RA-LL": ((1, -1), (0, -1)),
    "LA-LL": ((0, 1), (1, 0)),
    "RA>LA>LL": ((-1, 1), (-1, 0)),
    "RA>LL>LA": ((0, -1), (1, -1)),
}
# With the right leg's cable on an arm, that arm's cable is on the right leg, which is nearly the
# left leg's potential: one of leads I, II, III falls silent. The third row is by how much Wilson's
# central terminal, the chest leads' other pole, moves.
_LEGS = 0.03  # of lead II, what lies between the legs; assumed
RIGHT_LEG = {
    "RA-RL": ((1, _LEGS - 1), (0, _LEGS), (0, (1 - _LEGS) / 3)),
    "LA-RL": ((0, 1 - _LEGS), (0, 1), (-1 / 3, (1 - _LEGS) / 3)),
    "RA-RL, LA-LL": ((0, _LEGS), (1, _LEGS - 1), (0, (1 - _LEGS) / 3)),
}
SILENT = {"I": "RA-RL, LA-LL", "II": "RA-RL", "III": "LA-RL"}

_CHEST = (LEADS.index("V1"), LEADS.index("V6"))
_WAVES = {"P": (-0.22, -0.08), "QRS": (-0.05, 0.07), "T": (0.12, 0.40)}  # s from the R peak
_LEVEL = (-0.08, -0.05)  # s; the PR segment, the beat's zero
_BEFORE, _AFTER = 0.30, 0.45  # s of a beat around its R peak
_REFRACTORY = 0.20  # s between beats at least: 300 a minute
_MIN_BEATS = 3
_LOWEST_RATE = 50  # Hz; below, a QRS complex is no more than a few samples
_TINY = np.float32(1e-9)  # mV²; far below any noise
_QUIET = 0.01  # mV from sample to sample; noise below it is no poor contact
_LEAST = 0.3  # of the median lead's repeating power, that any lead counts as having
_FAINT = 0.02  # mV RMS; a wave much below it does not count as correlated

# Of the correlation of I, II, III (rows) with V1 and V6 in P, V1 and V6 in QRS, V1 and V6 in T.
# Fitted by benchmarks/electrode_reversal.py on folds 1-8 of PTB-XL.
WEIGHTS = np.array(
    [
        [-1.76, 1.54, -1.07, 1.16, 0.06, 0.72],
        [1.42, 1.20, 0.14, 1.27, 0.32, 0.49],
        [0.88, 1.97, -0.16, -0.29, 0.12, 0.39],
    ]
)


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
        return np.ptp(self.mean[..., self.part(*_WAVES["QRS"])], axis=-1)


def rearranged(signals: np.ndarray, exchange: str) -> np.ndarray:
    """Return what would have been recorded with limb electrodes exchanged.

    Parameters
    ----------
    signals : ndarray, shape (..., samples, 12)
        Millivolts, leads in the order of the house; leads I and II give all limb leads.
    exchange : str
        A key of :data:`ARRANGEMENTS` or :data:`RIGHT_LEG`.

    Raises
    ------
    ParameterError
        If the exchange is not known.
    """
    known = {**ARRANGEMENTS, **RIGHT_LEG}
    if exchange not in known:
        mend = did_you_mean(exchange, known)
        raise ParameterError("exchange", repr(exchange), "exchanged limb electrodes", mend)
    true = signals[..., :2]
    one, two, *terminal = (true @ np.asarray(row, signals.dtype) for row in known[exchange])
    limbs = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    chest = signals[..., 6:]
    if terminal:
        chest = chest - terminal[0][..., None]
    return np.concatenate([np.stack(limbs, axis=-1), chest], axis=-1)


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
    step = max(1, round(rate / 100))
    blocks = signals.shape[1] // step
    leads = signals[:, : blocks * step].transpose(0, 2, 1)
    if step > 1:
        # As a product, which takes a tenth of the time of a mean over short rows.
        leads = np.ascontiguousarray(leads).reshape(*leads.shape[:2], blocks, step)
        leads = leads @ np.full(step, 1 / step, np.float32)
    return np.ascontiguousarray(leads), rate / step


def identity_residuals(signals: np.ndarray) -> np.ndarray:
    """Return how far leads II, aVR, aVL, aVF are from what the other limb leads say.

    II = I + III (Einthoven), aVR = -(I + II)/2, aVL = (I - III)/2, aVF = (II + III)/2 (Goldberger).

    Parameters
    ----------
    signals : ndarray, shape (records, samples, 12)
        Millivolts; a sample that is missing in one of the leads is left out.

    Returns
    -------
    ndarray of float32, shape (records, 4)
        Root of the mean square, mV, without a constant offset; NaN where no sample can be compared.
    """
    one, two, three, right, left, foot = np.moveaxis(signals[..., :6], -1, 0)
    found = np.stack(
        [
            two - one - three,
            right + (one + two) / 2,
            left - (one - three) / 2,
            foot - (two + three) / 2,
        ]
    )
    there = np.isfinite(found)
    count = there.sum(axis=-1)
    if not there.all():
        found = np.where(there, found, 0)
    with np.errstate(all="ignore"):  # 0 / 0 is the NaN that was promised
        mean = found.sum(axis=-1) / count
        square = np.einsum("krs,krs->kr", found, found) / count
    return np.sqrt(np.maximum(square - mean**2, 0)).T.astype(np.float32)


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
    peaks = _peaks(blocks, rate)
    peaks[:, :before] = peaks[:, samples - length + before :] = False
    record, place = np.nonzero(peaks)
    result.count[:] = np.bincount(record, minlength=records)
    found = np.flatnonzero(result.count)
    if len(found):
        beats = blocks[record[:, None], :, place[:, None] + np.arange(-before, length - before)]
        starts, number = np.searchsorted(record, found), result.count[found, None]
        mean[found] = np.add.reduceat(beats, starts).transpose(0, 2, 1) / number[..., None]
        mean -= mean[..., result.part(*_LEVEL)].mean(axis=-1, keepdims=True)
        presence[found], contact[found] = _clarity(np.diff(beats, axis=1), starts, number, result)
        presence[result.count < _MIN_BEATS] = contact[result.count < _MIN_BEATS] = np.nan
    return result


def _clarity(
    slope: np.ndarray, starts: np.ndarray, number: np.ndarray, beats: Beats
) -> tuple[np.ndarray, np.ndarray]:
    """Return presence and contact, as :class:`Beats` explains them, from the beats' slopes."""
    complex_, rest = (
        np.square(slope[:, beats.part(*times)]).mean(axis=1) + _TINY
        for times in ((-0.06, 0.06), (-_BEFORE, -0.1))
    )
    # A mean of logarithms, so that an extrasystole does not outweigh the other beats.
    presence = np.exp(np.add.reduceat(np.log(complex_ / rest), starts) / number)
    repeated = np.square(np.add.reduceat(slope, starts) / number[..., None]).sum(axis=1)
    whole = np.add.reduceat(np.square(slope).sum(axis=1), starts) / number
    varying = np.maximum(whole - repeated, 0) + slope.shape[1] * _QUIET**2
    usual = np.median(repeated / varying, axis=1, keepdims=True)
    least = _LEAST * np.median(repeated, axis=1, keepdims=True)
    return presence, np.maximum(repeated, least) / varying / np.maximum(usual, _TINY)


def _peaks(blocks: np.ndarray, rate: float) -> np.ndarray:
    """Return where R peaks are, bool (records, samples).

    Peaks of the slope's power, of which no lead counts with more than 30 times its own mean: a
    loose electrode must not be taken for the heart.
    """
    power = np.diff(blocks, axis=-1, append=blocks[..., -1:]) ** 2
    usual = power.mean(axis=-1, keepdims=True) + _TINY
    power = np.minimum(power / usual, 30).sum(axis=1)
    window = np.hanning(round(0.1 * rate) | 1).astype(np.float32)
    power = _sliding(power, len(window)) @ window
    near = _sliding(power, 2 * round(_REFRACTORY * rate) + 1).max(axis=-1)
    rank = int(0.99 * (power.shape[1] - 1))
    high = np.partition(power, rank, axis=1)[:, rank, None]
    return (power == near) & (power > 0.3 * high) & (high > 0)


def _sliding(values: np.ndarray, width: int) -> np.ndarray:
    """Return the ``width`` (odd) values around each of (records, samples); zeros beyond them."""
    half = width // 2
    padded = np.pad(values, ((0, 0), (half, half)))
    return np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)


def correlations(beats: Beats) -> np.ndarray:
    """Return how leads I, II, III of the average beat go with V1 and V6.

    Returns
    -------
    ndarray, shape (records, 3, 6)
        From -1 to 1, by lead and P with V1, P with V6, QRS with V1, ... V6 of T; NaN where there
        are fewer than three beats or no lead I or II. A faint wave counts little.
    """
    found = []
    for start, end in _WAVES.values():
        wave = beats.mean[..., beats.part(start, end)]
        limb, chest = wave[:, :2], wave[:, _CHEST]
        limb = np.concatenate([limb, limb[:, 1:] - limb[:, :1]], axis=1)
        faint = wave.shape[-1] * _FAINT**2
        size = [np.sqrt((part**2).sum(axis=-1) + faint) for part in (limb, chest)]
        found.append(
            np.einsum("rls,rcs->rlc", limb, chest) / size[0][:, :, None] / size[1][:, None]
        )
    result = np.concatenate(found, axis=-1)
    result[beats.count < _MIN_BEATS] = np.nan
    return result


def recorded_as(exchange: str) -> list[tuple[int, int]]:
    """Return, for each of leads I, II, III as recorded, the true lead (0-2) and its sign."""
    true = np.array([(1, 0), (0, 1), (-1, 1)])
    one, two = np.array(ARRANGEMENTS[exchange])
    return [
        next((k, s) for k in range(3) for s in (1, -1) if (s * true[k] == row).all())
        for row in (one, two, two - one)
    ]


def scores_of(found: np.ndarray, weights: np.ndarray = WEIGHTS) -> np.ndarray:
    """Return the log-odds of each exchange of :data:`ARRANGEMENTS` against none.

    A conditional logit over the six arrangements with one set of weights: a record is the likelier
    to be of an arrangement, the more its limb leads, put back, go with V1 and V6 as they do in
    most hearts. All six are taken as equally frequent, so a score of 0 is no suspicion.

    Parameters
    ----------
    found : ndarray, shape (records, 3, 6)
        As :func:`correlations` returns them.
    weights : ndarray, shape (3, 6)

    Returns
    -------
    ndarray, shape (records, 5)
    """
    change = [
        np.stack([sign * weights[k] for k, sign in recorded_as(exchange)]) - weights
        for exchange in ARRANGEMENTS
    ]
    return np.einsum("rlc,elc->re", found, np.stack(change))


def silence(beats: Beats) -> np.ndarray:
    """Return each of leads I, II, III as a share of the largest of them, peak to peak of the beat.

    Returns
    -------
    ndarray, shape (records, 3)
        Near zero for the lead between two cables that are on the legs, see :data:`SILENT`; NaN
        below three beats.
    """
    limb = beats.mean[:, :2]
    extent = np.ptp(np.concatenate([limb, limb[:, 1:] - limb[:, :1]], axis=1), axis=-1)
    largest = np.where(beats.count < _MIN_BEATS, np.nan, extent.max(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):  # limb leads that are all flat
        return extent / largest[:, None]
