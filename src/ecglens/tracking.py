"""MLflow runs: what was run, on which data, by which code, in which environment."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mlflow
import yaml
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ecglens.files import whole_file
from ecglens.params import Params

DATABASE = Path("mlruns/mlflow.db")
TEST_OPENINGS = Path("mlruns/test_openings.jsonl")
TENSORBOARD = Path("mlruns/tensorboard")
GRID = "ecglens.grid"
_QUEUE = "/.dvc/tmp/exps/"
KERAS_ARTIFACT = "trained/model.keras"  # of a training's run, for fine-tuning
IMPORTED_ARTIFACT = "imported/model.keras"  # the same of an import's run
RECREATED = "ecglens.recreated_from"
_PACKAGES = (
    "tensorflow-cpu", "tensorflow", "jax", "keras", "numpy", "scikit-learn", "onnx", "tf2onnx",
    "onnxruntime",
)  # fmt: skip


@dataclass(frozen=True)
class RunInfo:
    """A training run, as it travels beside the weights it made, in ``run.json``.

    Parameters
    ----------
    run_id : str
        MLflow's.
    experiment, name : str
        MLflow's names of experiment and run.
    params : dict
        Flat, as logged.
    data_version : str
        DVC's hash of the prepared arrays.
    data_sha256 : str
        Of the signals themselves.
    git_commit : str
        Ends in "-dirty" if the code had uncommitted changes.
    """

    run_id: str
    experiment: str
    name: str
    params: dict
    data_version: str
    data_sha256: str
    git_commit: str

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    def of_beside(self) -> "RunInfo":
        """Return the same run as that of the task which was learnt beside its own."""
        task = self.params["train.beside"]
        return replace(self, params={**self.params, "task": task, "train.beside": ""})

    @classmethod
    def load(cls, path: Path) -> "RunInfo":
        """Read what :meth:`save` wrote."""
        return cls(**json.loads(path.read_text()))


def home() -> Path:
    """Return the project's folder, from the copy too in which DVC's queue runs an experiment.

    DVC removes that copy afterwards; what is remembered of a run must not go with it.
    """
    here = Path.cwd().as_posix()
    return Path(here.split(_QUEUE)[0]) if _QUEUE in here else Path()


def tensorboard_folder(info: RunInfo, seed: int) -> Path:
    """Return where the figures of a run's fit stand for TensorBoard; git ignores it."""
    run = f"{info.name}-{info.run_id[:8]}"
    return home() / TENSORBOARD / info.experiment / run / f"seed_{seed}"


def _own_address() -> str:
    return f"sqlite:///{home() / DATABASE}"


def connect() -> str:
    """Point MLflow at MLFLOW_TRACKING_URI, or at the project's own database; return the address."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        (home() / DATABASE).parent.mkdir(exist_ok=True)
        uri = _own_address()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return uri


def experiment_name(params: Params, task: str) -> str:
    """Return the name of a task's experiment, and of its registered model."""
    return f"ecglens-{params.dataset}-{task}"


@contextmanager
def start_run(
    params: Params, task: str, model: str, data_sha256: str, remembered: Path | None = None
) -> Iterator[RunInfo]:
    """Open the MLflow run of a training, log what is known before it, and close it after.

    A run that an error ends is marked as failed.

    Parameters
    ----------
    remembered : Path, optional
        File beside a training's progress: a training that goes on also goes on in its run.
    """
    connect()
    info = RunInfo(
        run_id="",
        experiment=experiment_name(params, task),
        name=model,
        params={"task": task, "model": model, **_relevant(params, model)},
        data_version=dvc_hash(params.signals),
        data_sha256=data_sha256,
        git_commit=git_commit(),
    )
    with open_run(info, remembered) as run:
        yield run


