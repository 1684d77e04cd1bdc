"""The residual network of Ribeiro et al. 2020.

Nature Communications, doi 10.1038/s41467-020-15432-4, public repository
antonior92/automatic-ecg-diagnosis; published at 4096 × 12, 400 Hz, six labels. Its head is a dense
layer on the flattened last feature map: one weight for each moment and feature. That too is
additive, with weights that depend on the moment, so it explains itself exactly here. Difference, on
purpose: any length; where it is not a multiple of 4, what is left over counts as a step.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import AdditiveHead
from ecglens.record import LEADS

STRIDE = 4  # of each residual unit


def build(
    *, samples: int, labels: int, filters=(64, 128, 196, 256, 320), kernel: int = 16,
    dropout: float = 0.2, **conditioning,
) -> keras.Model:  # fmt: skip
    """Return Ribeiro's ResNet; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
    filters : sequence of int
        Of the first convolution and of each residual unit.
    kernel : int
        16 in the published weights.
    dropout : float
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it.
    """
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, **conditioning)
    x = _activated(_convolution(x, filters[0], kernel, name="conv_1"), name="1")
    skipped = x
    for number, width in enumerate(filters[1:], start=2):
        skipped = _skip(skipped, width, name=f"skip_{number}")
        x = _convolution(x, width, kernel, name=f"conv_{number}_a")
        x = _activated(x, dropout, name=f"{number}_a")
        x = _convolution(x, width, kernel, strides=STRIDE, name=f"conv_{number}_b")
        x = skipped = keras.layers.Add(name=f"add_{number}")([x, skipped])
        x = _activated(x, dropout, name=f"{number}_b")
    head = AdditiveHead(labels, samples, positional=True, initializer="he_normal", name="head")
    return keras.Model(inputs, head(x), name="resnet")


def _convolution(x, filters: int, kernel: int, *, name: str, strides: int = 1):
    return keras.layers.Conv1D(
        filters, kernel, strides=strides, padding="same", use_bias=False,
        kernel_initializer="he_normal", name=name,
    )(x)  # fmt: skip


def _activated(x, dropout: float = 0.0, *, name: str):
    x = keras.layers.BatchNormalization(name=f"norm_{name}")(x)
    x = keras.layers.Activation("relu", name=f"relu_{name}")(x)
    return keras.layers.Dropout(dropout, name=f"dropout_{name}")(x) if dropout else x


def _skip(x, filters: int, *, name: str):
    x = keras.layers.MaxPooling1D(STRIDE, padding="same", name=f"{name}_pool")(x)
    return x if x.shape[-1] == filters else _convolution(x, filters, 1, name=f"{name}_conv")
