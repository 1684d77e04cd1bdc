"""One fit: what is kept is the best epoch, a stopped fit goes on, one seed gives one outcome."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from ecglens.augmentation import build_augmentation
from ecglens.errors import ParameterError
from ecglens.losses import build_loss
from ecglens.models.parallel import ParallelConvolutions
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.train_params import TrainParams
from ecglens.training import callbacks as own
from ecglens.training.data import ordered_batches, training_batches
from ecglens.training.devices import countable
from ecglens.training.failures import StopAtNaN, kept_on_error
from ecglens.training.guidance import Guide
from ecglens.training.network import RunningAUROC, Trainee
from ecglens.training.progress import Progress, key_of, load_progress
from ecglens.training.schedules import optimizer
from ecglens.training.statistics import Renewal


def fit(
    model: keras.Model,
    store: Store,
    train: Split,
    validation: Split,
    params: TrainParams,
    *,
    work: Path,
    network: keras.Model | None = None,
    guide: Guide | None = None,
    labels: int | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Fit a model of the table and leave it at its best epoch, as ``params.best_by`` has it.

    Parameters
    ----------
    model : keras.Model
        Of whole records, as :mod:`ecglens.models` builds it. Only its logit is trained; the
        attribution follows.
    work : Path
        Folder for the progress, in the subfolder that :func:`fit_folder` names. A fit that was
        stopped goes on from what the same fit left there.
    network : keras.Model, optional
        What is trained in the place of ``model``, with weights of the same shapes: the same network
        at a crop's length. Both are made by :func:`ecglens.models.crops.whole_and_cropped`.
    guide : Guide, optional
        The evidence of the training records, which ``params.guidance`` needs.
    labels : int, optional
        How many of the labels, the first ones, decide which epoch is best; all without it.
    callbacks
        Further Keras callbacks, for example tracking.

    Returns
    -------
    dict of str to list of float
        Loss and AUROC of train and validation, an entry an epoch; where it decides which epoch is
        best, accuracy of validation, too.

    Raises
    ------
    ModelError
        If the loss is not a number or memory does not suffice; what was trained is kept.
    """
    if network is None:
        network = keras.models.clone_model(model) if params.ema else model
    if network is not model:
        network.set_weights(model.get_weights())
    folder = fit_folder(work, model, store, train, validation, params)
    progress = load_progress(folder)
    done = progress.epochs
    if done < params.epochs and not own.out_of_patience(progress.history, params):
        _run(
            model, network, store, train, validation, params, folder, progress, guide,
            labels, list(callbacks),
        )  # fmt: skip
    model.set_weights(progress.best)
    return {name: list(progress.history[name]) for name in own.TOLD if name in progress.history}


def fit_folder(
    work: Path,
    model: keras.Model,
    store: Store,
    train: Split,
    validation: Split,
    params: TrainParams,
) -> Path:
    """Return where a fit keeps its progress.

    The name is a hash of all that the outcome depends on, first weights and code included, so that
    no other experiment goes on from there.
    """
    data = [part for split in (train, validation) for part in (split.rows, split.truth)]
    begun = [*data, *model.get_weights()]
    return work / key_of(params, store.sha256, *begun, models=[model])


def _run(
    model, network, store, train, validation, params, folder, progress: Progress, guide,
    labels, callbacks,
):  # fmt: skip
    """Run the epochs that are left."""
    steps, done = -(-len(train.rows) // params.batch_size), progress.epochs
    trainee = compiled_trainee(network, store, train, params, steps)
    if progress.state:
        for variable, value in zip(own.state_of(trainee), progress.state, strict=True):
            variable.assign(value)
    ordered = ordered_batches(store, validation, max(params.batch_size, 64), params.devices)
    records = training_batches(
        store, train, params.batch_size,
        seed=params.seed, crop=network.input.shape[1], balance=params.balance,
        first_step=done * steps, outside=_outside(guide, network, params),
    )  # fmt: skip
    if params.devices > 1:
        records = countable(records)
    around = [
        StopAtNaN(params),
        own.Speed(steps * params.batch_size, progress),
        own.Validate(
            model,
            ordered,
            validation.truth,
            trainee.loss,
            params,
            progress,
            labels,
            Renewal(model, store, train) if params.statistics == "renewed" else None,
        ),
        *callbacks,
        own.Save(progress, folder),
        own.Tell(params.epochs, steps, done),
    ]
    with kept_on_error(model, progress, folder, params):
        trainee.fit(
            records,
            epochs=params.epochs,
            initial_epoch=done,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=around,
        )


def _outside(guide: Guide | None, network: keras.Model, params: TrainParams):
    """Return how batches get what is not evidence, where the fit is guided."""
    if not params.guidance:
        return None
    if guide is None:
        raise ParameterError("train.guidance", f"{params.guidance:g}, and no guide", "a guide")
    return partial(guide.outside, leads=network.output["attribution"].shape[2])


def compiled_trainee(
    network, store: Store, train: Split, params: TrainParams, steps: int
) -> Trainee:
    """Return the compiled and built trainee."""
    trainee = Trainee(
        network,
        build_augmentation(params.augment, store.sampling_frequency, params.seed),
        behind=params.augment.chosen().place == "conditioned",
        mixup=params.mixup,
        ema=params.ema,
        guidance=params.guidance,
        seed=params.seed,
        xla=_by_xla(network, params),
    )
    loss = build_loss(
        params.loss,
        train.truth,
        label_smoothing=params.label_smoothing,
        focal_gamma=params.focal_gamma,
    )
    trainee.compile(
        optimizer(params, steps, network), loss, metrics=[RunningAUROC(train.truth.shape[1])]
    )
    trainee.build((None, *network.input.shape[1:]))
    trainee.optimizer.build(trainee.trainable_variables)
    return trainee


def _by_xla(network: keras.Model, params: TrainParams) -> bool:
    """Return whether XLA is to compile a step, which other networks' steps are slower by.

    It has no beta distribution, which mixup draws from. On JAX all is XLA's as it is.
    """
    blocks = [x for x in network.layers if isinstance(x, ParallelConvolutions) and x.by_blocks]
    alone = params.devices == 1 and not params.mixup
    return bool(blocks) and alone and keras.backend.backend() == "tensorflow"


def make_reproducible(seed: int) -> None:
    """Seed Python, numpy and TensorFlow, and choose operations whose order of sums is fixed."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
