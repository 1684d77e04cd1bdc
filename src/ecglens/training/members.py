"""A training as parameters ask for it: on crops, from a trained model, of several seeds."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np

from ecglens.evaluation.metrics import macro_auroc
from ecglens.models import load_model
from ecglens.models.crops import whole_and_cropped
from ecglens.models.ensemble import Joined, mean_of, members_of, of_labels
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.train_params import TrainParams, check_shares
from ecglens.training.ceilings import set_ceilings
from ecglens.training.data import ordered_batches
from ecglens.training.devices import devices
from ecglens.training.discriminant import calibrate_rare, head_of, refit_rare
from ecglens.training.fit import fit, make_reproducible
from ecglens.training.guidance import Guide
from ecglens.training.network import predictor_of_counts
from ecglens.training.progress import key_of
from ecglens.training.tuning import head_places, only_head, take_weights


@dataclass(frozen=True)
class Training:
    """What a training is of.

    Parameters
    ----------
    build : callable
        From ``samples`` and ``labels``, by keyword, to a model of the table.
    store : Store
    train, validation : Split
    params : TrainParams
    crop : int or None
        Samples of the stretches to train on.
    work : Path
        Folder for the progress.
    start : Path or None
        A trained model to begin with.
    guide : Guide or None
        The evidence of the training records, where ``params.guidance`` needs it.
    joined : tuple of Joined
        Trained models for the same labels, or for more, which are averaged with what is trained.
    own : int or None
        How many of the labels, the first ones, are the model's; the others are learnt beside them.
        None: all.
    """

    build: Callable[..., keras.Model]
    store: Store
    train: Split
    validation: Split
    params: TrainParams
    crop: int | None
    work: Path
    start: Path | None = None
    guide: Guide | None = None
    joined: tuple[Joined, ...] = ()
    own: int | None = None

    @property
    def labels(self) -> int:
        """Number of labels that are learnt."""
        return self.train.truth.shape[1]

    @property
    def folder(self) -> Path:
        """Where this training keeps its progress: named by all that its outcome depends on."""
        data = [
            part for split in (self.train, self.validation) for part in (split.rows, split.truth)
        ]
        begun = np.fromfile(self.start, np.uint8) if self.start else None
        joined = [np.fromfile(one.file, np.uint8) for one in self.joined]
        shown = astuple(self.guide) if self.guide else ()
        model = self.build(samples=self.store.samples, labels=self.labels)
        parts = (self.params, self.crop, self.store.sha256, *data, begun, *shown, *joined, self.own)
        return self.work / key_of(*parts, models=[model])

    @staticmethod
    def forget(folder: Path) -> None:
        """Remove the progress of a training that has ended; that of others stays."""
        shutil.rmtree(folder)
        with suppress(OSError):
            folder.parent.rmdir()


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Parameters
    ----------
    model : keras.Model
        The network at its best epoch; of several, the mean of each at its own.
    history : dict of str to list of float
        Loss and AUROC of train and validation; of several networks the mean, of the epochs that all
        of them ran.
    val_auroc : float
        The model's macro AUROC on the validation records.
    beside : keras.Model or None
        What answers the labels that were learnt beside the model's; of several networks the mean,
        without those that joined.
    beside_val_auroc : float or None
        Of ``beside``, among the records of which its labels are asked.
    """

    model: keras.Model
    history: dict[str, list[float]]
    val_auroc: float
    beside: keras.Model | None = None
    beside_val_auroc: float | None = None

    @property
    def figures(self) -> dict[str, float]:
        """The validation AUROC, how many epochs were run, and how many parameters there are."""
        found = {
            "val_auroc": self.val_auroc,
            "epochs": len(self.history["val_auroc"]),
            "parameters": self.model.count_params(),
        }
        if self.beside_val_auroc is not None:
            found["beside_val_auroc"] = self.beside_val_auroc
        return found


