"""Losses on logits, written in ``keras.ops`` only.

The two-class cross-entropy of ECG-IMN's categorical variant needs no class of its own: over the two
outputs (z0, z1) of a label it is the binary cross-entropy of the logit z1 - z0. A model's own
penalty, such as ECG-IMN's mean |W|, is added in the model by ``add_loss``; every fit counts it in.
"""

import keras
import numpy as np
from keras import ops

LOSSES = ("bce", "weighted_bce", "focal")
HIGHEST_WEIGHT = 50.0  # of a positive: a label of a handful of records must not outvote the rest


def build_loss(
    name: str, truth: np.ndarray, *, label_smoothing: float, focal_gamma: float
) -> keras.losses.Loss:
    """Return a loss of truth and logits, both (batch, labels).

    Parameters
    ----------
    name : {"bce", "weighted_bce", "focal"}
        Binary cross-entropy; with :func:`positive_weights`; or focal (Lin et al. 2017, arXiv
        1708.02002), which counts what is sure already for less.
    truth : ndarray, shape (records, labels)
        Of the training records. Where some is NaN, which "bce" alone takes, a label counts by the
        records of which it is asked.
    label_smoothing : float
        0 to 1: this share of each truth is replaced by one half.
    focal_gamma : float
        How much less; 0 is binary cross-entropy.
    """
    if name == "bce" and np.isnan(truth).any():
        asked = (~np.isnan(truth)).mean(axis=0)
        return AskedBinaryCrossentropy(asked.tolist(), label_smoothing)
    if name == "bce":
        return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    if name == "weighted_bce":
        return WeightedBinaryCrossentropy(positive_weights(truth), label_smoothing)
    if name == "focal":
        return keras.losses.BinaryFocalCrossentropy(
            gamma=focal_gamma, from_logits=True, label_smoothing=label_smoothing
        )
    raise ValueError(f"loss {name!r}; expected one of {', '.join(LOSSES)}")


def positive_weights(truth: np.ndarray) -> list[float]:
    """Return negatives / positives of each label, at most 50."""
    positives = np.maximum(truth.sum(axis=0), 1)
    return np.minimum((len(truth) - positives) / positives, HIGHEST_WEIGHT).tolist()


@keras.saving.register_keras_serializable("ecglens")
class AskedBinaryCrossentropy(keras.losses.Loss):
    """Binary cross-entropy of labels that are not asked of every record; a truth of NaN is not.

    Each label's mean is over the records of which it is asked, so that all labels weigh alike.

    Parameters
    ----------
    asked : list of float
        Share of the training records of which each label is asked.
    label_smoothing : float
    """

    def __init__(self, asked: list[float], label_smoothing: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.asked, self.label_smoothing = list(asked), label_smoothing

    def call(self, y_true, y_pred):
        truth = ops.cast(y_true, y_pred.dtype)
        known = ~ops.isnan(truth)
        truth = ops.where(known, truth, ops.zeros_like(truth))
        truth = truth * (1 - self.label_smoothing) + self.label_smoothing / 2
        weights = ops.cast(known, y_pred.dtype) / np.asarray(self.asked, "float32")
        return ops.mean(weights * (ops.softplus(y_pred) - y_pred * truth), axis=-1)

    def get_config(self):
        own = {"asked": self.asked, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("ecglens")
class WeightedBinaryCrossentropy(keras.losses.Loss):
    """Binary cross-entropy in which a label's positives count so many times.

    Parameters
    ----------
    weights : list of float
        One a label.
    label_smoothing : float
    """

    def __init__(self, weights: list[float], label_smoothing: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.weights, self.label_smoothing = list(weights), label_smoothing

    def call(self, y_true, y_pred):
        truth = ops.cast(y_true, y_pred.dtype)
        truth = truth * (1 - self.label_smoothing) + self.label_smoothing / 2
        weights = ops.convert_to_tensor(np.asarray(self.weights, "float32"))
        positive = ops.softplus(-y_pred) * truth * weights
        return ops.mean(positive + ops.softplus(y_pred) * (1 - truth), axis=-1)

    def get_config(self):
        own = {"weights": self.weights, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own}
