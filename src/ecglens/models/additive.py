"""The head that makes a pooled network additive, shared by every such model."""

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
        self.spread = spreading_matrix(steps, self.samples)
        super().build(input_shape)

    def call(self, features):
        logit = ops.matmul(ops.mean(features, axis=1), self.kernel) + self.bias
        shares = ops.matmul(features, self.kernel / features.shape[1])  # (batch, steps, labels)
        attribution = ops.matmul(ops.convert_to_tensor(self.spread), shares)
        return {
            "probability": ops.sigmoid(logit),
            "logit": logit,
            "attribution": ops.expand_dims(attribution, axis=2),
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


def spreading_matrix(steps: int, samples: int) -> np.ndarray:
    """Return weights that spread each of ``steps`` shares over ``samples``, keeping their sum.

    Column t holds linear-interpolation weights about the middle of step t, scaled to sum to one.

    Returns
    -------
    ndarray of float32, shape (samples, steps)

    Examples
    --------
    >>> spreading_matrix(2, 4).sum(axis=0)
    array([1., 1.], dtype=float32)
    """
    middles = (np.arange(steps) + 0.5) * samples / steps - 0.5
    weights = np.stack(
        [np.interp(np.arange(samples), middles, unit) for unit in np.eye(steps)], axis=1
    )
    return (weights / weights.sum(axis=0)).astype(np.float32)
