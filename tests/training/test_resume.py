"""A fit that is stopped goes on from its last whole epoch and ends as if nothing had been."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from ecglens.models import build_model
from ecglens.models.crops import whole_and_cropped
from ecglens.train_params import AugmentParams, TrainParams
from ecglens.training import Training, fit, fit_folder, make_reproducible, run_training
from ecglens.training.progress import FILE

PLAIN = TrainParams(
    epochs=5, batch_size=20, learning_rate=0.01, schedule="cosine", patience=20, seed=3
)
EVERYTHING = replace(
    PLAIN, optimizer="adamw", weight_decay=0.1, schedule="one_cycle", momentum="cycle", beta_2=0.99,
    ema=0.9, statistics="renewed", best_by="loss", mixup=0.3, label_smoothing=0.1,
    gradient_clip=1.0, crop_seconds=1.0, balance="sampling",
    augment=AugmentParams(preset="signal_cam"),
)  # fmt: skip
PLATEAU = replace(PLAIN, schedule="plateau", decay=0.5, loss="focal", best_by="accuracy")


class KillError(Exception):
    """Stands for a kill."""


class StopIn(keras.callbacks.Callback):
    """Stops a fit after a step of an epoch, as a kill would."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 2:
            raise KillError


NETWORKS = {
    "signal_cam": {},
    "additive_resnet": {  # draws in training, weighs by attention
        "filters": (2, 3, 4), "kernels": (5, 3, 3), "blocks": 1, "kernel": 3, "dropout": 0.4,
        "pooling": "attention",
    },
    "ecg_xplaim": {"filters": (2, 3, 4), "kernels": (2, 5, 8)},  # its steps are XLA's
    "ecg_imn": {"filters": (2, 3, 4), "kernel": 5, "widths": (3, 2)},  # a penalty on weights
}  # fmt: skip


def run(learnable, params, work, *callbacks, name="signal_cam"):
    """Fit from the beginning of a process, and return history, model and the epochs that ran."""
    keras.utils.clear_session()
    make_reproducible(params.seed)
    model, network = whole_and_cropped(
        partial(build_model, name, labels=2, detrend_degree=0, scaling="none", **NETWORKS[name]),
        200, round(params.crop_seconds * 100) or None, params.crop_test,
    )  # fmt: skip
    ran = []
    witness = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: ran.append(epoch))
    history = fit(
        model, learnable.store, learnable.train, learnable.validation, params,
        work=work, network=network, callbacks=[witness, *callbacks],
    )  # fmt: skip
    return history, model.get_weights(), ran


@pytest.mark.parametrize(
    "params",
    [
        EVERYTHING,
        pytest.param(PLAIN, marks=pytest.mark.slow),
        pytest.param(PLATEAU, marks=pytest.mark.slow),
    ],
    ids=["all", "plain", "plateau"],
)
def test_it_ends_with_the_same_history_and_weights_as_an_unbroken_one(learnable, tmp_path, params):
    with pytest.raises(KillError):
        run(learnable, params, tmp_path / "stopped", StopIn(epoch=2))
    history, weights, ran = run(learnable, params, tmp_path / "stopped")
    assert ran == [2, 3, 4]
    unbroken, expected, all_epochs = run(learnable, params, tmp_path / "unbroken")
    assert all_epochs == [0, 1, 2, 3, 4]
    assert history == unbroken
    for left, right in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["additive_resnet", "ecg_xplaim", "ecg_imn"])
def test_other_networks_go_on_as_if_nothing_had_been(learnable, tmp_path, name):
    with pytest.raises(KillError):
        run(learnable, PLAIN, tmp_path / "stopped", StopIn(epoch=3), name=name)
    history, weights, ran = run(learnable, PLAIN, tmp_path / "stopped", name=name)
    assert ran == [3, 4]
    unbroken, expected, _ = run(learnable, PLAIN, tmp_path / "unbroken", name=name)
    assert history == unbroken
    for left, right in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_an_ensemble_stopped_in_its_second_network_goes_on_there(learnable, tmp_path):
    build = partial(build_model, "signal_cam", detrend_degree=0, scaling="none")
    make_reproducible(9)
    build(samples=200, labels=2).save(tmp_path / "start.keras")
    # The head alone first, then all, where the second network is stopped.
    params = replace(
        PLAIN, epochs=3, ensemble=2, start_from="start.keras", head="new", freeze_epochs=2
    )

    def trained(work, stop=None):
        keras.utils.clear_session()
        training = Training(
            build, learnable.store, learnable.train, learnable.validation, params, None, work,
            start=tmp_path / "start.keras",
        )  # fmt: skip
        ran = []
        witness = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: ran.append(1))
        result = run_training(
            training,
            callbacks=lambda seed: [witness, *([stop] if stop and seed == 4 else [])],
        )
        return result.history, result.model.get_weights(), len(ran)

    with pytest.raises(KillError):
        trained(tmp_path / "stopped", StopIn(epoch=1))
    history, weights, ran = trained(tmp_path / "stopped")
    assert ran == 2  # of the second network's three
    unbroken, expected, all_epochs = trained(tmp_path / "unbroken")
    assert all_epochs == 6 and history == unbroken
    for left, right in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_fit_that_had_ended_is_not_run_again(learnable, tmp_path):
    first, weights, _ = run(learnable, replace(PLAIN, epochs=2), tmp_path)
    again, same, ran = run(learnable, replace(PLAIN, epochs=2), tmp_path)
    assert ran == [] and again == first
    for left, right in zip(weights, same, strict=True):
        np.testing.assert_array_equal(left, right)


def test_another_experiment_has_another_folder_and_so_begins_anew(learnable, tmp_path):
    model = build_model("signal_cam", samples=200, labels=2)
    store, train, validation = learnable.store, learnable.train, learnable.validation
    folder = fit_folder(tmp_path, model, store, train, validation, PLAIN)
    assert folder == fit_folder(tmp_path, model, store, train, validation, PLAIN)
    truth = train.truth.copy()
    truth[5, 1] = 1 - truth[5, 1]
    changes = ({"learning_rate": 0.009}, {"seed": 4}, {"mixup": 0.1})
    experiments = [replace(PLAIN, **change) for change in changes]
    others = [
        *(fit_folder(tmp_path, model, store, train, validation, other) for other in experiments),
        fit_folder(tmp_path, model, replace(store, sha256="1"), train, validation, PLAIN),
        fit_folder(tmp_path, model, store, replace(train, truth=truth), validation, PLAIN),
        fit_folder(tmp_path, model, store, train, replace(validation, truth=truth), PLAIN),
    ]
    model.get_layer("head").bias.assign([0.1, 0.2])  # other first weights
    others.append(fit_folder(tmp_path, model, store, train, validation, PLAIN))
    assert len({folder, *others}) == 8


def test_progress_is_one_file_that_is_written_whole(learnable, tmp_path):
    run(learnable, replace(PLAIN, epochs=1), tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [FILE]
