"""Rates step by step, optimisers as asked for, a plateau that depends on the past alone."""

import keras
import numpy as np
import pytest

from ecglens.train_params import TrainParams
from ecglens.training.schedules import (
    PLATEAU_MARGIN,
    CycledAdam,
    learning_rate,
    optimizer,
    plateau_rate,
)

STEPS = 10


def params(**changes):
    values = {
        "epochs": 8, "batch_size": 16, "learning_rate": 0.01, "schedule": "constant",
        "patience": 5, "seed": 1,
    }  # fmt: skip
    return TrainParams(**values | changes)


def rates(**changes):
    schedule = learning_rate(params(**changes), STEPS)
    return np.array([float(schedule(step)) for step in range(8 * STEPS + 1)])


def test_one_cycle_rises_by_step_to_the_highest_and_falls_to_almost_nothing():
    found = rates(schedule="one_cycle", warmup=0.25)
    assert found[0] == pytest.approx(0.01 / 25, rel=1e-4)
    assert found[10] == pytest.approx((0.01 / 25 + 0.01) / 2, rel=1e-4)  # half way up
    assert found.argmax() == 20 and found[20] == pytest.approx(0.01)
    assert found[50] == pytest.approx((0.01 + 1e-6) / 2, rel=1e-4)  # half way down
    assert found[80] == pytest.approx(1e-6, rel=1e-2)
    assert (np.diff(found[:21]) > 0).all() and (np.diff(found[20:]) < 0).all()


def test_cosine_is_half_a_cosine_to_zero():
    expected = 0.01 * (1 + np.cos(np.pi * np.arange(81) / 80)) / 2
    np.testing.assert_allclose(rates(schedule="cosine"), expected, atol=1e-8)


def test_step_is_ecg_xplaims_staircase_or_any_other():
    every_epoch = rates(schedule="step", decay=0.95, decay_epochs=1)
    np.testing.assert_allclose(every_epoch, 0.01 * 0.95 ** (np.arange(81) // 10), rtol=1e-5)
    every_third = rates(schedule="step", decay=0.1, decay_epochs=3)
    np.testing.assert_allclose(every_third, 0.01 * 0.1 ** (np.arange(81) // 30), rtol=1e-5)


def test_a_plateau_of_so_many_epochs_lowers_the_rate_and_a_better_one_starts_the_count_anew():
    chosen = params(schedule="plateau", decay=0.5, decay_epochs=2)
    scores = [0.70, 0.80, 0.79, 0.81, 0.80, 0.81 + PLATEAU_MARGIN / 2, 0.82, 0.81, 0.81, 0.81, 0.81]
    found = [plateau_rate(chosen, scores[:n]) for n in range(len(scores) + 1)]
    whole, half = 0.01, 0.005
    expected = [whole] * 6 + [half] * 3 + [half / 2] * 2 + [half / 4]
    assert found == pytest.approx(expected)


def test_a_constant_or_plateau_begins_with_the_rate_itself():
    assert learning_rate(params(), STEPS) == learning_rate(params(schedule="plateau"), 1) == 0.01


@pytest.fixture
def network():
    inputs = keras.Input((8, 2))
    x = keras.layers.Conv1D(3, 3, name="conv")(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization(name="norm")(x))


@pytest.mark.parametrize(
    ("decayed", "names"), [("kernels", {"kernel"}), ("all", {"kernel", "bias", "gamma", "beta"})]
)
def test_adamw_decays_what_the_params_say(network, decayed, names):
    chosen = optimizer(params(optimizer="adamw", weight_decay=0.5, decayed=decayed), STEPS, network)
    weights = network.trainable_variables
    chosen.build(weights)
    before = [np.array(v) + 1 for v in weights]  # biases begin with 0, which decays to itself
    for variable, old in zip(weights, before, strict=True):
        variable.assign(old)
    chosen.apply([keras.ops.zeros_like(v) for v in weights])
    for variable, old in zip(weights, before, strict=True):
        name = variable.path.rsplit("/", 1)[-1]
        expected = old * (1 - 0.01 * 0.5) if name in names else old
        np.testing.assert_allclose(np.array(variable), expected, rtol=1e-6)


def test_adam_decays_nothing_and_clipping_is_of_all_gradients_together(network):
    plain = optimizer(params(), STEPS, network)
    assert type(plain) is keras.optimizers.Adam
    assert plain.weight_decay is None and plain.global_clipnorm is None
    assert optimizer(params(gradient_clip=2.0), STEPS, network).global_clipnorm == 2.0


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_momentum_falls_while_one_cycles_rate_rises_and_returns_with_it(network, kind):
    cycle = {"schedule": "one_cycle", "warmup": 0.25, "momentum": "cycle"}
    chosen = optimizer(params(optimizer=kind, **cycle), STEPS, network)
    found = []
    for step in range(8 * STEPS + 1):
        chosen.iterations.assign(step)
        found.append(float(chosen.beta_1))
    assert found[0] == pytest.approx(0.95) and found[80] == pytest.approx(0.95)
    assert np.argmin(found) == 20 and found[20] == pytest.approx(0.85)
    assert [found[10], found[50]] == pytest.approx([0.90, 0.90])  # half way


def test_a_step_with_a_cycling_momentum_is_adams_by_hand(network):
    cycle = {"schedule": "one_cycle", "warmup": 0.25, "momentum": "cycle", "beta_2": 0.99}
    chosen = optimizer(params(optimizer="adam", **cycle), STEPS, network)
    weights = network.trainable_variables
    chosen.build(weights)
    mean = square = 0.0
    expected = weights[0].numpy().astype("float64")
    for step, gradient in enumerate([0.3, -0.1, 0.2]):
        share = (1 - np.cos(np.pi * step / 20)) / 2  # of the way up, of 20 steps
        rate = 0.01 * (1 / 25 + (1 - 1 / 25) * share)
        beta = 0.95 - 0.1 * share
        mean = beta * mean + (1 - beta) * gradient
        square = 0.99 * square + 0.01 * gradient**2
        corrected = mean / (1 - beta ** (step + 1))
        expected -= rate * corrected / (np.sqrt(square / (1 - 0.99 ** (step + 1))) + 1e-7)
        chosen.apply([keras.ops.full_like(v, gradient) for v in weights])
    np.testing.assert_allclose(weights[0].numpy(), expected, rtol=1e-4)


def test_an_optimiser_with_a_cycling_momentum_is_itself_again_from_its_config(network):
    cycle = {"schedule": "one_cycle", "momentum": "cycle", "beta_2": 0.99}
    saved = keras.saving.serialize_keras_object(optimizer(params(**cycle), STEPS, network))
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is CycledAdam and again.beta_2 == 0.99
    again.iterations.assign(24)  # where it turns, of 80 steps
    assert float(again.beta_1) == pytest.approx(0.85)
