"""ECG-XPLAIM: residual blocks of parallel convolutions, pooled and additive.

Front. Cardiovasc. Med. 2025, doi 10.3389/fcvm.2025.1659971, public repository ppantele/ECG-XPLAIM;
weights at doi 10.5281/zenodo.14968732, which ``ecglens import-xplaim`` takes over. 3,533,185
parameters and about 4.9 thousand million multiplications at one label and 5000 × 12. Differences,
on purpose: leads in the order of :data:`ecglens.record.LEADS`, where MIMIC-IV-ECG has aVF before
aVL; the explanation is the exact share of each moment in the logit, of which the published Grad-CAM
on the last feature map is the positive part, shrunk wherever the probability is near 0 or 1.
Training does the long convolutions in the frequency domain (:mod:`ecglens.models.parallel`): the
same numbers in a fraction of the multiplications.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import AdditiveHead
from ecglens.models.parallel import PairPooling, ParallelConvolutions
from ecglens.record import LEADS

STAGES = 2  # of parallel convolutions in a block


def build(
    *, samples: int, labels: int, filters=(16, 32, 128), kernels=(2, 10, 40), **conditioning
) -> keras.Model:
    """Return ECG-XPLAIM; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples : int
        Length of the input; any rate, published at 500 Hz.
    labels : int
        Number of outputs, each with a sigmoid.
    filters : sequence of int
        Of each kernel in each block. Also named there: 8, 16, 64 and 32, 64, 256.
    kernels : sequence of int
        Lengths, in samples, of the parallel convolutions. Also named there: 2, 20, 80 and 2, 40,
        150.
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it. By default, as published, only missing
        samples become 0; ``band_pass=(0.5, 40)`` and ``notch`` are the published options.

    Returns
    -------
    keras.Model
    """
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, **conditioning)
    for block, width in enumerate(filters, start=1):
        x = _block(x, width, kernels, name=f"block_{block}")
    return keras.Model(inputs, AdditiveHead(labels, samples, name="head")(x), name="ecg_xplaim")


def _block(x, filters: int, kernels, *, name: str):
    shortcut = keras.layers.Conv1D(
        filters * len(kernels), 1, use_bias=False, name=f"{name}_shortcut"
    )(x)
    shortcut = keras.layers.BatchNormalization(name=f"{name}_shortcut_norm")(shortcut)
    for stage in range(1, STAGES + 1):
        place = f"{name}_stage_{stage}"
        x = ParallelConvolutions(filters, kernels, activation="relu", name=f"{place}_convs")(x)
        x = keras.layers.BatchNormalization(name=f"{place}_norm")(x)
        x = keras.layers.Activation("relu", name=f"{place}_relu")(x)
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    x = keras.layers.Activation("relu", name=f"{name}_relu")(x)
    return PairPooling(name=f"{name}_pool")(x)
