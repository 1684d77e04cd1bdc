"""Stages that fail or are killed: a clear error, nothing that a later run trusts."""

import os
import signal
import time

import psutil
import pytest

pytestmark = pytest.mark.slow

TRAIN, EVALUATE = (f"{stage}@rhythm_conduction-signal_cam" for stage in ("train", "evaluate"))
TRAINED = "models/rhythm_conduction/signal_cam/trained"
EVALUATION = "reports/rhythm_conduction/signal_cam/evaluation"
DEADLINE = 120  # s


def wait_for(path, process):
    """Wait until a running command has made a file or folder."""
    deadline = time.monotonic() + DEADLINE
    while not path.exists():
        assert process.poll() is None, f"it ended before it made {path}"
        assert time.monotonic() < deadline, f"no {path} in {DEADLINE} s"
        time.sleep(0.01)


def stage_process(process):
    """Return the process that runs the stage's script, a descendant of DVC's."""
    for child in psutil.Process(process.pid).children(recursive=True):
        if any("pipelines/" in word for word in child.cmdline()) and "python" in child.name():
            return child
    raise AssertionError("DVC runs no stage")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("params", "stage", "message"),
    [
        (
            {"tasks": "[rythm_conduction]"},
            "label",
            "tasks: found 'rythm_conduction'; expected a known name. "
            'Did you mean "rhythm_conduction"?',
        ),
        (
            {"models": "[signalcam]"},
            "label",
            "models: found 'signalcam'; expected a known name. Did you mean \"signal_cam\"?",
        ),
        ({"dataset": "simulatd"}, "fetch", "'simulatd' are missing from 'params.yaml'"),
        ({"schedule": "cosin"}, TRAIN, "schedule: found 'cosin'"),
    ],
    ids=["task", "model", "data set", "schedule"],
)
def test_a_word_in_params_that_means_nothing_stops_the_stage_that_reads_it(
    project, params, stage, message
):
    project.set_params(**params)
    output = project.repro(succeeds=False)
    assert f"failed to reproduce '{stage}'" in output
    assert message in output
    assert "Traceback" not in output


def test_labels_without_a_positive_record_stop_training_by_name_and_harm_no_other_task(project):
    project.set_params(tasks="[rhythm_conduction, superclass]")
    output = project.repro(succeeds=False)
    assert "task superclass, train split: found positives: MI 0 of" in output
    assert "STTC 0 of" in output
    assert "Traceback" not in output
    assert list(project.folder.glob("models/superclass/*/*")) == []
    project.set_params(tasks="[rhythm_conduction]")
    assert set(project.repro().ran) <= {"label"}


def test_a_loss_that_is_no_number_leaves_no_model_and_a_failed_run(project):
    project.set_params(learning_rate="1.0e+30")
    output = project.repro(TRAIN, succeeds=False)
    assert "found a loss of nan" in output
    assert "Lower train.learning_rate (1e+30)" in output
    assert "Traceback" not in output
    assert names(project.folder / TRAINED.rsplit("/", 1)[0]) == ["model.onnx", "training"]
    assert project.query("select status from runs order by rowid")[-1] == ("FAILED",)


def test_a_training_that_the_system_kills_fails_and_the_next_one_succeeds(project, tmp_path):
    project.set_params(epochs=1000, patience=1000)
    process = project.start("dvc", "repro", TRAIN, output=tmp_path / "log")
    wait_for(project.folder / f"{TRAINED}.part", process)
    stage_process(process).kill()  # as the system does when memory is short; DVC lives on
    assert process.wait(DEADLINE) != 0
    assert f"failed to reproduce '{TRAIN}'" in (tmp_path / "log").read_text()
    assert not (project.folder / TRAINED).exists()

    project.set_params(epochs=1)
    assert TRAIN in project.repro(TRAIN).ran
    assert names(project.folder / TRAINED) == ["history.csv", "model.keras", "run.json"]
    # The progress of the killed one stays for the day that it is wanted again.
    assert names((project.folder / TRAINED).parent) == ["model.onnx", "trained", "training"]


def test_an_evaluation_killed_together_with_dvc_is_run_again_in_full(project, tmp_path):
    whole = names(project.folder / EVALUATION)
    beside = names((project.folder / EVALUATION).parent)
    project.set_params(threshold="f1")  # something that DVC's cache has no result of
    process = project.start("dvc", "repro", EVALUATE, output=tmp_path / "log")
    wait_for(project.folder / f"{EVALUATION}.part" / "metrics.json", process)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(DEADLINE) == -signal.SIGKILL
    assert not (project.folder / EVALUATION / "metrics.json").exists()

    assert EVALUATE in project.repro(EVALUATE).ran
    # The PDF of cases is no output of DVC: a checkout of its cache leaves it out.
    assert set(names(project.folder / EVALUATION)) - {"cases.pdf"} == set(whole) - {"cases.pdf"}
    assert names((project.folder / EVALUATION).parent) == beside
