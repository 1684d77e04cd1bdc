"""The head that makes a pooled network additive, shared by every such model."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

PARTS = ("logit", "bias", "attribution")  # of a model that is not additive: the first alone


@keras.saving.register_keras_serializable("ecglens")
class AdditiveHead(keras.layers.Layer):
    """Global average pooling and a dense layer, with the exact share of each moment in the logit.

    With pooled features, ``logit_k = b_k + mean_t Σ_j w_jk f_j(t)``: each coarse step t gives
    ``w_k · f(t) / T``. The step's share is spread over the samples around it with linear weights
    that sum to one, so the attribution is smooth and still sums to the logit minus its bias.

    With ``attention``, each label weighs the steps by itself in place of the plain mean,
    ``logit_k = b_k + Σ_t a_kt w_k · f(t)`` with ``a_k = softmax_t(v_k · f(t))``: what one step
    shows, such as an ectopic beat, is not thinned by all the others, and the sum stays exact
    (attention of Ilse et al. 2018, arXiv 1802.04712, in the additive form of Javed et al. 2022,
    arXiv 2206.01794).

    It is the class activation map of Zhou et al. 2016 (doi 10.1109/CVPR.2016.319), taken after the
    last activation and with its bias kept apart, which is what makes it add up.

    Parameters
    ----------
    labels : int
        Number of outputs.
    samples : int
        Length of the network's input, to which the attribution is spread.
    positional : bool
        Weights of each step's own: a dense layer on the flattened features, in place of pooling.
    by_lead : bool
        Weights of each lead's own, for a network that keeps the leads apart.
    attention : bool
        Weights of time that the features give, in place of their mean over time. They begin alike.
    initializer : str
        Of the weights, a name that Keras knows.

    Notes
    -----
    Takes features (batch, steps, features), or (batch, steps, 12, features) of a network that keeps
    the leads apart; then the average is over leads too, and each lead has its own attribution.
    """

    def __init__(
        self, labels: int, samples: int, *, positional: bool = False, by_lead: bool = False,
        attention: bool = False, initializer: str = "glorot_uniform", **kwargs,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.labels, self.samples, self.positional = labels, samples, positional
        self.by_lead, self.attention, self.initializer = by_lead, attention, initializer

    def build(self, input_shape) -> None:
        _, steps, *leads, features = input_shape
        if self.positional and leads:
            raise ValueError("a positional head takes features of shape (batch, steps, features)")
        if self.by_lead and not leads:
            raise ValueError("a head by lead takes features of shape (batch, steps, 12, features)")
        if self.attention and (leads or self.positional):
            raise ValueError("attention is over steps of shape (batch, steps, features), unplaced")
        # The initial size of a flattened layer's weights goes by all of its inputs.
        shape = (steps * features if self.positional else features, self.labels)
        shape = (*leads, *shape) if self.by_lead else shape
        self.kernel = self.add_weight(shape=shape, initializer=self.initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.labels,), initializer="zeros", name="bias")
        if self.attention:
            self.query = self.add_weight(shape=shape, initializer="zeros", name="query")
        self.spread = Spread.linear(steps, self.samples)
        super().build(input_shape)

    def call(self, features):
        # The logit is the sum of the shares, so the explanation costs the spreading alone.
        shares = self._shares(features)  # (batch, steps, [12,] labels)
        leads = shares.shape[2] if len(shares.shape) == 4 else 1
        shares = ops.reshape(shares, (-1, features.shape[1], leads * self.labels))
        attribution = ops.reshape(self.spread(shares), (-1, self.samples, leads, self.labels))
        total = ops.sum(shares, axis=1)
        if leads > 1:
            total = ops.sum(ops.reshape(total, (-1, leads, self.labels)), axis=1)
        return additive_outputs(total + self.bias, self.bias, attribution)

    def _shares(self, features):
        """Return what each step, of each lead, gives to each logit."""
        _, steps, *leads, width = features.shape
        if self.positional:
            kernel = ops.reshape(self.kernel, (steps, width, self.labels))
            by_step = ops.matmul(ops.transpose(features, (1, 0, 2)), kernel)
            return ops.transpose(by_step, (1, 0, 2))
        if self.by_lead:
            by_lead = ops.matmul(
                ops.transpose(features, (0, 2, 1, 3)), self.kernel[None] / (steps * leads[0])
            )
            return ops.transpose(by_lead, (0, 2, 1, 3))
        if self.attention:
            return self._attended(features, self.query) * ops.matmul(features, self.kernel[None])
        # A batch of one for the kernel keeps this a single product in the exported graph.
        if not leads:
            return ops.matmul(features, self.kernel[None] / steps)
        # Steps and leads as one axis: of a single step, the product of four axes that TensorFlow
        # 2.21 takes from oneDNN writes beyond its memory where there are several threads.
        places = steps * leads[0]
        flat = ops.reshape(features, (-1, places, width))
        shares = ops.matmul(flat, self.kernel[None] / places)
        return ops.reshape(shares, (-1, steps, *leads, self.labels))

    def _attended(self, features, query):
        """Return how each label of the query weighs the steps."""
        return ops.softmax(ops.matmul(features, query[None]), axis=1)

    def pooled(self, features, labels):
        """Return the features pooled over time; the logit is their product with the kernel.

        Parameters
        ----------
        features : tensor, shape (batch, steps, features)
        labels : sequence of int
            Whose attention counts.

        Returns
        -------
        tensor, shape (batch, labels, features)
        """
        if not self.attention:
            return ops.repeat(ops.mean(features, axis=1, keepdims=True), len(labels), axis=1)
        weights = self._attended(features, ops.take(self.query, labels, axis=1))
        return ops.matmul(ops.transpose(weights, (0, 2, 1)), features)

    def compute_output_shape(self, input_shape):
        flat, leads = (input_shape[0], self.labels), input_shape[2] if len(input_shape) == 4 else 1
        return {
            "probability": flat,
            "logit": flat,
            "attribution": (input_shape[0], self.samples, leads, self.labels),
            "bias": flat,
        }

    def get_config(self):
        own = {"labels": self.labels, "samples": self.samples, "positional": self.positional}
        kinds = {"by_lead": self.by_lead, "attention": self.attention}
        return {**super().get_config(), **own, **kinds, "initializer": self.initializer}


def additive_outputs(logit, bias, attribution) -> dict:
    """Return what an additive model puts out; see :mod:`ecglens.models`.

    Parameters
    ----------
    logit : tensor, shape (batch, labels)
    bias : tensor, shape (labels,) or (batch, labels)
    attribution : tensor, shape (batch, samples, 12 or 1, labels)
    """
    return {
        "probability": ops.sigmoid(logit),
        "logit": logit,
        "attribution": attribution,
        "bias": ops.zeros_like(logit) + bias,
    }


def parts_of(outputs: dict) -> list:
    """Return what of a model's outputs is averaged with others', in the order of :data:`PARTS`."""
    return [outputs[name] for name in PARTS if name in outputs]


def plain_outputs(features, labels: int) -> dict:
    """Return what a model puts out that is not additive: a dense layer's logit, and its sigmoid."""
    logit = keras.layers.Dense(labels, name="logit")(features)
    return {
        "probability": keras.layers.Activation("sigmoid", name="probability")(logit),
        "logit": logit,
    }


