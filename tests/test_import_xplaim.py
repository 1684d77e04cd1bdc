"""Files as ECG-XPLAIM's authors publish them become models of ours, and no other file does."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest
from keras import layers
from mlflow import MlflowClient

from ecglens.cli import main
from ecglens.errors import ModelError, ParameterError
from ecglens.import_xplaim import MIMIC_LEADS, convert, import_file, read_file, task_of
from ecglens.inference import Predictor
from ecglens.labels import get_task
from ecglens.models import build_model, load_model
from ecglens.params import load_params
from ecglens.record import LEADS
from ecglens.registry import CHAMPIONS
from ecglens.trained_before import find_trained
from ecglens.training.tuning import take_weights
from ecglens.vocabulary import Task

SAMPLES = 90


def published(
    labels=1, *, samples=SAMPLES, filters=(2, 3, 4), kernels=(2, 5, 8), leads=12, pool=2,
    shortcut_bias=False, output="sigmoid", seed=0,
):  # fmt: skip
    """The authors' graph in plain Keras, with drawn weights and statistics."""
    x = inputs = layers.Input((samples, leads))
    for width in filters:
        start = x
        for _ in range(2):
            parts = [
                layers.Conv1D(width, k, padding="same", activation="relu", use_bias=False)(x)
                for k in kernels
            ]
            x = layers.BatchNormalization()(layers.Concatenate(axis=2)(parts))
            x = layers.Activation("relu")(x)
        past = layers.Conv1D(x.shape[-1], 1, padding="same", use_bias=shortcut_bias)(start)
        x = layers.Add()([layers.BatchNormalization()(past), x])
        x = layers.MaxPool1D(pool, strides=pool, padding="same")(layers.Activation("relu")(x))
    x = layers.Dense(labels, activation=output)(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, x)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=[keras.metrics.AUC()])
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        spread = 0.3 * rng.normal(size=variable.shape)
        variable.assign(1 + np.abs(spread) if "variance" in variable.path else spread)
    model.layers[-1].kernel.assign(20 * model.layers[-1].kernel)  # so that records differ
    return model


@pytest.fixture
def save(tmp_path):
    """Return a function that saves a model under a name."""

    def save(model, name="ECG-XPLAIM_TACHY.keras"):
        model.save(tmp_path / name)
        return tmp_path / name

    return save


def records(samples=SAMPLES):
    """Records, mV, in MIMIC's order of leads and in ours."""
    theirs = np.random.default_rng(1).normal(0, 0.5, (3, samples, 12)).astype(np.float32)
    columns = {lead: theirs[:, :, k] for k, lead in enumerate(MIMIC_LEADS)}
    return theirs, np.stack([columns[lead] for lead in LEADS], axis=2)


def test_the_model_answers_as_the_file_with_each_lead_where_its_name_says(save):
    original = published(labels=2)
    ours = convert(read_file(save(original)), "file")
    theirs_order, our_order = records()
    expected = np.asarray(original(theirs_order, training=False))
    answer = np.asarray(ours(our_order, training=False)["probability"])
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    # Only because aVL and aVF changed places: fed as they stand, they do not agree.
    wrong = np.asarray(ours(theirs_order, training=False)["probability"])
    assert np.abs(wrong - expected).max() > 1e-3


def test_a_missing_sample_counts_as_0_as_published(save):
    original = published()
    ours = convert(read_file(save(original)), "file")
    theirs_order, our_order = records()
    gap = our_order.copy()
    gap[:, 10:40] = np.nan
    theirs_order[:, 10:40] = 0
    np.testing.assert_allclose(
        ours(gap, training=False)["probability"], original(theirs_order, training=False), atol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("ECG-XPLAIM_TACHY.keras", "tachy"), ("model_cd_v2.keras", "cd"), ("LQT.keras", "lqt"),
        ("ecg wpw.keras", "wpw"), ("PACE-final.keras", "pace"),
    ],
)  # fmt: skip
def test_labels_come_from_the_files_name(tmp_path, name, task):
    assert task_of(tmp_path / name, ()).labels == get_task(task).labels


