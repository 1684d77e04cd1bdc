"""Stage promote TASK MODEL: register the exported file; champion if it is the better one."""

import json
import sys
from dataclasses import asdict

import mlflow
import pandas as pd

from ecglens.errors import run_stage
from ecglens.files import whole_file
from ecglens.labels import get_task
from ecglens.params import load_params, onnx_file, promotion_file, trained_folder
from ecglens.registry import gate_score, promote
from ecglens.splits import load_split
from ecglens.store import open_store
from ecglens.tracking import RunInfo, experiment_name, resume


def main() -> None:
    params, task, name = load_params(), get_task(sys.argv[1]), sys.argv[2]
    store = open_store(params.signals)
    validation = load_split(params.manifest, store, task, "validation")
    trained = trained_folder(task.name, name)
    history = pd.read_csv(trained / "history.csv").drop(columns="epoch").to_dict("list")
    with resume(RunInfo.load(trained / "run.json"), history) as run_id:
        decision = promote(
            experiment_name(params, task.name),
            onnx_file(task.name, name),
            run_id,
            lambda predictor: gate_score(predictor, store, validation),
            params.promote.margin,
        )
        mlflow.log_metric("gate_auroc", decision.score)
    with whole_file(promotion_file(task.name, name)) as part:
        part.write_text(json.dumps(asdict(decision), indent=1) + "\n")
    print(f"{decision.model} version {decision.version}: {decision.verdict}, {decision.why}")


run_stage(main)
