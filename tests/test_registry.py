"""The gate, on a real registry: who becomes champion, and what is remembered of it."""

import json
from types import SimpleNamespace

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from ecglens.card import OUTPUTS
from ecglens.errors import ModelError
from ecglens.evaluation.metrics import macro_auroc
from ecglens.inference import Predictor
from ecglens.record import to_microvolts
from ecglens.registry import CHAMPIONS, DECISIONS, gate_score, promote, require_champion
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.tracking import connect


@pytest.fixture
def gate(project, recarded, request):
    """Return a function that promotes a file with a score of our choosing.

    The score travels as the card's run id, because the gate scores the registered champion's file.
    """
    name = f"gate {request.node.name}"
    connect()
    mlflow.set_experiment(name)

    def run(score, *, margin=0.0, name=name, **changes):
        file = recarded(f"{score}.onnx", run_id=str(score), **changes)
        scored = []

        def score_of(predictor):
            scored.append(float(predictor.card.run_id))
            return scored[-1]

        with mlflow.start_run() as active:
            decision = promote(name, file, active.info.run_id, score_of, margin)
        return SimpleNamespace(
            decision=decision, file=file, scored=scored, run_id=active.info.run_id
        )

    run.name = name
    return run


def aliases(name):
    return {a: int(v) for a, v in MlflowClient().get_registered_model(name).aliases.items()}


def versions(name):
    return sorted(int(v.version) for v in MlflowClient().search_model_versions(f"name = '{name}'"))


def published(name):
    return (CHAMPIONS / f"{name}.onnx").read_bytes()


def decisions(name):
    lines = (json.loads(line) for line in DECISIONS.read_text().splitlines())
    return [line for line in lines if line["model"] == name]


def test_the_first_model_is_champion_and_lies_where_predict_looks(gate):
    first = gate(0.8)
    assert (first.decision.verdict, first.decision.why) == ("promoted", "there was no champion")
    assert (first.decision.score, first.decision.champion_score) == (0.8, None)
    assert aliases(gate.name) == {"champion": 1}
    assert published(gate.name) == first.file.read_bytes()
    assert require_champion(gate.name) == f"models:/{gate.name}@champion"


def test_a_better_model_replaces_the_champion(gate):
    gate(0.8)
    better = gate(0.9)
    assert better.decision.verdict == "promoted"
    assert better.decision.why == "macro AUROC 0.9000 against 0.8000, margin 0.0"
    assert (better.decision.champion_version, better.decision.champion_score) == ("2", 0.8)
    assert aliases(gate.name) == {"champion": 2}
    assert published(gate.name) == better.file.read_bytes()


def test_a_worse_model_becomes_challenger_and_the_champion_stays(gate):
    first = gate(0.8)
    worse = gate(0.7)
    assert (worse.decision.verdict, worse.decision.champion_version) == ("kept", "1")
    assert aliases(gate.name) == {"champion": 1, "challenger": 2}
    assert published(gate.name) == first.file.read_bytes()


def test_an_equal_model_is_not_better(gate):
    gate(0.8)
    assert gate(0.8, created="later").decision.verdict == "kept"


@pytest.mark.parametrize(("margin", "verdict"), [(0.04, "promoted"), (0.06, "kept")])
def test_a_newcomer_must_win_by_the_margin(gate, margin, verdict):
    gate(0.80)
    assert gate(0.85, margin=margin).decision.verdict == verdict


def test_a_challenger_that_wins_later_is_challenger_no_more(gate):
    gate(0.8)
    gate(0.85, margin=0.1)
    assert aliases(gate.name) == {"champion": 1, "challenger": 2}
    gate(0.85)
    assert aliases(gate.name) == {"champion": 2}


def test_the_same_file_is_registered_once_however_often_it_comes(gate):
    first = gate(0.8)
    gate(0.9)
    assert [gate(0.9).decision.verdict, gate(0.8).decision.verdict] == ["unchanged", "kept"]
    assert versions(gate.name) == [1, 2]
    found = MlflowClient().get_model_version(gate.name, 1).tags["onnx_sha256"]
    assert found == first.decision.onnx_sha256


