"""Stage explain TASK MODEL: why, of single records and of whole classes; kept with the run."""

import sys

import mlflow
import pandas as pd

from ecglens.errors import run_stage
from ecglens.explain import NamedModel
from ecglens.explain.run import (
    choose_cases,
    explain_cases,
    explain_classes,
    read_predictions,
    usable,
)
from ecglens.files import whole_folder
from ecglens.labels import get_task
from ecglens.models import load_model
from ecglens.params import evaluation_folder, explanation_folder, load_params, trained_folder
from ecglens.store import open_store
from ecglens.tracking import RunInfo, resume


def main() -> None:
    params, task, name = load_params(), get_task(sys.argv[1]), sys.argv[2]
    trained, wanted = trained_folder(task.name, name), params.explain
    history = pd.read_csv(trained / "history.csv").drop(columns="epoch").to_dict("list")
    store = open_store(params.signals)
    model = NamedModel(load_model(trained / "model.keras"), task.labels, store.sampling_frequency)
    predictions, thresholds = read_predictions(evaluation_folder(task.name, name), store)
    methods = usable(model, wanted.methods)
    cases = choose_cases(predictions, thresholds, wanted.cases)
    with whole_folder(explanation_folder(task.name, name)) as folder:
        errors = explain_cases(model, store, cases, thresholds, methods, folder)
        found = explain_classes(
            model, store, predictions, thresholds, methods, wanted.records, folder
        )
        with resume(RunInfo.load(trained / "run.json"), history):
            mlflow.log_artifacts(folder, "explanations")
            mlflow.log_metrics({f"completeness_error_{m}": e for m, e in errors.items()})
    for method, sentences in found.items():
        print("\n".join([f"{method}:", *(f"  {sentence}" for sentence in sentences.values())]))


run_stage(main)