@contextmanager
def open_run(info: RunInfo, remembered: Path | None = None) -> Iterator[RunInfo]:
    """Open an MLflow run of what is known, and close it after; yields it with its id.

    Parameters
    ----------
    remembered : Path, optional
        As :func:`start_run` takes it.
    """
    connect()
    with _begun_or_new(info, remembered) as run_id:
        yield replace(info, run_id=run_id)


@contextmanager
def member_run(info: RunInfo, folder: Path, seed: int) -> Iterator[str]:
    """Open the run of one network of an ensemble, a child of the active run, and give its id.

    Parameters
    ----------
    info : RunInfo
        Of the whole training.
    folder : Path
        Of the training's progress; a network that goes on also goes on in its run.
    seed : int
        Of the network.
    """
    params = {**info.params, "train.seed": seed, "train.ensemble": 1}
    own = replace(info, run_id="", name=f"{info.name}, seed {seed}", params=params)
    with _begun_or_new(own, folder / f"run_{seed}.json") as run_id:
        yield run_id


@contextmanager
def _begun_or_new(info: RunInfo, remembered: Path | None) -> Iterator[str]:
    """Open the run that a file remembers, if this database knows it, or else a new one."""
    begun = RunInfo.load(remembered) if remembered and remembered.is_file() else None
    known = _find_run(begun) if begun else None
    if known:
        with mlflow.start_run(known, nested=True):
            yield known
        return
    with _new_run(info) as run_id:
        if remembered:
            with whole_file(remembered) as part:
                replace(info, run_id=run_id).save(part)
        yield run_id


@contextmanager
def resume(info: RunInfo, history: dict[str, list[float]]) -> Iterator[str]:
    """Open a training's run again, and give its id.

    Where the weights came from DVC's cache and this MLflow database never saw their run, the run is
    made again, once, from what travels with them, and tagged with the id that it had.
    """
    connect()
    known = _find_run(info)
    if known:
        with mlflow.start_run(known):
            yield known
        return
    with _new_run(info) as run_id:
        mlflow.set_tag(RECREATED, info.run_id)
        for epoch, values in enumerate(zip(*history.values(), strict=True), start=1):
            mlflow.log_metrics(dict(zip(history, values, strict=True)), step=epoch)
        yield run_id


def _find_run(info: RunInfo) -> str | None:
    """Return the id of a training's run in this database, its own or that of its re-creation."""
    try:
        return MlflowClient().get_run(info.run_id).info.run_id
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    if mlflow.get_experiment_by_name(info.experiment) is None:
        return None
    again = mlflow.search_runs(
        experiment_names=[info.experiment],
        filter_string=f"tags.`{RECREATED}` = '{info.run_id}'",
        output_format="list",
    )
    return again[0].info.run_id if again else None


@contextmanager
def _new_run(info: RunInfo) -> Iterator[str]:
    _set_experiment(info.experiment)
    with mlflow.start_run(run_name=info.name, nested=True, tags=_grid_tags(info)) as run:
        mlflow.log_params(info.params)
        mlflow.set_tags(
            {
                "data_version": info.data_version,
                "data_sha256": info.data_sha256,
                "git_commit": info.git_commit,
            }
        )
        mlflow.log_dict(_environment(), "environment.json")
        yield run.info.run_id


def _grid_tags(info: RunInfo) -> dict[str, str]:
    """Return tags that make a run of DVC's queue a child of its grid's run, made where missing.

    A grid is the experiments that were queued from one commit.
    """
    commit = os.environ.get("DVC_EXP_BASELINE_REV")
    if _QUEUE not in Path.cwd().as_posix() or not commit or mlflow.active_run():
        return {}
    condition = f"tags.`{GRID}` = '{commit}'"
    found = mlflow.search_runs(
        experiment_names=[info.experiment], filter_string=condition, output_format="list"
    )
    if found:
        parent = found[0].info.run_id
    else:
        client = MlflowClient()
        experiment = mlflow.get_experiment_by_name(info.experiment).experiment_id
        name = f"grid from {commit[:7]}"
        parent = client.create_run(experiment, run_name=name, tags={GRID: commit}).info.run_id
        client.set_terminated(parent)
    return {"mlflow.parentRunId": parent, "dvc_experiment": os.environ.get("DVC_EXP_NAME", "")}


