"""What every model of the table promises, whatever it is made of.

Runs on another backend of Keras too: KERAS_BACKEND=jax pytest tests/models/test_contract.py
"""

import importlib
import inspect
import pkgutil
from dataclasses import fields
from functools import partial

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny import TINY, additivity_error, outputs, randomised, signals, tiny

import ecglens.models
from ecglens.errors import ModelError, ParameterError
from ecglens.inference import ModelCard, Predictor
from ecglens.model_params import ModelParams
from ecglens.models import MODELS, build_model, is_additive, load_model
from ecglens.models.crops import whole_and_cropped
from ecglens.models.ensemble import mean_of
from ecglens.record import LEADS

every_model = pytest.mark.parametrize("name", MODELS)
SHORTEST = {"cnn": 28}  # samples; every other model reads a single one
# A conversion takes seconds: of each kind of head one is made in the fast suite.
exported_model = pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("ecg_xplaim", "ecg_imn", "cnn")
        else pytest.param(name, marks=pytest.mark.slow)
        for name in MODELS
    ],
)


def test_every_module_with_a_build_is_in_the_table():
    modules = [
        importlib.import_module(f"ecglens.models.{module.name}")
        for module in pkgutil.iter_modules(ecglens.models.__path__)
    ]
    built = {m.__name__.rsplit(".", 1)[1]: m.build for m in modules if hasattr(m, "build")}
    assert built == {name: entry.build for name, entry in MODELS.items()}


def test_every_model_has_its_options_in_params():
    assert {field.name for field in fields(ModelParams)} == set(MODELS) == set(TINY)


@every_model
def test_the_options_in_params_are_those_of_the_build(name):
    (section,) = (field.type for field in fields(ModelParams) if field.name == name)
    taken = set(inspect.signature(MODELS[name].build).parameters) - {"conditioning"}
    taken |= set(inspect.signature(ecglens.conditioning.condition).parameters)
    fixed = {"samples", "labels", "x", "sampling_frequency", "crop", "classes", "name"}
    assert {field.name for field in fields(section)} == taken - fixed


@every_model
@pytest.mark.parametrize("labels", [1, 3])
def test_outputs_have_the_shapes_of_the_contract(name, labels):
    model = tiny(name, labels=labels)
    result = outputs(model, signals(2, 200))
    names = {"probability", "logit"} | ({"bias", "attribution"} if MODELS[name].additive else set())
    assert result.keys() == names
    assert is_additive(model) == MODELS[name].additive
    for flat in names - {"attribution"}:
        assert result[flat].shape == (2, labels)
    if MODELS[name].additive:
        assert result["attribution"].shape in {(2, 200, leads, labels) for leads in (1, 12)}
    assert {value.dtype for value in result.values()} == {np.dtype(np.float32)}


@every_model
def test_probability_is_the_sigmoid_of_the_logit(name):
    result = outputs(randomised(tiny(name), 1), signals(4, 200))
    expected = 1 / (1 + np.exp(-result["logit"].astype(np.float64)))
    np.testing.assert_allclose(result["probability"], expected, atol=1e-6)


@every_model
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis 1")  # of a record of one step
@settings(max_examples=3, deadline=None)
@given(samples=st.integers(1, 400), labels=st.integers(1, 6), seed=st.integers(0, 2**16))
@example(samples=1, labels=2, seed=0)
def test_a_record_of_any_length_is_answered_and_what_explains_it_adds_up(
    name, samples, labels, seed
):
    samples = max(samples, SHORTEST.get(name, 1))
    model = randomised(tiny(name, samples=samples, labels=labels), seed)
    result = outputs(model, signals(2, samples, seed))
    assert result["logit"].shape == (2, labels)
    assert all(np.isfinite(value).all() for value in result.values())
    if MODELS[name].additive:
        assert result["attribution"].shape[1] == samples
        assert additivity_error(result) <= 1e-4


@every_model
@pytest.mark.parametrize("rate", [100, 360, 500])
def test_a_record_of_any_rate_can_be_filtered_within_the_model(name, rate):
    model = tiny(name, samples=rate, sampling_frequency=rate, band_pass=(0.5, 40), notch=45)
    x = signals(1, rate)
    result = outputs(randomised(model, 5), x)
    assert all(np.isfinite(value).all() for value in result.values())
    # The filter leaves no offset, so none may matter.
    moved = outputs(model, x + np.linspace(-2, 2, 12, dtype=np.float32))
    np.testing.assert_allclose(moved["logit"], result["logit"], rtol=0.01, atol=0.01)


@every_model
def test_no_output_depends_on_the_other_records_of_the_batch(name):
    model = randomised(tiny(name), 2)
    x = signals(5, 200)
    batch, alone = outputs(model, x), outputs(model, x[3:4])
    # A logit is as exact as the sum that it is: by the size of its terms, which may cancel.
    terms = np.abs(alone["attribution"]).sum() if MODELS[name].additive else 0.0
    for key, value in alone.items():
        np.testing.assert_allclose(batch[key][3:4], value, atol=1e-5 + 1e-6 * terms)


