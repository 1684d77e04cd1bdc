"""Grad-CAM on a pooled network is the positive part of its exact map; empty maps stay empty."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import randomised, signals, tiny

from ecglens.explain import NamedModel, explain
from ecglens.explain.evaluator import Evaluator
from ecglens.explain.gradcam import to_samples
from ecglens.explain.guided import guided_model, rectifiers
from ecglens.explain.networks import choose_layers
from ecglens.models.additive import AdditiveHead


@pytest.fixture(scope="module")
def pooled():
    """A pooled network whose features have as many steps as the input has samples."""
    inputs = keras.Input((40, 12))
    x = keras.layers.Conv1D(5, 3, padding="same", name="conv")(inputs)
    x = keras.layers.ReLU(name="relu")(x)
    model = keras.Model(inputs, AdditiveHead(2, 40, name="head")(x))
    return NamedModel(randomised(model, 3), ("A", "B"), 20)


def test_gradcam_of_a_pooled_network_is_the_positive_part_of_the_exact_map(pooled):
    x = signals(3, 40)
    exact = explain(pooled, x, method="additive").attribution
    cam = explain(pooled, x, method="gradcam").attribution
    assert (exact < 0).any()
    np.testing.assert_allclose(cam, np.maximum(exact, 0), atol=1e-6)


def test_of_a_probability_it_is_the_same_map_times_the_sigmoid_slope(pooled):
    x = signals(3, 40)
    logit = explain(pooled, x, method="gradcam")
    result = explain(pooled, x, method="gradcam", of="probability")
    slope = logit.probability * (1 - logit.probability)
    np.testing.assert_allclose(
        result.attribution, logit.attribution * slope[:, None, None], atol=1e-6
    )
    np.testing.assert_array_equal(result.value, result.probability)


def test_signal_cams_is_the_positive_part_of_its_coarse_shares():
    named = NamedModel(randomised(tiny("signal_cam"), 1), ("A", "B"), 100)
    x = signals(2, 200)
    head = named.model.get_layer("head")
    features = keras.Model(named.model.input, head.input)(x, training=False)
    shares = np.asarray(features) @ np.asarray(head.kernel) / features.shape[1]
    cam = explain(named, x, method="gradcam", layer="relu_4").attribution
    np.testing.assert_allclose(cam, to_samples(np.maximum(shares, 0), 200), rtol=1e-3, atol=1e-6)


def test_gradcam_plus_plus_by_hand_on_a_pooled_network(pooled):
    """There each gradient is g = w / T, so a step's weight is g / (2 + g ΣA) where g > 0."""
    x = signals(2, 40)
    features = np.asarray(
        keras.Model(pooled.model.input, pooled.model.get_layer("relu").output)(x), np.float64
    )
    slope = np.asarray(pooled.model.get_layer("head").kernel, np.float64) / 40
    total = features.sum(axis=1)[:, :, None]
    weights = 40 * np.maximum(slope, 0) / (2 + slope * total)
    expected = np.maximum(np.einsum("ntf,nfk->ntk", features, weights), 0)
    found = explain(pooled, x, method="gradcam++").attribution[:, :, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_a_map_of_nothing_stays_empty_and_is_noted(pooled):
    head = pooled.model.get_layer("head")
    kernel = head.kernel.numpy()
    head.kernel.assign(-np.abs(kernel))  # every feature speaks against
    try:
        for method in ("gradcam", "gradcam++", "guided_gradcam"):
            result = explain(pooled, signals(2, 40), ["A"], method)
            np.testing.assert_array_equal(result.attribution, 0)
            assert "nothing at layer relu speaks for the label in 2 of 2 (A)" in result.notes[0]
            assert result.details["empty"].all()
    finally:
        head.kernel.assign(kernel)


def test_any_layer_with_a_feature_map_can_be_named(pooled):
    assert choose_layers(pooled.model) == ("relu",)
    early = explain(pooled, signals(1, 40), method="gradcam", layer="conv")
    assert early.details["layer"] == "conv"


def test_a_map_of_leads_and_time_keeps_its_leads():
    named = NamedModel(randomised(tiny("cnn2d_gradcam"), 1), ("A", "B"), 100)
    result = explain(named, signals(1, 200), method="gradcam")
    assert result.attribution.shape == (1, 200, 12, 2)


@settings(max_examples=30, deadline=None)
@given(steps=st.integers(1, 50), samples=st.integers(50, 300), leads=st.sampled_from([0, 3, 12]))
def test_spreading_to_samples_keeps_the_sum(steps, samples, leads):
    shape = (2, steps, 3) if not leads else (2, leads, max(steps, leads + 1), 3)
    coarse = np.random.default_rng(steps).normal(size=shape)
    fine = to_samples(coarse, samples)
    assert fine.shape == (2, samples, 12 if leads == 12 else 1, 3)
    axes = tuple(range(1, coarse.ndim - 1))
    np.testing.assert_allclose(fine.sum(axis=(1, 2)), coarse.sum(axis=axes), atol=1e-3)


def test_guided_activations_change_the_gradient_and_not_the_answer(pooled):
    guided = guided_model(pooled.model)
    x = signals(2, 40)
    for name, value in pooled.model(x).items():
        np.testing.assert_array_equal(guided(x)[name], value)
    assert rectifiers(pooled.model) == 1


def test_guided_gradient_by_hand(pooled):
    """Above the rectifier the gradient is w / T: only positive ones, of active features, pass."""
    x = signals(1, 40)
    model = pooled.model
    features = np.asarray(keras.Model(model.input, model.get_layer("relu").output)(x))[0]
    slope = np.maximum(np.asarray(model.get_layer("head").kernel)[:, 0] / 40, 0)
    passed = np.pad((features > 0) * slope, ((1, 1), (0, 0)))  # (samples + 2, features)
    kernel = np.asarray(model.get_layer("conv").kernel)  # (3, leads, features)
    expected = sum(passed[2 - k : 42 - k] @ kernel[k].T for k in range(3))
    found = Evaluator(pooled, [0]).gradient(x, guided_model(model))[0, :, :, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
