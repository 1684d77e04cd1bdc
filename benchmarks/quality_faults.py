"""Faults of one lead, or of a whole record, for benchmarks/quality.py."""

import numpy as np


def faults(rate: float, rng: np.random.Generator):
    """Return (what, the flag that should find it, a function that does it to a signal's lead)."""

    def seconds(signal):
        return np.arange(len(signal)) / rate

    def part(signal, length):
        start = rng.integers(len(signal) - round(length * rate))
        return slice(start, start + round(length * rate))

    def missing(signal, lead):
        signal[part(signal, 0.5), lead] = np.nan

    def flat(signal, lead):
        signal[:, lead] = 0

    def off(signal, lead):
        drift = rng.normal(0, 0.02, len(signal)).cumsum() * (100 / rate) ** 0.5
        signal[:, lead] = drift + rng.normal(0, 0.02, len(signal))

    def held(signal, lead):
        where = part(signal, 1.5)
        signal[where, lead] = signal[where.start, lead]

    def clipped(signal, lead):
        low, high = np.quantile(signal[:, lead], [0.005, 0.985])
        signal[:, lead] = signal[:, lead].clip(low, high)

    def wander(signal, lead):
        signal[:, lead] += np.sin(2 * np.pi * (0.3 * seconds(signal) + rng.random()))

    def noise(signal, lead):
        signal[:, lead] += rng.normal(0, 0.05 * (rate / 100) ** 0.5, len(signal))

    def burst(signal, lead):
        where = part(signal, 1.5)
        signal[where, lead] += rng.normal(0, 0.05 * (rate / 100) ** 0.5, where.stop - where.start)

    def hum(line):
        def change(signal, lead):
            phase = line * seconds(signal) + rng.random()
            signal[:, lead] += 0.05 * np.sin(2 * np.pi * phase)

        return change

    def times(factor):
        def change(signal, lead):
            signal *= factor

        return change

    def inverted(signal, lead):
        signal[:, 3] *= -1

    def interchanged(signal, lead):
        signal[:, 4:6] = signal[:, 5:3:-1]

    table = [
        ("0.5 s missing", "missing", missing),
        ("flat", "flat", flat),
        ("off: drift and noise in place of the heart", "lead_off", off),
        ("held for 1.5 s", "held", held),
        ("cut off above the 98.5th percentile", "clipped", clipped),
        ("wander of ±1 mV at 0.3 Hz", "wander", wander),
        ("white noise of 0.05 mV below 50 Hz", "noise", noise),
        ("the same for 1.5 s", "burst", burst),
        ("all ten times too large", "too_large", times(10)),
        ("all ten times too small", "too_small", times(0.1)),
        ("all a thousand times too large", "out_of_range", times(1000)),
        ("aVR inverted", "identity_aVR", inverted),
        ("aVL and aVF interchanged", "identity_aVL", interchanged),
    ]
    lines = [
        (f"hum of 0.05 mV at {line} Hz", f"mains_{line}", hum(line))
        for line in (50, 60)
        if rate > 2.4 * line
    ]
    return table + lines
