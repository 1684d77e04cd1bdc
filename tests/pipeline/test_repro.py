"""The whole pipeline on simulated records: what runs, what it leaves, and what runs again."""

import csv
import json

import numpy as np
import onnx
import pytest

from ecglens.formats import wfdb
from ecglens.inference import Predictor
from ecglens.record import LEADS

pytestmark = pytest.mark.slow

EACH = ("train", "evaluate", "explain", "benchmark", "export", "promote")
LABELS = ["NORM", "AFIB", "STACH", "SBRAD", "CLBBB", "CRBBB", "PACE"]
OUTPUTS = [
    "data/raw/simulated/ptbxl_database.csv",
    "data/raw/simulated/scp_statements.csv",
    "data/raw/simulated/evidence.csv",
    "data/raw/simulated/records100/00000/00001_lr.hea",
    "data/raw/simulated/records500/00000/00001_hr.dat",
    "data/simulated/manifest.parquet",
    "data/simulated/signals/signals.npy",
    "models/rhythm_conduction/signal_cam/trained/model.keras",
    "models/rhythm_conduction/signal_cam/trained/history.csv",
    "models/rhythm_conduction/signal_cam/trained/run.json",
    "models/rhythm_conduction/signal_cam/model.onnx",
    "reports/rhythm_conduction/signal_cam/evaluation/metrics.json",
    "reports/rhythm_conduction/signal_cam/evaluation/thresholds.json",
    "reports/rhythm_conduction/signal_cam/evaluation/predictions.csv",
    "reports/rhythm_conduction/signal_cam/evaluation/roc.png",
    "reports/rhythm_conduction/signal_cam/evaluation/roc.csv",
    "reports/rhythm_conduction/signal_cam/evaluation/history.png",
    "reports/rhythm_conduction/signal_cam/faithfulness/summary.csv",
    "reports/rhythm_conduction/signal_cam/faithfulness/simulated.png",
    "reports/rhythm_conduction/signal_cam/parity.json",
    "reports/rhythm_conduction/signal_cam/promotion.json",
    "mlruns/champions/ecglens-simulated-rhythm_conduction.onnx",
    "mlruns/decisions.jsonl",
    "mlruns/mlflow.db",
]


def stages_of(task):
    return [f"{stage}@{task}-signal_cam" for stage in EACH]


ALL = ["fetch", "label", "prepare", *stages_of("rhythm_conduction")]


def read_json(project, name):
    return json.loads((project.folder / name).read_text())


@pytest.fixture(scope="module")
def report(reproduced):
    return read_json(reproduced, "reports/rhythm_conduction/signal_cam/evaluation/metrics.json")


def test_every_stage_runs_once_and_in_order(first_run):
    _, output = first_run
    assert output.ran == ALL


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_is_there(reproduced, name):
    assert (reproduced.folder / name).stat().st_size > 0


def test_nothing_half_written_and_nothing_unknown_to_git_is_left(reproduced):
    left = [
        path
        for path in reproduced.folder.rglob("*")
        if ".part" in path.name and ".git" not in path.parts
    ]
    assert left == []
    assert reproduced.run("git", "status", "--porcelain") == ""


def test_a_second_repro_runs_nothing(reproduced):
    output = reproduced.repro()
    assert output.ran == []
    assert output.unchanged == ALL
    assert "Data and pipelines are up to date." in output


def test_the_metrics_are_of_all_labels_of_both_splits(report):
    for split in ("validation", "test"):
        assert list(report[split]["labels"]) == LABELS
        assert 0.5 < report[split]["macro"]["auroc"] <= 1


