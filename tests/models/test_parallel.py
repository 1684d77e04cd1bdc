"""Convolutions done by blocks in the frequency domain are the same convolutions."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from ecglens.models.parallel import Blocks, PairPooling, ParallelConvolutions


def layer(filters, kernels, samples, channels, seed=0):
    made = ParallelConvolutions(filters, kernels)
    made.build((None, samples, channels))
    rng = np.random.default_rng(seed)
    made.set_weights([rng.normal(0, 0.3, w.shape) for w in made.weights])
    return made


def drawn(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_moving_sum_worked_out_by_hand():
    made = ParallelConvolutions(1, (1, 2, 3))
    made.build((None, 5, 1))
    made.set_weights([np.full((k, 1, 1), 1.0) for k in (1, 2, 3)])
    x = np.array([1, 2, 3, 4, 5], np.float32)[None, :, None]
    # A kernel of 2 looks one ahead, one of 3 to either side; beyond the ends is 0.
    expected = [[1, 3, 3], [2, 5, 6], [3, 7, 9], [4, 9, 12], [5, 5, 9]]
    for way in (made.direct, made.spectral):
        np.testing.assert_allclose(np.asarray(way(x))[0], expected, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(
    samples=st.integers(1, 300),
    channels=st.integers(1, 5),
    kernels=st.lists(st.integers(1, 45), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
def test_both_ways_give_the_same_numbers(samples, channels, kernels, seed):
    made = layer(3, kernels, samples, channels, seed)
    x = drawn(2, samples, channels, seed=seed)
    np.testing.assert_allclose(np.asarray(made.spectral(x)), np.asarray(made.direct(x)), atol=3e-5)


def test_the_two_ways_learn_the_same():
    made = layer(4, (2, 10, 40), 120, 3)
    x, weight = drawn(4, 120, 3), drawn(1, 120, 12, seed=5)
    start, moved = made.get_weights(), []
    for by_blocks in (True, False):
        made.by_blocks = by_blocks
        made.set_weights(start)
        inputs = keras.Input((120, 3))
        model = keras.Model(inputs, ops.mean(made(inputs) * weight, axis=(1, 2)))
        model.compile(keras.optimizers.SGD(1.0), loss="mse")
        model.train_on_batch(x, np.ones(4, np.float32))
        moved.append([new - old for new, old in zip(made.get_weights(), start, strict=True)])
    for spectral, direct in zip(*moved, strict=True):
        assert np.abs(direct).max() > 0
        np.testing.assert_allclose(spectral, direct, atol=1e-5 * np.abs(direct).max() + 1e-8)


@pytest.mark.parametrize(
    ("samples", "channels", "filters", "by_blocks"),
    [(1250, 384, 128, True), (2500, 96, 32, True), (200, 12, 4, False)],
)
def test_blocks_are_used_where_they_save_half_of_the_multiplications(
    samples, channels, filters, by_blocks
):
    made = ParallelConvolutions(filters, (2, 10, 40))
    made.build((None, samples, channels))
    assert made.by_blocks == by_blocks
    direct = samples * channels * filters * 52
    assert (2 * made.plan.multiplications(channels, 3 * filters) < direct) == by_blocks


def test_training_by_blocks_and_prediction_directly_answer_alike():
    made = layer(32, (2, 10, 40), 2500, 96)
    assert made.by_blocks
    x = drawn(1, 2500, 96)
    spectral, direct = (np.asarray(made(x, training=t)) for t in (True, False))
    assert not np.array_equal(spectral, direct)
    np.testing.assert_allclose(spectral, direct, atol=1e-5 * np.abs(direct).max())


def test_a_block_sees_all_that_its_kernels_reach():
    plan = Blocks.best(1000, (2, 10, 40), 8, 8)
    assert (plan.before, plan.after) == (19, 20)
    assert plan.count * plan.size >= 1000
    assert plan.size >= plan.before + plan.after


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the layer is for TensorFlow's own gradient"
)
@pytest.mark.parametrize("samples", [8, 9])
def test_pairs_are_pooled_as_keras_pools_them_and_learn_the_same(samples):
    x = drawn(2, samples, 3)
    x[0, :2] = 1.5  # a pair of equal steps: the first of them is the maximum
    keras_own = keras.layers.MaxPooling1D(2, padding="same")
    expected, slope = pooled_and_slope(keras_own, x)
    found, found_slope = pooled_and_slope(PairPooling(), x)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_slope, slope)
    np.testing.assert_array_equal(np.asarray(PairPooling()(x)), expected)


def pooled_and_slope(pooling, x):
    x = tf.constant(x)
    takes = {"training": True} if isinstance(pooling, PairPooling) else {}
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = pooling(x, **takes)
        total = tf.reduce_sum(y * np.arange(1, np.prod(y.shape) + 1).reshape(y.shape))
    return y.numpy(), tape.gradient(total, x).numpy()
