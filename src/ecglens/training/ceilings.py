"""Ceilings of features, set once a fit has ended."""

import keras
import numpy as np

from ecglens.models.ceiling import Ceiling
from ecglens.models.crops import crops_of
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.training.data import ordered_batches
from ecglens.training.network import Millivolts

BATCH = 64


def set_ceilings(model: keras.Model, store: Store, train: Split) -> None:
    """Set each feature's ceiling to what a share of the training records never reach.

    Parameters
    ----------
    model : keras.Model
        Of whole records, read as they are or as the mean of crops; its network is changed where it
        has a :class:`~ecglens.models.ceiling.Ceiling` of a share below 1.
    store : Store
    train : Split
    """
    cropped = crops_of(model)
    network, starts = cropped or (model, (0,))
    for layer in network.layers:
        if isinstance(layer, Ceiling) and layer.share < 1:
            found = [_largest(network, layer, store, train, start) for start in starts]
            layer.ceiling.assign(np.quantile(np.max(found, axis=0), layer.share, axis=0))


def _largest(network, layer: Ceiling, store: Store, train: Split, start: int) -> np.ndarray:
    """Return how large each record, from a sample on, makes each feature before its ceiling."""
    length = network.input.shape[1]
    counts = keras.Input(network.input.shape[1:], dtype="int16")
    features = keras.Model(network.input, layer.input)(Millivolts()(counts))
    largest = keras.Model(counts, keras.ops.max(features, axis=1))
    signals = ordered_batches(store, train, BATCH).map(
        lambda counts, _: counts[:, start : start + length]
    )
    return largest.predict(signals, verbose=0)
