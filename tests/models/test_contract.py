"""What every model of the table promises, whatever it is made of."""

import importlib
import pkgutil
from dataclasses import fields

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ecglens.models
from ecglens.errors import ModelError, ParameterError
from ecglens.models import MODELS, build_model, load_model
from ecglens.params import ModelParams

every_model = pytest.mark.parametrize("name", MODELS)


def signals(batch, samples, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, samples, 12)).astype(np.float32)


def outputs(model, x):
    return {name: np.asarray(value) for name, value in model(x, training=False).items()}


def additivity_error(result):
    total = result["attribution"].sum(axis=(1, 2), dtype=np.float64) + result["bias"]
    return np.abs(total - result["logit"]).max()


def randomised(model, seed):
    """Give the model drawn weights and statistics, as if it had been trained."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        drawn = rng.normal(0, 0.3, variable.shape)
        if "variance" in variable.path:
            drawn = rng.uniform(0.5, 2, variable.shape)
        variable.assign(drawn.astype(np.float32))
    return model


def test_every_module_with_a_build_is_in_the_table():
    modules = [
        importlib.import_module(f"ecglens.models.{module.name}")
        for module in pkgutil.iter_modules(ecglens.models.__path__)
    ]
    built = {m.__name__.rsplit(".", 1)[1]: m.build for m in modules if hasattr(m, "build")}
    assert built == MODELS


def test_every_model_has_its_options_in_params():
    assert {field.name for field in fields(ModelParams)} == set(MODELS)


@every_model
@pytest.mark.parametrize("labels", [1, 7])
def test_outputs_have_the_shapes_of_the_contract(name, labels):
    result = outputs(build_model(name, samples=300, labels=labels), signals(2, 300))
    assert result.keys() == {"probability", "logit", "bias", "attribution"}
    for flat in ("probability", "logit", "bias"):
        assert result[flat].shape == (2, labels)
    batch, samples, leads, last = result["attribution"].shape
    assert (batch, samples, last) == (2, 300, labels)
    assert leads in (1, 12)
    assert {value.dtype for value in result.values()} == {np.dtype(np.float32)}


@every_model
def test_probability_is_the_sigmoid_of_the_logit(name):
    result = outputs(randomised(build_model(name, samples=300, labels=3), 1), signals(4, 300))
    expected = 1 / (1 + np.exp(-result["logit"].astype(np.float64)))
    np.testing.assert_allclose(result["probability"], expected, atol=1e-6)


@every_model
@settings(max_examples=8, deadline=None)
@given(samples=st.integers(50, 1300), labels=st.integers(1, 6), seed=st.integers(0, 2**16))
def test_attribution_and_bias_sum_to_the_logit_at_any_length(name, samples, labels, seed):
    model = randomised(build_model(name, samples=samples, labels=labels), seed)
    assert additivity_error(outputs(model, signals(2, samples, seed))) <= 1e-4


@every_model
def test_no_output_depends_on_the_other_records_of_the_batch(name):
    model = randomised(build_model(name, samples=300, labels=2), 2)
    x = signals(5, 300)
    batch, alone = outputs(model, x), outputs(model, x[3:4])
    for key, value in alone.items():
        np.testing.assert_allclose(batch[key][3:4], value, atol=1e-5)


@every_model
@pytest.mark.parametrize("case", ["missing", "flat", "huge"])
def test_a_defective_record_still_gives_numbers_that_add_up(name, case):
    model = randomised(build_model(name, samples=300, labels=2), 3)
    x = signals(1, 300)
    if case == "missing":
        x[0, 20:200, 3] = np.nan
    elif case == "flat":
        x[:] = 0
    else:
        x *= 30
    result = outputs(model, x)
    assert all(np.isfinite(value).all() for value in result.values())
    assert additivity_error(result) <= 1e-4 * max(1, np.abs(result["logit"]).max())


@every_model
def test_training_the_logit_moves_every_weight(name):
    model = build_model(name, samples=200, labels=2)
    before = [w.value.numpy() for w in model.trainable_variables]
    logit = keras.Model(model.input, model.output["logit"])
    logit.compile("sgd", loss=keras.losses.BinaryCrossentropy(from_logits=True))
    logit.train_on_batch(signals(8, 200), np.eye(2, dtype=np.float32)[[0, 1] * 4])
    still = [
        w.path
        for w, old in zip(model.trainable_variables, before, strict=True)
        if np.array_equal(w.value.numpy(), old)
    ]
    # A bias before a BatchNorm is subtracted again, so its gradient is nought.
    assert all(path.startswith("conv") and path.endswith("bias") for path in still)


@every_model
def test_a_saved_model_loads_in_safe_mode_and_answers_the_same(name, tmp_path):
    model = randomised(build_model(name, samples=300, labels=3), 4)
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    x = signals(2, 300)
    for key, value in outputs(model, x).items():
        np.testing.assert_array_equal(outputs(again, x)[key], value)


def test_an_unknown_model_is_refused_with_the_nearest_name():
    with pytest.raises(ParameterError, match='Did you mean "signal_cam"'):
        build_model("signalcam", samples=100, labels=1)


def test_a_missing_model_file_is_refused_with_what_to_run(tmp_path):
    with pytest.raises(ModelError, match=r"model\.keras: found no such file.*dvc repro train"):
        load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("kept", [0, 5, 2000])
def test_a_damaged_model_file_is_refused_by_name(tmp_path, kept):
    path = tmp_path / "model.keras"
    build_model("signal_cam", samples=100, labels=1).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"model\.keras: found a file that Keras does not load"):
        load_model(path)


def test_a_model_file_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1)])
    model.save(path)
    with pytest.raises(ModelError, match=r"does not load safely.*Lambda"):
        load_model(path)
