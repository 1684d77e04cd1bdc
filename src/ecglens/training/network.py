"""What is trained: a model's logit behind augmentation and mixup, with averaged weights."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from ecglens.conditioning import condition
from ecglens.record import MICROVOLT, MISSING
from ecglens.training.devices import replicas
from ecglens.training.guidance import astray, require_guidable


class Millivolts(keras.layers.Layer):
    """Make millivolts of int16 microvolts, NaN where they say missing, as the store does."""

    def __init__(self, **kwargs) -> None:
        super().__init__(autocast=False, **kwargs)

    def call(self, counts):
        signal = ops.cast(counts, "float32") / np.float32(1 / MICROVOLT)
        return ops.where(counts == MISSING, np.float32("nan"), signal)

    def compute_output_spec(self, counts):
        return keras.KerasTensor(counts.shape, "float32")


def predictor_of_counts(model: keras.Model) -> keras.Model:
    """Return the model's logit of int16 microvolts."""
    counts = keras.Input(model.input.shape[1:], dtype="int16")
    logit = keras.Model(model.input, model.output["logit"])
    return keras.Model(counts, logit(Millivolts()(counts)))


class Trainee(keras.Model):
    """A network of the table as it is trained.

    Mixup (Zhang et al. 2018, arXiv 1710.09412) mixes each record and its truth with its neighbour
    in the batch, which is shuffled; a label that its neighbour is not asked keeps its own truth.
    The moving average follows all weights, the statistics of BatchNorm too: they then belong to
    the averaged weights.

    Parameters
    ----------
    network : keras.Model
        As :mod:`ecglens.models` builds it.
    augmentation : sequence of keras.layers.Layer
    behind : bool
        Whether augmentation and mixup change what the network's conditioning passes on, not the
        record.
    mixup : float
        Alpha of the beta distribution of the shares; 0: none.
    ema : float
        Decay of the moving average; 0: none. In the first steps it is (1 + step) / (10 + step).
    guidance : float
        Weight of what speaks for a label outside its evidence; see
        :mod:`ecglens.training.guidance`. The truth then comes as a dict of "truth" and "outside".
    seed : int
    xla : bool
        Whether XLA compiles the step. Keras leaves it out by itself where operations are made
        deterministic, because a few of TensorFlow's are then refused; here one knows which.
    """

    def __init__(
        self,
        network: keras.Model,
        augmentation: Sequence[keras.layers.Layer] = (),
        *,
        behind: bool = False,
        mixup: float = 0.0,
        ema: float = 0.0,
        guidance: float = 0.0,
        seed: int = 0,
        xla: bool = False,
    ) -> None:
        super().__init__(name="trainee")
        self.xla = xla
        self.network, self.mixup, self.ema, self.guidance = network, mixup, ema, guidance
        if guidance:
            require_guidable(network)
        parts = ["logit", "attribution"] if guidance else ["logit"]
        seen = _conditioned(network) if behind else network.input
        self.conditioning = keras.Model(network.input, seen) if behind else None
        self.parts = keras.Model(seen, {part: network.output[part] for part in parts})
        self.millivolts = Millivolts()
        self.augmentation = list(augmentation)
        self.draws = keras.random.SeedGenerator(seed)
        self.averages, self.averaged_steps = [], None
        if ema:
            self._add_averages()

    def _add_averages(self) -> None:
        for number, weight in enumerate(self.network.weights):
            average = self.add_weight(
                shape=weight.shape, trainable=False, name=f"average_{number}", aggregation="mean"
            )
            average.assign(ops.convert_to_numpy(weight))  # a copy: JAX would share the memory
            self.averages.append(average)
        self.averaged_steps = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="steps", aggregation="mean"
        )

    @keras.Model.jit_compile.getter
    def jit_compile(self) -> bool:
        """Whether XLA compiles the step."""
        return self.xla or super().jit_compile

    def build(self, input_shape) -> None:
        """Nothing is left to build: the network comes built, and no other layer has weights."""
        self.built = True

    def call(self, counts, training=False):
        x = self.millivolts(counts)
        if self.conditioning is not None:
            x = self.conditioning(x, training=training)
        for layer in self.augmentation:
            x = layer(x, training=training)
        if not (training and self.mixup):
            result = self.parts(x, training=training)
        else:
            batch = ops.shape(x)[0]
            share = keras.random.beta((batch, 1), self.mixup, self.mixup, seed=self.draws)
            result = self.parts(_mixed(x, share[..., None]), training=True)
            result["share"] = share
        if training and self.ema:
            self._follow()
        return result

    def _follow(self) -> None:
        """Move the averages towards the weights, as they stood before this step."""
        step = self.averaged_steps + 1
        decay = ops.minimum(self.ema, (1 + step) / (10 + step))
        for average, weight in zip(self.averages, self.network.weights, strict=True):
            average.assign(average + (1 - decay) * (weight - average))
        self.averaged_steps.assign(step)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(
            x, self._truth(y, y_pred), y_pred["logit"], sample_weight, training
        )
        if not self.guidance:
            return loss
        weight = self.guidance / replicas()  # as Keras divided the loss
        return loss + weight * astray(y_pred["attribution"], y["truth"], y["outside"])

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, self._truth(y, y_pred), y_pred["logit"], sample_weight)

    def _truth(self, y, y_pred):
        truth = y["truth"] if self.guidance else y
        if "share" not in y_pred:
            return truth
        mixed = _mixed(truth, y_pred["share"])
        # Of a neighbour that is not asked nothing is mixed in: the label stays as often asked as
        # the loss counts on.
        return ops.where(ops.isnan(mixed), truth, mixed)

    def kept_weights(self) -> list[np.ndarray]:
        """Return the weights to validate and keep: averaged ones where there are."""
        kept = self.averages if self.ema else self.network.weights
        return [ops.convert_to_numpy(weight) for weight in kept]


