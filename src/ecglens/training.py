"""One fit: tf.data over the prepared arrays, early stopping, the best epoch kept, one seed."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ecglens.errors import ModelError
from ecglens.params import TrainParams
from ecglens.record import LEADS
from ecglens.splits import Split
from ecglens.store import Store

BEST_BY = "val_auroc"


def batches(
    store: Store, split: Split, batch_size: int, *, shuffle_seed: int | None = None
) -> tf.data.Dataset:
    """Return batches of (millivolts, truth), read from the memory-mapped store as they are needed.

    Parameters
    ----------
    shuffle_seed : int, optional
        Shuffles anew each epoch; without it the records come in order.

    Returns
    -------
    tf.data.Dataset
        Of float32 (batch, samples, 12) and float32 (batch, labels).
    """

    def read(places):
        return store.millivolts(split.rows[places]), split.truth[places]

    def read_batch(places):
        signals, truth = tf.numpy_function(read, [places], (tf.float32, tf.float32))
        signals.set_shape((None, store.samples, len(LEADS)))
        truth.set_shape((None, split.truth.shape[1]))
        return signals, truth

    places = tf.data.Dataset.range(len(split.rows))
    if shuffle_seed is not None:
        places = places.shuffle(len(split.rows), seed=shuffle_seed)
    return places.batch(batch_size).map(read_batch).prefetch(2)


def fit(
    model: keras.Model,
    store: Store,
    train: Split,
    validation: Split,
    params: TrainParams,
    *,
    checkpoint: Path,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Fit a model of the table and leave it at its best epoch.

    Parameters
    ----------
    model : keras.Model
        As :mod:`ecglens.models` builds it. Only its logit is trained; the attribution follows.
    checkpoint : Path
        File for the best weights so far, ending in ``.weights.h5``.
    callbacks
        Further Keras callbacks, for example tracking.

    Returns
    -------
    dict of str to list of float
        Loss and AUROC of train and validation, an entry an epoch.

    Raises
    ------
    ModelError
        If the loss is not a number.
    """
    steps = -(-len(train.rows) // params.batch_size)
    trained = keras.Model(model.input, model.output["logit"])
    trained.compile(
        optimizer=keras.optimizers.Adam(_learning_rate(params, steps)),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[_auroc(train.truth.shape[1])],
    )
    best = {"monitor": BEST_BY, "mode": "max"}
    history = trained.fit(
        batches(store, train, params.batch_size, shuffle_seed=params.seed),
        validation_data=batches(store, validation, params.batch_size),
        epochs=params.epochs,
        shuffle=False,  # of batches, which hold shuffled records already
        verbose=1 if sys.stdout.isatty() else 2,  # a moving bar for people, lines for logs
        callbacks=[
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.ModelCheckpoint(
                checkpoint, save_best_only=True, save_weights_only=True, **best
            ),
            keras.callbacks.EarlyStopping(patience=params.patience, **best),
            *callbacks,
        ],
    ).history
    if not np.all(np.isfinite(history["loss"])):
        raise ModelError(
            "train",
            f"a loss of {history['loss'][-1]} in epoch {len(history['loss'])}",
            "a finite loss",
            "Lower train.learning_rate.",
        )
    trained.load_weights(checkpoint)
    return {name: [float(v) for v in values] for name, values in history.items()}


def _learning_rate(params: TrainParams, steps: int):
    if params.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(params.learning_rate, params.epochs * steps)
    return params.learning_rate


def _auroc(labels: int) -> keras.metrics.Metric:
    """Macro AUROC of logits, by 500 thresholds: close to the exact one, and cheap at each step."""
    return keras.metrics.AUC(
        num_thresholds=500, multi_label=True, num_labels=labels, from_logits=True, name="auroc"
    )


class EpochLogger(keras.callbacks.Callback):
    """Hands each epoch's loss and AUROC to a tracker.

    Parameters
    ----------
    log : callable
        Takes a dictionary of metrics and, by keyword, the ``step``: ``mlflow.log_metrics`` does.
    """

    def __init__(self, log: Callable) -> None:
        super().__init__()
        self._log = log

    def on_epoch_end(self, epoch, logs=None):
        self._log({name: float(value) for name, value in (logs or {}).items()}, step=epoch + 1)


def make_reproducible(seed: int) -> None:
    """Seed Python, numpy and TensorFlow, and choose operations whose order of sums is fixed."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
