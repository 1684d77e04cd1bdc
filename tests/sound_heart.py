"""A sound heart, drawn, and what is found wrong with it once a fault is put in."""

import numpy as np

from ecglens.quality import assess
from ecglens.record import LEADS, Record

# For each wave: centre and width in s from the R peak, mV in the frontal plane, axis in degrees,
# mV in V1 to V6.
WAVES = (
    (-0.16, 0.025, 0.12, 55, (0.04, 0.06, 0.07, 0.07, 0.07, 0.06)),
    (0.0, 0.012, 1.1, 50, (-0.3, 0.2, 0.8, 1.5, 1.4, 1.1)),
    (0.035, 0.010, 0.25, -110, (-0.6, -0.9, -0.6, -0.4, -0.2, -0.1)),
    (0.27, 0.05, 0.3, 45, (-0.05, 0.3, 0.4, 0.4, 0.35, 0.3)),
)


def heart(rate=500, seconds=10.0, beats_a_minute=70, noise=0.003):
    """Return a sound signal (samples, 12) in mV, whose limb leads obey the identities."""
    times = np.arange(round(rate * seconds)) / rate
    signal = np.zeros((len(times), 12))
    for peak in np.arange(0.4, seconds + 1, 60 / beats_a_minute):
        for centre, width, size, axis, chest in WAVES:
            wave = np.exp(-(((times - peak - centre) / width) ** 2) / 2)
            for k, direction in enumerate((0, 60)):
                signal[:, k] += size * np.cos(np.radians(axis - direction)) * wave
            signal[:, 6:] += np.outer(wave, chest)
    signal[:, [0, 1, *range(6, 12)]] += np.random.default_rng(5).normal(0, noise, (len(times), 8))
    one, two = signal[:, 0], signal[:, 1]
    limbs = (two - one, -(one + two) / 2, one - two / 2, two - one / 2)
    signal[:, 2:6] = np.stack(limbs, axis=1)
    return signal.astype(np.float32)


def record(signal, rate=500):
    return Record(signal, rate, "a")


def found(signal, rate=500):
    """Return the kinds of flags, with the lead where there is one."""
    return {
        (flag.kind, *(flag.leads if len(flag.leads) == 1 else ()))
        for flag in assess(record(signal, rate))
    }


def lead(name):
    return LEADS.index(name)
