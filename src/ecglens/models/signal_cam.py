"""Signal-CAM: a small CNN whose forward pass returns its own map.

"Signal-CAM", EMBC 2025, doi 10.1109/EMBC58623.2025.11253260. 22,273 trainable parameters and 5.7
million multiplications at one label and 1000 × 12. Differences from the published code, on purpose:
the map uses the features after BatchNorm and activation and keeps its bias apart, so that it adds
up to the logit exactly, and it is not rescaled.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import AdditiveHead
from ecglens.record import LEADS

STAGES = ((16, 11, True), (16, 7, True), (32, 7, True), (64, 7, False))  # filters, kernel, pooled


def build(
    *, samples: int, labels: int, detrend_degree: int = 10, scaling: str = "lead", **conditioning
) -> keras.Model:
    """Return Signal-CAM; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples : int
        Length of the input; any rate, published at 100 Hz.
    labels : int
        Number of outputs, each with a sigmoid.
    detrend_degree, scaling, **conditioning
        As :func:`ecglens.conditioning.condition` takes them. The defaults are the published ones.

    Returns
    -------
    keras.Model
    """
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, detrend_degree=detrend_degree, scaling=scaling, **conditioning)
    for number, (filters, kernel, pooled) in enumerate(STAGES, start=1):
        x = keras.layers.Conv1D(filters, kernel, padding="same", name=f"conv_{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm_{number}")(x)
        x = keras.layers.LeakyReLU(0.1, name=f"relu_{number}")(x)
        if pooled:
            x = keras.layers.MaxPooling1D(2, padding="same", name=f"pool_{number}")(x)
    return keras.Model(inputs, AdditiveHead(labels, samples, name="head")(x), name="signal_cam")
