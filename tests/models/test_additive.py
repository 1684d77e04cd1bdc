"""The additive head: its sum is exact, its spread keeps every share, and it points where it saw."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecglens.errors import ParameterError
from ecglens.models import build_model
from ecglens.models.additive import AdditiveHead, Spread


def head(labels, samples, steps, features, seed=0, **kind):
    """A head with drawn weights, built for features of shape (batch, steps, features)."""
    layer = AdditiveHead(labels, samples, **kind)
    layer.build((None, steps, features))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in layer.get_weights()])
    return layer


def numpy_outputs(layer, features):
    return {name: np.asarray(value) for name, value in layer(features).items()}


def test_a_case_small_enough_for_pencil_and_paper():
    layer = AdditiveHead(labels=1, samples=4)
    layer.build((None, 2, 2))
    layer.set_weights([np.array([[2.0], [-1.0]], np.float32), np.array([0.5], np.float32)])
    # Two steps of two features; w·f is 2·1 - 3 = -1 at the first and 2·2 - 0 = 4 at the second.
    outputs = numpy_outputs(layer, np.array([[[1.0, 3.0], [2.0, 0.0]]], np.float32))
    assert outputs["bias"] == pytest.approx(0.5)
    assert outputs["logit"] == pytest.approx(0.5 + (-1 + 4) / 2)
    assert outputs["probability"] == pytest.approx(1 / (1 + np.exp(-2.0)))
    # The steps' middles are samples 0.5 and 2.5. The first speaks for samples 0 to 3 with weights
    # 1, 3/4, 1/4, 0 and the second with 0, 1/4, 3/4, 1, each scaled to a sum of one.
    first, second = np.array([4, 3, 1, 0]) / 8, np.array([0, 1, 3, 4]) / 8
    expected = -1 / 2 * first + 4 / 2 * second
    np.testing.assert_allclose(outputs["attribution"][0, :, 0, 0], expected, atol=1e-6)


def test_attention_small_enough_for_pencil_and_paper():
    layer = AdditiveHead(labels=1, samples=2, attention=True)
    layer.build((None, 2, 2))
    weights = [[2.0], [-1.0]], [0.5], [[0.0], [np.log(3) / 3]]
    layer.set_weights([np.array(weight, np.float32) for weight in weights])
    # Scores v·f are ln 3 and 0, so the steps weigh 3/4 and 1/4; w·f is -1 and 4 as above.
    outputs = numpy_outputs(layer, np.array([[[1.0, 3.0], [2.0, 0.0]]], np.float32))
    assert outputs["logit"] == pytest.approx(0.5 - 3 / 4 + 4 / 4)
    np.testing.assert_allclose(outputs["attribution"][0, :, 0, 0], [-3 / 4, 4 / 4], atol=1e-6)


def test_attention_begins_as_the_mean_over_time():
    mean, attentive = (AdditiveHead(2, 40, attention=one) for one in (False, True))
    features = np.random.default_rng(1).normal(size=(3, 10, 5)).astype(np.float32)
    mean(features), attentive(features)
    attentive.set_weights([*mean.get_weights(), attentive.get_weights()[2]])
    for name, value in numpy_outputs(mean, features).items():
        np.testing.assert_allclose(numpy_outputs(attentive, features)[name], value, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [({"positional": True}, (None, 10, 5)), ({"by_lead": True}, (None, 10, 12, 5))],
)
def test_attention_is_over_plain_steps_alone(kind, shape):
    with pytest.raises(ValueError, match="attention is over steps"):
        AdditiveHead(2, 40, attention=True, **kind).build(shape)


def spreading_matrix(steps, samples):
    """Return how each step is spread, shape (samples, steps): the answer to one step at a time."""
    shares = np.eye(steps, dtype=np.float32)[None]
    return np.asarray(Spread.linear(steps, samples)(shares))[0, :, 0]


@settings(max_examples=100, deadline=None)
@given(data=st.data(), steps=st.integers(1, 200))
def test_each_step_is_spread_with_weights_that_sum_to_one(data, steps):
    samples = data.draw(st.integers(steps, 5000), label="samples")
    weights = spreading_matrix(steps, samples)
    assert weights.shape == (samples, steps)
    assert weights.dtype == np.float32
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=0, dtype=np.float64), 1, atol=1e-5)


def test_as_many_steps_as_samples_are_not_spread_at_all():
    np.testing.assert_array_equal(spreading_matrix(7, 7), np.eye(7, dtype=np.float32))


@settings(max_examples=50, deadline=None)
@given(steps=st.integers(2, 150), pooling=st.integers(1, 16), data=st.data())
def test_each_step_is_spread_about_its_own_middle_and_not_beyond_its_neighbours(
    steps, pooling, data
):
    weights = spreading_matrix(steps, steps * pooling)
    step = data.draw(st.integers(0, steps - 1), label="step")
    middle = (step + 0.5) * pooling - 0.5
    touched = np.flatnonzero(weights[:, step])
    assert np.abs(touched - middle).max() < pooling
    assert abs(weights[:, step].argmax() - middle) <= 0.5 * pooling


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 60),
    extra=st.integers(0, 500),
    labels=st.integers(1, 5),
    batch=st.integers(1, 3),
    seed=st.integers(0, 2**16),
    attention=st.booleans(),
)
def test_attribution_and_bias_sum_to_the_logit(steps, extra, labels, batch, seed, attention):
    layer = head(labels, steps + extra, steps, features=6, seed=seed, attention=attention)
    features = np.random.default_rng(seed).normal(size=(batch, steps, 6)).astype(np.float32)
    outputs = numpy_outputs(layer, features)
    assert outputs["attribution"].shape == (batch, steps + extra, 1, labels)
    total = outputs["attribution"].sum(axis=(1, 2), dtype=np.float64) + outputs["bias"]
    np.testing.assert_allclose(total, outputs["logit"], atol=1e-5)


@pytest.mark.parametrize("step", [0, 17, 124])
def test_a_feature_at_one_moment_is_attributed_to_that_moment_only(step):
    layer = head(labels=1, samples=1000, steps=125, features=4)
    features = np.zeros((1, 125, 4), np.float32)
    features[0, step] = 5.0
    attribution = numpy_outputs(layer, features)["attribution"][0, :, 0, 0]
    middle = (step + 0.5) * 8 - 0.5
    assert abs(np.abs(attribution).argmax() - middle) <= 4
    away = np.abs(np.arange(1000) - middle) >= 8
    assert (attribution[away] == 0).all()


def test_the_bias_is_the_same_for_every_record_and_in_no_attribution():
    layer = head(labels=3, samples=80, steps=10, features=4)
    outputs = numpy_outputs(layer, np.zeros((2, 10, 4), np.float32))
    np.testing.assert_array_equal(outputs["attribution"], 0)
    np.testing.assert_array_equal(outputs["bias"], outputs["logit"])
    np.testing.assert_array_equal(outputs["bias"][0], outputs["bias"][1])


def test_shapes_are_known_before_anything_runs():
    layer = AdditiveHead(labels=3, samples=100)
    outputs = layer(keras.Input((13, 6)))
    expected = layer.compute_output_shape((None, 13, 6))
    assert {name: value.shape for name, value in outputs.items()} == expected


def test_an_unknown_pooling_is_an_error_and_not_the_mean():
    with pytest.raises(
        ParameterError, match=r"pooling: found 'maximum'; .* Known: attention, mean"
    ):
        build_model("additive_resnet", samples=400, labels=2, pooling="maximum")


@pytest.mark.parametrize("fine", [1, 2])
def test_dilation_in_place_of_pooling_makes_finer_steps_of_the_same_weights(fine):
    coarse, finer = (
        build_model("additive_resnet", samples=400, labels=2, fine=number) for number in (0, fine)
    )
    assert [w.shape for w in finer.weights] == [w.shape for w in coarse.weights]
    steps = [model.get_layer("dropout").output.shape[1] for model in (coarse, finer)]
    assert steps == [50, 50 * 2**fine]