@pytest.mark.parametrize(
    "name", ["model.keras", "spaced.keras", "cd_and_lqt.keras", "records.keras"]
)
def test_a_name_that_tells_no_task_or_two_asks_for_the_labels(tmp_path, name):
    with pytest.raises(ParameterError, match=r"names of a task.*--labels"):
        task_of(tmp_path / name, ())
    assert task_of(tmp_path / name, ("one", "two")).labels == ("one", "two")


@pytest.mark.parametrize("labels", [("a", "a"), ("a", "")])
def test_labels_are_told_apart(tmp_path, labels):
    with pytest.raises(ParameterError, match="each once"):
        task_of(tmp_path / "x.keras", labels)


def test_as_many_labels_as_outputs_are_needed(save):
    with pytest.raises(ParameterError, match=r"2 labels \(afib, tachsr\) for 3 outputs"):
        import_file(save(published(labels=3)))


@pytest.mark.parametrize("rate", [-500, 0, 10**6])
def test_a_rate_that_no_record_has_is_refused_before_the_file_is_read(tmp_path, rate):
    with pytest.raises(ParameterError, match=f"found {rate} Hz; expected a rate of 10 to 100000"):
        import_file(tmp_path / "x.keras", sampling_frequency=rate)


def test_an_import_is_a_registered_model_that_predicts_and_can_be_trained_on(
    project, save, capsys, tmp_path
):
    original = published(labels=2)
    file = save(original)
    arguments = ["import-xplaim", str(file), "--threshold", "0.4", "--task", "imported_pair"]
    assert main([*arguments, "--output", "made"]) == 0
    printed = capsys.readouterr().out
    assert "labels afib, tachsr" in printed
    assert "thresholds: 0.4 for each label, not chosen on any data" in printed
    name = "ecglens-mimic-iv-ecg-imported_pair"
    predictor = Predictor(CHAMPIONS / f"{name}.onnx")
    card = predictor.card
    assert (card.labels, card.thresholds) == (("afib", "tachsr"), (0.4, 0.4))
    assert (card.dataset, card.sampling_frequency, card.samples) == ("mimic-iv-ecg", 500, SAMPLES)
    theirs_order, our_order = records()
    expected = np.asarray(original(theirs_order, training=False))
    answer = predictor.run(our_order)
    np.testing.assert_allclose(answer["probability"], expected, atol=1e-5)
    total = answer["attribution"].sum(axis=(1, 2)) + answer["bias"]
    np.testing.assert_allclose(total, answer["logit"], atol=1e-4)
    run = MlflowClient().get_run(card.run_id)
    assert run.data.params["imported"] == file.name
    assert "imported" in [a.path for a in MlflowClient().list_artifacts(card.run_id)]

    model = load_model(project / "made" / "model.keras")
    logit = keras.Model(model.input, model.output["logit"])
    logit.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    logit.train_on_batch(our_order, np.eye(2, dtype=np.float32)[[0, 1, 0]])
    assert not np.allclose(model(our_order, training=False)["probability"], expected, atol=1e-5)

    again = import_file(file, project / "made", task="imported_pair")  # as challenger: 0.5 here
    assert (again.decision.version, again.decision.verdict) == ("2", "kept")
    aliases = MlflowClient().get_registered_model(name).aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {
        "champion": "1", "challenger": "2",
    }  # fmt: skip
    assert mlflow.active_run() is None


