"""Occlusion and Shapley values, against values worked out by hand and by another library."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import signals

from ecglens.explain import NamedModel, explain
from ecglens.explain.occlusion import windows
from ecglens.explain.removal import Remover
from ecglens.record import LEADS


@keras.saving.register_keras_serializable("ecglens-tests")
class Product(keras.layers.Layer):
    """Logit A: the mean of I plus that of II times that of V1. Logit B: the mean of V6."""

    def call(self, x):
        mean = ops.mean(x, axis=1)
        a = mean[:, 0] + mean[:, 1] * mean[:, 6]
        logit = ops.stack([a, mean[:, 11]], axis=1)
        return {"logit": logit, "probability": ops.sigmoid(logit)}

    def compute_output_shape(self, input_shape):
        return {name: (input_shape[0], 2) for name in ("logit", "probability")}


@pytest.fixture(scope="module")
def product():
    inputs = keras.Input((50, 12))
    return NamedModel(keras.Model(inputs, Product()(inputs)), ("A", "B"), 10)


def levels(*values):
    """A record whose leads are flat at these values (mV), plus noise of mean nought."""
    noise = signals(1, 50, seed=2)
    noise -= noise.mean(axis=1, keepdims=True)
    return noise + np.array(values, np.float32)


X = levels(1, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, -4)


@pytest.mark.parametrize("way", ["exact", "sampled"])
def test_leads_that_act_together_share_what_they_give(product, way):
    result = explain(product, X, method="shapley", way=way)
    expected = np.zeros((12, 2))
    expected[0, 0], expected[[1, 6], 0], expected[11, 1] = 1, 3, -4  # II · V1 = 6, half each
    # Forward and backward orders cancel in pairs, so the sample is exact for a product of two.
    np.testing.assert_allclose(result.details["lead_values"][0], expected, atol=1e-4)
    np.testing.assert_allclose(result.attribution[0].sum(axis=0), expected, atol=1e-4)
    assert result.completeness_error.max() < 1e-4
    assert not result.over_time


@pytest.mark.slow  # shap compiles for a minute
def test_exact_shapley_values_are_those_of_shap():
    shap = pytest.importorskip("shap", reason="needs shap: pip install 'ecglens[checks]'")
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(12, 12))

    @keras.saving.register_keras_serializable("ecglens-tests")
    class Bilinear(keras.layers.Layer):
        def call(self, x):
            mean = ops.mean(x, axis=1)
            logit = ops.sum(ops.tanh(ops.matmul(mean, weights.astype("float32"))), 1)[:, None]
            return {"logit": logit, "probability": ops.sigmoid(logit)}

        def compute_output_shape(self, shape):
            return {name: (shape[0], 1) for name in ("logit", "probability")}

    inputs = keras.Input((50, 12))
    named = NamedModel(keras.Model(inputs, Bilinear()(inputs)), ("A",), 10)
    x = levels(*rng.normal(size=12))
    mean = x[0].mean(axis=0)

    def game(present):
        return np.tanh((present * mean) @ weights).sum(axis=1)

    theirs = shap.explainers.Exact(game, np.zeros((1, 12)))(np.ones((1, 12))).values[0]
    exact = explain(named, x, method="shapley", way="exact").details["lead_values"][0, :, 0]
    np.testing.assert_allclose(exact, theirs, atol=1e-4)
    sampled = explain(named, x, method="shapley", permutations=64)
    error = sampled.details["standard_error"][0, :, 0]
    off = np.abs(sampled.details["lead_values"][0, :, 0] - exact)
    assert (error > 0).all()
    assert (off <= 4 * error).all()
    assert sampled.cost.forward_passes == 2 + 64 * 22


def test_occlusion_by_lead_is_what_each_lead_takes_with_it(product):
    result = explain(product, X, method="occlusion", by="lead", fill="zero")
    loss = result.details["loss"][0]
    np.testing.assert_allclose(loss[[0, 1, 6], 0], [1, 6, 6], atol=1e-4)
    np.testing.assert_allclose(loss[11, 1], -4, atol=1e-4)
    np.testing.assert_allclose(result.attribution[0].sum(axis=0), loss, atol=1e-4)
    assert not result.over_time


def test_overlapping_windows_are_averaged(product):
    x = np.ones((1, 50, 12), np.float32)
    result = explain(product, x, "B", "occlusion", window=2.0, stride=1.0)
    # Each window of 20 samples takes 20 / 50 of lead V6's mean, spread over its 20 samples.
    np.testing.assert_allclose(result.attribution[0, :, 0, 0], 0.4 / 20, atol=1e-6)


def test_windows_reach_the_end():
    assert windows(100, 10, 3.0, 2.0) == ([0, 20, 40, 60, 70], 30)
    assert windows(10, 10, 3.0, 3.0) == ([0], 10)
    assert windows(10, 10, 1e308, 10**300) == ([0], 10)


@pytest.mark.parametrize(("fill", "expected"), [("zero", 0.0), ("mean", 3.0), ("bridge", 2.5)])
def test_what_stands_in_a_gap(fill, expected):
    x = np.zeros((1, 6, 12), np.float32)
    x[0, :, 0] = [1, 2, 9, 3, 1, 2]
    mask = np.zeros(x.shape, bool)
    mask[0, 2, 0] = True
    gone = Remover(x, fill, 10).without(mask)
    assert gone[0, 2, 0] == pytest.approx(expected)
    gone[0, 2, 0] = 9
    np.testing.assert_array_equal(gone, x)


def test_a_lead_that_goes_whole_leaves_nothing_to_bridge():
    x = np.ones((1, 6, 12), np.float32)
    mask = np.zeros(x.shape, bool)
    mask[..., LEADS.index("V2")] = True
    for fill in ("bridge", "beat"):
        gone = Remover(x, fill, 10).without(mask)
        assert (gone[..., LEADS.index("V2")] == 0).all()
        assert (gone.sum(axis=2) == 11).all()
