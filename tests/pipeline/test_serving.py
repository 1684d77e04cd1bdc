"""The champion served by MLflow: the numbers of the file, and readable refusals."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest

from ecglens.card import OUTPUTS, WARNING_SIMULATED
from ecglens.formats import wfdb
from ecglens.inference import Predictor

pytestmark = pytest.mark.slow

DEADLINE = 120  # s


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(address, body=None, content_type="application/json"):
    """Return status and JSON of an answer; a body makes it a POST."""
    call = urllib.request.Request(address, body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(call, timeout=60) as answer:
            return answer.status, json.loads(answer.read().strip() or "null")
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        is_json = error.headers.get_content_type() == "application/json"
        return error.code, json.loads(text) if is_json else text


def wait_until_it_answers(address, process, log):
    deadline = time.monotonic() + DEADLINE
    while True:
        assert process.poll() is None, log.read_text()
        try:
            return request(f"{address}/ping")
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def server(reproduced, tmp_path_factory):
    """Run `ecglens serve` on a free port, in a process group of its own that is ended after."""
    port, log = free_port(), tmp_path_factory.mktemp("server") / "log"
    address = f"http://127.0.0.1:{port}"
    process = reproduced.start("ecglens", "serve", "--port", str(port), output=log)
    try:
        wait_until_it_answers(address, process, log)

        def invoke(body):
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return request(f"{address}/invocations", content)

        yield SimpleNamespace(address=address, invoke=invoke, log=log)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def signals(reproduced):
    records = sorted((reproduced.folder / "data/raw/simulated/records100").glob("*/*.hea"))[:3]
    return np.stack([wfdb.read(record).signal for record in records])


def changed(signals, value, place=(0, 3, 2)):
    """Return one record as lists, with one sample, a lead or the whole set to a value."""
    record = signals[:1].astype(object)
    record[place] = value
    return {"inputs": record.tolist()}


def test_the_server_says_that_it_is_there_and_what_it_serves(server):
    assert request(f"{server.address}/ping")[0] == 200
    assert request(f"{server.address}/health")[0] == 200
    assert "serving models:/ecglens-simulated-rhythm_conduction@champion" in server.log.read_text()


@pytest.mark.parametrize("key", ["inputs", "instances"])
def test_the_answer_has_the_numbers_of_the_file(server, reproduced, signals, key):
    status, answer = server.invoke({key: signals.tolist()})
    assert status == 200
    predictor = Predictor(reproduced.folder / "models/rhythm_conduction/signal_cam/model.onnx")
    expected, answer = predictor.run(signals), answer["predictions"]
    for name in OUTPUTS:
        np.testing.assert_allclose(answer[name], expected[name], atol=1e-6, rtol=0)
    card = predictor.card
    assert (answer["labels"], answer["thresholds"]) == (list(card.labels), list(card.thresholds))
    assert answer["positive"] == (expected["probability"] >= card.thresholds).tolist()


def test_the_answer_is_that_of_predict_and_adds_up(server, reproduced, signals):
    record = "data/raw/simulated/records100/00000/00001_lr"
    labels = json.loads(reproduced.run("ecglens", "predict", record, "--json"))["labels"]
    answer = server.invoke({"inputs": signals[:1].tolist()})[1]["predictions"]
    for k, label in enumerate(answer["labels"]):
        assert answer["probability"][0][k] == pytest.approx(labels[label]["probability"], abs=1e-6)
        total = np.array(answer["attribution"])[0, ..., k].sum() + answer["bias"][0][k]
        assert total == pytest.approx(answer["logit"][0][k], abs=1e-4)


def test_an_answer_of_a_simulated_model_warns_that_it_is_not_for_patients(server, signals):
    answer = server.invoke({"inputs": signals.tolist()})[1]["predictions"]
    assert answer["warnings"] == [WARNING_SIMULATED]


@pytest.mark.parametrize(
    ("make", "phrase"),
    [
        (lambda x: changed(x, np.inf), "infinite values"),
        (lambda x: changed(x, "a"), "could not convert string to float: 'a'"),
        (lambda x: {"inputs": x[:, :500].tolist()}, "does not match expected shape (-1, 1000, 12)"),
        (lambda x: {"inputs": x[..., :11].tolist()}, "does not match expected shape"),
        (lambda x: {"inputs": x[0].tolist()}, "does not match expected shape"),
        (lambda x: {"inputs": [[[0.0] * 12] * 999 + [[0.0] * 11]]}, "inhomogeneous"),
        (lambda x: {"inputs": []}, "schema"),
        (lambda x: {"signals": x.tolist()}, "exactly one of the input fields"),
        (lambda x: {"dataframe_records": [{"I": 0.1}]}, "schema"),
        (lambda x: [1, 2], "JSON dictionary"),
        (lambda x: b"{", "valid JSON"),
    ],
    ids=[
        "infinite", "text", "half the length", "eleven leads", "no batch",
        "ragged", "empty", "unknown key", "table", "list", "not JSON",
    ],
)  # fmt: skip
def test_what_cannot_be_predicted_is_refused_with_400_and_why(server, signals, make, phrase):
    status, answer = server.invoke(make(signals))
    assert status == 400
    assert phrase in answer["message"]
    assert answer["error_code"] in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda x: changed(x, None), "lead III has 1 of 1000 samples missing (NaN)"),
        (lambda x: changed(x, np.nan), "lead III has 1 of 1000 samples missing (NaN)"),
        (lambda x: changed(x, 0.3, np.s_[0, :, 6]), "lead V1 is flat"),
    ],
    ids=["null", "NaN", "flat"],
)
def test_an_abstention_has_its_reason_and_no_number(server, signals, make, reason):
    body = make(signals)
    body["inputs"].append(signals[1].tolist())
    status, answer = server.invoke(body)
    answer = answer["predictions"]
    assert status == 200
    assert answer["abstained"] == [True, False]
    assert answer["reasons"] == [[reason], []]
    assert answer["flags"][0][0]["severity"] == "unusable"
    for name in (*OUTPUTS, "positive"):
        assert answer[name][0] is None
        assert answer[name][1] is not None


def test_a_policy_goes_with_the_request(server, signals):
    body = changed(signals, 0.3, np.s_[0, :, 6])
    status, answer = server.invoke({**body, "params": {"policy": "mask_lead"}})
    answer = answer["predictions"]
    assert (status, answer["abstained"], answer["masked"]) == (200, [False], [["V1"]])
    status, answer = server.invoke({**body, "params": {"policy": "drop"}})
    assert status == 400
    assert "keep, mask_lead or abstain" in answer["message"]


def test_another_content_type_is_refused_with_415(server):
    assert request(f"{server.address}/invocations", b"<ecg/>", "text/xml")[0] == 415


def test_the_server_still_answers_after_refusals(server, signals):
    assert server.invoke(b"{")[0] == 400
    assert server.invoke({"inputs": signals.tolist()})[0] == 200


def test_serving_a_task_without_a_champion_is_an_error_that_names_those_there_are(reproduced):
    output = reproduced.run("ecglens", "serve", "--task", "abnormal", succeeds=False)
    assert "model ecglens-simulated-abnormal: found no version with the alias 'champion'" in output
    assert "those that have one: ecglens-simulated-rhythm_conduction" in output
    assert "Traceback" not in output
