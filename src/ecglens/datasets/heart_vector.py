"""From a moving dipole to the twelve leads of the surface ECG.

Each wave of the heart is a Gaussian flank up, a plateau and a Gaussian flank down, after McSharry
et al. 2003 (IEEE TBME 50:289, doi 10.1109/TBME.2003.808805), as a vector in the three dimensions
of Sameni et al. 2007 (EURASIP J. Adv. Signal Process. 2007:043407): x left, y down, z back, Frank's
axes. The matrix of Dower et al. 1980 (J. Electrocardiol. 13:109) projects it onto the eight
independent leads. Noise enters at the nine electrodes, so Einthoven's and Goldberger's equations
hold for it as well.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ecglens.record import LEADS, to_microvolts

SAMPLING_FREQUENCY = 500  # Hz
DURATION = 10  # s
SAMPLES = DURATION * SAMPLING_FREQUENCY

INDEPENDENT = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
# fmt: off
DOWER = np.array([  # rows as INDEPENDENT; columns x, y, z
    (0.632, -0.235, 0.059), (0.235, 1.066, -0.132),
    (-0.515, 0.157, -0.917), (0.044, 0.164, -1.387), (0.882, 0.098, -1.277),
    (1.213, 0.127, -0.601), (1.125, 0.127, -0.086), (0.831, 0.076, 0.230),
])
# fmt: on
ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
LEADS_OF_ELECTRODES = np.zeros((8, 9))  # rows as INDEPENDENT
LEADS_OF_ELECTRODES[0, :2] = -1, 1
LEADS_OF_ELECTRODES[1, [0, 2]] = -1, 1
LEADS_OF_ELECTRODES[2:, 3:] = np.eye(6)
LEADS_OF_ELECTRODES[2:, :3] = -1 / 3  # Wilson's central terminal
ALL_OF_INDEPENDENT = np.zeros((len(LEADS), 8))
ALL_OF_INDEPENDENT[INDEPENDENT, range(8)] = 1
ALL_OF_INDEPENDENT[2:6, :2] = (-1, 1), (-0.5, -0.5), (1, -0.5), (-0.5, 1)
ALL_OF_ELECTRODES = ALL_OF_INDEPENDENT @ LEADS_OF_ELECTRODES  # (12, 9)
NEAR_V1 = np.eye(8)[2]  # the right atrium lies so near to V1 that a dipole in mid-chest misses it

REACH = 4  # widths of a flank, beyond which a Gaussian is nought


class Wave(NamedTuple):
    """One wave of every beat.

    Parameters
    ----------
    start, stop : ndarray, shape (beats,)
        The plateau, s from the record's start; the same time where the wave has but a peak.
    rise, fall : ndarray, shape (beats,)
        Standard deviations of the flanks, s.
    size : ndarray, shape (beats,)
        Factor of the vector.
    leads : ndarray, shape (8,)
        mV in the independent leads.
    """

    start: np.ndarray
    stop: np.ndarray
    rise: np.ndarray
    fall: np.ndarray
    size: np.ndarray
    leads: np.ndarray


def sum_of_waves(waves: Sequence[Wave]) -> np.ndarray:
    """Return the independent leads (samples, 8) in mV."""
    heights = np.stack([_height(wave) for wave in waves])
    return heights.T @ np.stack([wave.leads for wave in waves])


def _height(wave: Wave) -> np.ndarray:
    """Return a wave's course over the record (samples,), each beat within the flanks' reach."""
    if not len(wave.start):
        return np.zeros(SAMPLES)
    first = np.floor((wave.start - REACH * wave.rise) * SAMPLING_FREQUENCY).astype(int)
    length = (wave.stop - wave.start + REACH * (wave.rise + wave.fall)).max()
    index = first[:, None] + np.arange(int(length * SAMPLING_FREQUENCY) + 2)
    time = index / SAMPLING_FREQUENCY
    before = np.minimum(time - wave.start[:, None], 0) / wave.rise[:, None]
    after = np.maximum(time - wave.stop[:, None], 0) / wave.fall[:, None]
    height = wave.size[:, None] * np.exp(-0.5 * (before**2 + after**2))
    inside = (index >= 0) & (index < SAMPLES)
    return np.bincount(index[inside], height[inside], SAMPLES)


def twelve_leads(independent: np.ndarray) -> np.ndarray:
    """Quantise the eight independent leads and derive the other four from the whole numbers.

    Parameters
    ----------
    independent : ndarray, shape (samples, 8)
        mV: I, II, V1 to V6; none missing.

    Returns
    -------
    ndarray of int16, shape (samples, 12)
        Microvolts. III = II - I exactly; aVR, aVL and aVF to within half a microvolt.
    """
    counts = to_microvolts(independent, "simulated record")
    one, two = counts[:, 0].astype(float), counts[:, 1].astype(float)
    derived = np.stack([two - one, -(one + two) / 2, one - two / 2, two - one / 2], axis=1)
    return np.hstack([counts[:, :2], np.rint(derived).astype(np.int16), counts[:, 2:]])
