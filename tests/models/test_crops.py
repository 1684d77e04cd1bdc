"""A network trained on stretches reads whole records, and what it says still adds up."""

from functools import partial

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecglens.conditioning import condition
from ecglens.errors import ParameterError
from ecglens.models import build_model, load_model
from ecglens.models.crops import average_of_crops, crop_starts, whole_and_cropped
from ecglens.models.ensemble import mean_of

build = partial(build_model, "signal_cam", labels=3, detrend_degree=0, scaling="none")


def signals(batch, samples):
    return np.random.default_rng(3).normal(size=(batch, samples, 12)).astype(np.float32)


def outputs(model, x):
    return {name: np.asarray(value) for name, value in model(x, training=False).items()}


def drawn(model, seed=1):
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        of_variance = weight.path.endswith("variance")
        weight.assign(
            rng.uniform(0.5, 2, weight.shape) if of_variance else rng.normal(0, 0.3, weight.shape)
        )
    return model


@settings(max_examples=200, deadline=None)
@given(crop=st.integers(2, 600), more=st.integers(0, 5000))
def test_crops_reach_from_end_to_end_and_overlap_by_half(crop, more):
    samples = crop + more
    starts = crop_starts(crop, samples)
    assert starts[0] == 0 and starts[-1] + crop == samples
    steps = np.diff(starts)
    assert (steps > 0).all() and (steps <= crop / 2 + 1).all()


def test_a_2_5_second_crop_of_10_seconds_gives_seven():
    assert crop_starts(250, 1000) == [0, 125, 250, 375, 500, 625, 750]
    assert crop_starts(250, 250) == [0]


def test_the_average_is_that_of_the_networks_own_answers_and_lies_where_the_crops_were():
    network = drawn(build(samples=100))
    model, x = average_of_crops(network, 230), signals(4, 230)
    result = outputs(model, x)
    starts = crop_starts(100, 230)
    parts = [outputs(network, x[:, start : start + 100]) for start in starts]
    for name in ("logit", "bias"):
        expected = np.mean([part[name] for part in parts], axis=0)
        np.testing.assert_allclose(result[name], expected, atol=1e-5)
    placed = np.zeros((4, 230, 1, 3))
    for start, part in zip(starts, parts, strict=True):
        placed[:, start : start + 100] += part["attribution"] / len(starts)
    np.testing.assert_allclose(result["attribution"], placed, atol=1e-5)


@pytest.mark.parametrize("test", ["whole", "average"])
def test_a_whole_records_attribution_adds_up_with_the_cropped_networks_weights(test, tmp_path):
    model, network = whole_and_cropped(build, 230, 100, test)
    # Crops of whole records are taken behind their conditioning, inside the network.
    assert model.input.shape[1] == 230
    assert network.input.shape[1] == (230 if test == "whole" else 100)
    model.set_weights(drawn(network).get_weights())
    model.save(tmp_path / "model.keras")
    result = outputs(load_model(tmp_path / "model.keras"), signals(5, 230))
    assert result["attribution"].shape == (5, 230, 1, 3)
    total = result["attribution"].sum(axis=(1, 2), dtype=np.float64) + result["bias"]
    np.testing.assert_allclose(total, result["logit"], atol=1e-4)
    expected = 1 / (1 + np.exp(-result["logit"]))
    np.testing.assert_allclose(result["probability"], expected, atol=1e-6)


def test_without_a_crop_there_are_two_networks_of_the_records_length():
    for crop in (None, 230):
        model, network = whole_and_cropped(build, 230, crop, "whole")
        assert model is not network
        assert model.input.shape[1] == network.input.shape[1] == 230


def test_a_crop_longer_than_a_record_is_refused():
    with pytest.raises(ParameterError, match=r"crop_seconds: found 240 samples; .*record's 230"):
        whole_and_cropped(build, 230, 240, "whole")


def test_weights_that_depend_on_the_length_are_refused_and_averaging_is_offered():
    def flat(samples, crop=None):
        inputs = keras.Input((samples, 12))
        x = condition(inputs, crop=crop)
        logit = keras.layers.Dense(3)(keras.layers.Flatten()(x))
        return keras.Model(inputs, {"logit": logit}, name="flat")

    with pytest.raises(ParameterError, match=r"flat, whose weights depend.*crop_test=average"):
        whole_and_cropped(flat, 230, 100, "whole")


def test_the_mean_of_members_is_their_mean_and_adds_up(tmp_path):
    members = [drawn(build(samples=120), seed) for seed in (1, 2, 3)]
    x = signals(4, 120)
    mean_of(members, "signal_cam").save(tmp_path / "model.keras")
    result = outputs(load_model(tmp_path / "model.keras"), x)
    each = [outputs(member, x) for member in members]
    for name in ("logit", "bias", "attribution"):
        expected = np.mean([one[name] for one in each], axis=0)
        np.testing.assert_allclose(result[name], expected, atol=1e-5)
    assert not np.allclose(each[0]["logit"], each[1]["logit"])
    total = result["attribution"].sum(axis=(1, 2), dtype=np.float64) + result["bias"]
    np.testing.assert_allclose(total, result["logit"], atol=1e-4)
    np.testing.assert_allclose(result["probability"], 1 / (1 + np.exp(-result["logit"])), atol=1e-6)
