"""A model that is not additive goes the whole way, and says everywhere that it explains nothing."""

import json
from dataclasses import replace
from types import SimpleNamespace

import mlflow
import numpy as np
import pytest
from tiny import randomised, signals, tiny

from ecglens.card import WARNING_NOT_ADDITIVE, ModelCard
from ecglens.cli import main
from ecglens.errors import ModelError
from ecglens.evaluation.run import evaluate, write_case_file
from ecglens.export import compare, export
from ecglens.inference import METADATA_KEY, Predictor
from ecglens.plots.explained import NO_EXPLANATION, draw_explained
from ecglens.record import LEADS, Record
from ecglens.registry import promote
from ecglens.tracking import connect

SAYS = "not additive"


@pytest.fixture(scope="module")
def black_box(tmp_path_factory):
    """A tiny CNN, its file, and a record of 2 s as CSV; not to be changed."""
    folder = tmp_path_factory.mktemp("black_box")
    card = ModelCard(
        task="two", model="cnn", dataset="ptb-xl", labels=("A", "B"), thresholds=(0.5, 0.5),
        sampling_frequency=100, samples=200, leads=LEADS, units="mV", other_rates="resample",
        run_id="r", data_version="d", git_commit="c", created="now", additive=False,
    )  # fmt: skip
    model, x = randomised(tiny("cnn"), 2), signals(3, 200)
    parity = export(model, card, x, folder / "model.onnx")
    np.savetxt(folder / "record.csv", x[0], delimiter=",", header=",".join(LEADS), comments="")
    return SimpleNamespace(
        model=model, card=card, file=folder / "model.onnx", x=x, parity=parity,
        record=folder / "record.csv",
    )  # fmt: skip


def test_the_exported_file_says_it_and_is_compared_in_what_it_has(black_box):
    assert black_box.parity.additivity_error is None
    assert black_box.parity.largest_difference.keys() == {"probability", "logit"}
    predictor = Predictor(black_box.file)
    assert not predictor.card.additive
    assert compare(black_box.model, predictor, black_box.x).additivity_error is None


def test_a_card_that_promises_an_explanation_which_the_model_lacks_is_refused(black_box, tmp_path):
    with pytest.raises(ModelError, match=r"outputs .*; expected probability, logit, attribution"):
        export(black_box.model, replace(black_box.card, additive=True), black_box.x, tmp_path / "m")


def test_a_prediction_has_neither_attribution_nor_bias_and_warns(black_box):
    prediction = Predictor(black_box.file).predict(Record(black_box.x[0], 100, "one"))
    assert prediction.attribution is None and prediction.bias is None
    assert WARNING_NOT_ADDITIVE in prediction.warnings
    content = json.loads(json.dumps(prediction.to_dict(attribution=True)))
    assert content["model"]["additive"] is False
    assert content["labels"]["A"].keys() == {"probability", "threshold", "positive", "logit"}


def test_a_card_of_before_there_were_such_models_counts_as_additive(black_box):
    content = json.loads(black_box.card.to_json())
    del content["additive"]
    assert ModelCard.from_json(json.dumps(content), "file").additive
    assert METADATA_KEY == "ecglens"


def test_the_command_prints_the_logit_alone_and_draws_the_tracing(black_box, tmp_path, capsys):
    arguments = ["predict", str(black_box.record), "--model", str(black_box.file)]
    arguments += ["--rate", "100", "--units", "mV", "--plot", str(tmp_path), "--label", "A"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "attribution" not in printed.splitlines()[1] and "logit" in printed.splitlines()[1]
    assert f"warning: the model is {SAYS}" in printed
    (picture,) = tmp_path.glob("*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_its_picture_says_so_in_the_title(black_box):
    record = Record(np.zeros((1000, 12)), 100, "flat")
    figure = draw_explained(record, "A", None, probability=0.7, threshold=0.5, logit=0.85)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert any(NO_EXPLANATION in word and "A: probability 0.70" in word for word in words)


def test_it_is_evaluated_and_drawn_like_any_other(black_box, learnable, tmp_path):
    data = learnable
    result = evaluate(black_box.model, data.store, data.validation, data.test, data.task, "youden")
    path = tmp_path / "cases.pdf"
    assert write_case_file(black_box.model, data.store, data.test, data.task, result, path, 2) > 0
    assert path.read_bytes().startswith(b"%PDF")


def test_it_is_registered_and_served_with_the_warning(black_box, project):
    connect()
    mlflow.set_experiment("black box")
    with mlflow.start_run() as run:
        decision = promote("black box", black_box.file, run.info.run_id, lambda _: 0.7, 0.0)
    assert decision.verdict == "promoted"
    served = mlflow.pyfunc.load_model("models:/black box@champion").predict(black_box.x)
    assert served["warnings"] == [WARNING_NOT_ADDITIVE]
    assert served.keys().isdisjoint({"attribution", "bias"})
    np.testing.assert_allclose(
        served["logit"], Predictor(black_box.file).run(black_box.x)["logit"], atol=1e-6
    )
