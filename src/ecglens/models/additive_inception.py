"""Our additive network of inception modules, which sees a beat at several lengths at once.

The modules of InceptionTime (Ismail Fawaz et al. 2020, doi 10.1007/s10618-020-00710-y) as the
PTB-XL benchmark has them (Strodthoff et al. 2021, doi 10.1109/JBHI.2020.3022989), with channels
weighed by the whole record before each shortcut joins (squeeze-and-excitation, Hu et al. 2018, doi
10.1109/CVPR.2018.00745). In place of the benchmark's maximum and hidden layer each label weighs the
steps by itself, so that each logit is the exact sum of what the steps give to it.
``benchmarks/results/own_model.md`` says what it brings.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import AdditiveHead
from ecglens.models.additive_resnet import MOMENTUM, squeeze_and_excite
from ecglens.models.inception1d import convolution, module
from ecglens.models.options import check_places
from ecglens.record import LEADS

OF_A_SHORTCUT = 3  # modules


def build(
    *, samples: int, labels: int, depth: int = 6, filters: int = 32, bottleneck: int = 32,
    kernels=(39, 19, 9), halved=(), dropout: float = 0.2, **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the network; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
    depth : int
        Inception modules; a shortcut leads round every three.
    filters, bottleneck : int
        Of each of a module's four branches, and of the convolution before them.
    kernels : sequence of int
        Of three branches, in steps; the fourth pools.
    halved : sequence of int
        Modules behind which time is halved: twice the field of view at half the work.
    dropout : float
        Of the features before the head.
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it.

    Raises
    ------
    ParameterError
        If time is to be halved behind a module that there is not.
    """
    check_places("additive_inception: halved", halved, depth, "modules")
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = past = condition(inputs, **conditioning)
    for number in range(1, depth + 1):
        x = module(x, filters, bottleneck, kernels, name=f"module_{number}")
        x = _norm(x, name=f"module_{number}_norm")
        x = keras.layers.LeakyReLU(0.1, name=f"module_{number}_relu")(x)
        if number % OF_A_SHORTCUT == 0:
            x = past = _joined(x, past, name=f"shortcut_{number // OF_A_SHORTCUT}")
        if number in halved:
            halve = keras.layers.MaxPooling1D(2, padding="same", name=f"halve_{number}")
            # A shortcut over this module is halved as what it joins is.
            x, past = halve(x), halve(past)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = AdditiveHead(labels, samples, attention=True, name="head")(x)
    return keras.Model(inputs, outputs, name="additive_inception")


def _joined(x, past, *, name: str):
    width = x.shape[-1]
    x = squeeze_and_excite(x, hidden=max(8, width // 8), name=name)
    past = _norm(convolution(past, width, 1, name=name), name=f"{name}_norm")
    x = keras.layers.Add(name=f"{name}_add")([x, past])
    return keras.layers.LeakyReLU(0.1, name=f"{name}_relu")(x)


def _norm(x, *, name: str):
    return keras.layers.BatchNormalization(momentum=MOMENTUM, name=name)(x)
