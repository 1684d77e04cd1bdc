"""A fit that cannot go on says why and what to change, and keeps what was trained."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from ecglens.errors import LabelError, ModelError, ParameterError
from ecglens.labels import require_both_classes
from ecglens.models import build_model, load_model
from ecglens.train_params import TrainParams
from ecglens.training import fit, make_reproducible
from ecglens.training.devices import devices
from ecglens.training.failures import is_out_of_memory

PARAMS = TrainParams(
    epochs=3, batch_size=32, learning_rate=0.01, schedule="constant", patience=20, seed=1
)


class At(keras.callbacks.Callback):
    """Does something in the second step of an epoch."""

    def __init__(self, epoch, action):
        super().__init__()
        self.epoch, self.action = epoch, action

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, 1):
            self.action()


def failing(learnable, work, params, *callbacks):
    """Return the message with which a fit fails, and its model's weights after each epoch."""
    make_reproducible(1)
    model = build_model("signal_cam", samples=200, labels=2)
    weights = []
    witness = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
    )
    with pytest.raises(ModelError) as caught:
        fit(
            model, learnable.store, learnable.train, learnable.validation, params,
            work=work, callbacks=[witness, *callbacks],
        )  # fmt: skip
    return str(caught.value), weights


def no_memory():
    tf.zeros([10**15])


def assert_kept(work, message, weights):
    (kept,) = work.rglob("best.keras")
    assert str(kept) in message and "train.start_from" in message
    left = load_model(kept).get_weights()
    assert any(
        all(np.array_equal(a, b) for a, b in zip(left, epoch, strict=True)) for epoch in weights
    )


def test_a_rate_that_blows_up_is_named_with_where_it_happened(learnable, tmp_path):
    params = replace(PARAMS, learning_rate=1e30)
    message, _ = failing(learnable, tmp_path, params)
    assert "train: found" in message and "epoch 1" in message
    assert "Lower train.learning_rate (1e+30), or set train.gradient_clip" in message
    assert "nothing is kept" in message
    assert not list(tmp_path.rglob("best.keras"))


def test_a_loss_that_is_no_number_later_leaves_the_best_epoch_so_far(learnable, tmp_path):
    spoil = At(2, lambda: None)
    spoil.action = lambda: spoil.model.network.get_layer("head").bias.assign([np.nan, np.nan])
    message, weights = failing(learnable, tmp_path, replace(PARAMS, gradient_clip=1.0), spoil)
    assert "loss of nan in epoch 3, step 3" in message and "gradient_clip" not in message
    assert "The best of 2 epochs (validation AUROC" in message
    assert_kept(tmp_path, message, weights)


def test_a_batch_that_does_not_fit_names_the_batch_and_keeps_what_was_trained(learnable, tmp_path):
    message, weights = failing(learnable, tmp_path, PARAMS, At(1, no_memory))
    assert "train.batch_size: found 32, for which memory does not suffice" in message
    assert "Halve it, or train on shorter stretches (train.crop_seconds)" in message
    assert_kept(tmp_path, message, weights)


def test_any_other_error_is_left_as_it_is(learnable, tmp_path):
    def wrong():
        raise ZeroDivisionError

    model = build_model("signal_cam", samples=200, labels=2)
    with pytest.raises(ZeroDivisionError):
        fit(
            model, learnable.store, learnable.train, learnable.validation, PARAMS,
            work=tmp_path, callbacks=[At(0, wrong)],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 byte"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (ValueError("shapes (3,) and (4,) differ"), False),
    ],
)
def test_every_backends_way_to_say_so_is_known(error, expected):
    assert is_out_of_memory(error) is expected


def test_a_label_without_a_positive_record_names_label_and_split(learnable):
    truth = learnable.validation.truth.copy()
    truth[:, 1] = 0
    with pytest.raises(LabelError, match=r"B.*validation|validation.*B"):
        require_both_classes(truth, learnable.task, "validation")


def test_more_devices_than_there_are_is_refused_with_those_that_are():
    with (
        pytest.raises(ParameterError, match=r"train\.devices: found 64; expected at most the \d"),
        devices(64),
    ):
        pass
