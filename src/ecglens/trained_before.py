"""Models that were trained before, which a training begins with or averages with its own.

A training's folder has ``model.keras`` and ``run.json``, and in ``beside`` the same for the task
that was learnt beside its own.
"""

from dataclasses import asdict
from pathlib import Path

import keras
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ecglens.errors import ModelError
from ecglens.labels import Task, get_task, task_names
from ecglens.models.ensemble import Joined
from ecglens.params import Params
from ecglens.tracking import KERAS_ARTIFACT, RunInfo, connect, flat


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


def find_trained(start_from: str) -> Path | None:
    """Return the file of a trained Keras model: a path, or a registered model's; None for "".

    Parameters
    ----------
    start_from : str
        A path, or ``models:/<name>@<alias>`` or ``models:/<name>/<version>``.

    Raises
    ------
    ModelError
        If there is none.
    """
    expected = "a .keras file, or models:/<registered name>@champion of a run that kept its weights"
    if not start_from.startswith("models:/"):
        if start_from and not Path(start_from).is_file():
            raise ModelError("train.start_from", f"no file {start_from!r}", expected)
        return Path(start_from) if start_from else None
    connect()
    name, _, alias = start_from.removeprefix("models:/").partition("@")
    try:
        if alias:
            version = MlflowClient().get_model_version_by_alias(name, alias)
        else:
            version = MlflowClient().get_model_version(*name.rsplit("/", 1))
        folder = mlflow.artifacts.download_artifacts(
            run_id=version.run_id, artifact_path=KERAS_ARTIFACT
        )
    except (MlflowException, TypeError, OSError) as error:
        raise ModelError("train.start_from", f"{start_from!r} ({error})", expected) from None
    return Path(folder)


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
        info = RunInfo.load(run)
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
