"""Models that were trained before, which a training begins with or averages with its own.

A training's folder has ``model.keras`` and ``run.json``, and in ``beside`` the same for the task
that was learnt beside its own.
"""

from ast import literal_eval
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import keras
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ecglens.errors import ModelError, ParameterError
from ecglens.labels import Task, get_task, task_names
from ecglens.models.ensemble import Joined
from ecglens.params import Params
from ecglens.tracking import IMPORTED_ARTIFACT, KERAS_ARTIFACT, RunInfo, connect, flat

# Options that act in training alone; each other one says what a network is, or what it sees.
_IN_TRAINING = ("dropout", "l1")
_STARTS = "a .keras file, or models:/<registered name>@champion of a run that kept its weights"


def save_trained(
    folder: Path, run: RunInfo, model: keras.Model, beside: keras.Model | None = None
) -> None:
    """Write what a training gave into a folder that exists.

    Parameters
    ----------
    beside : keras.Model, optional
        What answers the task that the run learnt beside its own.
    """
    model.save(folder / "model.keras")
    run.save(folder / "run.json")
    if beside is not None:
        (folder / "beside").mkdir()
        save_trained(folder / "beside", run.of_beside(), beside)


def find_trained(params: Params, tasks: Sequence[Task], model: str) -> Path | None:
    """Return the file of the trained model that ``train.start_from`` names; None for "".

    What its run says of it is compared with this training. Of a file without a run nothing more is
    known than its weights, whose shapes are compared where they are taken.

    Parameters
    ----------
    params : Params
    tasks : sequence of Task
        Whose labels are to be learnt: the model's own, and one beside it.
    model : str
        Of the table.

    Raises
    ------
    ModelError
        If there is none, or it is another network or sees records otherwise conditioned.
    ParameterError
        If its head is to be kept, and answers other labels.
    """
    address = params.train.start_from
    if not address:
        return None
    registered = address.startswith("models:/")
    path, run = _registered(address) if registered else _in_folder(Path(address))
    _require_same_network(address, run, params, model)
    if params.train.head == "kept":
        _require_same_labels(address, run, tasks)
    return path


def _registered(address: str) -> tuple[Path, dict]:
    """Return the file of a registered model, and its run's parameters, as texts."""
    connect()
    client = MlflowClient()
    name, _, alias = address.removeprefix("models:/").partition("@")
    try:
        if alias:
            version = client.get_model_version_by_alias(name, alias)
        else:
            version = client.get_model_version(*name.rsplit("/", 1))
        run = client.get_run(version.run_id).data.params
        file = mlflow.artifacts.download_artifacts(
            run_id=version.run_id,
            artifact_path=IMPORTED_ARTIFACT if "imported" in run else KERAS_ARTIFACT,
        )
    except (MlflowException, TypeError, OSError) as error:
        raise ModelError("train.start_from", f"{address!r} ({error})", _STARTS) from None
    return Path(file), run


def _in_folder(path: Path) -> tuple[Path, dict]:
    """Return a file, and the parameters in the run.json beside it; none where there is no such."""
    if not path.is_file():
        raise ModelError("train.start_from", f"no file {str(path)!r}", _STARTS)
    run = path.with_name("run.json")
    return path, _load_run(run, "train.start_from").params if run.is_file() else {}


def _load_run(path: Path, source: str) -> RunInfo:
    """Read a run.json; ``source`` is the parameter that led to it."""
    try:
        return RunInfo.load(path)
    except (ValueError, TypeError) as error:
        found = f"{path}, which is no training's ({error})"
        raise ModelError(source, found, "what the train stage wrote beside model.keras") from None


