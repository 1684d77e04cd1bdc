"""MLflow runs: what is remembered of a training, and what is made again where it was not."""

import json
import subprocess
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from ecglens import tracking
from ecglens.params import load_params
from ecglens.tracking import (
    RECREATED,
    RunInfo,
    connect,
    count_test_opening,
    dvc_hash,
    experiment_name,
    git_commit,
    home,
    log_evaluation,
    log_training,
    member_run,
    resume,
    start_run,
    tensorboard_folder,
)
from ecglens.train_params import AugmentParams, Chance

HISTORY = {"loss": [0.7, 0.5, 0.4], "val_auroc": [0.6, 0.8, 0.75]}


@pytest.fixture(scope="module")
def params():
    return load_params(Path(__file__).parents[1] / "params.yaml")


@pytest.fixture
def info():
    return RunInfo(
        run_id="0" * 32,
        experiment="experiment",
        name="signal_cam",
        params={"task": "abnormal", "train.epochs": 3},
        data_version="hash.dir",
        data_sha256="1" * 64,
        git_commit="commit",
    )


def run_of(run_id):
    return MlflowClient().get_run(run_id)


def runs_of(experiment):
    return mlflow.search_runs(experiment_names=[experiment], output_format="list")


def git(folder, *arguments):
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_training_run_holds_parameters_data_code_and_environment(project, params):
    with start_run(params, "one", "signal_cam", "2" * 64) as info:
        assert run_of(info.run_id).info.status == "RUNNING"
    run = run_of(info.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "signal_cam"
    logged = run.data.params
    assert logged == {name: str(value) for name, value in info.params.items()}
    assert (logged["task"], logged["model"], logged["dataset"]) == (
        "one",
        "signal_cam",
        "simulated",
    )
    assert logged["train.epochs"] == str(params.train.epochs)
    assert logged["model_options.scaling"] == params.model.signal_cam.scaling
    assert logged["simulated.seed"] == str(params.simulated.seed)
    for tag in ("data_version", "data_sha256", "git_commit"):
        assert run.data.tags[tag] == getattr(info, tag)
    assert info.data_sha256 == "2" * 64
    file = mlflow.artifacts.download_artifacts(run_id=info.run_id, artifact_path="environment.json")
    environment = json.loads(Path(file).read_text())
    assert environment["python"].startswith("3.11")
    assert {"keras", "tensorflow-cpu", "onnxruntime"} <= environment["packages"].keys()


def test_a_run_of_tensorflows_gpu_build_says_which_packages_there_are(project, params, monkeypatch):
    def installed(package):
        if package == "tensorflow-cpu":
            raise PackageNotFoundError(package)
        return "2.21.0" if package == "tensorflow" else version(package)

    monkeypatch.setattr(tracking, "version", installed)
    with start_run(params, "two", "signal_cam", "") as info:
        pass
    file = mlflow.artifacts.download_artifacts(run_id=info.run_id, artifact_path="environment.json")
    packages = json.loads(Path(file).read_text())["packages"]
    assert packages["tensorflow"] == "2.21.0" and "tensorflow-cpu" not in packages


@pytest.mark.parametrize(
    ("preset", "place", "chance", "noise"),
    [
        ("none", "recorded", 0.0, 0.0),
        ("signal_cam", "conditioned", 0.5, 0.001**0.5),
        ("own", "recorded", 0.3, 0.07),
    ],
)
def test_the_changes_of_records_that_are_in_force_are_logged_and_not_those_that_a_preset_leaves_out(
    project, params, preset, place, chance, noise
):
    own = AugmentParams(preset=preset, noise=Chance(0.3, 0.07))
    with start_run(
        replace(params, train=replace(params.train, augment=own)), "changes", "signal_cam", ""
    ) as info:
        pass
    logged = run_of(info.run_id).data.params
    assert (logged["train.augment.preset"], logged["train.augment.place"]) == (preset, place)
    assert float(logged["train.augment.noise.p"]) == chance
    assert float(logged["train.augment.noise.size"]) == pytest.approx(noise)


def test_parameters_of_another_data_set_are_not_logged(project, params):
    with start_run(replace(params, dataset="ptb-xl"), "two", "signal_cam", "") as info:
        pass
    assert info.experiment == "ecglens-ptb-xl-two"
    assert not [name for name in run_of(info.run_id).data.params if name.startswith("simulated")]


def test_a_training_that_an_error_ends_is_marked_as_failed(project, params):
    with (
        pytest.raises(ZeroDivisionError),
        start_run(params, "three", "signal_cam", "") as info,
    ):
        raise ZeroDivisionError
    assert run_of(info.run_id).info.status == "FAILED"
    assert mlflow.active_run() is None


def test_what_travels_beside_the_weights_is_read_as_it_was_written(info, tmp_path):
    info.save(tmp_path / "run.json")
    assert RunInfo.load(tmp_path / "run.json") == info


def test_a_known_run_is_opened_again_and_not_made_twice(project, params):
    with start_run(params, "four", "signal_cam", "") as info:
        pass
    with resume(info, HISTORY) as run_id:
        mlflow.log_metric("later", 0.5)
    assert run_id == info.run_id
    assert len(runs_of(info.experiment)) == 1
    run = run_of(run_id)
    assert run.data.metrics == {"later": 0.5}
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize("experiment_exists", [False, True])
def test_a_run_that_this_database_never_saw_is_made_again_from_what_travelled(
    project, info, experiment_exists
):
    info = replace(info, experiment=f"fresh {experiment_exists}")
    connect()
    if experiment_exists:
        mlflow.create_experiment(info.experiment)
    with resume(info, HISTORY) as run_id:
        mlflow.log_metric("test_macro_auroc", 0.9)
    run = run_of(run_id)
    assert run.data.params == {"task": "abnormal", "train.epochs": "3"}
    assert run.data.tags[RECREATED] == info.run_id
    assert run.data.tags["data_version"] == "hash.dir"
    assert run.data.metrics["test_macro_auroc"] == 0.9
    for name, values in HISTORY.items():
        logged = MlflowClient().get_metric_history(run_id, name)
        assert {m.step: m.value for m in logged} == dict(enumerate(values, start=1))


def test_a_run_is_made_again_only_once(project, info):
    info = replace(info, experiment="once")
    with resume(info, HISTORY) as first:
        pass
    with resume(info, HISTORY) as second:
        pass
    assert first == second
    assert len(runs_of("once")) == 1
    assert len(MlflowClient().get_metric_history(first, "loss")) == 3


def test_openings_of_the_test_split_are_counted_by_experiment(project, info):
    a, b = (replace(info, experiment=f"opened {name}") for name in "ab")
    assert [count_test_opening(run) for run in (a, a, b, a)] == [1, 2, 1, 3]
    lines = [json.loads(line) for line in tracking.TEST_OPENINGS.read_text().splitlines()]
    assert [line["experiment"] for line in lines[-4:]] == [
        "opened a", "opened a", "opened b", "opened a",
    ]  # fmt: skip
    assert all(line["run_id"] == info.run_id for line in lines[-4:])


def test_figures_of_both_splits_are_logged_by_label(project, params):
    rows = {"LAO/LAE": {"auroc": 0.9, "positives": 12}, "MI": {"auroc": 0.8, "positives": 7}}
    test = {"macro": {"auroc": 0.85}, "labels": rows}
    with start_run(params, "five", "signal_cam", "") as info:
        log_evaluation({"macro": {"auroc": 0.7}, "labels": {}}, test, test_openings=2)
    assert run_of(info.run_id).data.metrics == {
        "validation_macro_auroc": 0.7,
        "test_macro_auroc": 0.85,
        "test_auroc_LAO/LAE": 0.9,
        "test_positives_LAO/LAE": 12,
        "test_auroc_MI": 0.8,
        "test_positives_MI": 7,
        "test_openings": 2,
    }


def test_an_experiment_is_named_by_data_set_and_task(params):
    assert experiment_name(params, "abnormal") == "ecglens-simulated-abnormal"


def test_without_an_address_the_projects_own_database_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert connect() == "sqlite:///mlruns/mlflow.db" == mlflow.get_tracking_uri()
    assert (tmp_path / "mlruns").is_dir()


def test_an_address_in_the_environment_is_used_for_runs_and_registry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    address = f"sqlite:///{tmp_path}/other.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert connect() == mlflow.get_tracking_uri() == mlflow.get_registry_uri() == address


def test_the_data_version_is_what_dvc_locked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    signals = Path("data/simulated/signals")
    assert dvc_hash(signals) == "unversioned"
    lock = "schema: '2.0'\nstages:\n  prepare:\n    cmd: x\n    outs:\n"
    lock += "    - path: data/simulated/signals\n      md5: abc.dir\n"
    Path("dvc.lock").write_text(lock)
    assert dvc_hash(signals) == "abc.dir"
    assert dvc_hash(Path("data/ptb-xl/signals")) == "unversioned"


def test_the_commit_is_dirty_only_where_tracked_files_other_than_the_lock_differ(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert git_commit() == "no git commit"
    git(tmp_path, "init", "--quiet")
    for name in ("code.py", "dvc.lock"):
        (tmp_path / name).write_text("1\n")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_commit() == commit
    (tmp_path / "notes.txt").write_text("untracked\n")
    (tmp_path / "dvc.lock").write_text("2\n")
    assert git_commit() == commit
    (tmp_path / "code.py").write_text("2\n")
    assert git_commit() == f"{commit}-dirty"


def test_a_training_that_goes_on_goes_on_in_its_run(project, params):
    remembered = Path("work/run.json")
    with (
        pytest.raises(ZeroDivisionError),
        start_run(params, "goes on", "signal_cam", "", remembered) as first,
    ):
        mlflow.log_metrics({"loss": 0.5}, step=1)
        raise ZeroDivisionError
    with start_run(params, "goes on", "signal_cam", "", remembered) as second:
        mlflow.log_metrics({"loss": 0.4}, step=2)
    assert second.run_id == first.run_id
    assert len(runs_of(first.experiment)) == 1
    logged = MlflowClient().get_metric_history(first.run_id, "loss")
    assert {m.step: m.value for m in logged} == {1: 0.5, 2: 0.4}
    assert run_of(first.run_id).info.status == "FINISHED"


def test_a_run_that_the_database_lost_is_not_gone_on_with(project, params, info):
    replace(info, run_id="9" * 32, experiment="ecglens-lost").save(Path("lost.json"))
    with start_run(params, "lost", "signal_cam", "", Path("lost.json")) as new:
        pass
    assert new.run_id != "9" * 32
    assert RunInfo.load(Path("lost.json")).run_id == new.run_id


def test_networks_of_an_ensemble_are_children_of_its_run(project, params):
    folder = Path("members")
    with start_run(params, "ensemble", "signal_cam", "", folder / "run.json") as info:
        for seed in (3, 4):
            with member_run(info, folder, seed):
                mlflow.log_metrics({"loss": seed / 10}, step=1)
        with member_run(info, folder, 3) as again:
            mlflow.log_metrics({"loss": 0.2}, step=2)
    runs = {run.info.run_name: run for run in runs_of(info.experiment)}
    assert set(runs) == {"signal_cam", "signal_cam, seed 3", "signal_cam, seed 4"}
    for seed in (3, 4):
        child = runs[f"signal_cam, seed {seed}"]
        assert child.data.tags["mlflow.parentRunId"] == info.run_id
        assert child.data.params["train.seed"] == str(seed)
    assert again == runs["signal_cam, seed 3"].info.run_id


def test_an_experiment_of_dvcs_queue_is_remembered_by_the_project_under_one_grid(
    tmp_path, monkeypatch, params
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abcdef0" + "1" * 33)
    for name in ("rowdy-yaks", "tame-owls"):
        folder = tmp_path / ".dvc" / "tmp" / "exps" / name
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("DVC_EXP_NAME", name)
        assert home() == tmp_path
        with start_run(params, "grid", "signal_cam", "", Path("run.json")) as info:
            assert tensorboard_folder(info, 1).is_relative_to(tmp_path / "mlruns")
        count_test_opening(info)
    monkeypatch.chdir(tmp_path)
    assert home() == Path()
    assert len((tmp_path / tracking.TEST_OPENINGS).read_text().splitlines()) == 2
    runs = runs_of(info.experiment)
    (grid,) = [run for run in runs if tracking.GRID in run.data.tags]
    assert grid.info.run_name == "grid from abcdef0"
    children = {r.data.tags["dvc_experiment"] for r in runs if r is not grid}
    assert children == {"rowdy-yaks", "tame-owls"}
    parents = {r.data.tags["mlflow.parentRunId"] for r in runs if r is not grid}
    assert parents == {grid.info.run_id}


def test_a_training_is_logged_and_written_for_dvc(project, params):
    figures = {"val_auroc": 0.9, "epochs": 3, "parameters": 22919}
    with start_run(params, "logged", "signal_cam", "") as info:
        log_training(figures, Path("reports/training.json"))
    assert json.loads(Path("reports/training.json").read_text()) == figures
    assert run_of(info.run_id).data.metrics == {f"trained_{k}": v for k, v in figures.items()}