def run_training(
    training: Training,
    member: Callable[[int], AbstractContextManager] = nullcontext,
    callbacks: Callable[[int], list[keras.callbacks.Callback]] = lambda seed: [],
) -> "Trained":
    """Fit the network, or a network a seed, and return the model of whole records.

    Parameters
    ----------
    member : callable
        From a seed to a context in which that seed's network of an ensemble is fitted, such as an
        MLflow run.
    callbacks : callable
        From a seed to further Keras callbacks, for example tracking.

    Returns
    -------
    Trained

    Raises
    ------
    ParameterError
        If the devices cannot share a batch alike.
    """
    check_shares(training.params)
    training = replace(training, work=training.folder)
    first, count = training.params.seed, training.params.ensemble
    joined = [network for one in training.joined for network in _networks(one)]
    if training.params.rare:
        _refit_joined(training, joined)
    if count == 1 and not joined:
        network, history = _one(training, training.params, callbacks(first))
        model, beside = _apart(network, training.own)
        _calibrate(training, model, [model], beside, [beside])
        return _trained(training, model, history, beside)
    made = []
    for seed in range(first, first + count):
        with member(seed) if count > 1 else nullcontext():
            made.append(_one(training, replace(training.params, seed=seed), callbacks(seed)))
    pairs = [_apart(network, training.own) for network, _ in made]
    networks = [*(own for own, _ in pairs), *joined]
    model = mean_of(networks, networks[0].name)
    besides = [beside for _, beside in pairs if beside is not None]
    beside = mean_of(besides, besides[0].name) if besides else None
    _calibrate(training, model, networks, beside, besides)
    return _trained(training, model, _mean_history([history for _, history in made]), beside)


def _refit_joined(training: Training, networks: list[keras.Model]) -> None:
    """Give the networks that join what this training's own get after their fit."""
    own = replace(training.train, truth=training.train.truth[:, : training.own])
    for network in networks:
        refit_rare(network, training.store, own, training.params.rare)


def _calibrate(training: Training, model, networks: list, beside, besides: list) -> None:
    """Make probabilities of what a discriminant says of rare labels, in what a training gives."""
    store, train, own, rare = training.store, training.train, training.own, training.params.rare
    if rare:
        calibrate_rare(model, networks, store, replace(train, truth=train.truth[:, :own]), rare)
    if rare and beside is not None:
        others = replace(train, truth=train.truth[:, own:])
        calibrate_rare(beside, besides, store, others, rare)


def _trained(training: Training, model, history: dict, beside) -> Trained:
    """Return what a training gave, with the figures on the validation records."""
    store, validation, own = training.store, training.validation, training.own
    auroc = validation_auroc(model, store, validation)
    besides = None
    if beside is not None:
        others = replace(validation, truth=validation.truth[:, own:])
        besides = validation_auroc(beside, store, others)
    return Trained(model, history or {"val_auroc": [auroc]}, auroc, beside, besides)


def _apart(network: keras.Model, own: int | None) -> tuple[keras.Model, keras.Model | None]:
    """Return what answers a network's own labels, and what answers those learnt beside them."""
    labels = network.output["logit"].shape[-1]
    if own in (None, labels):
        return network, None
    return of_labels(network, range(own)), of_labels(network, range(own, labels))


def _networks(joined: Joined) -> list[keras.Model]:
    """Return the networks of a trained model, each for the labels that are asked for."""
    networks = members_of(load_model(joined.file))
    if joined.columns is None:
        return networks
    return [of_labels(network, joined.columns) for network in networks]


def _mean_history(histories: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """Return the mean of the epochs that all ran; nothing where none was trained."""
    if not histories:
        return {}
    epochs = min(len(history["loss"]) for history in histories)
    return {
        name: np.mean([one[name][:epochs] for one in histories], axis=0).tolist()
        for name in histories[0]
    }


def _one(
    training: Training, params: TrainParams, callbacks: list
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Return a network of one seed at its best epoch, and its history."""
    make_reproducible(params.seed)
    samples, labels = training.store.samples, training.labels
    build = partial(training.build, labels=labels)
    with devices(params.devices):
        model, network = whole_and_cropped(build, samples, training.crop, params.crop_test)
        if params.rare:
            head_of(model)  # an error now, not after hours
        run = partial(
            fit, model, training.store, training.train, training.validation,
            work=training.work, network=network, guide=training.guide, labels=training.own,
        )  # fmt: skip
        if training.start is not None:
            head = head_places(training.build, training.crop or samples, labels)
            take_weights(model, training.start, head, new_head=params.head == "new")
            if params.freeze_epochs:
                # What is frozen keeps its statistics too, by which the head learns.
                alone = replace(
                    params, epochs=params.freeze_epochs, schedule="constant", momentum="constant",
                    statistics="moving",
                )  # fmt: skip
                with only_head(network, head):
                    run(alone)
        history = run(params, callbacks=callbacks)
    set_ceilings(model, training.store, training.train)
    if params.rare:
        refit_rare(model, training.store, training.train, params.rare)
    return model, history


def validation_auroc(model: keras.Model, store: Store, split: Split) -> float:
    """Return the macro AUROC of a model of whole records on a split."""
    signals = ordered_batches(store, split, 64).map(lambda counts, _: counts)
    logit = predictor_of_counts(model).predict(signals, verbose=0)
    return macro_auroc(split.truth[:, : logit.shape[1]], logit)
