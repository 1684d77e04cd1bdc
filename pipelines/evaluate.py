"""Stage evaluate TASK MODEL: thresholds on fold 9, figures of merit on fold 10, pictures."""

import sys

import mlflow
import pandas as pd

from ecglens.errors import run_stage
from ecglens.evaluation.run import evaluate, write_case_file, write_report
from ecglens.files import whole_folder
from ecglens.labels import get_task
from ecglens.models import load_model
from ecglens.params import evaluation_folder, load_params, trained_folder
from ecglens.plots.curves import draw_history
from ecglens.plots.heat import save_figure
from ecglens.splits import load_split
from ecglens.store import open_store
from ecglens.tracking import RunInfo, count_test_opening, log_evaluation, resume


def main() -> None:
    params, task, name = load_params(), get_task(sys.argv[1]), sys.argv[2]
    trained = trained_folder(task.name, name)
    model = load_model(trained / "model.keras")
    history = pd.read_csv(trained / "history.csv").drop(columns="epoch").to_dict("list")
    store = open_store(params.signals)
    validation, test = (load_split(params.manifest, store, task, s) for s in ("validation", "test"))
    run = RunInfo.load(trained / "run.json")
    result = evaluate(model, store, validation, test, task, params.evaluate.threshold)
    opened = count_test_opening(run)
    with whole_folder(evaluation_folder(task.name, name)) as folder:
        write_report(result, test, task, folder)
        best_by, figures = params.train.best_by, params.evaluate.figures
        curves = draw_history(history, title=f"{task.name}, {name}", best_by=best_by)
        save_figure(curves, folder / "history.png")
        write_case_file(model, store, test, task, result, folder / "cases.pdf", figures)
        with resume(run, history):
            log_evaluation(result.validation, result.test, opened)
            mlflow.log_artifacts(folder, "evaluation")
    print(f"test macro AUROC {result.test['macro']['auroc']:.4f}; test opened {opened} times here")


run_stage(main)
