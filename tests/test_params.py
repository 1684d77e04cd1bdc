"""params.yaml is read as a whole: the project's own is sound, and a value has one meaning."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from ecglens import params
from ecglens.errors import ParameterError
from ecglens.evaluation.metrics import RULES
from ecglens.params import EvaluateParams, load_params

OWN = Path(__file__).resolve().parents[1] / "params.yaml"


@pytest.fixture
def load(tmp_path):
    """Return a function that loads the project's own parameters with values changed."""

    def load(key, value, *more):
        content = yaml.safe_load(OWN.read_text("utf-8"))
        for changed, to in ((key, value), *more):
            *outer, last = changed.split(".")
            place = content
            for name in outer:
                place = place[name]
            place[last] = to
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content))
        return load_params(path)

    return load


def test_the_projects_own_parameters_are_sound():
    assert load_params(OWN).dataset == "simulated"


def test_every_section_of_the_file_is_read_into_a_class():
    loaded, content = load_params(OWN), yaml.safe_load(OWN.read_text("utf-8"))
    keys = {key.replace("-", "_") for key in content}
    assert {field.name for field in fields(loaded)} == keys
    assert loaded.train.epochs == content["train"]["epochs"]
    assert loaded.model.signal_cam.scaling == content["model"]["signal_cam"]["scaling"]


def test_a_whole_number_is_taken_where_a_fraction_may_stand(load):
    learning_rate = load("train.learning_rate", 1).train.learning_rate
    assert learning_rate == 1.0 and isinstance(learning_rate, float)


def test_a_fraction_may_be_written_with_an_exponent(tmp_path):
    text = re.sub(r"learning_rate: \S+", "learning_rate: 5e-4", OWN.read_text("utf-8"))
    (tmp_path / "params.yaml").write_text(text, "utf-8")
    assert load_params(tmp_path / "params.yaml").train.learning_rate == 0.0005


def test_the_data_set_decides_where_data_stand(load):
    simulated = load("ptb-xl.folder", "/data/ptb-xl")
    loaded = replace(simulated, dataset="ptb-xl")
    assert simulated.manifest == Path("data/simulated/manifest.parquet")
    assert loaded.raw_folder == Path("data/raw/ptb-xl")
    assert loaded.manifest == Path("data/ptb-xl/manifest.parquet")
    assert loaded.signals == Path("data/ptb-xl/signals")


def test_the_data_sets_own_section_is_what_fetch_is_given(load):
    assert load("simulated.seed", 7).dataset_options["seed"] == 7
    loaded = load("dataset", "cinc", ("cinc.folder", "/data/c"), ("cinc.sets", ["georgia"]))
    assert loaded.dataset_options == {
        "folder": "/data/c", "download": "", "sets": ["georgia"]
    }  # fmt: skip


@pytest.mark.parametrize("dataset", [name for name in params.DATASETS if name != "simulated"])
def test_a_data_set_that_is_brought_needs_its_folder(load, dataset):
    with pytest.raises(ParameterError, match=rf"{dataset}\.folder: found no folder.*-S dataset="):
        load("dataset", dataset)


def test_each_task_and_model_has_folders_of_its_own():
    paths = {
        function(task, model)
        for function in (
            params.trained_folder,
            params.onnx_file,
            params.parity_file,
            params.evaluation_folder,
            params.promotion_file,
        )
        for task in ("a", "b")
        for model in ("c", "d")
    }
    assert len(paths) == 5 * 4


def test_the_threshold_rules_are_those_that_evaluation_knows():
    threshold = next(f for f in fields(EvaluateParams) if f.name == "threshold")
    assert set(threshold.metadata["choices"]) == set(RULES)


def test_dvc_prepares_anew_for_every_parameter_that_can_change_a_byte_and_for_no_other():
    who = {"workers", "workers_are", "scheduler"}
    wanted = {f"prepare.{f.name}" for f in fields(params.PrepareParams) if f.name not in who}
    stage = yaml.safe_load((OWN.parent / "dvc.yaml").read_text("utf-8"))["stages"]["prepare"]
    assert set(stage["params"]) == wanted
