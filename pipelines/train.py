"""Stage train TASK MODEL: fit, tracked in MLflow; the model at its best epoch."""

import sys
from dataclasses import asdict
from functools import partial

import mlflow
import pandas as pd

from ecglens import tracking
from ecglens.errors import run_stage
from ecglens.files import whole_folder
from ecglens.labels import get_task
from ecglens.models import build_model
from ecglens.params import load_params, trained_folder, training_folder, training_metrics
from ecglens.plots.curves import draw_history
from ecglens.splits import load_together
from ecglens.store import open_store
from ecglens.trained_before import find_joined, find_trained, save_trained
from ecglens.training import EpochLogger, TensorBoard, Training, load_guide, run_training


def main() -> None:
    params, name = load_params(), sys.argv[2]
    task, *beside = [get_task(one) for one in (sys.argv[1], params.train.beside) if one]
    store = open_store(params.signals)
    train, validation = (
        load_together(params.manifest, store, [task, *beside], s) for s in ("train", "validation")
    )
    guide = load_guide(params.manifest, train, task, store) if params.train.guidance else None
    training = Training(
        partial(build_model, name, sampling_frequency=store.sampling_frequency,
                **asdict(getattr(params.model, name))),
        store, train, validation, params.train, params.crop, guide=guide,
        work=training_folder(task.name, name), start=find_trained(params, [task, *beside], name),
        joined=find_joined(params, task, store.sha256), own=len(task.labels),
    )  # fmt: skip
    remembered = training.folder
    with (
        tracking.start_run(params, task.name, name, store.sha256, remembered / "run.json") as run,
        whole_folder(trained_folder(task.name, name)) as folder,
    ):
        trained = run_training(
            training,
            partial(tracking.member_run, run, remembered),
            lambda seed: [
                EpochLogger(mlflow.log_metrics), TensorBoard(tracking.tensorboard_folder(run, seed))
            ],
        )  # fmt: skip
        save_trained(folder, run, trained.model, trained.beside)
        table = pd.DataFrame(trained.history).rename_axis("epoch").reset_index()
        table.assign(epoch=table.epoch + 1).to_csv(folder / "history.csv", index=False)
        tracking.log_training(trained.figures, training_metrics(task.name, name))
        mlflow.log_artifact(folder / "model.keras", "trained")
        how = {"title": f"{task.name}, {name}", "best_by": params.train.best_by}
        mlflow.log_figure(draw_history(trained.history, **how), "history.png")
    training.forget(remembered)


run_stage(main)