def _require_same_network(address: str, run: dict, params: Params, model: str) -> None:
    """Refuse weights that would mean something else here; what a run does not tell is let pass."""
    if run.get("model", model) != model:
        raise ModelError(
            "train.start_from",
            f"{address}, of model {run['model']}",
            f"model {model}, which is to be trained",
        )
    rate, theirs = params.prepare.sampling_frequency, run.get("prepare.sampling_frequency")
    if theirs is not None and float(theirs) != rate:
        raise ModelError(
            "train.start_from", f"{address}, trained at {float(theirs):g} Hz",
            f"{rate:g} Hz, as prepare.sampling_frequency says",
            "Its kernels would span another time here. Prepare the records at its rate.",
        )  # fmt: skip
    for option, own in asdict(getattr(params.model, model)).items():
        theirs = _value(run.get(f"model_options.{option}", own))
        if option not in _IN_TRAINING and theirs != _value(own):
            raise ModelError(
                "train.start_from", f"{address}, trained with {option} {_told(theirs)}",
                f"{option} {_told(own)}, as model.{model}.{option} says",
                f"Say model.{model}.{option}={_told(theirs)}, or begin with another model.",
            )  # fmt: skip


def _require_same_labels(address: str, run: dict, tasks: Sequence[Task]) -> None:
    """Refuse a head that answers other labels than those to be learnt, or in another order."""
    if "task" not in run:
        return
    labels = tuple(label for task in tasks for label in task.labels)
    theirs = tuple(run["outputs"].split(",")) if "outputs" in run else _labels(run["task"])
    # The whole head, with what was learnt beside, can be gone on with as well.
    if labels in (theirs, theirs + _labels(run.get("train.beside"))):
        return
    raise ParameterError(
        "train.head", f"kept, but {address} was trained for {_named(run['task'], theirs)}",
        _named(" and ".join(task.name for task in tasks), labels), "Say train.head=new.",
    )  # fmt: skip


def _named(task: str, labels: Sequence[str]) -> str:
    """Return a task and its labels in words, but not all of very many."""
    shown = ", ".join(labels[:8]) or "labels that are no longer known"
    return f"{task} ({shown}{', ...' if len(labels) > 8 else ''})"


def _value(option: object) -> object:
    """Return an option's value from what MLflow has as text, and JSON as a list."""
    if isinstance(option, str):
        with suppress(ValueError, SyntaxError):
            option = literal_eval(option)
    return tuple(option) if isinstance(option, list) else option


def _told(option: object) -> object:
    """Return an option's value as params.yaml has it."""
    return list(option) if isinstance(option, tuple) else option


def find_joined(params: Params, task: Task, data_sha256: str) -> tuple[Joined, ...]:
    """Return the trained models that ``train.join`` names.

    A model of another task joins where it answers all labels of this one, and more.

    Raises
    ------
    ModelError
        If a folder holds no training, or one that lacks a label, or of another policy or other
        signals, whose outputs would be averaged with those of something else.
    """
    own = {**flat(asdict(params.labels), "labels."), "signals": data_sha256}
    joined = []
    for folder in map(Path, params.train.join):
        file, run = folder / "model.keras", folder / "run.json"
        if not (file.is_file() and run.is_file()):
            raise ModelError(
                "train.join", f"no model.keras and run.json in {folder}",
                "a folder that the train stage wrote, such as models/<task>/<model>/trained",
            )  # fmt: skip
        info = _load_run(run, "train.join")
        theirs = {**info.params, "signals": info.data_sha256}
        answered = _labels(theirs.get("task"))
        missing = [label for label in task.labels if label not in answered]
        if missing:
            raise ModelError(
                "train.join", f"{folder}, trained for {theirs.get('task')}, without {missing[0]}",
                f"the labels of {task.name}",
                "Only models that answer all labels of a task can be averaged for it.",
            )  # fmt: skip
        for name in own:
            if theirs.get(name) != own[name]:
                found = f"{folder}, trained with {name} {theirs.get(name)}"
                raise ModelError(
                    "train.join", found, f"{name} {own[name]}, as of this training",
                    "Only models of the same label policy and prepared signals can be averaged.",
                )  # fmt: skip
        places = tuple(answered.index(label) for label in task.labels)
        joined.append(Joined(file, None if answered == task.labels else places))
    return tuple(joined)


def _labels(task: str | None) -> tuple[str, ...]:
    """Return a task's labels; none where it is no longer known."""
    return get_task(task).labels if task in task_names() else ()
