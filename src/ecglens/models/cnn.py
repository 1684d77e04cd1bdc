"""ECG-XPLAIM's baseline "simple CNN": three convolutions, then a hidden dense layer.

Front. Cardiovasc. Med. 2025, doi 10.3389/fcvm.2025.1659971, public repository ppantele/ECG-XPLAIM.
The hidden layer mixes all moments before a nonlinearity, so the network is not additive: no exact
explanation comes with it. Nearly all its parameters are in that layer, and grow with the length.
"""

import keras

from ecglens.conditioning import condition
from ecglens.errors import ParameterError
from ecglens.models.additive import plain_outputs
from ecglens.models.options import paired
from ecglens.record import LEADS


def build(
    *, samples: int, labels: int, filters=(32, 64, 128), kernels=(5, 5, 3), hidden: int = 128,
    dropout: float = 0.5, **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the simple CNN; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
        At least 28 samples, for the convolutions are unpadded, as published.
    filters, kernels : sequence of int
        Of each convolution.
    hidden : int
        Units of the hidden layer.
    dropout : float
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it; published with missing samples to 0
        only.

    Raises
    ------
    ParameterError
        If filters and kernels are not alike in number, or no sample is left of so short a record.
    """
    convolutions = paired("cnn", filters=filters, kernels=kernels)
    left = samples
    for kernel in kernels:
        left = (left - kernel + 1) // 2
    if left < 1:
        raise ParameterError(
            "cnn: kernels", f"{list(kernels)} at {samples} samples", "more samples"
        )
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, **conditioning)
    for number, (width, kernel) in enumerate(convolutions, start=1):
        x = keras.layers.Conv1D(width, kernel, activation="relu", name=f"conv_{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm_{number}")(x)
        x = keras.layers.MaxPooling1D(2, name=f"pool_{number}")(x)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(hidden, activation="relu", name="hidden")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, plain_outputs(x, labels), name="cnn")
