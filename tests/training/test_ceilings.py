"""Ceilings hold down what a network makes of a record unlike those that it learnt from."""

from functools import partial

import keras
import numpy as np
import pytest

from ecglens.models import build_model
from ecglens.models.ceiling import OPEN
from ecglens.models.crops import crops_of
from ecglens.train_params import TrainParams
from ecglens.training import Training, run_training
from ecglens.training.ceilings import set_ceilings

TINY = {"blocks": (1, 1), "stem": (4, 4, 8), "filters": 4, "kernels": (5, 3), "halved": (2,)}
SHARE = 0.75


@pytest.fixture
def network(learnable):
    keras.utils.set_random_seed(3)
    built = build_model(
        "additive_xresnet", samples=learnable.store.samples, labels=2, ceiling=SHARE, **TINY
    )
    head = built.get_layer("head")
    for weight in (head.kernel, head.query, head.bias):
        weight.assign(keras.random.normal(weight.shape, seed=3))
    return built


def signals(learnable):
    return learnable.store.counts[learnable.train.rows].astype(np.float32) / 1000


def test_each_feature_is_cut_off_where_the_share_of_training_records_stays_below(
    network, learnable
):
    layer = network.get_layer("ceiling")
    assert (layer.ceiling.numpy() == np.float32(OPEN)).all()
    features = keras.Model(network.input, layer.input).predict(signals(learnable), verbose=0)
    set_ceilings(network, learnable.store, learnable.train)
    ceiling = layer.ceiling.numpy()
    largest = features.max(axis=1)
    np.testing.assert_allclose((largest <= ceiling * (1 + 1e-5)).mean(axis=0), SHARE, atol=0.02)
    cut = keras.Model(network.input, layer.output).predict(signals(learnable), verbose=0)
    np.testing.assert_allclose(cut, np.minimum(features, ceiling), rtol=1e-4, atol=1e-5)


def test_a_record_far_from_all_others_stays_within_what_ceilings_allow_and_adds_up(
    network, learnable
):
    far = signals(learnable)[:3] * 1000
    free = network.predict(far, verbose=0)["logit"]
    set_ceilings(network, learnable.store, learnable.train)
    answer = network.predict(far, verbose=0)
    head, ceiling = network.get_layer("head"), network.get_layer("ceiling").ceiling.numpy()
    most = np.abs(head.kernel.numpy() * ceiling[:, None]).sum(axis=0)
    assert (np.abs(answer["logit"] - answer["bias"]) <= most * (1 + 1e-5)).all()
    assert (np.abs(free) > np.abs(answer["logit"]).max()).any()
    total = answer["attribution"].sum(axis=(1, 2)) + answer["bias"]
    np.testing.assert_allclose(total, answer["logit"], rtol=1e-4, atol=1e-4)


def test_a_share_of_one_leaves_the_network_as_it_is(learnable):
    built = build_model(
        "additive_xresnet", samples=learnable.store.samples, labels=2, ceiling=1.0, **TINY
    )
    set_ceilings(built, learnable.store, learnable.train)
    assert (built.get_layer("ceiling").ceiling.numpy() == np.float32(OPEN)).all()


@pytest.mark.parametrize(("crop", "read"), [(None, "whole"), (100, "whole"), (100, "average")])
def test_a_training_sets_them_after_its_fit_however_records_are_read(
    learnable, tmp_path, crop, read
):
    params = TrainParams(
        epochs=1, batch_size=32, learning_rate=0.01, schedule="constant", patience=5, seed=1,
        crop_seconds=(crop or 0) / 100, crop_test=read,
    )  # fmt: skip
    build = partial(build_model, "additive_xresnet", ceiling=SHARE, **TINY)
    training = Training(
        build, learnable.store, learnable.train, learnable.validation, params, crop, tmp_path
    )
    model = run_training(training).model
    network = crops_of(model).network if read == "average" else model
    assert (network.get_layer("ceiling").ceiling.numpy() < OPEN).all()
