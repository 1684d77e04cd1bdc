"""Fits that cannot go on: an error that names the cause, and what was trained is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ecglens.errors import ModelError
from ecglens.train_params import TrainParams
from ecglens.training.best import best_of
from ecglens.training.progress import Progress

KEPT = "best.keras"


class StopAtNaN(keras.callbacks.Callback):
    """Ends the fit with an error at the first loss that is no number."""

    def __init__(self, params: TrainParams) -> None:
        super().__init__()
        self.train_params = params

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            place = f"epoch {self.epoch + 1}, step {batch + 1}"
            raise no_number(f"a loss of {logs['loss']} in {place}", self.train_params)


def no_number(found: str, params: TrainParams) -> ModelError:
    """Return the error of a fit that has run away."""
    mend = f"Lower train.learning_rate ({params.learning_rate:g})"
    mend += "." if params.gradient_clip else ", or set train.gradient_clip, to 1 for example."
    return ModelError("train", found, "finite numbers", mend)


@contextmanager
def kept_on_error(
    model: keras.Model, progress: Progress, folder: Path, params: TrainParams
) -> Iterator[None]:
    """Save the best epoch so far beside the progress when a fit fails, and say where it is.

    Raises
    ------
    ModelError
        In the place of the same, or of the backend's own when memory ran out.
    """
    try:
        yield
    except ModelError as error:
        mend = f"{error.mend} {_keep(model, progress, folder, params)}".strip()
        raise ModelError(error.source, error.found, error.expected, mend) from None
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise ModelError(
            "train.batch_size",
            f"{params.batch_size}, for which memory does not suffice ({_first_line(error)})",
            "batches that fit",
            f"Halve it, or train on shorter stretches (train.crop_seconds). "
            f"{_keep(model, progress, folder, params)}",
        ) from error


def is_out_of_memory(error: Exception) -> bool:
    """Return whether a backend says that a batch does not fit."""
    known = isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError))
    said = str(error).lower()  # JAX has one error for all, and PyTorch a RuntimeError
    return known or "resource_exhausted" in said or "out of memory" in said


def _keep(model: keras.Model, progress: Progress, folder: Path, params: TrainParams) -> str:
    if not progress.best:
        return "No epoch was finished, so nothing is kept."
    folder.mkdir(parents=True, exist_ok=True)
    model.set_weights(progress.best)
    model.save(folder / KEPT)
    score = progress.history["val_auroc"][best_of(progress.history, params.best_by)]
    return (
        f"The best of {progress.epochs} epochs (validation AUROC {score:.4f}) is kept in "
        f"{folder / KEPT}; train.start_from can begin with it."
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else "no memory"
