"""Simulated tracings by what the heart has, and what a reader measures in them."""

from functools import cache

import numpy as np

from ecglens.datasets.conditions import Findings
from ecglens.datasets.heart_vector import DURATION, SAMPLING_FREQUENCY
from ecglens.datasets.hearts import draw_heart, simulate
from ecglens.record import LEADS

RATE = SAMPLING_FREQUENCY
SEEDS = range(15)


@cache
def drawn(seed, rhythm="SR", ectopy="", *, age=60, sex=0, **findings):
    """A heart and ten seconds of it."""
    rng = np.random.default_rng([seed, 7])
    heart = draw_heart(Findings(**findings), age, sex, rng)
    return heart, simulate(heart, rhythm, rng, ectopy)


def tracings(rhythm="SR", ectopy="", **findings):
    return [drawn(seed, rhythm, ectopy, **findings)[1] for seed in SEEDS]


def column(tracing, lead):
    """Millivolts."""
    return tracing.microvolts[:, LEADS.index(lead)] / 1000


def mean_beat(tracing, lead, start, stop, kind="own"):
    """The mean over the beats of a kind from ``start`` to ``stop`` s after the onset, in mV."""
    onset = tracing.beats.onset[tracing.beats.kind == kind]
    first = np.rint((onset + start) * RATE).astype(int)
    length = round((stop - start) * RATE)
    first = first[(first >= 0) & (first + length <= DURATION * RATE)]
    return np.mean([column(tracing, lead)[f : f + length] for f in first], axis=0)


def level(tracing, lead, kind="own"):
    """Where the QRS starts from, in mV."""
    return mean_beat(tracing, lead, -0.024, -0.010, kind).mean()


def durations(tracing, kind="own"):
    """QRS and QT of the first beat of a kind, in s."""
    beats = tracing.beats
    first = np.flatnonzero(beats.kind == kind)[0]
    return (
        beats.qrs_end[first] - beats.onset[first],
        beats.t_end[first] - beats.onset[first],
    )


def mean_qrs(tracing, lead, kind="own"):
    """The mean QRS above the level before it, in mV."""
    return mean_beat(tracing, lead, 0, durations(tracing, kind)[0], kind) - level(
        tracing, lead, kind
    )


def t_height(tracing, lead, kind="own"):
    """The T wave's peak above the level before the QRS, in mV."""
    qrs, qt = durations(tracing, kind)
    peak = qrs + 0.76 * (qt - qrs)
    around = mean_beat(tracing, lead, peak - 0.02, peak + 0.02, kind).mean()
    return around - level(tracing, lead, kind)


def st_level(tracing, lead):
    """60 ms after the QRS, above the level before it, in mV."""
    qrs, _ = durations(tracing)
    return mean_beat(tracing, lead, qrs + 0.05, qrs + 0.07).mean() - level(tracing, lead)


def frontal_axis(tracing):
    """Degrees, from the areas of I and aVF."""
    one, foot = (mean_qrs(tracing, lead).sum() for lead in ("I", "aVF"))
    return np.degrees(np.arctan2(2 / np.sqrt(3) * foot, one))


def median_of(feature, rhythm="SR", ectopy="", **findings):
    return np.median([feature(tracing) for tracing in tracings(rhythm, ectopy, **findings)])


def medians(feature, lead, *cases):
    """The median of a feature in a lead for each of several findings."""
    return [median_of(lambda t: feature(t, lead), **case) for case in cases]
