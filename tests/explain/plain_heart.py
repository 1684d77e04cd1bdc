"""A signal whose waves are where they were put, and explanations made by hand."""

import numpy as np

from ecglens.explain.explanation import Cost, Explanation

RATE = 100


def heart(beats=9, rate=RATE, amplitude=1.0):
    """A P wave, an R wave and a T wave a second, in every lead; R at 0.5, 1.5, … s."""
    time = np.arange(beats * rate) / rate
    phase = time % 1
    waves = ((0.12, 0.34, 0.03), (1.0, 0.5, 0.012), (0.3, 0.76, 0.05))  # mV, s, s
    lead = sum(a * np.exp(-0.5 * ((phase - m) / s) ** 2) for a, m, s in waves)
    scale = np.linspace(0.5, 1.5, 12) * amplitude
    return (lead[:, None] * scale).astype(np.float32)


def explanation(maps, labels=("A",), rate=RATE, **changes):
    flat = np.zeros((len(maps), len(labels)), np.float32)
    values = {
        "method": "additive", "labels": labels, "attribution": maps, "bias": flat, "logit": flat,
        "probability": flat, "of": "logit", "sampling_frequency": rate,
        "record_names": tuple(map(str, range(len(maps)))), "options": {}, "cost": Cost(1, 0, 0.0),
    }  # fmt: skip
    return Explanation(**{**values, **changes})