@every_model
@pytest.mark.parametrize("case", ["missing", "flat", "huge"])
def test_a_defective_record_still_gives_numbers_that_add_up(name, case):
    model = randomised(tiny(name), 3)
    x = signals(1, 200)
    if case == "missing":
        x[0, 20:180, 3] = np.nan
    elif case == "flat":
        x[:] = 0.7
    else:
        x *= 30
    result = outputs(model, x)
    assert all(np.isfinite(value).all() for value in result.values())
    if MODELS[name].additive:
        assert additivity_error(result) <= 1e-4


POOLED = set(MODELS) - {"cnn", "resnet", "ecg_imn", "ecg_imn_categorical", "ecg_imn_direct"}


@every_model
def test_a_model_trained_on_crops_reads_whole_records_or_says_why_it_cannot(name):
    build = partial(tiny, name)
    if name not in POOLED:
        with pytest.raises(ParameterError, match=r"crop_seconds: .* the record's length"):
            whole_and_cropped(build, 400, 200, "whole")
        return
    model, network = whole_and_cropped(build, 400, 200, "whole")
    network.set_weights(randomised(model, 4).get_weights())
    x = signals(2, 400)
    for one in (model, network):
        result = outputs(one, x)
        assert result["logit"].shape == (2, 2)
        assert np.isfinite(result["logit"]).all()
        if MODELS[name].additive:
            assert additivity_error(result) <= 1e-4


@every_model
def test_a_model_is_read_as_the_mean_of_crops_and_as_one_of_a_mean(name):
    model, network = whole_and_cropped(partial(tiny, name), 400, 200, "average")
    network.set_weights(randomised(model, 4).get_weights())
    x = signals(2, 400)
    both = outputs(mean_of([model, model], "twice"), x)
    alone = outputs(model, x)
    assert set(alone) == set(both) == set(outputs(network, x[:, :200]))
    for part, value in alone.items():
        np.testing.assert_allclose(both[part], value, atol=1e-5 * max(1, np.abs(value).max()))
    if MODELS[name].additive:
        assert additivity_error(alone) <= 1e-4


@every_model
def test_training_the_logit_lowers_the_loss_and_moves_every_weight(name):
    keras.utils.set_random_seed(1)
    takes_dropout = "dropout" in inspect.signature(MODELS[name].build).parameters
    model = tiny(name, **({"dropout": 0.0} if takes_dropout else {}))
    before = [w.numpy() for w in model.trainable_variables]
    logit = keras.Model(model.input, model.output["logit"])
    logit.compile(
        keras.optimizers.Adam(0.01), loss=keras.losses.BinaryCrossentropy(from_logits=True)
    )
    x, truth = signals(8, 200), np.eye(2, dtype=np.float32)[[0, 1] * 4]
    losses = [float(logit.train_on_batch(x, truth)) for _ in range(12)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    still = [
        w.path
        for w, old in zip(model.trainable_variables, before, strict=True)
        if np.array_equal(w.numpy(), old)
    ]
    # A bias before a BatchNorm is subtracted again, so its gradient is nought.
    assert all(path.startswith("conv") and path.endswith("bias") for path in still)


@every_model
def test_a_saved_model_loads_in_safe_mode_and_answers_the_same(name, tmp_path):
    model = randomised(
        tiny(name, labels=3, sampling_frequency=100, band_pass=(0.5, 40), detrend_degree=3), 4
    )
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    x = signals(2, 200)
    for key, value in outputs(model, x).items():
        np.testing.assert_array_equal(outputs(again, x)[key], value)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="export is TensorFlow's")
@exported_model
def test_the_exported_file_agrees_and_says_whether_it_explains_itself(name, tmp_path):
    from ecglens.export import export

    samples, additive = 251, MODELS[name].additive
    card = ModelCard(
        task="two", model=name, dataset="ptb-xl", labels=("A", "B"), thresholds=(0.5, 0.5),
        sampling_frequency=100, samples=samples, leads=LEADS, units="mV", other_rates="resample",
        run_id="", data_version="", git_commit="", created="", additive=additive,
    )  # fmt: skip
    model = randomised(tiny(name, samples=samples), 6)
    x = signals(3, samples)
    x[0, 30:60, 2], x[1, :, 7] = np.nan, 0.3
    parity = export(model, card, x, tmp_path / "model.onnx")
    differences = dict(parity.largest_difference)
    differences["logit"] = parity.relative_error  # a logit is as exact as the sum that it is
    assert max(differences.values()) <= 1e-4
    predictor = Predictor(tmp_path / "model.onnx")
    assert predictor.run(x).keys() == model.output.keys()
    assert predictor.card.additive == additive == (parity.additivity_error is not None)
    assert bool(predictor.card.warnings) == (not additive)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"scaling": "zscor"}, 'Did you mean "zscore"'),
        ({"notch": 50}, r"sampling_frequency: found none"),
        ({"notch": 50, "sampling_frequency": 100}, r"below half the sampling frequency"),
        ({"band_pass": (0.5,), "sampling_frequency": 100}, r"two edges"),
        ({"band_pass": (40, 0.5), "sampling_frequency": 100}, r"two edges"),
    ],
)
def test_an_impossible_conditioning_is_refused(options, match):
    with pytest.raises(ParameterError, match=match):
        tiny("ecg_xplaim", **options)


def test_a_record_too_short_for_unpadded_convolutions_is_refused():
    tiny("cnn", samples=SHORTEST["cnn"])
    with pytest.raises(ParameterError, match=r"27 samples; expected more samples"):
        tiny("cnn", samples=SHORTEST["cnn"] - 1)


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
