"""An unknown word or impossible value in params.yaml is an error that names the nearest known."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ecglens.errors import ParameterError
from ecglens.params import load_params

OWN = Path(__file__).resolve().parents[2] / "params.yaml"
GONE = object()


@pytest.fixture
def refused(tmp_path):
    """Return a function that gives the message with which one changed value is refused."""

    def refused(key, value, match):
        content = yaml.safe_load(OWN.read_text("utf-8"))
        *outer, last = key.split(".")
        place = content
        for name in outer:
            place = place[name]
        place[last] = value
        if value is GONE:
            del place[last]
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content))
        with pytest.raises(ParameterError, match=match) as caught:
            load_params(path)
        assert str(path) in str(caught.value)

    return refused


@pytest.mark.parametrize(
    ("key", "value", "nearest"),
    [
        ("dataset", "simulatd", "simulated"),
        ("dataset", "ptbxl", "ptb-xl"),
        ("dataset", "PTB-XL", "ptb-xl"),
        ("tasks", ["superclas"], "superclass"),
        ("tasks", ["superclass", "abnormall"], "abnormal"),
        ("models", ["signalcam"], "signal_cam"),
        ("models", ["Signal-CAM"], "signal_cam"),
        ("train.schedule", "cosin", "cosine"),
        ("train.optimizer", "AdamW", "adamw"),
        ("train.loss", "bce_weighted", "weighted_bce"),
        ("train.augment.preset", "signalcam", "signal_cam"),
        ("model.signal_cam.scaling", "records", "record"),
        ("prepare.unreadable", "skipp", "skip"),
        ("prepare.quality.unusable", "dropp", "drop"),
        ("prepare.quality", {"unusabel": "drop"}, "unusable"),
        ("evaluate.threshold", "yuden", "youden"),
    ],
)
def test_an_unknown_name_gets_the_nearest_and_all_that_are_known(refused, key, value, nearest):
    refused(key, value, rf'{key.split(".")[-1]}: found .*Did you mean "{nearest}"\? Known: ')


@pytest.mark.parametrize(("dataset", "code"), [("simulated", 0), ("ptbxl", 1)])
def test_make_repro_asks_for_unknown_names_before_dvc_does(tmp_path, dataset, code):
    recipe = (OWN.parent / "Makefile").read_text("utf-8").split("\nrepro:")[1].split("\n\n")[0]
    assert recipe.index("python -m ecglens.params") < recipe.index("dvc repro")
    content = yaml.safe_load(OWN.read_text("utf-8")) | {"dataset": dataset}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    asked = [sys.executable, "-m", "ecglens.params"]
    answer = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = "ecglens: params.yaml: dataset: found 'ptbxl'; expected a known name. Did you mean"
    assert (answer.returncode, answer.stderr.startswith(said)) == (code, bool(code))


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("train.epoch", "epochs"),
        ("train.learningrate", "learning_rate"),
        ("train.augment.timeshift", "time_shift"),
        ("trian", "train"),
        ("model.signalcam", "signal_cam"),
        ("simulated.sed", "seed"),
    ],
)
def test_an_unknown_key_is_not_ignored(refused, key, nearest):
    last = key.split(".")[-1]
    refused(key, 1, rf'found the key {last!r}; expected a known key\. Did you mean "{nearest}"')


@pytest.mark.parametrize("key", ["train.epochs", "dataset", "train", "model.signal_cam.scaling"])
def test_a_missing_key_is_named(refused, key):
    refused(key, GONE, f"found no {key.split('.')[-1]!r}")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("train.epochs", "ten", "type int"),
        ("train.epochs", 2.5, "type int"),
        ("train.epochs", True, "type int"),
        ("train.epochs", None, "type int"),
        ("train.learning_rate", "1e-3 per epoch", "type float"),
        ("train.learning_rate", False, "type float"),
        ("tasks", "superclass", "type list"),
        ("dataset", ["simulated"], "type str"),
        ("train", 5, "a mapping with epochs"),
        ("model.signal_cam", [1], "a mapping with detrend_degree"),
        ("prepare.sampling_frequency", "100", "type int"),
        ("model.ecg_xplaim.filters", 16, "a list of type int"),
        ("model.ecg_xplaim.filters", [16, "32"], "type int"),
        ("model.ecg_xplaim.band_pass", [0.5, "40 Hz"], "type float"),
    ],
)
def test_a_value_of_another_type(refused, key, value, expected):
    refused(key, value, rf"{key.split('.')[-1]}(\[\d\])?: found .*; expected .*{expected}")


def test_a_drop_out_of_everything(refused):
    refused("model.cnn.dropout", 1.0, "dropout: found 1.0; expected less than 1.0")


def test_a_kernel_of_no_samples_is_found_in_its_list(refused):
    refused("model.ecg_xplaim.kernels", [2, 0], r"kernels\[1\]: found 0; expected at least 1")


@pytest.mark.parametrize(
    ("key", "value", "lowest"),
    [
        ("train.epochs", 0, "1"),
        ("train.batch_size", -1, "1"),
        ("train.patience", 0, "1"),
        ("train.learning_rate", -0.1, "0.0"),
        ("train.seed", -1, "0"),
        ("simulated.records", 99, "100"),
        ("prepare.seconds", 0, "1.0"),
        ("model.signal_cam.detrend_degree", -1, "0"),
        ("promote.margin", -0.01, "0.0"),
    ],
)
def test_a_number_below_what_makes_sense(refused, key, value, lowest):
    refused(key, value, rf"{key.replace('.', ': ')}: found .*; expected at least {lowest}")


@pytest.mark.parametrize(
    "key", ["train.label_smoothing", "train.ema", "train.warmup", "train.augment.noise.p"]
)
def test_a_share_above_one(refused, key):
    refused(key, 1.01, rf"{key.split('.')[-1]}: found 1\.01; expected at most 1\.0")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("crop_seconds", 2.5), ("mixup", 0.2), ("augment.preset", "signal_cam"),
        ("augment.preset", "own"),
    ],
)  # fmt: skip
def test_guidance_beside_what_moves_a_sign_from_its_evidence(tmp_path, key, value):
    content = yaml.safe_load(OWN.read_text("utf-8"))
    content["train"]["guidance"] = 0.1
    *outer, last = key.split(".")
    place = content["train"]
    for name in outer:
        place = place[name]
    place[last] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ParameterError, match=r"train: guidance: found .* beside it; expected .* 0"):
        load_params(path)


@pytest.mark.parametrize("seconds", [0.004, 0.005, 1e-300, 10.1, 1e308])
def test_a_stretch_of_no_sample_or_of_more_than_a_record(refused, seconds):
    words = r"at least a sample, 0\.01 s, and at most a record, 10 s\. 0 trains on whole records"
    refused("train.crop_seconds", seconds, rf"train: crop_seconds: found .*; expected {words}")


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), "inf", "-.inf"])
@pytest.mark.parametrize("key", ["train.learning_rate", "train.crop_seconds", "promote.margin"])
def test_a_number_without_an_end(refused, key, value):
    words = "a finite number" if value != "-.inf" else "a value of type float"
    refused(key, value, rf"{key.split('.')[1]}: found .*; expected {words}")


@pytest.mark.parametrize(("key", "value"), [("freeze_epochs", 3), ("head", "new")])
def test_a_head_trained_alone_or_anew_in_a_network_that_starts_from_none(refused, key, value):
    refused(
        f"train.{key}",
        value,
        "train: start_from: found none, with head .*; expected a trained model",
    )


def test_chances_of_two_waves_that_are_more_than_one_though_a_record_has_one_of_them(tmp_path):
    content = yaml.safe_load(OWN.read_text("utf-8"))
    waves = {"mains": {"p": 0.8, "size": 0.1}, "respiration": {"p": 0.5, "size": 0.1}}
    content["train"]["augment"] |= {"preset": "own", "waves": "one", **waves}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ParameterError, match=r"augment: found mains and respiration, p 1\.3; exp"):
        load_params(path)


def test_a_mean_of_no_network(refused):
    refused("train.ensemble", 0, r"train: ensemble: found 0, and nothing to join; .*train\.join")


def test_a_momentum_that_goes_with_a_cycle_which_the_rate_does_not_have(refused):
    words = "train: momentum: found cycle, with schedule cosine; expected schedule one_cycle"
    refused("train.momentum", "cycle", words)


def test_squares_of_gradients_that_would_be_averaged_for_ever(refused):
    refused("train.beta_2", 1.0, r"train: beta_2: found 1.0; expected .*1")


def test_a_task_learnt_beside_that_is_not_known_or_trained_itself(refused):
    refused("train.beside", "from", r"train: beside: found 'from'; .*\bform\b")
    refused("train.beside", "rhythm_conduction", r"train: beside: found 'rhythm_conduction'")


@pytest.mark.parametrize(("key", "value"), [("loss", "focal"), ("guidance", 0.1), ("ensemble", 0)])
def test_a_task_learnt_beside_by_no_network_or_by_what_asks_every_record(tmp_path, key, value):
    content = yaml.safe_load(OWN.read_text("utf-8"))
    content["train"] |= {"beside": "superclass", "join": ["trained"], key: value}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ParameterError, match=rf"beside: found superclass, with .*{key} {value}"):
        load_params(path)


@pytest.mark.parametrize("key", ["tasks", "models"])
def test_an_empty_list_of_tasks_or_models(refused, key):
    refused(key, [], f"{key}: found an empty list; expected at least one.*Known: ")


@pytest.mark.parametrize(("key", "name"), [("tasks", "superclass"), ("models", "signal_cam")])
def test_a_name_that_stands_twice(refused, key, name):
    refused(key, [name, name], f"{key}: found .*; expected each name once")


def test_ptb_xl_without_its_folder(refused):
    refused("dataset", "ptb-xl", r"ptb-xl\.folder: found no folder; expected where ptb-xl is")


def test_a_file_that_is_not_there_says_where_to_stand(tmp_path):
    with pytest.raises(ParameterError, match=r"no such file.*Run this in the project's folder"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("train: [1, 2", "found no YAML"),
        ("a: b: c", "found no YAML"),
        ("", "found None; expected a mapping with dataset"),
        ("just words", "found 'just words'; expected a mapping"),
        ("- 1\n- 2\n", "expected a mapping"),
        ("!!python/object/apply:os.getcwd []", "found no YAML"),
    ],
)
def test_a_file_that_holds_no_parameters(tmp_path, text, match):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParameterError, match=match):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("folder", ["data/raw/ptb-xl", "data/raw/ptb-xl/inner", "data/raw", "."])
def test_a_source_that_the_pipeline_would_replace_is_refused(folder, tmp_path, monkeypatch):
    text = OWN.read_text()
    text = text.replace("dataset: simulated", "dataset: ptb-xl", 1)
    text = text.replace('folder: ""', f'folder: "{folder}"', 1)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match="apart from data/raw/ptb-xl"):
        load_params(path)
