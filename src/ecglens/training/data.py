"""What a fit reads: batches of int16 microvolts from the memory-mapped store, and their truth."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

from ecglens.record import LEADS
from ecglens.splits import Split
from ecglens.store import Store

ENDLESS = np.iinfo(np.int64).max
TOGETHER = 8  # batches of crops that are read at once: half of what one by one would cost


def ordered_batches(
    store: Store, split: Split, batch_size: int, devices: int = 1
) -> tf.data.Dataset:
    """Return each record once, in order.

    Parameters
    ----------
    store : Store
    split : Split
    batch_size : int
        Records at most; of several devices, rounded up to their multiple.
    devices : int
        How many share each batch. So that the last one divides by them, the last record comes up
        to ``devices - 1`` times more: its answers are to be cut off.

    Returns
    -------
    tf.data.Dataset
        Of int16 microvolts (batch, samples, 12) and float32 truth (batch, labels). The counts are
        half the bytes of millivolts, and the network makes millivolts of them for nothing.
    """

    batch_size += -batch_size % devices
    records = len(split.rows)
    filled = records + -records % devices

    def read(start):
        places = np.arange(start, min(start + batch_size, filled)).clip(max=records - 1)
        return store.counts[split.rows[places]], split.truth[places]

    starts = tf.data.Dataset.range(0, records, batch_size)
    return _reading(starts, read, (None, store.samples), split.truth.shape[1]).prefetch(4)


def training_batches(
    store: Store,
    split: Split,
    batch_size: int,
    *,
    seed: int,
    crop: int | None = None,
    balance: str = "none",
    first_step: int = 0,
    outside: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tf.data.Dataset:
    """Return full batches of shuffled records without end, each a function of seed and step alone.

    One shuffled order of all records follows another and batches are cut from that stream, so no
    record is left out, every batch is full, nothing waits at an epoch's start, and a fit that was
    stopped goes on with the batch that it would have seen.

    Parameters
    ----------
    crop : int, optional
        Samples; of each record a stretch of so many is taken, which starts anywhere.
    balance : {"none", "sampling"}
        With "sampling", records are drawn by :func:`balancing_weights` instead.
    first_step : int
        Batches that were seen before.
    outside : callable, optional
        From places in the split to what is not evidence, bool (batch, samples, 12 or 1, labels);
        see :meth:`ecglens.training.guidance.Guide.outside`. Not with crops.

    Returns
    -------
    tf.data.Dataset
        Of int16 microvolts (batch_size, crop or samples, 12) and float32 truth; with ``outside``,
        of the former and a dict of "truth" and "outside".
    """
    samples = crop or store.samples
    counts = np.asarray(store.counts)  # the same memory; slices of a memmap cost more than the copy
    # Each stretch of so many samples in a row, of all records end to end: a view, of which taking a
    # batch costs a third of cutting its records one by one.
    stretches = sliding_window_view(counts.reshape(-1), samples * len(LEADS))[:: len(LEADS)]
    weights = balancing_weights(split.truth) if balance == "sampling" else None
    order = _Order(len(split.rows), seed, weights)

    def read(step):
        places = order.places(step * batch_size, batch_size)
        rows, truth = split.rows[places], split.truth[places]
        return (counts[rows], truth) if outside is None else (counts[rows], truth, outside(places))

    def read_crops(step):
        places = order.places(step * batch_size, TOGETHER * batch_size)
        starts = [
            np.random.default_rng([seed, 1, each]).integers(room, size=batch_size)
            for each in range(step, step + TOGETHER)
        ]
        crops = stretches[split.rows[places] * store.samples + np.concatenate(starts)]
        batches = (TOGETHER, batch_size)
        return crops.reshape(*batches, samples, -1), split.truth[places].reshape(*batches, -1)

    labels = split.truth.shape[1]
    if outside is None and samples < store.samples:
        room = store.samples - samples + 1
        steps = tf.data.Dataset.range(first_step, ENDLESS, TOGETHER)
        several = _reading(steps, read_crops, (TOGETHER, batch_size, samples), labels)
        return several.unbatch().prefetch(4)
    steps = tf.data.Dataset.range(first_step, ENDLESS)
    guided = outside is not None
    return _reading(steps, read, (batch_size, samples), labels, guided=guided).prefetch(4)


def balancing_weights(truth: np.ndarray) -> np.ndarray:
    """Return probabilities of records with which rare labels are seen more often.

    A record weighs as much as its rarest label (or, having none, as the records without), by one
    over the square root of how frequent that is: whole balance would show a label of ten records so
    often that they are learnt by heart.

    Parameters
    ----------
    truth : ndarray, shape (records, labels)

    Returns
    -------
    ndarray of float64, shape (records,)
        Sums to one.
    """
    there = truth > 0.5
    classes = np.concatenate([there, ~there.any(axis=1, keepdims=True)], axis=1)
    rarity = 1 / np.sqrt(np.maximum(classes.mean(axis=0), 1 / len(truth)))
    weights = (classes * rarity).max(axis=1)
    return weights / weights.sum()


class _Order:
    """An endless stream of places: shuffled orders of all, or draws by weight, end to end."""

    def __init__(self, records: int, seed: int, weights: np.ndarray | None) -> None:
        self.records, self.seed, self.weights = records, seed, weights
        self._round: tuple[int, np.ndarray] = (-1, np.empty(0))

    def places(self, start: int, count: int) -> np.ndarray:
        wanted = np.arange(start, start + count)
        rounds, inside = np.divmod(wanted, self.records)
        return np.concatenate(
            [self._shuffled(number)[inside[rounds == number]] for number in np.unique(rounds)]
        )

    def _shuffled(self, number: int) -> np.ndarray:
        if self._round[0] != number:
            rng = np.random.default_rng([self.seed, 0, number])
            if self.weights is None:
                order = rng.permutation(self.records)
            else:
                order = rng.choice(self.records, self.records, p=self.weights)
            self._round = (number, order)
        return self._round[1]


def _reading(
    places: tf.data.Dataset, read, shape: tuple, labels: int, guided: bool = False
) -> tf.data.Dataset:
    kinds = (tf.int16, tf.float32, tf.bool)[: 3 if guided else 2]

    def read_batch(place):
        counts, truth, *outside = tf.numpy_function(read, [place], kinds)
        counts.set_shape((*shape, len(LEADS)))
        truth.set_shape((*shape[:-1], labels))
        if not guided:
            return counts, truth
        outside[0].set_shape((*shape, None, labels))
        return counts, {"truth": truth, "outside": outside[0]}

    return places.map(read_batch)