@dataclass(frozen=True)
class Spread:
    """Spreads a share of each coarse step over the samples around it, keeping the sum.

    Linear interpolation between the middles of the steps, with each step's weights scaled to sum to
    one. As a matrix (samples, steps) nearly all of it is zero, so it is kept as blocks of rows with
    the few steps that each touches: one gather and small products, where the dense product would
    cost a tenth of a small network's time.

    Parameters
    ----------
    samples : int
    steps_of_block : ndarray of int32, shape (blocks, width)
        The steps that a block of samples takes its shares from.
    weights : ndarray of float32, shape (blocks, rows, width)
    """

    samples: int
    steps_of_block: np.ndarray
    weights: np.ndarray

    @classmethod
    def linear(cls, steps: int, samples: int) -> "Spread":
        """Return the spread from ``steps`` to ``samples``."""
        rows = _rows_of_block(samples)
        blocks = -(-samples // rows)
        matrix = np.zeros((blocks * rows, steps))
        matrix[:samples] = spreading_matrix(steps, samples)
        matrix = matrix.reshape(blocks, rows, steps)
        touched = matrix.any(axis=1)  # (blocks, steps)
        first = touched.argmax(axis=1)
        width = int((steps - touched[:, ::-1].argmax(axis=1) - first).max())
        first = np.minimum(first, steps - width)
        index = (first[:, None] + np.arange(width)).astype(np.int32)
        weights = np.take_along_axis(matrix, index[:, None, :], axis=2)
        return cls(samples, index, weights.astype(np.float32))

    def __call__(self, shares):
        """Spread a tensor (batch, steps, labels) to (batch, samples, 1, labels)."""
        blocks, rows, _ = self.weights.shape
        gathered = ops.take(shares, self.steps_of_block, axis=1)  # (batch, blocks, width, labels)
        spread = ops.matmul(self.weights, gathered)  # (batch, blocks, rows, labels)
        flat = ops.reshape(spread, (-1, blocks * rows, 1, shares.shape[2]))
        return flat if blocks * rows == self.samples else flat[:, : self.samples]


def spreading_matrix(steps: int, samples: int) -> np.ndarray:
    """Return the weights with which each of ``steps`` shares is spread over ``samples``.

    Returns
    -------
    ndarray of float64, shape (samples, steps)
        Columns sum to one.
    """
    # Where each sample lies, counted in steps from the middle of the first.
    place = np.clip((np.arange(samples) + 0.5) * steps / samples - 0.5, 0, steps - 1)
    weights = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(steps)))
    return weights / weights.sum(axis=0)


def _rows_of_block(samples: int) -> int:
    """Return a block's length: a divisor of the samples where one of 20 to 64 exists."""
    divisors = [n for n in range(20, 65) if samples % n == 0]
    return max(divisors, default=min(50, samples))
