"""Our additive network that is deep and narrow: the body of an xresnet under an additive head.

Sixteen blocks of three convolutions (He et al. 2019, doi 10.1109/CVPR.2019.00065) as the PTB-XL
benchmark has them in :mod:`ecglens.models.xresnet1d101` (Strodthoff et al. 2021, doi
10.1109/JBHI.2020.3022989), with fewer blocks and filters. In place of the benchmark's maximum and
hidden layer each label weighs the steps by itself, so that each logit is the exact sum of what the
steps give to it. But sixteen blocks see most of the record at each step, of 32 samples: the shares
add up, and do not show where (``docs/explanations_benchmark.md``). Features have ceilings
(:mod:`ecglens.models.ceiling`). ``benchmarks/results/own_model.md`` says what it brings.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import AdditiveHead
from ecglens.models.ceiling import Ceiling
from ecglens.models.xresnet1d101 import body
from ecglens.record import LEADS


def build(
    *, samples: int, labels: int, blocks=(3, 4, 6, 3), stem=(32, 32, 64), filters: int = 44,
    kernel: int = 5, dropout: float = 0.25, ceiling: float = 0.9, **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the network; see :mod:`ecglens.models` for what goes in and comes out.

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
        Of the convolutions that see more than one step.
    dropout : float
        Of the features before the head.
    ceiling : float
        Share of the training records that never reach a feature's ceiling; 1: there is none.
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it.
    """
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = body(condition(inputs, **conditioning), blocks, stem, filters, kernel)
    x = Ceiling(ceiling, name="ceiling")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = AdditiveHead(labels, samples, attention=True, name="head")(x)
    return keras.Model(inputs, outputs, name="additive_xresnet")
