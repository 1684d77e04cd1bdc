"""Gradients through conditioning, and integrals of them, against differences and closed forms."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from tiny import randomised, signals, tiny

from ecglens.explain import NamedModel, explain


@pytest.fixture(scope="module")
def named():
    return NamedModel(randomised(tiny("signal_cam"), 1), ("A", "B"), 100)


class Square(keras.layers.Layer):
    """The mean of squares of lead I; and of lead II."""

    def call(self, x):
        logit = ops.mean(x[:, :, :2] ** 2, axis=1)
        return {"logit": logit, "probability": ops.sigmoid(logit)}

    def compute_output_shape(self, shape):
        return {name: (shape[0], 2) for name in ("logit", "probability")}


class Quartic(Square):
    """The same of fourth powers, whose gradient along a path is a cubic."""

    def call(self, x):
        return super().call(x**2)


@pytest.fixture(scope="module")
def square():
    inputs = keras.Input((20, 12))
    return NamedModel(keras.Model(inputs, Square()(inputs)), ("A", "B"), 10)


@pytest.fixture(scope="module")
def quartic():
    inputs = keras.Input((20, 12))
    return NamedModel(keras.Model(inputs, Quartic()(inputs)), ("A", "B"), 10)


def test_the_gradient_goes_through_the_models_own_conditioning(named):
    x = signals(1, 200)
    gradient = explain(named, x, "A", "gradient_x_input").attribution[0, ..., 0] / x[0]
    for sample, lead in ((20, 0), (99, 7), (150, 11)):
        step = np.zeros_like(x)
        step[0, sample, lead] = 1e-2
        up, down = (explain(named, x + s, "A", "additive").logit[0, 0] for s in (step, -step))
        assert (up - down) / 2e-2 == pytest.approx(gradient[sample, lead], rel=0.05, abs=2e-3)


def test_numbers_of_numpy_are_options_too_and_stay_ready_for_json(quartic):
    x = signals(1, 20)
    found = explain(quartic, x, "A", "integrated_gradients", steps=np.int64(3))
    assert json.loads(json.dumps(found.summary(0)))["options"]["steps"] == 3
    same = explain(quartic, x, "A", "integrated_gradients", steps=3)
    np.testing.assert_array_equal(found.attribution, same.attribution)


def test_saliency_is_the_size_of_the_gradient(square):
    x = signals(2, 20)
    saliency = explain(square, x, "B", "saliency").attribution[..., 0]
    np.testing.assert_allclose(saliency[..., 1], np.abs(2 * x[..., 1] / 20), atol=1e-6)
    np.testing.assert_array_equal(saliency[..., [0, *range(2, 12)]], 0)


def test_smoothgrad_without_noise_is_saliency(square):
    x = signals(2, 20)
    smooth = explain(square, x, method="smoothgrad", draws=3, noise=0.0).attribution
    np.testing.assert_allclose(smooth, explain(square, x, method="saliency").attribution, atol=1e-6)


def test_integrated_gradients_of_a_square_are_the_square_itself(square):
    x = signals(2, 20)
    result = explain(square, x, "A", "integrated_gradients", steps=1)
    # The gradient is linear along the path, so that one step at its middle is exact.
    np.testing.assert_allclose(result.attribution[..., 0, 0], x[..., 0] ** 2 / 20, atol=1e-6)
    assert result.completeness_error.max() < 1e-6
    assert result.cost.gradient_passes == 2


def test_from_the_median_the_baselines_own_value_is_the_bias(square):
    x = signals(2, 20) + 3
    result = explain(square, x, method="integrated_gradients", baseline="median")
    np.testing.assert_allclose(result.bias, np.median(x, axis=1)[:, :2] ** 2, rtol=1e-5)
    assert result.completeness_error.max() < 1e-4


def test_more_steps_come_nearer_to_completeness_as_the_square_of_their_number(quartic):
    x = signals(4, 20)
    few, many = (
        explain(quartic, x, method="integrated_gradients", steps=steps).completeness_error.max()
        for steps in (2, 16)
    )
    assert few > 1e-3
    assert many == pytest.approx(few / 64, rel=0.1)


def test_missing_samples_have_no_share(named):
    x = signals(1, 200)
    x[0, 50:80, 3] = np.nan
    for method in ("saliency", "gradient_x_input", "integrated_gradients"):
        result = explain(named, x, "A", method)
        np.testing.assert_array_equal(result.attribution[0, 50:80, 3], 0)
