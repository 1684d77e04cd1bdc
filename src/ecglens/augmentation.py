"""Layers that change a record in training only, as recordings of one heart may differ.

Each takes and returns raw millivolts (batch, samples, 12), is written in ``keras.ops`` only, and
draws anew for every record. They stand before the model's conditioning, where such disturbances are
in real recordings: a drift that the conditioning takes away is no burden to what comes after it.
With ``place="conditioned"`` they stand behind it, as Signal-CAM's authors have them. A missing
sample (NaN) stays missing; behind the conditioning it is 0.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict

import keras
import numpy as np
from keras import ops

from ecglens.train_params import AugmentParams

MAINS = (50.0, 60.0)  # Hz
BREATHS = (12 / 60, 18 / 60)  # Hz; Signal-CAM's


def build_augmentation(params: AugmentParams, rate: float, seed: int) -> list[keras.layers.Layer]:
    """Return the layers that parameters ask for, in the order in which they are to be applied.

    Parameters
    ----------
    params : AugmentParams
        A named preset, or values of one's own.
    rate : float
        Hz.
    seed : int
        Each layer gets one of its own from it.
    """
    chosen = params.chosen()
    made = {}
    for number, (name, change) in enumerate(_CHANGES.items()):
        value = getattr(chosen, name)
        if value.p > 0:
            own = {"rate": rate} if issubclass(change, Wave) else {}
            if issubclass(change, Added):
                own["of_peak"] = chosen.unit == "peak"
            own_seed = seed * len(_CHANGES) + number
            made[name] = change(**asdict(value), **own, seed=own_seed, name=f"augment_{name}")
    if chosen.waves == "one" and {"mains", "respiration"} <= made.keys():
        made["respiration"] = OneOf(made["respiration"], made.pop("mains"), name="augment_wave")
    return list(made.values())


class Augmentation(keras.layers.Layer, ABC):
    """Changes some of the records of a batch while a model is trained.

    Parameters
    ----------
    p : float
        Chance of each record to be changed.
    size : float
        How far at most, in the unit that the layer names.
    seed : int
    """

    def __init__(self, p: float, size: float, *, seed: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.p, self.size, self.seed = p, size, seed
        self.draws = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        if not training:
            return x
        chosen = self.uniform(x, 0.0, 1.0) < self.p
        return ops.where(chosen, self.change(x), x)

    @abstractmethod
    def change(self, x):
        """Return all records changed."""

    def uniform(self, x, low: float, high: float, shape: tuple[int, int] = (1, 1)):
        """Draw for each record a number, or one for each of ``shape`` (samples, leads)."""
        return keras.random.uniform((ops.shape(x)[0], *shape), low, high, seed=self.draws)

    def compute_output_shape(self, input_shape):
        return input_shape


class TimeShift(Augmentation):
    """Earlier or later by up to ``size`` of the record; the end that opens holds its last value."""

    def change(self, x):
        far = round(self.size * x.shape[1])
        shift = ops.cast(ops.round(self.uniform(x, -far, far)), "int32")
        return _rows(x, np.arange(x.shape[1], dtype="int32") + shift[:, :, 0])


class TimeWarp(Augmentation):
    """Slower here and faster there: no moment moves by more than ``size`` of the record."""

    def change(self, x):
        samples = x.shape[1]
        waves = ops.round(self.uniform(x, 0.5, 2.5))[:, :, 0]  # 1 or 2 half waves: the ends stay
        # Time must not turn back: the wave's slope stays under one half.
        limit = ops.minimum(self.size, 0.5 / (np.pi * waves))
        far = self.uniform(x, -1.0, 1.0)[:, :, 0] * limit * samples
        grid = np.arange(samples, dtype="float32")
        place = ops.clip(grid + far * ops.sin(np.pi * waves * grid / samples), 0, samples - 1)
        before = ops.floor(place)
        share = (place - before)[:, :, None]
        index = ops.cast(before, "int32")
        return _rows(x, index) * (1 - share) + _rows(x, index + 1) * share


def _rows(x, index):
    """Return for each record the samples at ``index`` (batch, samples), held at the ends."""
    batch, samples, leads = ops.shape(x)[0], x.shape[1], x.shape[2]
    index = ops.clip(index, 0, samples - 1)
    flat = ops.arange(batch, dtype="int32")[:, None] * samples + index
    return ops.take(ops.reshape(x, (-1, leads)), flat, axis=0)


class Scale(Augmentation):
    """All leads larger or smaller by up to ``size``, a share."""

    def change(self, x):
        return x * (1 + self.uniform(x, -self.size, self.size))


class LeadGain(Augmentation):
    """Each lead by itself larger or smaller by up to ``size``, a share."""

    def change(self, x):
        return x * (1 + self.uniform(x, -self.size, self.size, (1, x.shape[2])))


class LeadDropout(Augmentation):
    """Each lead flat, at 0 mV, with the chance ``size``."""

    def change(self, x):
        kept = self.uniform(x, 0.0, 1.0, (1, x.shape[2])) >= self.size
        return ops.where(kept, x, ops.zeros_like(x))


class Added(Augmentation):
    """Adds something to all leads.

    Parameters
    ----------
    of_peak : bool
        ``size`` is a share of each lead's largest distance from its mean, as in a signal that is
        scaled to [-1, 1]; otherwise it is millivolts, or what the signal has in their place.
    """

    def __init__(self, p: float, size: float, *, of_peak: bool = False, **kwargs) -> None:
        super().__init__(p, size, **kwargs)
        self.of_peak = of_peak

    def change(self, x):
        added = self.size * self.drawn(x)
        if not self.of_peak:
            return x + added
        known = ops.where(ops.isnan(x), ops.zeros_like(x), x)
        centred = known - ops.mean(known, axis=1, keepdims=True)
        return x + added * ops.max(ops.abs(centred), axis=1, keepdims=True)

    @abstractmethod
    def drawn(self, x):
        """Return what is added where the size is one."""


class Noise(Added):
    """White Gaussian noise; ``size`` is its standard deviation."""

    def drawn(self, x):
        return keras.random.normal(ops.shape(x), seed=self.draws)


class Wave(Added):
    """A sine through all leads, of up to ``size``, at a frequency and phase that are drawn."""

    def __init__(self, p: float, size: float, *, rate: float, **kwargs) -> None:
        super().__init__(p, size, **kwargs)
        self.rate = rate

    def drawn(self, x):
        time = np.arange(x.shape[1], dtype="float32")[:, None] / self.rate  # s
        phase = self.uniform(x, 0.0, 2 * np.pi)
        wave = ops.sin(2 * np.pi * self.frequency(x) * time + phase)
        return self.uniform(x, 0.0, 1.0) * wave

    @abstractmethod
    def frequency(self, x):
        """Draw a frequency (Hz) for each record."""


class Mains(Wave):
    """Hum of 50 or 60 Hz, sampled as a recorder without a filter would."""

    def frequency(self, x):
        return ops.where(self.uniform(x, 0.0, 1.0) < 0.5, *MAINS)


class Respiration(Wave):
    """Drift with the breath, 12 to 18 a minute."""

    def frequency(self, x):
        return self.uniform(x, *BREATHS)


class OneOf(keras.layers.Layer):
    """Changes a record in one of two ways or in neither, each with the chance that it has.

    Parameters
    ----------
    first, second : Augmentation
    """

    def __init__(self, first: Augmentation, second: Augmentation, **kwargs) -> None:
        super().__init__(**kwargs)
        self.first, self.second = first, second

    def build(self, input_shape) -> None:
        """Nothing is to build: no such layer has weights."""
        self.built = True

    def call(self, x, training=False):
        if not training:
            return x
        drawn = self.first.uniform(x, 0.0, 1.0)
        in_either = drawn < self.first.p + self.second.p
        second_or_none = ops.where(in_either, self.second.change(x), x)
        return ops.where(drawn < self.first.p, self.first.change(x), second_or_none)

    def compute_output_shape(self, input_shape):
        return input_shape


_CHANGES = {
    "time_shift": TimeShift,
    "time_warp": TimeWarp,
    "scale": Scale,
    "lead_gain": LeadGain,
    "respiration": Respiration,
    "mains": Mains,
    "noise": Noise,
    "lead_dropout": LeadDropout,
}
