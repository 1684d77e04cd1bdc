"""inception1d of the PTB-XL benchmark, an InceptionTime with its head of two poolings.

Strodthoff et al. 2021, IEEE JBHI, doi 10.1109/JBHI.2020.3022989; after Ismail Fawaz et al. 2020,
doi 10.1007/s10618-020-00710-y. Published on crops of 2.5 s at 100 Hz whose highest probability
counts; the crops are training's and prediction's, not the network's. The maximum over time and the
hidden layer are not additive: no exact explanation comes with it.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.ptbxl_benchmark import concat_pool_head, norm
from ecglens.record import LEADS


def build(
    *, samples: int, labels: int, depth: int = 6, filters: int = 32, bottleneck: int = 32,
    kernels=(39, 19, 9), hidden: int = 128, dropout: float = 0.5, **conditioning,
) -> keras.Model:  # fmt: skip
    """Return inception1d; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
    depth : int
        Inception modules; a shortcut leads round every three.
    filters, bottleneck : int
        Of each of a module's four branches, and of the convolution before them.
    kernels : sequence of int
        Of three branches; the fourth pools.
    hidden : int
        Units of the head's hidden layer.
    dropout : float
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it.
    """
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = shortcut = condition(inputs, **conditioning)
    for number in range(1, depth + 1):
        x = module(x, filters, bottleneck, kernels, name=f"module_{number}")
        x = norm(x, name=f"module_{number}_norm")
        x = keras.layers.Activation("relu", name=f"module_{number}_relu")(x)
        if number % 3 == 0:
            width = filters * (len(kernels) + 1)
            past = convolution(shortcut, width, 1, name=f"shortcut_{number // 3}")
            past = norm(past, name=f"shortcut_norm_{number // 3}")
            x = keras.layers.Add(name=f"add_{number // 3}")([x, past])
            x = shortcut = keras.layers.Activation("relu", name=f"shortcut_relu_{number // 3}")(x)
    outputs = concat_pool_head(x, labels, hidden=hidden, dropout=dropout)
    return keras.Model(inputs, outputs, name="inception1d")


def module(x, filters: int, bottleneck: int, kernels, *, name: str):
    """Return what the branches of a module see, before its norm."""
    narrow = convolution(x, bottleneck, 1, name=f"{name}_bottleneck")
    branches = [convolution(narrow, filters, k, name=f"{name}_conv_{k}") for k in kernels]
    pooled = keras.layers.MaxPooling1D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branches.append(convolution(pooled, filters, 1, name=f"{name}_pool_conv"))
    return keras.layers.Concatenate(name=f"{name}_join")(branches)


def convolution(x, filters: int, kernel: int, *, name: str):
    """Return a convolution without bias, which a norm follows."""
    return keras.layers.Conv1D(
        filters, kernel, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
