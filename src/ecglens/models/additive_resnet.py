"""Our additive network of residual blocks, which carries the model that we put forward.

A convolutional trunk as Signal-CAM's (EMBC 2025, doi 10.1109/EMBC58623.2025.11253260), wider, then
residual blocks (He et al. 2016, doi 10.1109/CVPR.2016.90) at one step in 80 ms (at 100 Hz), whose
channels are weighed by the whole record (squeeze-and-excitation, Hu et al. 2018, doi
10.1109/CVPR.2018.00745). Pooling over time, by the mean or by each label's own weights, and a dense
layer end it, so that each logit is the exact sum of what the steps give to it. How deep, how wide
and what training helps was chosen on PTB-XL's fold 9; ``benchmarks/results/own_model.md`` says what
did and what did not.
"""

import keras

from ecglens.conditioning import condition
from ecglens.errors import ParameterError, did_you_mean
from ecglens.models.additive import AdditiveHead
from ecglens.models.options import paired
from ecglens.record import LEADS

# Keras' 0.99 lags behind the high learning rates of a one-cycle schedule.
MOMENTUM = 0.95
POOLINGS = ("mean", "attention")


def build(
    *, samples: int, labels: int, filters=(32, 32, 64, 128), kernels=(11, 7, 7, 7),
    blocks: int = 2, kernel: int = 5, pooling: str = "mean", dropout: float = 0.1, fine: int = 0,
    **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the network; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
    filters, kernels : sequence of int
        Of the trunk's convolutions; time is halved between them.
    blocks : int
        Residual blocks after the trunk, with as many filters as its last convolution.
    kernel : int
        Of the blocks.
    pooling : {"mean", "attention"}
        Over time: with attention each label weighs the steps by what they show; see
        :class:`ecglens.models.additive.AdditiveHead`.
    dropout : float
        Of the features before the head.
    fine : int
        How many poolings, from the last on, become dilation, with the same field of view: each
        halves the attribution's step in time, and doubles the work behind it.
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it.

    Raises
    ------
    ParameterError
        If the pooling is not known, filters and kernels are not alike in number, or there are
        fewer poolings than ``fine``.
    """
    if pooling not in POOLINGS:
        mend = did_you_mean(pooling, POOLINGS)
        raise ParameterError("pooling", repr(pooling), "a known pooling", mend)
    trunk = paired("additive_resnet", filters=filters, kernels=kernels)
    poolings = max(len(trunk) - 1, 0)
    if not 0 <= fine <= poolings:
        raise ParameterError(
            "additive_resnet: fine", str(fine),
            f"0 to {poolings}, as many as {len(trunk)} filters have poolings between them",
        )  # fmt: skip
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, **conditioning)
    pooled, dilation = len(filters) - fine, 1
    for number, (width, size) in enumerate(trunk, start=1):
        if 1 < number <= pooled:
            x = keras.layers.MaxPooling1D(2, padding="same", name=f"pool_{number - 1}")(x)
        elif number > 1:
            dilation *= 2
        x = _convolution(x, width, size, dilation=dilation, name=f"trunk_{number}")
        x = keras.layers.LeakyReLU(0.1, name=f"trunk_{number}_relu")(x)
        if number > 2:
            x = squeeze_and_excite(x, hidden=max(8, width // 8), name=f"trunk_{number}")
    for number in range(1, blocks + 1):
        x = _block(x, kernel, dilation=dilation, name=f"block_{number}")
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = AdditiveHead(labels, samples, attention=pooling == "attention", name="head")(x)
    return keras.Model(inputs, outputs, name="additive_resnet")


def _block(x, kernel: int, *, dilation: int, name: str):
    width = x.shape[-1]
    past = x
    x = _convolution(x, width, kernel, dilation=dilation, name=f"{name}_1")
    x = keras.layers.LeakyReLU(0.1, name=f"{name}_relu_1")(x)
    # With gamma 0 at the start a block passes its input on, and learns what to add to it.
    x = _convolution(x, width, kernel, dilation=dilation, gamma="zeros", name=f"{name}_2")
    x = squeeze_and_excite(x, hidden=max(8, width // 8), name=name)
    x = keras.layers.Add(name=f"{name}_add")([x, past])
    return keras.layers.LeakyReLU(0.1, name=f"{name}_relu_2")(x)


def _convolution(x, width: int, kernel: int, *, name: str, dilation: int = 1, gamma: str = "ones"):
    x = keras.layers.Conv1D(
        width, kernel, padding="same", dilation_rate=dilation, use_bias=False,
        kernel_initializer="he_normal", name=name,
    )(x)  # fmt: skip
    return keras.layers.BatchNormalization(
        momentum=MOMENTUM, gamma_initializer=gamma, name=f"{name}_norm"
    )(x)


def squeeze_and_excite(x, *, hidden: int, name: str):
    """Multiply each channel by a weight in (0, 1) that the record's means of all channels give."""
    means = keras.layers.GlobalAveragePooling1D(keepdims=True, name=f"{name}_squeeze")(x)
    mixed = keras.layers.Dense(hidden, activation="relu", name=f"{name}_mix")(means)
    weights = keras.layers.Dense(x.shape[-1], activation="sigmoid", name=f"{name}_excite")(mixed)
    return keras.layers.Multiply(name=f"{name}_weighed")([x, weights])
