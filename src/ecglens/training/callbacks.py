"""What happens around a fit's epochs: validation, stopping, keeping, telling."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tqdm import tqdm

from ecglens.evaluation.metrics import macro_auroc
from ecglens.train_params import TrainParams
from ecglens.training.best import accuracy, best_of, scores
from ecglens.training.devices import replicas
from ecglens.training.failures import no_number
from ecglens.training.network import Trainee, predictor_of_counts
from ecglens.training.progress import Progress
from ecglens.training.schedules import plateau_rate

# Of each epoch, in this order; the accuracy is there where it decides which is best.
TOLD = ("loss", "auroc", "val_loss", "val_auroc", "val_accuracy")


class Validate(keras.callbacks.Callback):
    """Gives the kept model the weights of each epoch, and adds loss and AUROC of validation.

    The AUROC is the exact one, the mean over labels; the accuracy is there where it decides. The
    epoch that is best by ``params.best_by`` stays in ``progress.best``, and the fit ends when none
    was better for ``patience`` epochs.

    Parameters
    ----------
    kept : keras.Model
        Of whole records.
    records : tf.data.Dataset
        Of the validation split, in order; what comes after its last record is left out.
    truth : ndarray, shape (records, labels)
    loss : keras.losses.Loss
    params : TrainParams
    progress : Progress
    own : int or None
        How many labels, the first ones, AUROC and accuracy are of; None: all.
    renew : callable or None
        What brings the kept model's batch normalisation up to its weights, before it is validated.
    """

    def __init__(
        self,
        kept: keras.Model,
        records: tf.data.Dataset,
        truth: np.ndarray,
        loss: keras.losses.Loss,
        params: TrainParams,
        progress: Progress,
        own: int | None = None,
        renew: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self.kept, self.truth, self.loss, self.own = kept, truth, loss, own
        self.renew = renew
        self.train_params, self.progress = params, progress  # Keras keeps its own in `params`
        self.signals = records.map(lambda counts, _: counts)
        self.predictor = predictor_of_counts(kept)

    def on_epoch_end(self, epoch, logs=None):
        trainee: Trainee = self.model
        if trainee.network is not self.kept:
            self.kept.set_weights(trainee.kept_weights())
        if self.renew is not None:
            self.renew()
        logit = self.predictor.predict(self.signals, verbose=0)[: len(self.truth)]
        if not np.isfinite(logit).all():
            raise no_number(f"logits that are none after epoch {epoch + 1}", self.train_params)
        logs["val_loss"] = float(ops.mean(self.loss(self.truth, logit))) * replicas()
        truth, logit = self.truth[:, : self.own], logit[:, : self.own]
        logs["val_auroc"] = macro_auroc(truth, logit)
        if self.train_params.best_by == "accuracy":
            logs["val_accuracy"] = accuracy(truth, logit)
        logs["learning_rate"] = float(ops.convert_to_numpy(trainee.optimizer.learning_rate))
        history, best_by = self.progress.history, self.train_params.best_by
        for name, value in logs.items():
            history.setdefault(name, []).append(float(value))
        if best_of(history, best_by) == self.progress.epochs - 1:
            self.progress.best = [np.copy(weight) for weight in self.kept.get_weights()]
        if self.train_params.schedule == "plateau":
            rate = plateau_rate(self.train_params, scores(history, best_by))
            trainee.optimizer.learning_rate.assign(rate)
        if out_of_patience(history, self.train_params):
            self.model.stop_training = True


def out_of_patience(history: dict[str, list[float]], params: TrainParams) -> bool:
    """Return whether ``params.patience`` epochs went by since the best."""
    epochs = len(scores(history, params.best_by))
    return epochs > 0 and epochs - 1 - best_of(history, params.best_by) >= params.patience


class Speed(keras.callbacks.Callback):
    """Adds the records per second of each epoch's steps, and the training's seconds.

    Parameters
    ----------
    records : int
        Of an epoch.
    progress : Progress
    """

    def __init__(self, records: int, progress: Progress) -> None:
        super().__init__()
        self.records, self.progress = records, progress

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        taken = time.perf_counter() - self.start
        self.progress.seconds += taken
        logs["records_per_second"] = self.records / taken
        logs["training_seconds"] = self.progress.seconds


class Save(keras.callbacks.Callback):
    """Writes the progress after each epoch, when all others have done with it."""

    def __init__(self, progress: Progress, folder: Path) -> None:
        super().__init__()
        self.progress, self.folder = progress, folder

    def on_epoch_end(self, epoch, logs=None):
        self.progress.state = [ops.convert_to_numpy(v) for v in state_of(self.model)]
        self.progress.save(self.folder)


def state_of(trainee: keras.Model) -> list:
    """Return the variables that a fit needs to go on: weights, seeds, averages, optimiser."""
    return [*trainee.variables, *trainee.optimizer.variables]


class Tell(keras.callbacks.Callback):
    """A bar over all epochs with the time left, for people; a line an epoch, for logs."""

    def __init__(self, epochs: int, steps: int, done: int) -> None:
        super().__init__()
        self.epochs, self.steps, self.done = epochs, steps, done
        self.begun = time.perf_counter()

    def on_train_begin(self, logs=None):
        hidden = not sys.stderr.isatty()
        total, done = self.epochs * self.steps, self.done * self.steps
        self.bar = tqdm(total=total, initial=done, unit="step", disable=hidden)

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        taken = time.perf_counter() - self.begun
        left = taken / (epoch + 1 - self.done) * (self.epochs - epoch - 1)
        figures = ", ".join(f"{name} {logs[name]:.4f}" for name in TOLD if name in logs)
        speed = f"{logs['records_per_second']:.0f} records/s"
        self.bar.write(
            f"epoch {epoch + 1}/{self.epochs}: {figures}, {speed}, at most {clock(left)} left",
            file=sys.stdout,
        )
        sys.stdout.flush()

    def on_train_end(self, logs=None):
        self.bar.close()


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


class EpochLogger(keras.callbacks.Callback):
    """Hands each epoch's figures to a tracker.

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


class TensorBoard(keras.callbacks.Callback):
    """Writes each epoch's figures where TensorBoard reads them; that package need not be there.

    Parameters
    ----------
    folder : Path
        Of the run. A fit that goes on adds to it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.writer = tf.summary.create_file_writer(str(folder))

    def on_epoch_end(self, epoch, logs=None):
        with self.writer.as_default():
            for name, value in (logs or {}).items():
                # As tf.summary.scalar does, which belongs to the tensorboard package.
                tf.summary.write(name, float(value), step=epoch + 1, metadata=_SCALAR)
        self.writer.flush()

    def on_train_end(self, logs=None):
        self.writer.close()


_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data={"plugin_name": "scalars"}, data_class="DATA_CLASS_SCALAR"
)