def test_an_import_can_be_fine_tuned_from_the_registry(project, save):
    made = import_file(save(published(labels=2)), project / "made", labels=("tachy", "own"))
    params = load_params(Path(__file__).parents[1] / "params.yaml")
    task = Task("another_name", ("tachy", "own"))

    def found(address, task=task, rate=500, **options):
        model = replace(params.model, ecg_xplaim=replace(params.model.ecg_xplaim, **options))
        train = replace(params.train, start_from=address)
        prepare = replace(params.prepare, sampling_frequency=rate)
        ours = replace(params, model=model, train=train, prepare=prepare)
        return find_trained(ours, [task], "ecg_xplaim")

    address = "models:/ecglens-mimic-iv-ecg-tachy@champion"
    ours = build_model(
        "ecg_xplaim", samples=SAMPLES, labels=2, filters=(2, 3, 4), kernels=(2, 5, 8)
    )
    take_weights(ours, found(address), set(), new_head=False)
    _, signals = records()
    expected = load_model(made.folder / "model.keras")(signals)["logit"]
    np.testing.assert_allclose(ours(signals)["logit"], expected, atol=1e-5)
    for start in (address, str(made.folder / "model.keras")):
        with pytest.raises(ModelError, match="with scaling none; expected scaling lead"):
            found(start, scaling="lead")
        with pytest.raises(ModelError, match="trained at 500 Hz; expected 100 Hz"):
            found(start, rate=100)
        with pytest.raises(ParameterError, match=r"for tachy \(tachy, own\); expected wpw \(wpw\)"):
            found(start, task=get_task("wpw"))


@pytest.mark.slow
def test_a_file_of_the_published_size_is_imported(project, save):
    original = published(samples=5000, filters=(16, 32, 128), kernels=(2, 10, 40))
    assert original.count_params() == 3_533_185
    made = import_file(save(original, "ECG-XPLAIM_WPW.keras"))
    assert (made.card.labels, made.card.task) == (("wpw",), "wpw")
    assert made.difference <= 1e-5
    assert load_model(made.folder / "model.keras").count_params() == 3_533_185


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        read_file(tmp_path / "TACHY.keras")


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.98])
def test_a_truncated_file_is_refused(save, kept):
    path = save(published())
    content = path.read_bytes()
    path.write_bytes(content[: int(kept if kept >= 1 else kept * len(content))])
    with pytest.raises(ModelError, match=r"TACHY\.keras: found no whole Keras file.*again"):
        read_file(path)


def test_a_file_whose_weights_are_missing_or_cut_is_refused(save, tmp_path):
    path, broken = save(published()), tmp_path / "broken.keras"
    for keep in (0, 3000):
        with zipfile.ZipFile(path) as whole, zipfile.ZipFile(broken, "w") as part:
            for name in whole.namelist():
                content = whole.read(name)
                part.writestr(name, content[:keep] if name.endswith(".h5") else content)
        with pytest.raises(
            ModelError, match=r"broken\.keras: found a file that Keras does not load"
        ):
            read_file(broken)


def test_a_file_that_holds_code_or_a_foreign_layer_is_refused_before_keras_sees_it(save):
    inputs = layers.Input((SAMPLES, 12))
    path = save(keras.Model(inputs, layers.Lambda(lambda x: x + 1)(inputs)))
    with pytest.raises(
        ModelError, match=r"layers Lambda, __lambda__; expected .* nothing that runs code"
    ):
        read_file(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1] |= {"module": "builtins", "class_name": "Conv1D"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**parts, "config.json": json.dumps(config)}.items():
            archive.writestr(name, content)
    with pytest.raises(ModelError, match=r"layers .*builtins\.Conv1D"):
        read_file(path)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"output": "softmax"}, "activation = sigmoid, not softmax"),
        ({"pool": 3}, r"pool_size = \(2,\), not \(3,\)"),
        ({"shortcut_bias": True}, "use_bias = False, not True"),
        ({"leads": 8}, r"an input of shape \(90, 8\); expected \(90, 12\)"),
        ({"filters": ()}, "no residual block|a layer"),
    ],
)
def test_another_architecture_is_refused_with_the_layer_that_differs(save, changes, match):
    path = save(published(**changes))
    with pytest.raises(ModelError, match=match):
        convert(read_file(path), path)


def test_a_plain_network_is_refused(save):
    inputs = layers.Input((SAMPLES, 12))
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(4, 3)(inputs))
    path = save(keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x)))
    with pytest.raises(ModelError, match=r"Conv1D 'conv1d.*a layer MaxPooling1D"):
        convert(read_file(path), path)
