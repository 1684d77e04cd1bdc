"""Models that were trained before are found for fine-tuning and for means, or refused by name."""

from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from ecglens import tracking
from ecglens.errors import ModelError
from ecglens.labels import get_task
from ecglens.models import build_model
from ecglens.models.ensemble import Joined
from ecglens.params import load_params
from ecglens.tracking import RunInfo, start_run
from ecglens.trained_before import find_joined, find_trained, save_trained

ABNORMAL = get_task("abnormal")


@pytest.fixture(scope="module")
def params():
    return load_params(Path(__file__).parents[1] / "params.yaml")


@pytest.fixture
def info():
    return RunInfo("0" * 32, "experiment", "signal_cam", {}, "hash.dir", "1" * 64, "commit")


def test_a_trained_model_is_found_by_path_or_by_its_registered_name(project, params):
    assert find_trained("") is None
    Path("model.keras").write_text("weights")
    assert find_trained("model.keras") == Path("model.keras")
    with start_run(params, "registered", "signal_cam", "") as info:
        mlflow.log_artifact("model.keras", "trained")
    client = MlflowClient()
    client.create_registered_model("found by name")
    client.create_model_version("found by name", "source", run_id=info.run_id)
    client.set_registered_model_alias("found by name", "champion", "1")
    for address in ("models:/found by name@champion", "models:/found by name/1"):
        assert find_trained(address).read_text() == "weights"


@pytest.mark.parametrize(
    "address", ["models:/nobody@champion", "models:/nobody/3", "models:/nobody", "nobody.keras"]
)
def test_a_trained_model_that_is_not_there_is_an_error(project, address):
    with pytest.raises(ModelError, match=rf"train\.start_from: found (no file )?'{address}"):
        find_trained(address)


@pytest.fixture
def joining(tmp_path, params, info):
    """Parameters that name a folder, and what writes a training into it."""

    def write(**changes):
        folder = tmp_path / "trained"
        folder.mkdir()
        (folder / "model.keras").write_text("weights")
        labels = tracking._relevant(params, "signal_cam")
        replace(info, params={**labels, "task": "abnormal", **changes}).save(folder / "run.json")

    named = replace(params, train=replace(params.train, join=(str(tmp_path / "trained"),)))
    return named, write


def test_trained_models_are_found_to_join_a_mean(joining):
    params, write = joining
    write()
    (folder,) = params.train.join
    assert find_joined(params, ABNORMAL, "1" * 64) == (Joined(Path(folder) / "model.keras"),)
    unnamed = replace(params, train=replace(params.train, join=()))
    assert find_joined(unnamed, ABNORMAL, "1" * 64) == ()


def test_a_model_of_more_labels_joins_by_those_of_the_task(joining):
    params, write = joining
    write(task="ptb_xl")
    form, every = get_task("form"), get_task("ptb_xl")
    (joined,) = find_joined(params, form, "1" * 64)
    assert tuple(every.labels[place] for place in joined.columns) == form.labels


def test_what_was_learnt_beside_is_saved_as_a_training_of_its_task_that_joins(
    tmp_path, params, info
):
    every, form = get_task("ptb_xl"), get_task("form")
    policy = tracking.flat(
        {"likelihood": 0, "uncertain": "absent", "draws": {}, "seed": 1}, "labels."
    )
    run = replace(info, params={**policy, "task": every.name, "train.beside": form.name})
    folder = tmp_path / "trained"
    folder.mkdir()
    models = [
        build_model("signal_cam", samples=50, labels=len(task.labels)) for task in (every, form)
    ]
    save_trained(folder, run, *models)
    named = replace(params, train=replace(params.train, join=(str(folder / "beside"),)))
    assert find_joined(named, form, "1" * 64) == (Joined(folder / "beside" / "model.keras"),)
    assert RunInfo.load(folder / "run.json") == run
    with pytest.raises(ModelError, match="trained for form, without"):
        find_joined(named, every, "1" * 64)


def test_a_folder_without_a_training_cannot_join(joining):
    with pytest.raises(
        ModelError, match=r"train\.join: found no model\.keras and run\.json in .*trained"
    ):
        find_joined(joining[0], ABNORMAL, "1" * 64)


@pytest.mark.parametrize(
    ("changes", "signals", "message"),
    [
        ({"task": "superclass"}, "1" * 64, "for superclass, without ABN.*; expected the labels"),
        ({"task": "gone"}, "1" * 64, "trained for gone, without ABN"),
        ({"labels.uncertain": "present"}, "1" * 64, "uncertain present; expected .* absent"),
        ({}, "2" * 64, "with signals 1+; expected signals 2+.* same label policy"),
    ],
)
def test_a_training_of_other_labels_or_signals_cannot_join(joining, changes, signals, message):
    params, write = joining
    write(**changes)
    with pytest.raises(ModelError, match=message):
        find_joined(params, ABNORMAL, signals)
