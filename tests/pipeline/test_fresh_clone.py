"""A fresh clone that pulls the data but has no MLflow database still evaluates and registers."""

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest

from ecglens.tracking import RECREATED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("make"), reason="needs make"),
]

NAME = "ecglens-simulated-rhythm_conduction"
TRAINED = "models/rhythm_conduction/signal_cam/trained"
RECORD = "data/raw/simulated/records100/00000/00001_lr"
ONNX = "models/rhythm_conduction/signal_cam/model.onnx"


@pytest.fixture(scope="module")
def before(clone):
    """Return what the clone says and has before anything is registered."""
    return {
        "repro": clone.repro(),
        "database": (clone.folder / "mlruns/mlflow.db").exists(),
        "predict": clone.run("ecglens", "predict", RECORD, succeeds=False),
        "onnx": (clone.folder / ONNX).read_bytes(),
    }


@pytest.fixture(scope="module")
def registered(clone, before):
    """Run the Makefile's own command, with the environment that is there; return its output."""
    # The environment counts as ready (-o), so that make does not set up another one.
    programs = f"BIN={Path(sys.executable).parent}"
    return clone.run("make", "-o", ".venv/.ready", programs, "register")


def test_a_clone_that_has_pulled_has_nothing_to_run_and_no_database(before):
    assert before["repro"].ran == []
    assert len(before["repro"].unchanged) == 9
    assert not before["database"]


def test_before_registering_predict_says_what_to_run(before):
    assert "mlruns/champions: found no champion" in before["predict"]
    assert "make register" in before["predict"]


def test_registering_evaluates_and_promotes_and_runs_nothing_else(registered):
    assert registered.ran == [
        "evaluate@rhythm_conduction-signal_cam",
        "promote@rhythm_conduction-signal_cam",
    ]


def test_the_pulled_model_becomes_champion_as_it_is(clone, before, registered):
    assert clone.query("select name, alias, version from registered_model_aliases") == [
        (NAME, "champion", 1)
    ]
    champion = clone.folder / f"mlruns/champions/{NAME}.onnx"
    assert champion.read_bytes() == (clone.folder / ONNX).read_bytes() == before["onnx"]


def test_the_run_is_made_again_with_parameters_and_every_epoch(clone, registered):
    travelled = json.loads((clone.folder / TRAINED / "run.json").read_text())
    ((run_id, status),) = clone.query("select run_uuid, status from runs")
    assert status == "FINISHED"
    assert run_id != travelled["run_id"]
    tags = dict(clone.query("select key, value from tags"))
    assert tags[RECREATED] == travelled["run_id"]
    for name in ("data_version", "data_sha256", "git_commit"):
        assert tags[name] == travelled[name]
    params = dict(clone.query("select key, value from params"))
    assert params == {name: str(value) for name, value in travelled["params"].items()}
    with open(clone.folder / TRAINED / "history.csv", newline="") as file:
        epochs = list(csv.DictReader(file))
    for name in ("loss", "auroc", "val_loss", "val_auroc"):
        logged = clone.query(f"select step, value from metrics where key = '{name}' order by step")
        assert logged == [(int(row["epoch"]), pytest.approx(float(row[name]))) for row in epochs]


def test_the_run_made_again_holds_the_evaluation_and_its_pictures(clone, registered):
    ((run_id,),) = clone.query("select run_uuid from runs")
    metrics = {name for (name,) in clone.query("select distinct key from metrics")}
    assert {"test_macro_auroc", "validation_macro_auroc", "test_openings", "gate_auroc"} <= metrics
    artifacts = clone.folder / f"mlruns/artifacts/{NAME}/{run_id}/artifacts/evaluation"
    assert (artifacts / "roc.png").is_file()


def test_after_registering_the_clone_predicts_and_has_nothing_to_run(clone, registered):
    assert json.loads(clone.run("ecglens", "predict", RECORD, "--json"))["record"] == "00001_lr"
    assert clone.repro().ran == []
