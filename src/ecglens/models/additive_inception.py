"""Our additive inception network: inception1d's modules under a head whose sum is exact.

The modules of InceptionTime (Ismail Fawaz et al. 2020, doi 10.1007/s10618-020-00710-y) as the
PTB-XL benchmark has them (Strodthoff et al. 2021, doi 10.1109/JBHI.2020.3022989), at the
recording's own rate from end to end and with channels weighed by the whole record behind each
shortcut (squeeze-and-excitation, Hu et al. 2018, doi 10.1109/CVPR.2018.00745). In place of the
benchmark's maximum and hidden layer each label weighs the samples by itself, so that each logit is
the exact sum of what the samples give to it. ``benchmarks/results/own_model.md`` says what it
brings.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import AdditiveHead
from ecglens.models.inception1d import trunk
from ecglens.record import LEADS


def build(
    *, samples: int, labels: int, depth: int = 6, filters: int = 32, bottleneck: int = 32,
    kernels=(39, 19, 9), squeeze: int = 16, dropout: float = 0.2, **conditioning,
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
        Of three branches, in samples; the fourth pools.
    squeeze : int
        Hidden units of squeeze-and-excitation; 0: none.
    dropout : float
        Of the features before the head.
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it.
    """
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, **conditioning)
    x = trunk(x, depth, filters, bottleneck, kernels, squeeze=squeeze)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = AdditiveHead(labels, samples, attention=True, name="head")(x)
    return keras.Model(inputs, outputs, name="additive_inception")
