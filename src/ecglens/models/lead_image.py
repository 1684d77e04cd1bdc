"""The record as an image of time by leads: what ECG-IMN and its baseline share.

Public code and arXiv 2602.09566. There the image is 12 × L; here it is L × 12, the same sums
without moving any data. Differences, on purpose: any length (theirs must be a multiple of 4), and
missing samples are 0.
"""

import keras
from keras import ops

from ecglens.models.additive import additive_outputs

MOMENTUM, EPSILON = 0.9, 1e-5  # of BatchNorm, as PyTorch has them
BLOCK = 50  # samples that are summed by themselves first


def encode(x, *, filters, kernel: int, dropout: float, whole_channels: bool = False):
    """Return features (batch, steps, 12, filters) of a conditioned record (batch, samples, 12).

    Convolutions over 3 leads and ``kernel`` samples, each with BatchNorm and GELU; time is halved
    after each but the first, and what is left over at the end counts as a step.

    Drop-out takes single numbers of the last feature map, as ECG-IMN has it. With
    ``whole_channels`` it takes a record's channel everywhere at once. For a network that pools next
    that is drop-out of the pooled features: one by one the map's many numbers would average it out.
    """
    x = keras.layers.Reshape((*x.shape[1:], 1), name="image")(x)
    for number, width in enumerate(filters, start=1):
        x = normed_convolution(x, width, (kernel, 3), name=f"encoder_{number}")
        if number > 1:
            x = keras.layers.MaxPooling2D((2, 1), padding="same", name=f"pool_{number}")(x)
    drop = keras.layers.SpatialDropout2D if whole_channels else keras.layers.Dropout
    return drop(dropout, name="dropout")(x)


def normed_convolution(x, filters: int, kernel: tuple[int, int], *, name: str):
    """Convolution without bias, BatchNorm, GELU."""
    x = keras.layers.Conv2D(
        filters, kernel, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)  # fmt: skip
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=f"{name}_norm")(x)
    return keras.layers.Activation(gelu, name=f"{name}_gelu")(x)


@keras.saving.register_keras_serializable("ecglens")
def gelu(x):
    """GELU by the error function: Keras' own uses its complement, which ONNX does not know."""
    return 0.5 * x * (1 + ops.erf(x * 0.5**0.5))


@keras.saving.register_keras_serializable("ecglens")
class LocalLinearModel(keras.layers.Layer):
    """Apply to each record the linear model that was generated for it: logit = Σ W ⊙ x + b.

    Takes a list of weights (batch, samples, 12, K), the conditioned record (batch, samples, 12) and
    biases (batch, K); ``W ⊙ x`` is the attribution, exact for each sample and lead.

    Parameters
    ----------
    classes : {1, 2}
        1: one linear model a label. 2: two a label, for its absence and presence, as a softmax over
        two classes has; the label's model is then their difference, for the softmax of two numbers
        is the sigmoid of their difference.
    l1 : float
        λ of the penalty λ · mean |W|, which is added to the loss in training, not in validation, as
        published.
    """

    def __init__(self, classes: int = 1, l1: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.classes, self.l1 = classes, l1

    def call(self, inputs, training=False):
        weights, x, bias = inputs
        if training and self.l1:
            self.add_loss(self.l1 * ops.mean(ops.abs(weights)))
        if self.classes == 2:
            half = bias.shape[-1] // 2
            weights = weights[..., half:] - weights[..., :half]
            bias = bias[..., half:] - bias[..., :half]
        attribution = weights * x[..., None]
        return additive_outputs(_total(attribution) + bias, bias, attribution)

    def compute_output_shape(self, input_shape):
        weights, _, bias = input_shape
        labels = bias[-1] // self.classes
        flat = (bias[0], labels)
        return {
            "probability": flat,
            "logit": flat,
            "attribution": (*weights[:3], labels),
            "bias": flat,
        }

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "l1": self.l1}


def _total(attribution):
    """Sum over samples and leads, in blocks: 60,000 terms one by one would lose three digits."""
    samples, labels = attribution.shape[1], attribution.shape[3]
    over_leads = ops.sum(attribution, axis=2)
    rest = -samples % BLOCK
    padded = ops.pad(over_leads, ((0, 0), (0, rest), (0, 0))) if rest else over_leads
    blocks = ops.reshape(padded, (-1, (samples + rest) // BLOCK, BLOCK, labels))
    return ops.sum(ops.sum(blocks, axis=2), axis=1)


def generate_weights(features, samples: int, classes: int, *, widths):
    """Return weights (batch, samples, 12, classes): the published transition decoder.

    Each stage but the last is a 3 × 3 convolution, BatchNorm, GELU and a repetition of each step;
    what exceeds the record's length is cut off before the last convolution.
    """
    x = features
    for number, width in enumerate(widths, start=1):
        x = normed_convolution(x, width, (3, 3), name=f"decoder_{number}")
        x = keras.layers.UpSampling2D((2, 1), name=f"repeat_{number}")(x)
    if x.shape[1] > samples:
        x = keras.layers.Cropping2D(((0, x.shape[1] - samples), (0, 0)), name="crop")(x)
    return keras.layers.Conv2D(classes, 3, padding="same", name="weights")(x)
