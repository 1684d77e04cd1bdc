"""Batch normalisation of what is kept takes for usual what unchanged training records are."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from ecglens.models import build_model
from ecglens.models.crops import average_of_crops, whole_and_cropped
from ecglens.train_params import AugmentParams, TrainParams
from ecglens.training import fit, make_reproducible, statistics
from ecglens.training.statistics import Renewal

SMALL = {"filters": (4, 4, 6, 6), "kernels": (5, 3, 3, 3), "blocks": 1, "kernel": 3, "dropout": 0.5}


@pytest.fixture
def network(learnable):
    keras.utils.set_random_seed(3)
    return build_model("additive_resnet", samples=learnable.store.samples, labels=2, **SMALL)


def signals(learnable):
    return learnable.store.counts[learnable.train.rows].astype(np.float32) / 1000


def norms(network):
    return [x for x in network.layers if isinstance(x, keras.layers.BatchNormalization)]


def dropouts(network):
    return [x for x in network.layers if isinstance(x, keras.layers.Dropout)]


def renew(network, learnable):
    Renewal(network, learnable.store, learnable.train)()


def test_every_layer_gets_mean_and_variance_of_its_input_over_the_training_records(
    network, learnable
):
    renew(network, learnable)
    inputs = keras.Model(network.input, [norm.input for norm in norms(network)])
    for norm, seen in zip(
        norms(network), inputs.predict(signals(learnable), verbose=0), strict=True
    ):
        mean, variance = seen.mean(axis=(0, 1)), seen.var(axis=(0, 1))
        np.testing.assert_allclose(norm.moving_mean.numpy(), mean, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(norm.moving_variance.numpy(), variance, rtol=1e-3, atol=1e-5)


def test_batches_are_joined_to_the_mean_and_variance_of_all_their_records(
    network, learnable, monkeypatch
):
    monkeypatch.setattr(statistics, "BATCH", 36)  # of 96 records: the last batch has 24
    renew(network, learnable)
    first = norms(network)[0]  # nothing is normalised before it
    seen = keras.Model(network.input, first.input).predict(signals(learnable), verbose=0)
    np.testing.assert_allclose(first.moving_mean, seen.mean(axis=(0, 1)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(first.moving_variance, seen.var(axis=(0, 1)), rtol=1e-4)


def test_nothing_else_of_the_network_changes(network, learnable):
    before = [w.numpy() for w in network.trainable_weights]
    momentum = {norm.momentum for norm in norms(network)}
    draws = [layer.seed_generator.state.numpy() for layer in dropouts(network)]
    assert draws and 0 not in momentum
    renew(network, learnable)
    for left, was in zip(network.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(left.numpy(), was)
    assert {norm.momentum for norm in norms(network)} == momentum
    assert {layer.rate for layer in dropouts(network)} == {0.5}
    for layer, was in zip(dropouts(network), draws, strict=True):
        np.testing.assert_array_equal(layer.seed_generator.state.numpy(), was)


def test_momentum_and_dropout_come_back_when_a_record_cannot_be_read(
    network, learnable, monkeypatch
):
    renewal = Renewal(network, learnable.store, learnable.train)
    monkeypatch.setattr(renewal, "millivolts", lambda counts: 1 / 0)
    momentum = norms(network)[0].momentum
    with pytest.raises(ZeroDivisionError):
        renewal()
    assert norms(network)[0].momentum == momentum > 0
    assert dropouts(network)[0].rate == 0.5


def test_a_frozen_layer_keeps_what_it_has(network, learnable):
    frozen, free = norms(network)[:2]
    frozen.trainable = False
    before = frozen.moving_mean.numpy(), free.moving_mean.numpy()
    renew(network, learnable)
    np.testing.assert_array_equal(frozen.moving_mean.numpy(), before[0])
    assert not np.allclose(free.moving_mean.numpy(), before[1])


def test_at_most_the_named_number_of_records_is_read_and_from_end_to_end(
    network, learnable, monkeypatch
):
    monkeypatch.setattr(statistics, "RECORDS", 4)
    renew(network, learnable)
    first = norms(network)[0]
    seen = keras.Model(network.input, first.input).predict(
        signals(learnable)[[0, 31, 63, 95]], verbose=0
    )
    np.testing.assert_allclose(first.moving_variance, seen.var(axis=(0, 1)), rtol=1e-4)


def test_a_network_that_reads_crops_gets_those_of_crops(network, learnable):
    crop = build_model("additive_resnet", samples=100, labels=2, **SMALL)
    model = average_of_crops(crop, learnable.store.samples)
    renew(model, learnable)
    first = norms(crop)[0]
    pieces = [signals(learnable)[:, start : start + 100] for start in (0, 50, 100)]
    seen = keras.Model(crop.input, first.input).predict(np.concatenate(pieces), verbose=0)
    np.testing.assert_allclose(first.moving_mean, seen.mean(axis=(0, 1)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(first.moving_variance, seen.var(axis=(0, 1)), rtol=1e-3)


@pytest.mark.parametrize("ema", [0.0, 0.8])
def test_what_a_fit_keeps_has_the_statistics_of_its_own_weights(learnable, tmp_path, ema):
    params = TrainParams(
        epochs=3, batch_size=32, learning_rate=0.01, schedule="constant", patience=5, seed=1,
        ema=ema, augment=AugmentParams(preset="signal_cam"), statistics="renewed",
    )  # fmt: skip

    def kept(params):
        keras.utils.clear_session()
        make_reproducible(1)
        model, network = whole_and_cropped(
            partial(build_model, "signal_cam", labels=2, scaling="lead"), 200, None, "whole"
        )
        history = fit(
            model, learnable.store, learnable.train, learnable.validation, params,
            work=tmp_path, network=network,
        )  # fmt: skip
        return model, history

    model, history = kept(params)
    left = model.get_weights()
    renew(model, learnable)
    for weight, was in zip(model.get_weights(), left, strict=True):
        np.testing.assert_array_equal(weight, was)
    _, others = kept(replace(params, statistics="moving"))
    # The steps are the same; what is validated is not.
    assert history["loss"] == others["loss"]
    assert history["val_loss"] != others["val_loss"]
