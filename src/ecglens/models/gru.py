"""ECG-XPLAIM's baseline "GRU": two recurrent layers, two hidden dense layers.

Front. Cardiovasc. Med. 2025, doi 10.3389/fcvm.2025.1659971, public repository ppantele/ECG-XPLAIM.
Not additive: no exact explanation comes with it. It is slow, for each sample waits for the one
before it.
"""

import keras

from ecglens.conditioning import condition
from ecglens.models.additive import plain_outputs
from ecglens.record import LEADS


def build(
    *, samples: int, labels: int, units=(128, 64), hidden=(64, 32), dropout: float = 0.3,
    **conditioning,
) -> keras.Model:  # fmt: skip
    """Return the GRU; see :mod:`ecglens.models` for what goes in and comes out.

    Parameters
    ----------
    samples, labels : int
    units : sequence of int
        Of each recurrent layer.
    hidden : sequence of int
        Of each dense layer after them.
    dropout : float
    **conditioning
        As :func:`ecglens.conditioning.condition` takes it; published with missing samples to 0
        only.
    """
    inputs = keras.Input((samples, len(LEADS)), name="millivolts")
    x = condition(inputs, **conditioning)
    for number, width in enumerate(units, start=1):
        last = number == len(units)
        x = keras.layers.GRU(width, return_sequences=not last, name=f"gru_{number}")(x)
        x = keras.layers.LayerNormalization(name=f"gru_norm_{number}")(x)
        x = keras.layers.Dropout(dropout, name=f"gru_dropout_{number}")(x)
    for number, width in enumerate(hidden, start=1):
        x = keras.layers.Dense(width, activation="relu", name=f"hidden_{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm_{number}")(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
    return keras.Model(inputs, plain_outputs(x, labels), name="gru")
