"""Models that were trained before are found for fine-tuning and for means, or refused by name."""

from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from ecglens import tracking, trained_before
from ecglens.errors import ModelError, ParameterError
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


def starting(params, address, **changes):
    """Return parameters of a training that begins with a model."""
    return replace(params, train=replace(params.train, start_from=str(address), **changes))


def found(params, address, *tasks, model="signal_cam", **changes):
    """Return the file that a training begins with."""
    return find_trained(starting(params, address, **changes), tasks or [ABNORMAL], model)


@pytest.fixture
def registered(project):
    """Register the file of a run under a name."""

    def register(name, params, task="abnormal", model="signal_cam"):
        Path("model.keras").write_text("weights")
        with start_run(params, task, model, "") as info:
            mlflow.log_artifact("model.keras", "trained")
        client = MlflowClient()
        client.create_registered_model(name)
        client.create_model_version(name, "source", run_id=info.run_id)
        client.set_registered_model_alias(name, "champion", "1")
        return info

    return register


def test_a_trained_model_is_found_by_path_or_by_its_registered_name(project, params, registered):
    assert found(params, "") is None
    Path("model.keras").write_text("weights")
    assert found(params, "model.keras") == Path("model.keras")
    registered("found by name", params)
    for address in ("models:/found by name@champion", "models:/found by name/1"):
        assert found(params, address).read_text() == "weights"


@pytest.mark.parametrize(
    "address", ["models:/nobody@champion", "models:/nobody/3", "models:/nobody", "nobody.keras"]
)
def test_a_trained_model_that_is_not_there_is_an_error(project, params, address):
    with pytest.raises(ModelError, match=rf"train\.start_from: found (no file )?'{address}"):
        found(params, address)


@pytest.fixture
def begun(tmp_path, params, info):
    """Write a training of ``params.yaml``, with changes, and return its file."""

    def write(model="signal_cam", without=(), **changes):
        (tmp_path / "model.keras").write_text("weights")
        content = {**tracking._relevant(params, model), "task": "abnormal", "model": model}
        kept = {name: value for name, value in content.items() if name not in without}
        replace(info, params={**kept, **changes}).save(tmp_path / "run.json")
        return tmp_path / "model.keras"

    return write


def test_a_head_for_other_labels_is_kept_by_nobody(params, begun):
    file = begun(task="norm_mi")
    norm_mi, norm_cd = get_task("norm_mi"), get_task("norm_cd")
    assert found(params, file, norm_mi) == file
    message = (
        r"train\.head: found kept, but .* for norm_mi \(MI\); expected norm_cd \(CD\).*head=new"
    )
    with pytest.raises(ParameterError, match=message):
        found(params, file, norm_cd)
    assert found(params, file, norm_cd, head="new") == file
    with pytest.raises(ParameterError, match=r"expected norm_mi and norm_cd \(MI, CD\)"):
        found(params, file, norm_mi, norm_cd)


@pytest.mark.parametrize("told", [500, "500", 500.0])
def test_a_network_of_another_rate_begins_nothing(params, begun, told):
    file = begun(**{"prepare.sampling_frequency": told})
    with pytest.raises(ModelError, match=r"trained at 500 Hz; expected 100 Hz.*another time"):
        found(params, file, head="new")


def test_a_task_that_is_no_longer_known_keeps_no_head(params, begun):
    with pytest.raises(ParameterError, match=r"for gone \(labels that are no longer known\)"):
        found(params, begun(task="gone"))


def test_a_task_of_very_many_labels_is_not_told_whole(params, begun):
    with pytest.raises(ParameterError, match=r"for ptb_xl \((\w+, ){8}\.\.\.\)"):
        found(params, begun(task="ptb_xl"))


def test_what_was_learnt_beside_is_gone_on_with_or_left(params, begun):
    norm_mi, norm_cd = get_task("norm_mi"), get_task("norm_cd")
    file = begun(**{"task": "norm_mi", "train.beside": "norm_cd"})
    assert found(params, file, norm_mi) == found(params, file, norm_mi, norm_cd) == file
    with pytest.raises(ParameterError, match=r"expected norm_cd and norm_mi \(CD, MI\)"):
        found(params, file, norm_cd, norm_mi)


@pytest.mark.parametrize(
    ("model", "option", "theirs", "message"),
    [
        ("signal_cam", "scaling", "lead", "with scaling lead; expected scaling none.*scaling=lead"),
        ("signal_cam", "detrend_degree", 0, "with detrend_degree 0; expected detrend_degree 10"),
        ("signal_cam", "band_pass", [0.5, 40], r"with band_pass \[0.5, 40\]; .* band_pass \[\]"),
        ("signal_cam", "notch", 50.0, "with notch 50.0; expected notch 0.0"),
        ("resnet", "kernel", 8, r"kernel 8; expected kernel 16, as model\.resnet\.kernel says"),
        ("additive_resnet", "pooling", "attention", "pooling attention; expected pooling mean"),
    ],
)
@pytest.mark.parametrize("head", ["kept", "new"])
def test_a_network_that_is_or_sees_something_else_begins_nothing(
    params, begun, model, option, theirs, message, head
):
    file = begun(model, **{f"model_options.{option}": theirs})
    with pytest.raises(ModelError, match=message):
        found(params, file, model=model, head=head)


def test_another_model_of_the_table_begins_nothing(params, begun):
    message = "of model ecg_imn; expected model ecg_imn_categorical"
    with pytest.raises(ModelError, match=message):
        found(params, begun("ecg_imn"), model="ecg_imn_categorical")


def test_what_acts_in_training_alone_may_differ_and_so_may_what_a_run_does_not_tell(params, begun):
    file = begun("ecg_imn", **{"model_options.dropout": 0.9, "model_options.l1": 1.0})
    assert found(params, file, model="ecg_imn") == file
    file = begun("ecg_imn", **{"model_options.notch": 0, "model_options.gone": 1})
    assert found(params, file, model="ecg_imn") == file  # a number however it is written
    without = ("model", "task", "model_options.scaling")
    assert found(params, begun(without=without), get_task("norm_cd")) == file


def test_a_run_that_is_no_trainings_is_told(params, tmp_path):
    (tmp_path / "model.keras").write_text("weights")
    for content in ("{", "[1]", '{"loss": 1}'):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(
            ModelError, match=r"start_from: found .*run\.json, which is no training's"
        ):
            found(params, tmp_path / "model.keras")


def test_a_registered_model_is_compared_by_what_its_run_logged(registered, params, project):
    resnet = replace(params.model.resnet, band_pass=(0.5, 40.0), filters=(8,))
    registered(
        "narrow", replace(params, model=replace(params.model, resnet=resnet)), model="resnet"
    )
    address = "models:/narrow@champion"
    alike = replace(params, model=replace(params.model, resnet=resnet))
    assert found(alike, address, model="resnet").read_text() == "weights"
    with pytest.raises(ModelError, match=r"with band_pass \[0.5, 40.0\]; expected band_pass \[\]"):
        found(params, address, model="resnet")
    with pytest.raises(ParameterError, match=r"for abnormal \(\w+\); expected norm_cd \(CD\)"):
        found(alike, address, get_task("norm_cd"), model="resnet")


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


@pytest.mark.parametrize(
    ("logged", "value"),
    [("(8,)", (8,)), ("[8]", (8,)), ([8], (8,)), ("()", ()), ("0", 0.0), ("none", "none")],
)
def test_an_option_is_the_same_however_a_run_keeps_it(logged, value):
    assert trained_before._value(logged) == trained_before._value(value)
