"""What a recording adds at the electrodes: wander, mains, muscle and motion.

The amounts are spread as in PTB-XL: the median record is quiet, a few are hardly readable.
"""

from dataclasses import dataclass

import numpy as np

from ecglens.datasets.heart_vector import (
    ALL_OF_ELECTRODES,
    ELECTRODES,
    SAMPLES,
    SAMPLING_FREQUENCY,
)
from ecglens.record import LEADS

KINDS = ("wander", "mains", "muscle", "motion")
TIME = np.arange(SAMPLES) / SAMPLING_FREQUENCY  # s
FREQUENCY = np.fft.rfftfreq(SAMPLES, 1 / SAMPLING_FREQUENCY)  # Hz
COUNT = len(ELECTRODES)
SLOW = FREQUENCY[1:12]  # 0.1 to 1.1 Hz
SLOW_WAVES = np.hstack([f(2 * np.pi * TIME[:, None] * SLOW) for f in (np.cos, np.sin)])
MAINS_FREQUENCY = 50.0  # Hz
MAINS_CHANCE = 0.5  # of hearing any
MOTION_CHANCE = 0.15
BURST_CHANCE = 0.12  # that a muscle's noise comes and goes
# mV in a lead, from which on a person who reads the record remarks on it.
REMARKED = {"wander": 0.15, "mains": 0.015, "muscle": 0.025, "motion": 0.08}


@dataclass(frozen=True)
class Noise:
    """The noise of one record.

    Parameters
    ----------
    electrodes : ndarray, shape (5000, 9)
        Potentials in mV at 500 Hz, electrodes in the order of
        :data:`ecglens.datasets.heart_vector.ELECTRODES`.
    amounts : dict of str to ndarray, shape (12,)
        Root mean square of each kind in each lead, mV.
    """

    electrodes: np.ndarray
    amounts: dict[str, np.ndarray]

    def remarked(self, kind: str) -> list[str]:
        """Return the leads in which a reader would remark on a kind of noise."""
        over = self.amounts[kind] > REMARKED[kind]
        return [lead for lead, much in zip(LEADS, over, strict=True) if much]


def draw_noise(breath: float, rng: np.random.Generator) -> Noise:
    """Draw each kind by itself; breathing (Hz) moves the baseline."""
    parts = {
        "wander": _wander(breath, rng),
        "mains": _mains(rng),
        "muscle": _muscle(rng),
        "motion": _motion(rng),
    }
    amounts = {kind: _root_mean_square(part) for kind, part in parts.items()}
    return Noise(sum(parts.values()), amounts)


def _root_mean_square(part: np.ndarray) -> np.ndarray:
    """Return the root mean square (12,) in the leads from the electrodes' covariance."""
    mean = part.mean(axis=0)
    covariance = part.T @ part / len(part) - np.outer(mean, mean)
    power = np.einsum("le,ef,lf->l", ALL_OF_ELECTRODES, covariance, ALL_OF_ELECTRODES)
    return np.sqrt(np.maximum(0, power))  # rounding may leave a silent part just below nought


def _coloured(shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise (samples, 9) of root mean square 1 with a spectrum's shape."""
    parts = rng.normal(size=(2, len(FREQUENCY), COUNT))
    spectrum = shape[:, None] * (parts[0] + 1j * parts[1])
    return np.fft.irfft(spectrum, SAMPLES, axis=0) * SAMPLES / (2 * np.linalg.norm(shape))


def _wander(breath: float, rng: np.random.Generator) -> np.ndarray:
    """Return slow potentials of skin and breath, above the amplifier's lower limit of 0.05 Hz."""
    shape = SLOW ** -rng.uniform(1.0, 2.0)
    shape = np.tile(shape / np.linalg.norm(shape), 2)
    slow = SLOW_WAVES @ (shape[:, None] * rng.normal(size=(len(shape), COUNT)))
    level = rng.lognormal(np.log(0.021), 0.8) * rng.lognormal(0, 0.55, COUNT)
    level[3:] *= 1.3  # chest electrodes move with the ribs
    breathing = np.sin(2 * np.pi * (breath * TIME + rng.random()))
    return level * (slow + rng.normal(0, 0.6, COUNT) * breathing[:, None])


def _mains(rng: np.random.Generator) -> np.ndarray:
    """Return the hum of the supply, in phase at all electrodes."""
    hum = np.sin(2 * np.pi * (MAINS_FREQUENCY * TIME + rng.random()))
    loud = rng.lognormal(np.log(0.0012), 1.1) * (rng.random() < MAINS_CHANCE)
    return hum[:, None] * rng.normal(0, loud, COUNT)


def _muscle(rng: np.random.Generator) -> np.ndarray:
    """Return the noise of muscles, from tremor to 150 Hz, over the amplifier's white noise."""
    corner = rng.uniform(8, 40)  # Hz
    shape = FREQUENCY / np.hypot(FREQUENCY, 2) / np.hypot(1, FREQUENCY / corner)
    shape *= np.exp(-0.5 * (FREQUENCY / 130) ** 4)
    level = rng.lognormal(np.log(0.0065), 0.6) * rng.lognormal(0, 0.4, COUNT)
    level[3:] *= 0.75  # arms and legs have more muscle
    noise = level * _coloured(shape, rng)
    if rng.random() < BURST_CHANCE:
        middle, length = rng.uniform(0, TIME[-1]), rng.uniform(0.3, 2.5)  # s
        swell = 0.6 + rng.uniform(0.5, 2.5) * np.exp(-0.5 * ((TIME - middle) / length) ** 2)
        noise *= swell[:, None]
    return noise + rng.normal(0, 0.0015, (SAMPLES, COUNT))


def _motion(rng: np.random.Generator) -> np.ndarray:
    """Return jerks of an electrode: a step that decays, with a few bumps on its way."""
    noise = np.zeros((SAMPLES, COUNT))
    if rng.random() > MOTION_CHANCE:
        return noise
    for _ in range(rng.integers(1, 4)):
        start, decay = rng.uniform(0, TIME[-1] - 0.3), rng.uniform(0.15, 2.0)  # s
        since = np.maximum(TIME - start, 0)
        jerk = (1 - np.exp(-since / 0.03)) * np.exp(-since / decay)  # it builds up in some 30 ms
        for delay in rng.exponential(0.25, rng.integers(2, 7)):
            width = rng.uniform(0.015, 0.07)
            jerk += rng.normal(0, 0.35) * np.exp(-0.5 * ((TIME - start - delay) / width) ** 2)
        noise[:, rng.integers(COUNT)] += rng.choice([-1, 1]) * rng.lognormal(-1.2, 0.7) * jerk
    return noise
