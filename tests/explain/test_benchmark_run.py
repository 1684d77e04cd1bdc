"""The benchmark of a trained model of the pipeline, from its files to tables and a picture."""

import json

import keras
import pandas as pd
import pytest

from ecglens.explain import NamedModel
from ecglens.explain.benchmark_run import Question, case_sets, judge, metrics
from ecglens.labels import Task
from ecglens.models import build_model
from ecglens.params import trained_folder

LABELS = ("NORM", "AFIB")


@pytest.fixture(scope="module")
def model():
    """An untrained Signal-CAM of two labels, for which every record passes a threshold of 0."""
    keras.utils.set_random_seed(5)
    return build_model("signal_cam", samples=1000, labels=2)


@pytest.fixture
def trained(model, tmp_path, monkeypatch):
    """Return a function that puts the model where the train stage does, for a task of labels."""
    monkeypatch.chdir(tmp_path)

    def put(*labels):
        task = Task("a_task", labels)
        folder = trained_folder(task.name, "signal_cam")
        folder.mkdir(parents=True)
        model.save(folder / "model.keras")
        thresholds = tmp_path / "reports/a_task/signal_cam/evaluation/thresholds.json"
        thresholds.parent.mkdir(parents=True)
        thresholds.write_text(json.dumps(dict.fromkeys(labels, 0.0)))
        return task

    return put


def test_a_model_is_judged_and_what_was_found_is_written(trained, tmp_path):
    task, folder = trained(*LABELS), tmp_path / "faithfulness"
    question = Question(records=25, dear=2, methods=["additive", "random"])
    summary, not_judged = judge(task, "signal_cam", question, folder, sampling_frequency=100)
    assert not not_judged
    assert {p.name for p in folder.iterdir()} == {
        "summary.csv", "values.parquet", "protocol.json", "simulated.md", "simulated.png",
    }  # fmt: skip
    written = pd.read_csv(folder / "summary.csv")
    assert len(written) == len(summary)
    assert set(written.method) == {"additive", "random"}
    protocol = json.loads((folder / "protocol.json").read_text())
    assert set(protocol["sets"]["simulated"]["cases"]) == set(LABELS)
    assert "simulated.completeness_error.additive" in metrics(summary)


def test_labels_that_no_set_shows_are_no_failure_but_said(trained, tmp_path):
    task, folder = trained("DIG", "NST_"), tmp_path / "faithfulness"
    question = Question(records=10, dear=2)
    summary, not_judged = judge(task, "signal_cam", question, folder, sampling_frequency=100)
    assert summary.empty and "no simulated record shows it" in not_judged["simulated"]
    assert json.loads((folder / "protocol.json").read_text())["not_judged"] == not_judged


def test_cases_that_the_model_does_not_find_are_not_judged(model):
    named = NamedModel(model, LABELS, 100)
    sets, not_judged = case_sets(named, Question(10, 2), dict.fromkeys(LABELS, 1.1))
    assert not sets and "no case that the model finds" in not_judged["simulated"]