def test_each_record_of_the_test_fold_is_predicted_once(reproduced, report):
    folder = reproduced.folder / "reports/rhythm_conduction/signal_cam/evaluation"
    with open(folder / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(reproduced.folder / "data/raw/simulated/ptbxl_database.csv", newline="") as file:
        test_fold = [row["ecg_id"] for row in csv.DictReader(file) if row["strat_fold"] == "10"]
    assert sorted(row["record_id"] for row in rows) == sorted(test_fold)
    assert report["test"]["records"] == len(rows)


def test_the_thresholds_in_the_file_are_those_that_were_measured(reproduced, report):
    predictor = Predictor(reproduced.folder / "models/rhythm_conduction/signal_cam/model.onnx")
    card = predictor.card
    assert list(card.labels) == LABELS
    for split in ("validation", "test"):
        measured = [report[split]["labels"][label]["threshold"] for label in LABELS]
        assert list(card.thresholds) == measured


def test_the_exported_file_names_run_data_and_commit(reproduced):
    file = reproduced.folder / "models/rhythm_conduction/signal_cam/model.onnx"
    onnx.checker.check_model(str(file), full_check=True)
    card = Predictor(file).card
    run = read_json(reproduced, "models/rhythm_conduction/signal_cam/trained/run.json")
    first_commit = reproduced.run("git", "rev-parse", "HEAD~1").strip()
    assert (card.run_id, card.data_version) == (run["run_id"], run["data_version"])
    assert card.git_commit == first_commit
    assert f"md5: {card.data_version}" in (reproduced.folder / "dvc.lock").read_text()
    assert (card.leads, card.units, card.sampling_frequency) == (LEADS, "mV", 100)


def test_the_exported_file_agrees_with_keras_and_adds_up(reproduced):
    parity = read_json(reproduced, "reports/rhythm_conduction/signal_cam/parity.json")
    assert parity["records"] > 0
    assert max(parity["largest_difference"].values()) <= 1e-4
    assert parity["additivity_error"] <= 1e-4


def test_predicting_a_file_gives_the_probabilities_of_the_evaluation(reproduced):
    folder = reproduced.folder / "reports/rhythm_conduction/signal_cam/evaluation"
    with open(folder / "predictions.csv", newline="") as file:
        row = next(csv.DictReader(file))
    record = f"data/raw/simulated/records100/00000/{int(row['record_id']):05d}_lr"
    answer = json.loads(reproduced.run("ecglens", "predict", record, "--json"))
    for label in LABELS:
        assert answer["labels"][label]["probability"] == pytest.approx(float(row[label]), abs=1e-4)


def test_the_mlflow_run_holds_epochs_figures_and_versions(reproduced, report):
    ((run_id, status),) = reproduced.query("select run_uuid, status from runs")
    assert status == "FINISHED"
    params = dict(reproduced.query("select key, value from params"))
    assert (params["train.epochs"], params["simulated.records"]) == ("2", "200")
    losses = reproduced.query("select step from metrics where key = 'val_loss' order by step")
    assert [step for (step,) in losses] == [1, 2]
    ((auroc,),) = reproduced.query("select value from metrics where key = 'test_macro_auroc'")
    assert auroc == pytest.approx(report["test"]["macro"]["auroc"])
    tags = dict(reproduced.query("select key, value from tags"))
    assert {"data_version", "data_sha256", "git_commit"} <= tags.keys()
    artifacts = reproduced.folder / "mlruns/artifacts/ecglens-simulated-rhythm_conduction"
    names = {path.name for path in (artifacts / run_id).rglob("*.*")}
    assert {"environment.json", "history.png", "roc.png", "metrics.json"} <= names
    assert {name.split("_correct_")[0] for name in names if "_correct_" in name} & set(LABELS)


def test_the_test_split_was_opened_once(reproduced):
    lines = (reproduced.folder / "mlruns/test_openings.jsonl").read_text().splitlines()
    assert len(lines) == 1
    assert reproduced.query("select value from metrics where key = 'test_openings'") == [(1.0,)]


def test_the_first_model_is_champion_as_the_gate_says(reproduced):
    decision = read_json(reproduced, "reports/rhythm_conduction/signal_cam/promotion.json")
    assert (decision["verdict"], decision["why"]) == ("promoted", "there was no champion")
    aliases = reproduced.query("select alias, version from registered_model_aliases")
    assert aliases == [("champion", 1)]
    exported = reproduced.folder / "models/rhythm_conduction/signal_cam/model.onnx"
    champion = reproduced.folder / "mlruns/champions/ecglens-simulated-rhythm_conduction.onnx"
    assert champion.read_bytes() == exported.read_bytes()


def test_raw_data_is_on_disk_once_and_protected(reproduced):
    raw = reproduced.folder / "data/raw/simulated/records500/00000/00001_hr.dat"
    assert raw.stat().st_nlink >= 2
    assert raw.stat().st_mode & 0o222 == 0


def test_dvc_shows_the_metrics_and_the_plots(reproduced):
    shown = json.loads(reproduced.run("dvc", "metrics", "show", "--json"))
    assert any(name.endswith("metrics.json") for name in shown[""]["data"])
    drawn = json.loads(reproduced.run("dvc", "plots", "show", "--json"))
    assert any("roc.csv" in name for name in drawn["data"])
    assert any("explanations/cases/" in name for name in drawn["data"])


def test_the_prepared_array_holds_the_records_as_they_are_on_disk(reproduced):
    counts = np.load(reproduced.folder / "data/simulated/signals/signals.npy", mmap_mode="r")
    assert counts.shape == (200, 1000, 12)
    record = wfdb.read(reproduced.folder / "data/raw/simulated/records100/00000/00003_lr")
    np.testing.assert_array_equal(counts[2], np.rint(1000 * record.signal))


@pytest.fixture(scope="module")
def two_tasks(clone):
    """Return a clone after a second task was added, and what its repro printed."""
    clone.set_params(tasks="[rhythm_conduction, abnormal]")
    output = clone.repro()
    clone.commit("two tasks")
    return clone, output


def test_another_task_runs_its_own_stages_only_and_both_stay_reproduced(two_tasks):
    clone, output = two_tasks
    assert output.ran == ["label", *stages_of("abnormal")]  # label checks the names, in a moment
    assert set(ALL) - {"label"} == set(output.unchanged)
    assert Predictor(clone.folder / "models/abnormal/signal_cam/model.onnx").card.labels == (
        "ABNORMAL",
    )
    champions = sorted(path.stem for path in (clone.folder / "mlruns/champions").iterdir())
    assert champions == ["ecglens-simulated-abnormal"]
    assert clone.repro().ran == []


def test_an_experiment_with_another_parameter_runs_what_depends_on_it(two_tasks):
    clone, _ = two_tasks
    output = clone.run("dvc", "exp", "run", "-S", "train.epochs=1", "-S", "tasks=[abnormal]")
    assert output.ran == ["label", *stages_of("abnormal")]
    history = clone.folder / "models/abnormal/signal_cam/trained/history.csv"
    assert len(history.read_text().splitlines()) == 1 + 1
    decision = read_json(clone, "reports/abnormal/signal_cam/promotion.json")
    assert decision["version"] == "2"
    assert decision["champion_score"] is not None
    experiments = json.loads(clone.run("dvc", "exp", "show", "--json"))
    assert any(item["experiments"] for item in experiments)
