"""Stage export TASK MODEL: one ONNX file that describes itself, checked against Keras."""

import json
import sys
from dataclasses import asdict

from ecglens.errors import run_stage
from ecglens.export import export, make_card
from ecglens.files import whole_file
from ecglens.labels import get_task
from ecglens.models import load_model
from ecglens.params import evaluation_folder, load_params, onnx_file, parity_file, trained_folder
from ecglens.splits import load_split
from ecglens.store import open_store
from ecglens.tracking import RunInfo

RECORDS = 1000  # of the validation split, on which the file must agree with the model


def main() -> None:
    params, task, name = load_params(), get_task(sys.argv[1]), sys.argv[2]
    trained = trained_folder(task.name, name)
    model = load_model(trained / "model.keras")
    thresholds = json.loads((evaluation_folder(task.name, name) / "thresholds.json").read_text())
    store = open_store(params.signals)
    rows = load_split(params.manifest, store, task, "validation").rows[:RECORDS]
    card = make_card(
        task, name, params.dataset, thresholds, store, RunInfo.load(trained / "run.json")
    )
    parity = export(model, card, store.millivolts(rows), onnx_file(task.name, name))
    with whole_file(parity_file(task.name, name)) as part:
        part.write_text(json.dumps(asdict(parity), indent=1) + "\n")
    print(parity)


run_stage(main)
