"""Maps under noise, under a shift, and while a model's weights are drawn anew."""

import keras
import numpy as np
import pytest

from ecglens.errors import ModelError, RecordError
from ecglens.explain import faithfulness_stability as s

RATE = 100


def signals(records=3, samples=400, seed=0):
    return np.random.default_rng(seed).normal(size=(records, samples, 12)).astype(np.float32)


def constant(records):
    return np.ones((len(records), records.shape[1], 1))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    inputs = keras.Input((40, 12))
    inner = keras.Sequential([keras.layers.Conv1D(4, 3, padding="same", name="inner")])
    x = keras.layers.Conv1D(4, 3, padding="same", activation="relu", name="first")(inputs)
    x = keras.layers.GlobalAveragePooling1D()(inner(x))
    return keras.Model(inputs, keras.layers.Dense(2, name="head")(x))


def test_a_map_that_is_the_signal_changes_by_the_noise():
    records = signals()
    found = s.noise_stability(np.asarray, records, records, millivolts=0.1, draws=3)
    assert (found.correlation > 0.98).all()
    np.testing.assert_allclose(found.change, 0.1, rtol=0.1)


def test_a_map_that_ignores_the_signal_does_not_change():
    records = signals()
    found = s.noise_stability(lambda x: 0 * x + records, records, records)
    np.testing.assert_allclose(found.correlation, 1)
    assert not found.change.any()


def test_the_same_noise_is_drawn_for_every_method():
    records, seen = signals(), []
    for _ in range(2):
        s.noise_stability(lambda x: seen.append(x) or x, records, records, draws=1, seed=5)
    np.testing.assert_array_equal(seen[0], seen[1])


def test_a_map_that_moves_with_the_signal_is_stable_under_a_shift():
    records = signals()
    found = s.shift_stability(lambda x: x**2, records, records**2, RATE)
    np.testing.assert_allclose(found.correlation, 1)
    assert not found.change.any()


def test_a_map_that_stays_in_place_is_not():
    records = signals()
    found = s.shift_stability(lambda x: records, records, records, RATE)
    assert (np.abs(found.correlation) < 0.2).all() and (found.change > 1).all()


def test_a_constant_map_correlates_with_nothing():
    records = signals()
    assert not s.noise_stability(constant, records, constant(records)).correlation.any()


def test_a_record_too_short_to_leave_out_its_ends_is_refused():
    records = signals(samples=200)
    with pytest.raises(RecordError, match="200 samples"):
        s.shift_stability(np.asarray, records, records, RATE)


def test_weights_are_replaced_from_the_head_down_and_the_model_is_left_alone(model):
    before = [w.copy() for w in model.get_weights()]
    stages = list(s.cascade(model, stages=3))
    assert [share for share, _ in stages] == pytest.approx([1 / 3, 2 / 3, 1])

    def kernels(network):
        return [network.get_weights()[i] for i in (0, 2, 4)]

    for (_, drawn), same in zip(stages, ([True, True, False], [True, False, False], [False] * 3),
                                strict=True):  # fmt: skip
        pairs = zip(kernels(drawn), kernels(model), strict=True)
        assert [np.array_equal(a, b) for a, b in pairs] == same
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_more_stages_than_layers_are_as_many_as_layers(model):
    assert len(list(s.cascade(model, stages=50))) == 3


def test_a_model_without_weights_has_nothing_to_randomise():
    inputs = keras.Input((4, 12))
    bare = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(inputs))
    with pytest.raises(ModelError, match="no layer with weights"):
        next(s.cascade(bare))


def test_maps_that_are_alike_but_for_the_sign_are_alike():
    maps = signals(2)
    np.testing.assert_allclose(s.randomisation(maps, -maps), 1)
    assert (s.randomisation(maps, signals(2, seed=9)) < 0.1).all()