def test_a_champions_file_that_was_lost_is_put_back(gate):
    first = gate(0.8)
    (CHAMPIONS / f"{gate.name}.onnx").unlink()
    gate(0.8)
    assert published(gate.name) == first.file.read_bytes()


@pytest.mark.parametrize(
    "changes", [{"labels": ("NORM", "AFIB", "PACE")}, {"sampling_frequency": 500}]
)
def test_a_model_that_asks_something_else_is_kept_out_without_a_comparison(gate, changes):
    gate(0.8)
    other = gate(0.99, **changes)
    assert other.decision.verdict == "kept"
    assert "cannot be compared" in other.decision.why
    assert other.decision.champion_score is None
    assert other.scored == [0.99]
    assert aliases(gate.name)["champion"] == 1


def test_the_champion_is_scored_anew_from_its_registered_file(gate):
    gate(0.8).file.unlink()
    assert gate(0.7).scored == [0.7, 0.8]


def test_every_decision_is_appended_to_the_log_in_order(gate):
    taken = [gate(0.8), gate(0.9), gate(0.7), gate(0.9)]
    logged = decisions(gate.name)
    assert [line["verdict"] for line in logged] == ["promoted", "promoted", "kept", "unchanged"]
    assert [line["version"] for line in logged] == ["1", "2", "3", "2"]
    assert [line["champion_version"] for line in logged] == ["1", "2", "2", "2"]
    assert [line["run_id"] for line in logged] == [gate.run_id for gate in taken]
    assert len({line["onnx_sha256"] for line in logged}) == 3


def test_the_registered_model_answers_as_the_file_and_belongs_to_its_run(gate, exported):
    first = gate(0.8)
    served = mlflow.pyfunc.load_model(f"models:/{gate.name}@champion")
    answer = served.predict(exported.signals)
    expected = Predictor(first.file).run(exported.signals)
    for name in OUTPUTS:
        np.testing.assert_allclose(answer[name], expected[name], atol=1e-6)
    assert answer["labels"] == list(exported.card.labels)
    assert answer["thresholds"] == list(exported.card.thresholds)
    assert answer["positive"] == (expected["probability"] >= exported.card.thresholds).tolist()
    assert MlflowClient().get_model_version(gate.name, 1).run_id == first.run_id
    assert served.metadata.metadata["data_version"] == "data 1"


def test_a_registered_model_that_answers_otherwise_never_becomes_champion(gate, monkeypatch):
    class Wrong:
        def predict(self, signals, params):
            return {name: np.array(9.0) for name in OUTPUTS}

    monkeypatch.setattr(mlflow.pyfunc, "load_model", lambda uri: Wrong())
    with pytest.raises(ModelError, match="another probability from the registered model"):
        gate(0.8)
    assert aliases(gate.name) == {}
    assert not (CHAMPIONS / f"{gate.name}.onnx").exists()
    monkeypatch.undo()


def test_no_champion_is_an_error_that_names_those_there_are(gate):
    gate(0.8)
    with pytest.raises(ModelError, match="no version with the alias 'champion'") as caught:
        require_champion("ecglens-simulated-none")
    assert gate.name in str(caught.value)
    assert "make register" in str(caught.value)


def test_the_gates_score_is_the_macro_auroc_of_the_file_on_the_split(exported, tmp_path):
    counts = np.stack(
        [to_microvolts(signal, "") for signal in np.tile(exported.signals, (40, 1, 1))]
    )
    truth = np.random.default_rng(0).integers(0, 2, (len(counts), 3)).astype(np.float32)
    store = Store(tmp_path, counts, np.arange(len(counts)), 100, "")
    rows = np.arange(5, 310)  # more than one batch of 256
    split = Split("validation", rows, rows, truth[rows])
    predictor = Predictor(exported.file)
    probability = predictor.run(store.millivolts(rows))["probability"]
    expected = macro_auroc(truth[rows], probability)
    assert gate_score(predictor, store, split) == pytest.approx(expected, abs=1e-6)
