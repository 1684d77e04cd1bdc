"""The atria without a P wave: fibrillation and flutter, as the independent leads see them."""

import numpy as np

from ecglens.datasets.heart_vector import DOWER, NEAR_V1, SAMPLES, SAMPLING_FREQUENCY

# x, y, z of a wave of height 1. Of fibrillation it is the left atrium's part.
FIBRILLATION = (0.15, 0.65, 0.05)
FLUTTER = {  # the sawtooth of the counter-clockwise circuit points up when it is steep
    "typical": (-0.05, 0.95, 0.10),
    "reverse": (0.10, -0.80, 0.05),
    "left": (0.25, 0.15, -0.10),
}
FLUTTER_SHARES = (0.7, 0.15, 0.15)
TIME = np.arange(SAMPLES) / SAMPLING_FREQUENCY  # s


def fibrillation(rng: np.random.Generator) -> np.ndarray:
    """Return fibrillatory waves (samples, 8) in mV, fine to coarse, strongest in V1 and II."""
    size = np.exp(rng.uniform(np.log(0.012), np.log(0.08)))
    left = fibrillatory_waves(rng)[:, None] * (DOWER @ FIBRILLATION)
    return size * (left + fibrillatory_waves(rng)[:, None] * NEAR_V1)


def fibrillatory_waves(rng: np.random.Generator) -> np.ndarray:
    """Return waves (samples,) of height about 1: a sawtooth of wandering rate and size.

    After Stridh and Sörnmo 2001 (IEEE TBME 48:105), with three sinusoids for the wandering.
    """
    swing = rng.uniform(0.2, 1.6, 3)  # Hz
    strength = rng.uniform(0.05, 0.35, 3) / (2 * np.pi * swing)  # cycles; up to 1.05 Hz in sum
    turns = TIME[:, None] * swing + rng.random(3)
    cycles = rng.uniform(5.1, 7.9) * TIME + np.sin(2 * np.pi * turns) @ strength
    waves = sum(np.sin(2 * np.pi * n * cycles + rng.normal(0, 0.3)) / n for n in (1, 2, 3))
    envelope = 1 + 0.35 * np.sin(2 * np.pi * (rng.uniform(0.1, 0.5) * TIME + rng.random()))
    return 0.7 * envelope * waves


def flutter(cycle: float, first: float, rng: np.random.Generator) -> np.ndarray:
    """Return flutter waves (samples, 8) in mV: a sawtooth in II, III, aVF, small peaks in V1.

    Parameters
    ----------
    cycle : float
        Of one turn round the atrium, s.
    first : float
        When a turn begins, s.
    rng : numpy.random.Generator
    """
    direction = FLUTTER[str(rng.choice(list(FLUTTER), p=FLUTTER_SHARES))]
    size = np.exp(rng.uniform(np.log(0.06), np.log(0.20)))  # mV
    phase = (TIME - first) / cycle % 1
    steep = rng.uniform(0.22, 0.4)  # share of the turn in which the wave climbs
    saw = np.interp(phase, [0, steep, 1], [-1, 1, -1])
    # A peak at the climb's end; the circuit passes V1 as a short front.
    away = (phase - steep + 0.5) % 1 - 0.5
    peak = np.exp(-0.5 * (away / rng.uniform(0.10, 0.18)) ** 2)
    soft = np.ones(15) / 15  # 30 ms; no tissue turns a corner
    saw, peak = (np.convolve(np.pad(wave, 7, "edge"), soft, "valid") for wave in (saw, peak))
    local = rng.uniform(0.5, 1.4) * (peak - peak.mean())
    return size * (saw[:, None] * (DOWER @ direction) + local[:, None] * NEAR_V1)