def _conditioned(network: keras.Model):
    """Return what a network's conditioning passes on."""
    layers = [one for one in network.layers if type(one).__module__ == condition.__module__]
    return layers[-1].output


def _mixed(values, share):
    return share * values + (1 - share) * ops.roll(values, 1, axis=0)


class RunningAUROC(keras.metrics.Metric):
    """Macro AUROC of an epoch's training steps, from histograms of the logits.

    A truth counts as positive above one half, so that smoothed and mixed truths have a side; one
    of NaN does not count. Within
    a bin of a thirty-second the order is unknown and counts half; Keras' own metric counts in
    thresholds of the probability, which for a rare label all lie above what the model says.

    Parameters
    ----------
    labels : int
    """

    BINS, REACH = 1024, 16.0

    def __init__(self, labels: int, name: str = "auroc") -> None:
        super().__init__(name=name)
        self.labels = labels
        self.counts = self.add_weight(
            shape=(2 * labels * self.BINS,), initializer="zeros", name="counts"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        scale = self.BINS / (2 * self.REACH)
        place = ops.clip((y_pred + self.REACH) * scale, 0, self.BINS - 1)
        side = ops.cast(y_true > 0.5, "int32") * self.labels
        row = side + np.arange(self.labels, dtype="int32")
        index = ops.reshape(row * self.BINS + ops.cast(place, "int32"), (-1,))
        asked = ops.reshape(ops.cast(~ops.isnan(y_true), "float32"), (-1,))
        self.counts.assign_add(ops.segment_sum(asked, index, 2 * self.labels * self.BINS))

    def result(self):
        counts = ops.reshape(self.counts, (2, self.labels, self.BINS))
        negative, positive = counts[0], counts[1]
        below = ops.cumsum(negative, axis=1) - negative / 2
        pairs = ops.sum(positive, axis=1) * ops.sum(negative, axis=1)
        auroc = ops.sum(positive * below, axis=1) / ops.maximum(pairs, 1.0)
        known = ops.cast(pairs > 0, "float32")  # both classes were seen
        return ops.sum(auroc * known) / ops.maximum(ops.sum(known), 1.0)
