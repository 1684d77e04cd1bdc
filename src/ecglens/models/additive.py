"""The head that makes a pooled network additive, shared by every such model."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("ecglens")
class AdditiveHead(keras.layers.Layer):
    """Global average pooling and a dense layer, with the exact share of each moment in the logit.

    With pooled features, ``logit_k = b_k + mean_t Σ_j w_jk f_j(t)``: each coarse step t gives
    ``w_k · f(t) / T``. The step's share is spread over the samples around it with linear weights
    that sum to one, so the attribution is smooth and still sums to the logit minus its bias.

    It is the class activation map of Zhou et al. 2016 (doi 10.1109/CVPR.2016.319), taken after the
    last activation and with its bias kept apart, which is what makes it add up.

    Parameters
    ----------
    labels : int
        Number of outputs.
    samples : int
        Length of the network's input, to which the attribution is spread.
    """

    def __init__(self, labels: int, samples: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.labels, self.samples = labels, samples

    def build(self, input_shape) -> None:
        _, steps, features = input_shape
        self.kernel = self.add_weight(
            shape=(features, self.labels), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.labels,), initializer="zeros", name="bias")
        self.spread = Spread.linear(steps, self.samples)
        super().build(input_shape)

    def call(self, features):
        # The logit is the sum of the shares, so the explanation costs the spreading alone.
        shares = ops.matmul(features, self.kernel / features.shape[1])  # (batch, steps, labels)
        logit = ops.sum(shares, axis=1) + self.bias
        return {
            "probability": ops.sigmoid(logit),
            "logit": logit,
            "attribution": ops.expand_dims(self.spread(shares), axis=2),
            "bias": ops.zeros_like(logit) + self.bias,
        }

    def compute_output_shape(self, input_shape):
        flat = (input_shape[0], self.labels)
        return {
            "probability": flat,
            "logit": flat,
            "attribution": (input_shape[0], self.samples, 1, self.labels),
            "bias": flat,
        }

    def get_config(self):
        return {**super().get_config(), "labels": self.labels, "samples": self.samples}


@dataclass(frozen=True)
class Spread:
    """Spreads a share of each coarse step over the samples around it, keeping the sum.

    With j = first[i], sample i gets ``first_weight[i] · share[j] + second_weight[i] · share[j+1]``:
    linear interpolation between the middles of the steps, with each step's weights scaled to sum to
    one. Two gathers do it, where the same as a dense matrix costs a tenth of a small network.

    Parameters
    ----------
    first : ndarray of int32, shape (samples,)
    first_weight, second_weight : ndarray of float32, shape (samples, 1)
    """

    first: np.ndarray
    first_weight: np.ndarray
    second_weight: np.ndarray

    @classmethod
    def linear(cls, steps: int, samples: int) -> "Spread":
        """Return the spread from ``steps`` to ``samples``."""
        # Where each sample lies, counted in steps from the middle of the first.
        place = np.clip((np.arange(samples) + 0.5) * steps / samples - 0.5, 0, steps - 1)
        first = np.minimum(place.astype(np.int32), max(steps - 2, 0))
        second = np.minimum(first + 1, steps - 1)
        weight = place - first
        total = np.bincount(first, 1 - weight, steps) + np.bincount(second, weight, steps)
        return cls(
            first,
            ((1 - weight) / total[first]).astype(np.float32)[:, None],
            (weight / total[second]).astype(np.float32)[:, None],
        )

    def __call__(self, shares):
        """Spread a tensor (batch, steps, labels) to (batch, samples, labels)."""
        second = np.minimum(self.first + 1, shares.shape[1] - 1)
        return (
            ops.take(shares, self.first, axis=1) * self.first_weight
            + ops.take(shares, second, axis=1) * self.second_weight
        )
