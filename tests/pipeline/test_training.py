"""Trainings under DVC: one that is killed goes on, a grid is one family of MLflow runs."""

import io
import json
import os
import signal
import time

import pandas as pd
import pytest

from ecglens.models import load_model

pytestmark = pytest.mark.slow

TRAIN = "train@rhythm_conduction-signal_cam"
MODELS = "models/rhythm_conduction/signal_cam"
DEADLINE = 300  # s


def wait_for_text(path, text, process):
    """Wait until a running command has printed something."""
    deadline = time.monotonic() + DEADLINE
    while text not in path.read_text():
        assert process.poll() is None, f"it ended before it printed {text!r}:\n{path.read_text()}"
        assert time.monotonic() < deadline, f"no {text!r} in {DEADLINE} s"
        time.sleep(0.01)


def test_a_training_killed_midway_goes_on_in_its_run_and_ends_as_an_unbroken_one(project, tmp_path):
    history = project.folder / MODELS / "trained" / "history.csv"
    project.set_params(epochs=6, batch_size=8)
    before = (
        len(project.query("select * from runs"))
        if (project.folder / "mlruns/mlflow.db").exists()
        else 0
    )
    log = tmp_path / "log"
    process = project.start("dvc", "repro", TRAIN, output=log)
    wait_for_text(log, "epoch 3/6", process)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(DEADLINE) == -signal.SIGKILL
    assert not history.exists()

    again = project.repro(TRAIN)
    assert TRAIN in again.ran
    assert "epoch 2/6" not in again and "epoch 6/6" in again
    broken = pd.read_csv(history)
    assert not (project.folder / MODELS / "training").exists()
    runs = project.query("select run_uuid, status from runs order by rowid")[before:]
    assert [status for _, status in runs] == ["FINISHED"]
    logged = f"select step, count(*) from metrics where run_uuid = '{runs[0][0]}' and key = 'loss'"
    assert [step for step, _ in project.query(f"{logged} group by step")] == [1, 2, 3, 4, 5, 6]

    assert TRAIN in project.repro("--force", "--single-item", TRAIN).ran
    pd.testing.assert_frame_equal(pd.read_csv(history), broken, check_exact=True)


def test_a_grid_is_queued_run_and_compared_without_the_test_split(project):
    project.run("dvc", "exp", "run", "--queue", "-S", "train.learning_rate=0.001,0.01", TRAIN)
    openings = project.folder / "mlruns" / "test_openings.jsonl"
    opened = openings.read_text() if openings.exists() else ""
    project.run("dvc", "exp", "run", "--run-all")
    output = project.run("dvc", "exp", "show", "--csv", "--drop", ".*openings.*")
    shown = pd.read_csv(io.StringIO(output[output.index("Experiment,") :]))
    (score,) = [name for name in shown if name.endswith("training.json:val_auroc")] or ["val_auroc"]
    assert shown[shown["typ"] != "baseline"].dropna(subset=["Experiment"])[score].notna().sum() >= 2
    (grid,) = project.query("select run_uuid from tags where key = 'ecglens.grid'")
    children = project.query(
        f"select run_uuid from tags where key = 'mlflow.parentRunId' and value = '{grid[0]}'"
    )
    assert len(children) == 2
    rate = "select value from params where key = 'train.learning_rate' and run_uuid = '{}'"
    rates = {project.query(rate.format(child))[0][0] for (child,) in children}
    assert rates == {"0.001", "0.01"}
    assert (openings.read_text() if openings.exists() else "") == opened


def test_what_is_learnt_beside_a_task_joins_a_mean_for_its_own(project):
    project.set_params(epochs=1, beside="tachy")
    project.repro(TRAIN)
    beside = project.folder / MODELS / "trained" / "beside"
    assert json.loads((beside / "run.json").read_text())["params"]["task"] == "tachy"

    folder = f"[{MODELS}/trained/beside]"
    project.set_params(tasks="[tachy]", beside='""', ensemble=0, join=folder)
    project.repro("--single-item", "train@tachy-signal_cam")
    trained = json.loads((project.folder / "reports/tachy/signal_cam/training.json").read_text())
    model = load_model(project.folder / "models/tachy/signal_cam/trained/model.keras")
    assert model.output["logit"].shape == (None, 2)
    assert 0 <= trained["val_auroc"] <= 1
