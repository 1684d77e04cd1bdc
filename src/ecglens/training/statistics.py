"""Means and variances of batch normalisation, found anew on training records as they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
from keras import ops

from ecglens.models.crops import crops_of
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.training.data import ordered_batches
from ecglens.training.network import Millivolts

RECORDS, BATCH = 2048, 128


class Renewal:
    """Gives a network's batch normalisation the statistics of records that nothing has changed.

    In training it follows batches that are augmented, mixed or cropped, and weights that still
    move: what it then takes for usual is not what whole, clean records are. Here each layer gets
    the mean and the variance of its input over training records as they are, at the weights of
    now; each batch is normalised by its own, and nothing is dropped out (Wu and Johnson 2021,
    arXiv 2105.07576, section 3). A layer that is frozen keeps what it has.

    Parameters
    ----------
    model : keras.Model
        Of whole records, read as they are or as the mean of crops.
    store : Store
    train : Split
        Of which 2,048 records are read, at even distances, or all of fewer.
    """

    def __init__(self, model: keras.Model, store: Store, train: Split) -> None:
        self.network, self.starts = crops_of(model) or (model, (0,))
        places = np.unique(np.linspace(0, len(train.rows) - 1, RECORDS).astype(int))
        some = replace(train, rows=train.rows[places], truth=train.truth[places])
        self.records = ordered_batches(store, some, BATCH)
        self.millivolts = Millivolts()

    def __call__(self) -> None:
        """Find the statistics at the network's weights, and assign them."""
        layers, length = self.network.layers, self.network.input.shape[1]
        norms = [x for x in layers if isinstance(x, keras.layers.BatchNormalization)]
        found, sizes = [], []
        with _of_one_batch(layers):
            for counts, _ in self.records.as_numpy_iterator():
                for start in self.starts:
                    stretch = self.millivolts(counts[:, start : start + length])
                    self.network(stretch, training=True)
                    found.append([_statistics(norm) for norm in norms])
                    sizes.append(len(counts))
        for norm, batches in zip(norms, zip(*found, strict=True), strict=True):
            means, variances = np.moveaxis(np.array(batches, np.float64), 1, 0)
            mean = np.average(means, axis=0, weights=sizes)
            norm.moving_mean.assign(mean)
            spread = (means - mean) ** 2
            norm.moving_variance.assign(np.average(variances + spread, axis=0, weights=sizes))


def _statistics(norm: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    return tuple(ops.convert_to_numpy(x) for x in (norm.moving_mean, norm.moving_variance))


@contextmanager
def _of_one_batch(layers: list[keras.layers.Layer]) -> Iterator[None]:
    """Let normalisation remember the last batch alone, and drop-out drop nothing."""
    names = {keras.layers.BatchNormalization: "momentum", keras.layers.Dropout: "rate"}
    changed = [
        (one, name) for one in layers for kind, name in names.items() if isinstance(one, kind)
    ]
    before = [getattr(one, name) for one, name in changed]
    try:
        for one, name in changed:
            setattr(one, name, 0.0)
        yield
    finally:
        for (one, name), value in zip(changed, before, strict=True):
            setattr(one, name, value)
