"""Optimisers and learning rates: of the three systems, and of our own models. Rates go by step."""

import keras
import numpy as np
from keras import ops

from ecglens.train_params import TrainParams

START, END = 1 / 25, 1e-4  # of the highest rate, where one cycle begins and ends
SLOW, FAST = 0.95, 0.85  # momentum where the rate is lowest and highest, as fastai has it
PLATEAU_MARGIN = 1e-4  # by which an epoch's score must be better to count


def optimizer(params: TrainParams, steps: int, network: keras.Model) -> keras.optimizers.Optimizer:
    """Return the optimiser of a fit.

    Parameters
    ----------
    steps : int
        Of an epoch.
    network : keras.Model
        Its biases and its normalisations' scales (whatever has one dimension) are decayed where
        ``params.decayed`` says all; decay is meant against large kernels.
    """
    kind = CycledAdam if params.momentum == "cycle" else keras.optimizers.Adam
    decay = params.weight_decay if params.optimizer == "adamw" else None
    chosen = kind(
        learning_rate(params, steps), beta_2=params.beta_2, weight_decay=decay,
        global_clipnorm=params.gradient_clip or None,
    )  # fmt: skip
    if decay is None or params.decayed == "all":
        return chosen
    spared = [v for v in network.trainable_variables if len(v.shape) <= 1]
    chosen.exclude_from_weight_decay(var_list=spared)
    return chosen


def learning_rate(params: TrainParams, steps: int):
    """Return the rate as a number, or as a function of the step.

    - ``constant``, and ``plateau``, which :func:`plateau_rate` moves between epochs;
    - ``cosine``: half a cosine to zero over all epochs;
    - ``one_cycle``: up along half a cosine for ``warmup`` of the way, then down (Smith and Topin
      2018, arXiv 1708.07120);
    - ``step``: times ``decay`` every ``decay_epochs`` epochs; .95 and 1 are ECG-XPLAIM's.
    """
    highest, total = params.learning_rate, params.epochs * steps
    if params.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(highest, total)
    if params.schedule == "one_cycle":
        return OneCycle(highest, total, params.warmup)
    if params.schedule == "step":
        return keras.optimizers.schedules.ExponentialDecay(
            highest, params.decay_epochs * steps, params.decay, staircase=True
        )
    return highest


@keras.saving.register_keras_serializable("ecglens")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Up along half a cosine from 1/25 of the highest rate, then down to 1/10,000 of it.

    Parameters
    ----------
    highest : float
    total : int
        Steps of the whole fit.
    warmup : float
        Share of them in which the rate rises.
    """

    def __init__(self, highest: float, total: int, warmup: float) -> None:
        self.highest, self.total, self.warmup = highest, total, warmup

    def __call__(self, step):
        return self._turning(step, self.highest * START, self.highest, self.highest * END)

    def momentum(self, step):
        """Return the decay of the gradient's mean at a step: low where the rate is high."""
        return self._turning(step, SLOW, FAST, SLOW)

    def _turning(self, step, first: float, middle: float, last: float):
        step = ops.cast(step, "float32")
        turn = max(self.warmup * self.total, 1.0)
        rest = max(self.total - turn, 1.0)
        there = _half_cosine(step / turn, first, middle)
        back = _half_cosine((step - turn) / rest, middle, last)
        return ops.where(step < turn, there, back)

    def get_config(self):
        return {"highest": self.highest, "total": self.total, "warmup": self.warmup}


@keras.saving.register_keras_serializable("ecglens")
class CycledAdam(keras.optimizers.Adam):
    """Adam whose momentum goes against the rate of its :class:`OneCycle` (arXiv 1708.07120).

    The bias of the mean is corrected as if its momentum had always been what it is now, as PyTorch
    does where a schedule sets it.

    Parameters
    ----------
    learning_rate : OneCycle
    **kwargs
        As Keras' Adam takes them.
    """

    def __init__(self, learning_rate: OneCycle, **kwargs) -> None:
        super().__init__(learning_rate, **kwargs)
        self.cycle = learning_rate

    @property
    def beta_1(self):
        """Momentum of the step that comes next."""
        return self.cycle.momentum(self.iterations)

    @beta_1.setter
    def beta_1(self, value) -> None:
        """Leave it to the cycle: Keras sets one of its own."""

    def get_config(self):
        """Return what makes this optimiser anew, without the momentum of the moment."""
        return super().get_config() | {"beta_1": SLOW}


def _half_cosine(share, first: float, last: float):
    share = ops.clip(share, 0.0, 1.0)
    return last + (first - last) * (1 + ops.cos(np.pi * share)) / 2


def plateau_rate(params: TrainParams, scores: list[float]) -> float:
    """Return the rate after epochs with these validation scores, of which more is better.

    It falls by the factor ``decay`` when ``decay_epochs`` epochs in a row were no better than the
    best before them; with .5 and 9 as Signal-CAM's does, whose patience of 8 ends with the ninth. A
    function of the past alone, so that a fit that goes on after a stop goes on alike.
    """
    rate, best, waited = params.learning_rate, -np.inf, 0
    for score in scores:
        if score > best + PLATEAU_MARGIN:
            best, waited = score, 0
            continue
        waited += 1
        if waited >= params.decay_epochs:
            rate, waited = rate * params.decay, 0
    return rate
