"""Our additive network that is deep and narrow: the body of an xresnet under an additive head.

Sixteen blocks of three convolutions (He et al. 2019, doi 10.1109/CVPR.2019.00065) as the PTB-XL
benchmark has them in :mod:`ecglens.models.xresnet1d101` (Strodthoff et al. 2021, doi
10.1109/JBHI.2020.3022989), with fewer blocks and filters. In place of the benchmark's maximum and
hidden layer each label weighs the steps by itself, so that each logit is the exact sum of what the
steps give to it. So that a step's share is about its own place, the stages halve time once and the
blocks of the last ones look at one step alone: at 100 Hz a step of 80 ms sees 1.85 s of the record,
where the benchmark's would see most of it. What the record is like reaches the steps as weights of
the channels instead (squeeze-and-excitation, Hu et al. 2018, doi 10.1109/CVPR.2018.00745). Features
have ceilings (:mod:`ecglens.models.ceiling`). ``benchmarks/results/own_model.md`` says what each of
these brings.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import AdditiveHead
from ecglens.models.additive_resnet import squeeze_and_excite
from ecglens.models.ceiling import Ceiling
from ecglens.models.options import check_odd, check_places, paired
from ecglens.models.xresnet1d101 import body
from ecglens.record import LEADS

REDUCTION = 16  # channels for each unit of the layer that weighs them


def build(
    *, samples: int, labels: int, blocks=(3, 4, 6, 3), stem=(32, 32, 64), filters: int = 44,
    kernels=(5, 5, 1, 1), halved=(2,), dropout: float = 0.25, ceiling: float = 0.9, **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the network; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
    blocks : sequence of int
        Residual blocks of each stage.
    stem : sequence of int
        Filters of the first convolutions, of which the first halves time.
    filters : int
        Of the blocks' middle convolution; the blocks put out four times as many.
    kernels : sequence of int
        Of the middle convolution of each stage, odd; the stem has that of the first.
    halved : sequence of int
        Stages that halve time, counted from 1.
    dropout : float
        Of the features before the head.
    ceiling : float
        Share of the training records that never reach a feature's ceiling; 1: there is none.
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it.

    Raises
    ------
    ParameterError
        If there are more kernels than stages, or fewer, if one is even, or if a stage is to halve
        time that there is not.
    """
    paired("additive_xresnet", blocks=blocks, kernels=kernels)
    check_odd("additive_xresnet: kernels", kernels)
    check_places("additive_xresnet: halved", halved, len(blocks), "stages")
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, **conditioning)
    x = body(x, blocks, stem, filters, kernels, halved, weigh=_weigh)
    x = Ceiling(ceiling, name="ceiling")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = AdditiveHead(labels, samples, attention=True, name="head")(x)
    return keras.Model(inputs, outputs, name="additive_xresnet")


def _weigh(x, *, name: str):
    return squeeze_and_excite(x, hidden=max(x.shape[-1] // REDUCTION, 1), name=name)
