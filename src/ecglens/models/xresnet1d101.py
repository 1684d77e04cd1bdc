"""xresnet1d101 of the PTB-XL benchmark, a ResNet-101 of one dimension with a stem of three layers.

Strodthoff et al. 2021, IEEE JBHI, doi 10.1109/JBHI.2020.3022989, public repository
helme/ecg_ptbxl_benchmarking; after He et al. 2019, doi 10.1109/CVPR.2019.00065. Published on crops
of 2.5 s at 100 Hz whose highest probability counts; the crops are training's and prediction's, not
the network's. As in the public code all four stages have 64 filters (256 after expansion). The
maximum over time and the hidden layer are not additive: no exact explanation comes with it.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.options import check_odd
from ecglens.models.ptbxl_benchmark import concat_pool_head, norm
from ecglens.record import LEADS

EXPANSION = 4


def build(
    *, samples: int, labels: int, blocks=(3, 4, 23, 3), stem=(32, 32, 64), filters: int = 64,
    kernel: int = 5, hidden: int = 128, dropout: float = 0.5, **conditioning,
) -> keras.Model:  # fmt: skip
    """Return xresnet1d101; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
    blocks : sequence of int
        Residual blocks of each stage; each stage but the first halves time.
    stem : sequence of int
        Filters of the first convolutions, of which the first halves time.
    filters : int
        Of the blocks' middle convolution; the blocks put out four times as many.
    kernel : int
        Of the convolutions that see more than one step; odd.
    hidden : int
        Units of the head's hidden layer.
    dropout : float
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it.

    Raises
    ------
    ParameterError
        If the kernel is even.
    """
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    check_odd("xresnet1d101: kernel", [kernel])
    kernels, halved = [kernel] * len(blocks), range(2, len(blocks) + 1)
    x = body(condition(inputs, **conditioning), blocks, stem, filters, kernels, halved)
    outputs = concat_pool_head(x, labels, hidden=hidden, dropout=dropout)
    return keras.Model(inputs, outputs, name="xresnet1d101")


def body(x, blocks, stem, filters: int, kernels, halved, weigh=None):
    """Return the features of all blocks; :func:`build` says what the options are.

    Here each stage has a kernel of its own, the stem that of the first; ``halved`` are the stages
    that halve time, counted from 1; ``weigh``, where there is one, is given what each block behind
    the first stage adds to its shortcut, and the block's ``name``.
    """
    for number, width in enumerate(stem, start=1):
        strides = 2 if number == 1 else 1
        x = _convolution(x, width, kernels[0], strides=strides, name=f"stem_{number}")
        x = keras.layers.Activation("relu", name=f"stem_relu_{number}")(x)
    x = _padded(x, 1, name="stem_pool_pad")  # after a ReLU nothing is below 0
    x = keras.layers.MaxPooling1D(3, strides=2, name="stem_pool")(x)
    for stage, (count, kernel) in enumerate(zip(blocks, kernels, strict=True), start=1):
        for number in range(1, count + 1):
            strides = 2 if number == 1 and stage in halved else 1
            own = weigh if stage > 1 else None
            x = _block(x, filters, kernel, strides, own, name=f"block_{stage}_{number}")
    return x


def _block(x, filters: int, kernel: int, strides: int, weigh, *, name: str):
    """Bottleneck block; where it halves time, its shortcut takes means of two first."""
    past = x
    if strides > 1:
        past = keras.layers.AveragePooling1D(2, padding="same", name=f"{name}_mean")(past)
    if past.shape[-1] != EXPANSION * filters:
        past = _convolution(past, EXPANSION * filters, 1, name=f"{name}_past")
    for number, (width, reach, step) in enumerate(((filters, 1, 1), (filters, kernel, strides))):
        x = _convolution(x, width, reach, strides=step, name=f"{name}_{number}")
        x = keras.layers.Activation("relu", name=f"{name}_relu_{number}")(x)
    x = _convolution(x, EXPANSION * filters, 1, name=f"{name}_2")
    x = weigh(x, name=name) if weigh else x
    x = keras.layers.Add(name=f"{name}_add")([x, past])
    return keras.layers.Activation("relu", name=f"{name}_relu")(x)


def _convolution(x, filters: int, kernel: int, *, name: str, strides: int = 1):
    """Convolution padded alike on both sides, as PyTorch does, and BatchNorm."""
    x = _padded(x, (kernel - 1) // 2, name=f"{name}_pad")
    x = keras.layers.Conv1D(
        filters, kernel, strides=strides, use_bias=False, kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)  # fmt: skip
    return norm(x, name=f"{name}_norm")


def _padded(x, width: int, *, name: str):
    return keras.layers.ZeroPadding1D(width, name=name)(x) if width else x
