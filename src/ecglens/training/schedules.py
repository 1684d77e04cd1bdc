"""Optimisers and learning rates: of the three systems, and of our own models. Rates go by step."""

import keras
import numpy as np
from keras import ops

from ecglens.train_params import TrainParams

START, END = 1 / 25, 1e-4  # of the highest rate, where one cycle begins and ends
PLATEAU_MARGIN = 1e-4  # AUROC by which an epoch must be better to count


def optimizer(params: TrainParams, steps: int, network: keras.Model) -> keras.optimizers.Optimizer:
    """Return the optimiser of a fit.

    Parameters
    ----------
    steps : int
        Of an epoch.
    network : keras.Model
        Its biases and its normalisations' scales (whatever has one dimension) are not decayed:
        decay is meant against large kernels.
    """
    rate = learning_rate(params, steps)
    clip = params.gradient_clip or None
    if params.optimizer == "adam":
        return keras.optimizers.Adam(rate, global_clipnorm=clip)
    chosen = keras.optimizers.AdamW(rate, weight_decay=params.weight_decay, global_clipnorm=clip)
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
        step = ops.cast(step, "float32")
        turn = max(self.warmup * self.total, 1.0)
        up = _half_cosine(step / turn, self.highest * START, self.highest)
        rest = max(self.total - turn, 1.0)
        down = _half_cosine((step - turn) / rest, self.highest, self.highest * END)
        return ops.where(step < turn, up, down)

    def get_config(self):
        return {"highest": self.highest, "total": self.total, "warmup": self.warmup}


def _half_cosine(share, first: float, last: float):
    share = ops.clip(share, 0.0, 1.0)
    return last + (first - last) * (1 + ops.cos(np.pi * share)) / 2


def plateau_rate(params: TrainParams, scores: list[float]) -> float:
    """Return the rate after epochs with these validation scores.

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
