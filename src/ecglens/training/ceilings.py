"""Ceilings of features, set once a fit has ended."""

import keras
import numpy as np

from ecglens.models.ceiling import Ceiling
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.training.data import ordered_batches
from ecglens.training.network import Millivolts

BATCH = 64


def set_ceilings(network: keras.Model, store: Store, train: Split) -> None:
    """Set each feature's ceiling to what a share of the training records never reach.

    Parameters
    ----------
    network : keras.Model
        Of whole records; changed where it has a :class:`~ecglens.models.ceiling.Ceiling` of a share
        below 1.
    store : Store
    train : Split
    """
    ceilings = [layer for layer in network.layers if isinstance(layer, Ceiling)]
    for layer in [one for one in ceilings if one.share < 1]:
        counts = keras.Input(network.input.shape[1:], dtype="int16")
        features = keras.Model(network.input, layer.input)(Millivolts()(counts))
        largest = keras.Model(counts, keras.ops.max(features, axis=1))
        signals = ordered_batches(store, train, BATCH).map(lambda counts, _: counts)
        found = largest.predict(signals, verbose=0)
        layer.ceiling.assign(np.quantile(found, layer.share, axis=0))
