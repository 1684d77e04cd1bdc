"""Electrodes in the wrong place: broken limb-lead identities and exchanged limb electrodes.

The six limb leads are differences of three potentials, so that two leads give the other four. A
record that breaks this has a lead that is mislabelled, inverted or was processed apart. Exchanged
limb electrodes keep the identities and show in how the heart looks: limb leads then disagree with
V1 and V6, which stay what they were. Each of the six ways to put three electrodes on three limbs
is scored, and the likeliest is compared with the way in which the record says it was taken.

What this cannot see: exchanged legs, which change nothing, and chest electrodes, which are not
looked for. Left arm with left leg is seen in part only. A heart can look so by itself:
dextrocardia, chest electrodes in reverse order, ectopic atrial rhythm, extreme axis deviation, a
lateral infarct, a wide QRS complex. Of PTB-XL's folds 1-8 as published, 1.0 % of the records have a
warning, 0.1 % of the normal ones; but 22 % with WPW, 12 % of the paced, 7 % with ALMI, 6 % with LMI
or a complete left bundle branch block (most of these as RA-LL), 8 % with an extreme right axis,
some of which may be exchanged indeed. The benchmark prints more.

Patterns: Batchvarov, Malik and Camm 2007, Europace 9:1081, doi 10.1093/europace/eum198. Detection
by correlation between leads: Kors and van Herpen 2001, Am J Cardiol 88:396. Simulation: Krasteva,
Jekova and Schmid 2019, Sensors 19:2920, doi 10.3390/s19132920. numpy alone, for predictions carry
what is found here.
"""

from functools import cache

import numpy as np

from ecglens.errors import ParameterError, did_you_mean
from ecglens.quality.beats import MIN_BEATS, WAVES, Beats
from ecglens.quality.beats import average_beats as average_beats
from ecglens.quality.beats import grid as grid
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
    return residuals_of(np.asarray(signals).transpose(0, 2, 1))


def residuals_of(leads: np.ndarray) -> np.ndarray:
    """Return what :func:`identity_residuals` does, of leads (records, 12, samples)."""
    one, two, three, right, left, foot = np.moveaxis(leads[:, :6], 1, 0)
    found = np.empty((4, *one.shape), leads.dtype)
    np.subtract(two, one, out=found[0])
    found[0] -= three
    np.add(one, two, out=found[1])
    np.subtract(one, three, out=found[2])
    np.add(two, three, out=found[3])
    found[1:] /= 2
    found[1] += right
    np.subtract(left, found[2], out=found[2])
    np.subtract(foot, found[3], out=found[3])
    there = np.isfinite(found)
    count = there.shape[-1]
    if not there.all():
        found, count = np.where(there, found, 0), there.sum(axis=-1)
    with np.errstate(all="ignore"):  # 0 / 0 is the NaN that was promised
        mean = found.sum(axis=-1) / count
        square = np.einsum("krs,krs->kr", found, found) / count
    return np.sqrt(np.maximum(square - mean**2, 0)).T.astype(np.float32)


def correlations(beats: Beats) -> np.ndarray:
    """Return how leads I, II, III of the average beat go with V1 and V6.

    Returns
    -------
    ndarray, shape (records, 3, 6)
        From -1 to 1, by lead and P with V1, P with V6, QRS with V1, ... V6 of T; NaN where there
        are fewer than three beats or no lead I or II. A faint wave counts little.
    """
    found = []
    for start, end in WAVES.values():
        wave = beats.mean[..., beats.part(start, end)]
        limb, chest = wave[:, :2], wave[:, _CHEST]
        limb = np.concatenate([limb, limb[:, 1:] - limb[:, :1]], axis=1)
        faint = wave.shape[-1] * _FAINT**2
        size = [np.sqrt((part**2).sum(axis=-1) + faint) for part in (limb, chest)]
        found.append(
            np.einsum("rls,rcs->rlc", limb, chest) / size[0][:, :, None] / size[1][:, None]
        )
    result = np.concatenate(found, axis=-1)
    result[beats.count < MIN_BEATS] = np.nan
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
    return np.einsum("rlc,elc->re", found, _changes(weights.tobytes(), weights.shape))


@cache
def _changes(weights: bytes, shape: tuple[int, int]) -> np.ndarray:
    """Return by how much each exchange changes the weight of each correlation."""
    weights = np.frombuffer(weights).reshape(shape)
    return np.stack(
        [
            np.stack([sign * weights[k] for k, sign in recorded_as(exchange)]) - weights
            for exchange in ARRANGEMENTS
        ]
    )


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
    largest = np.where(beats.count < MIN_BEATS, np.nan, extent.max(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):  # limb leads that are all flat
        return extent / largest[:, None]
