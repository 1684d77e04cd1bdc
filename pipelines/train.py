"""Stage train TASK MODEL: fit, tracked in MLflow; the model at its best epoch."""

import sys
from dataclasses import asdict

import mlflow
import pandas as pd

from ecglens.errors import run_stage
from ecglens.files import whole_folder
from ecglens.labels import get_task
from ecglens.models import build_model
from ecglens.params import load_params, trained_folder
from ecglens.plots.curves import draw_history
from ecglens.splits import load_split
from ecglens.store import open_store
from ecglens.tracking import start_run
from ecglens.training import EpochLogger, fit, make_reproducible


def main() -> None:
    params, task, name = load_params(), get_task(sys.argv[1]), sys.argv[2]
    store = open_store(params.signals)
    train, validation = (
        load_split(params.manifest, store, task, s) for s in ("train", "validation")
    )
    make_reproducible(params.train.seed)
    options = asdict(getattr(params.model, name))
    model = build_model(
        name, samples=store.samples, labels=len(task.labels),
        sampling_frequency=store.sampling_frequency, **options,
    )  # fmt: skip
    with (
        start_run(params, task.name, name, store.sha256) as run,
        whole_folder(trained_folder(task.name, name)) as folder,
    ):
        checkpoint = folder / "best.weights.h5"
        history = fit(
            model, store, train, validation, params.train,
            checkpoint=checkpoint, callbacks=[EpochLogger(mlflow.log_metrics)],
        )  # fmt: skip
        checkpoint.unlink()
        model.save(folder / "model.keras")
        run.save(folder / "run.json")
        table = pd.DataFrame(history).rename_axis("epoch").reset_index()
        table.assign(epoch=table.epoch + 1).to_csv(folder / "history.csv", index=False)
        mlflow.log_figure(draw_history(history, title=f"{task.name}, {name}"), "history.png")


run_stage(main)