def log_training(figures: dict[str, float], path: Path) -> None:
    """Log what a training gave to the active run, and write it as a file that DVC compares."""
    mlflow.log_metrics({f"trained_{name}": value for name, value in figures.items()})
    with whole_file(path) as part:
        part.write_text(json.dumps(figures, indent=1) + "\n")


def count_test_opening(info: RunInfo) -> int:
    """Write down that the test split is opened for a training; return how often it was, by task.

    Choosing among models by their test figures makes those figures too good; the count shows it.
    """
    openings = home() / TEST_OPENINGS
    openings.parent.mkdir(exist_ok=True)
    entry = {"experiment": info.experiment, "run_id": info.run_id, "time": utc_now()}
    with open(openings, "a") as log:
        log.write(json.dumps(entry) + "\n")
    lines = openings.read_text().splitlines()
    return sum(json.loads(line)["experiment"] == info.experiment for line in lines)


def log_evaluation(validation: dict, test: dict, test_openings: int) -> None:
    """Log the figures of both splits to the active run, such as ``test_auroc_NORM``."""
    mlflow.log_metric("test_openings", test_openings)
    for split, figures in (("validation", validation), ("test", test)):
        mlflow.log_metrics({f"{split}_macro_{m}": v for m, v in figures["macro"].items()})
        for name, row in figures.get("tasks", {}).items():
            mlflow.log_metric(f"{split}_macro_auroc_{name}", row["auroc"])
        for label, row in figures["labels"].items():
            mlflow.log_metrics({f"{split}_{m}_{label}": float(v) for m, v in row.items()})


def _set_experiment(name: str) -> None:
    """Select an experiment; in the project's own database its artifacts stand beside it."""
    local = mlflow.get_tracking_uri() == _own_address()
    if local and mlflow.get_experiment_by_name(name) is None:
        folder = (home() / DATABASE.parent / "artifacts" / name).resolve()
        mlflow.create_experiment(name, artifact_location=folder.as_uri())
    mlflow.set_experiment(name)


def _relevant(params: Params, model: str) -> dict:
    """Return the parameters that this run depends on, flat; of a preset what it stands for."""
    augment = replace(params.train.augment.chosen(), preset=params.train.augment.preset)
    content = asdict(replace(params, train=replace(params.train, augment=augment)))
    chosen = {
        "dataset": params.dataset,
        "labels": content["labels"],
        "prepare": content["prepare"],
        "train": content["train"],
        "model_options": content["model"][model],
    }
    if params.dataset == "simulated":
        chosen["simulated"] = content["simulated"]
    return flat(chosen)


def flat(content: dict, start: str = "") -> dict:
    """Return a mapping of mappings as one, such as {"train.epochs": 25}."""
    result = {}
    for key, value in content.items():
        inner = flat(value, f"{start}{key}.") if isinstance(value, dict) and value else None
        result |= inner or {f"{start}{key}": value}
    return result


def dvc_hash(out: Path) -> str:
    """Return DVC's hash of a stage's output, or "unversioned" if dvc.lock does not list it."""
    lock = Path("dvc.lock")
    stages = yaml.safe_load(lock.read_text())["stages"] if lock.is_file() else {}
    for stage in stages.values():
        for entry in stage.get("outs", []):
            if entry["path"] == out.as_posix():
                return entry["md5"]
    return "unversioned"


def git_commit() -> str:
    """Return the commit of the code; "-dirty" follows if tracked files but dvc.lock differ."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock")
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "no git commit"
    return f"{commit}-dirty" if changed else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _environment() -> dict:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "ecglens": version("ecglens"),
    }


def _version(package: str) -> str | None:
    """Return a package's version; None where another one stands in its place, as on a GPU."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def utc_now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
