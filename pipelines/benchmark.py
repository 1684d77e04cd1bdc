"""Stage benchmark TASK MODEL: how faithful each method's explanations of a trained model are."""

import sys
from pathlib import Path

import mlflow
import pandas as pd

from ecglens.errors import run_stage
from ecglens.explain.benchmark_run import Question, judge, metrics
from ecglens.labels import get_task
from ecglens.params import faithfulness_folder, load_params, trained_folder
from ecglens.tracking import RunInfo, resume


def main() -> None:
    params, task, name = load_params(), get_task(sys.argv[1]), sys.argv[2]
    options, folder = params.benchmark, faithfulness_folder(task.name, name)
    ludb = Path(params.ludb.folder) if params.ludb.folder else None
    question = Question(options.cases, options.dear, options.methods, ludb, params)
    summary, not_judged = judge(
        task, name, question, folder, sampling_frequency=params.prepare.sampling_frequency
    )
    trained = trained_folder(task.name, name)
    history = pd.read_csv(trained / "history.csv").drop(columns="epoch").to_dict("list")
    with resume(RunInfo.load(trained / "run.json"), history):
        mlflow.log_metrics(metrics(summary))
        mlflow.log_artifacts(folder, "faithfulness")
    for table in sorted(folder.glob("*.md")):
        print(table.read_text())
    for case_set, reason in not_judged.items():
        print(f"not judged on {case_set}: {reason}")


run_stage(main)
